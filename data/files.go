package data

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// expand replaces patterns by the files that match them, in order of name.
func expand(files []File) ([]File, error) {
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

// weigh gives every example as often as the weight says: 2.5 is all of them
// twice, and half of them, drawn by the seed, once more. The order stays.
func weigh(examples []Example, weight float64, seed uint64) []Example {
	if weight == 0 || weight == 1 {
		return examples
	}
	whole, part := math.Modf(weight)
	more := Order(len(examples), seed, 0)[:int(math.Round(part*float64(len(examples))))]
	slices.Sort(more)
	var out []Example
	for range int(whole) {
		out = append(out, examples...)
	}
	for _, i := range more {
		out = append(out, examples[i])
	}
	return out
}
