package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"fettle/internal/readfile"
)

const (
	ManifestFile  = "MANIFEST.json"
	formatVersion = 1
)

// manifest lists a checkpoint's files, so that any damaged byte is noticed.
type manifest struct {
	Format int              `json:"format"`
	Files  map[string]entry `json:"files"`
	Self   string           `json:"self"` // SHA-256 of this manifest with Self empty
}

type entry struct {
	Size   int    `json:"size"`
	SHA256 string `json:"sha256"`
}

// Verify returns an error if any file of a checkpoint is missing, damaged or not listed in its manifest.
func Verify(dir string) error { return verify(dir, math.MaxInt) }

// Glance is Verify without reading weights: of a file of more than 64 KiB it looks at the size alone.
func Glance(dir string) error { return verify(dir, 64<<10) }

// Files lists the files of a checkpoint, as far as its manifest can be read.
func Files(dir string) ([]string, error) {
	m, err := readManifest(dir)
	return append(slices.Sorted(maps.Keys(m.Files)), ManifestFile), err
}

func readManifest(dir string) (m manifest, err error) {
	text, err := readfile.Whole(filepath.Join(dir, ManifestFile), readfile.Settings)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return manifest{}, fmt.Errorf("%s: %w", ManifestFile, err)
	}
	if m.Self != m.digest() {
		return manifest{}, fmt.Errorf("%s is damaged", ManifestFile)
	}
	if m.Format != formatVersion {
		return manifest{}, fmt.Errorf("%s: format %d, this program reads %d", ManifestFile, m.Format, formatVersion)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		if err := readfile.Beside(name); err != nil {
			return manifest{}, fmt.Errorf("%s: %w", ManifestFile, err)
		}
	}
	return m, nil
}

// verify compares the contents of files of up to most bytes, and the sizes of all.
func verify(dir string, most int) error {
	m, err := readManifest(dir)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		path := filepath.Join(dir, name)
		is, err := sizeOf(path, m.Files[name].SHA256)
		if is == m.Files[name] && is.Size <= most {
			is, err = hashFile(path)
		}
		if err != nil {
			return err
		}
		if is != m.Files[name] {
			return fmt.Errorf("%s is damaged", name)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) != len(m.Files)+1 {
		return errors.New("there are files outside its manifest")
	}
	return nil
}

func (m manifest) digest() string {
	m.Self = ""
	text, _ := json.Marshal(m) // map keys are sorted
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// hashed counts and hashes the bytes written to it.
type hashed struct {
	hash.Hash
	size int
}

func (h *hashed) Write(p []byte) (int, error) {
	h.size += len(p)
	return h.Hash.Write(p)
}

func (h *hashed) entry() entry { return entry{h.size, hex.EncodeToString(h.Sum(nil))} }

// sizeOf takes the hash of a file's bytes on trust.
func sizeOf(path, sum string) (entry, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return entry{}, err
	}
	return entry{int(info.Size()), sum}, nil
}

func hashFile(path string) (entry, error) {
	f, err := readfile.Open(path)
	if err != nil {
		return entry{}, err
	}
	defer f.Close()
	h := &hashed{Hash: sha256.New()}
	_, err = io.Copy(h, f)
	return h.entry(), err
}
