package source

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// File is one file of a data set, or several by a pattern.
type File struct {
	Path    string
	Format  string            // one of Formats; "" and "auto": by its first record
	Columns map[string]string // a format's name of a field → the file's name of it
	Weight  float64           // how often an epoch sees each of its rows; 0: once
}

// Expand replaces patterns by the files that match them, sorted by name.
func Expand(files []File) ([]File, error) {
	var out []File
	for _, f := range files {
		if f.Weight < 0 || math.IsNaN(f.Weight) || f.Weight > 1000 {
			return nil, fmt.Errorf("read %s: weight is %v, want more than 0 and at most 1000", f.Path, f.Weight)
		}
		if _, err := os.Stat(f.Path); err == nil || !strings.ContainsAny(f.Path, "*?[") {
			out = append(out, f)
			continue
		}
		paths, err := filepath.Glob(f.Path)
		if err != nil || len(paths) == 0 {
			return nil, fmt.Errorf("read data set: no file matches %s: %w", f.Path, os.ErrNotExist)
		}
		for _, path := range paths {
			f.Path = path
			out = append(out, f)
		}
	}
	return out, nil
}
