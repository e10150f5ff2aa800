package source

import (
	"fmt"
	"math"
	"os"
	"strings"

	"fettle/internal/readfile"
)

// File is one file of a data set, or several by a pattern.
type File struct {
	Path    string
	Format  string            // one of Formats; "" and "auto": by its first record
	Columns map[string]string // a format's name of a field → the file's name of it
	Weight  float64           // how often an epoch sees each of its rows; 0: once

	Entry   string   // the entry of dataset_info.json that names the file, "" if none does
	Only    bool     // fields outside Columns are not read
	Except  []string // meanings outside Columns that are not read
	Tags    bool     // messages have no roles outside Columns
	Split   string   // the rows that are read, as in "train[10%:]"; "": all
	Samples int      // rows drawn at random from these, more than once if there are fewer; 0: all
	First   int      // at most so many of these, from the first; 0: all. Not with Samples
}

// mapper says who maps the file's columns.
func (f File) mapper() string {
	if f.Entry != "" {
		return f.Entry + " maps"
	}
	return "columns map"
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
		paths, err := readfile.Matches(f.Path)
		if err != nil || len(paths) == 0 {
			return nil, fmt.Errorf("read data set: %w", missing("no file matches "+f.Path))
		}
		for _, path := range paths {
			f.Path = path
			out = append(out, f)
		}
	}
	return out, nil
}
