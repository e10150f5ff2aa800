package train

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	checkpointPrefix = "checkpoint-"
	manifestFile     = "MANIFEST.json"
	stateFile        = "state.json"
	optimizerFile    = "optimizer.safetensors"
	formatVersion    = 1
)

// manifest lists a checkpoint's files, so that any damaged byte is noticed.
type manifest struct {
	Format int                  `json:"format"`
	Files  map[string]fileEntry `json:"files"`
	Self   string               `json:"self"` // SHA-256 of this manifest with Self empty
}

type fileEntry struct {
	Size   int    `json:"size"`
	SHA256 string `json:"sha256"`
}

// summed counts and hashes what is written to it.
type summed struct {
	hash.Hash
	size int
}

func (s *summed) Write(p []byte) (int, error) {
	s.size += len(p)
	return s.Hash.Write(p)
}

func (s *summed) entry() fileEntry { return fileEntry{s.size, hex.EncodeToString(s.Sum(nil))} }

// sum is a file's entry.
func sum(path string) (fileEntry, error) {
	f, err := os.Open(path)
	if err != nil {
		return fileEntry{}, err
	}
	defer f.Close()
	s := &summed{Hash: sha256.New()}
	_, err = io.Copy(s, f)
	return s.entry(), err
}

// checkpointName is the directory of a step, e.g. checkpoint-000200.
func checkpointName(step int) string { return fmt.Sprintf("%s%06d", checkpointPrefix, step) }

// writeCheckpoint puts files into dir/checkpoint-step so that it is there
// whole or not at all, whenever the machine stops: everything is written and
// synced under another name first, and renamed at the end.
func writeCheckpoint(d disk, dir string, step int, files map[string]content) error {
	final := filepath.Join(dir, checkpointName(step))
	if verify(final) == nil {
		return nil // the same step, written before a stop
	}
	temporary, err := d.MkdirTemp(dir, ".tmp-")
	if err != nil {
		return err
	}
	err = func() error {
		m := manifest{Format: formatVersion, Files: map[string]fileEntry{}}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			sum := &summed{Hash: sha256.New()}
			both := func(w io.Writer) error { return files[name](io.MultiWriter(w, sum)) }
			if err := d.WriteFile(filepath.Join(temporary, name), both); err != nil {
				return err
			}
			m.Files[name] = sum.entry()
		}
		m.Self = m.digest()
		text, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return err
		}
		if err := d.WriteFile(filepath.Join(temporary, manifestFile), bytesOf(text)); err != nil {
			return err
		}
		if err := d.SyncDir(temporary); err != nil {
			return err
		}
		if err := d.RemoveAll(final); err != nil { // a damaged one
			return err
		}
		if err := d.Rename(temporary, final); err != nil {
			return err
		}
		return d.SyncDir(dir)
	}()
	if err != nil {
		d.RemoveAll(temporary)
		return fmt.Errorf("write %s: %w", final, err)
	}
	return nil
}

// prune removes checkpoints, oldest first, until keep are left (0: none goes).
// The newest and the best stay whatever keep is. Each disappears by a rename
// first, so that half of one is never taken for a whole.
func prune(d disk, dir string, keep int, best string) error {
	names := checkpoints(dir)
	if keep == 0 || len(names) <= keep {
		return nil
	}
	surplus := len(names) - keep
	for _, name := range names[:len(names)-1] {
		if name == best || surplus == 0 {
			continue
		}
		surplus--
		gone := filepath.Join(dir, ".del-"+name)
		if err := d.Rename(filepath.Join(dir, name), gone); err != nil {
			return fmt.Errorf("remove old checkpoint: %w", err)
		}
		if err := d.RemoveAll(gone); err != nil {
			return fmt.Errorf("remove old checkpoint: %w", err)
		}
	}
	return nil
}

// sweep removes what an interrupted run left behind.
func sweep(d disk, dir string) {
	for _, pattern := range []string{".tmp-*", ".del-*"} {
		left, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, path := range left {
			d.RemoveAll(path)
		}
	}
}

// checkpoints lists the checkpoints in dir, oldest first.
func checkpoints(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), checkpointPrefix) {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return names
}

// verify says what is wrong with a checkpoint.
func verify(dir string) error {
	text, err := readAll(filepath.Join(dir, manifestFile))
	if err != nil {
		return err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("%s: %w", manifestFile, err)
	}
	if m.Self != m.digest() {
		return fmt.Errorf("%s is damaged", manifestFile)
	}
	if m.Format != formatVersion {
		return fmt.Errorf("%s: format %d, this program reads %d", manifestFile, m.Format, formatVersion)
	}
	for name, want := range m.Files {
		is, err := sum(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if is != want {
			return fmt.Errorf("%s is damaged", name)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) != len(m.Files)+1 {
		return errors.New("there are files that do not belong to it")
	}
	return nil
}

// newest finds the newest sound checkpoint of dir, "" if there is none, and
// reports those it passed over.
func newest(dir string, report func(name string, err error)) string {
	names := checkpoints(dir)
	for _, name := range slices.Backward(names) {
		if err := verify(filepath.Join(dir, name)); err != nil {
			report(name, err)
			continue
		}
		return filepath.Join(dir, name)
	}
	return ""
}

func (m manifest) digest() string {
	m.Self = ""
	text, _ := json.Marshal(m) // map keys are sorted
	return digest(text)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
