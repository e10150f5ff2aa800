// Package checkpoint keeps the states of a run on disk: each checkpoint is a directory that is written whole or
// not at all, with a manifest that lists the SHA-256 of every file.
package checkpoint

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fettle/internal/atomicfile"
)

const prefix = "checkpoint-"

// Name returns the directory name of a step, such as checkpoint-000200.
func Name(step int) string { return fmt.Sprintf("%s%06d", prefix, step) }

// IsName reports whether a name is one that Name gives. Directories with other names are another program's, which are
// never pruned.
func IsName(name string) bool {
	step, err := strconv.Atoi(strings.TrimPrefix(name, prefix))
	return err == nil && Name(step) == name
}

// Write puts files into dir/checkpoint-step. Everything is written and synced under a temporary name first and
// renamed at the end, so that the checkpoint is there whole or not at all whenever the machine stops.
func Write(d atomicfile.Disk, dir string, step int, files map[string]atomicfile.Content) error {
	final := filepath.Join(dir, Name(step))
	temporary, err := d.MkdirTemp(dir, atomicfile.TemporaryPrefix)
	if err != nil {
		return err
	}
	if err := write(d, temporary, final, files); err != nil {
		d.RemoveAll(temporary)
		return fmt.Errorf("write %s: %w", final, err)
	}
	return nil
}

func write(d atomicfile.Disk, temporary, final string, files map[string]atomicfile.Content) error {
	m := manifest{Format: formatVersion, Files: map[string]entry{}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum := &hashed{Hash: sha256.New()}
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
	if err := d.WriteFile(filepath.Join(temporary, ManifestFile), atomicfile.Bytes(text)); err != nil {
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
	return d.SyncDir(filepath.Dir(final))
}

// Prune removes the oldest checkpoints of dir until keep are left; 0 keeps all. The newest and the best are never
// removed, nor has half of a checkpoint ever the name of a whole one (see Remove).
func Prune(d atomicfile.Disk, dir string, keep int, best string) error {
	names := List(dir)
	if keep == 0 || len(names) <= keep {
		return nil
	}
	surplus := len(names) - keep
	var gone []string
	for _, name := range names[:len(names)-1] {
		if name == best || surplus == 0 {
			continue
		}
		surplus--
		gone = append(gone, name)
	}
	if err := Remove(d, dir, gone); err != nil {
		return fmt.Errorf("remove old checkpoint: %w", err)
	}
	return nil
}

// removedPrefix begins the names of what is being removed. A crash may leave some.
const removedPrefix = ".del-"

// Removed returns the name that something has while it is removed.
func Removed(name string) string { return removedPrefix + name }

// Remove removes what has the names from a run's directory. All of it is renamed, and the new names synced, before
// anything is removed.
func Remove(d atomicfile.Disk, dir string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	var gone []string
	for _, name := range names {
		to := filepath.Join(dir, Removed(name))
		if err := d.Rename(filepath.Join(dir, name), to); err != nil {
			return err
		}
		gone = append(gone, to)
	}
	if err := d.SyncDir(dir); err != nil {
		return err
	}
	for _, path := range gone {
		if err := d.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// IsLitter reports whether a name is one that interrupted runs and removals leave.
func IsLitter(name string) bool {
	return atomicfile.IsTemporary(name) || strings.HasPrefix(name, removedPrefix)
}

// Sweep removes the temporary files of interrupted runs.
func Sweep(d atomicfile.Disk, dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if IsLitter(e.Name()) {
			d.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

// List returns the names of the checkpoints in dir, oldest first.
func List(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		if e.IsDir() && IsName(e.Name()) {
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

// Newest returns the path of the newest checkpoint in dir that is sound, as Verify says or a stricter function, "" if
// there is none. It reports the newer ones that it rejects.
func Newest(dir string, sound func(path string) error, rejected func(name string, err error)) string {
	for _, name := range slices.Backward(List(dir)) {
		path := filepath.Join(dir, name)
		err := sound(path)
		if err == nil {
			return path
		}
		rejected(name, err)
	}
	return ""
}
