package model

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/pth"
	"fettle/internal/readfile"
)

// openMeta opens a directory of Meta's: params.json and a consolidated.NN.pth for each of the processors that the
// model was split over.
func openMeta(dir string, to extent) (*Source, error) {
	params, err := readParams(dir)
	if err != nil {
		return nil, err
	}
	s := &Source{Tensors: map[string]checkpoint.Tensor{}}
	shards, err := openRanks(dir, to)
	if err != nil {
		return nil, err
	}
	if s.Config, err = params.config(shards); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, paramsFile), err)
	}
	for _, name := range slices.Sorted(maps.Keys(shards[0].ByName)) {
		if isTable(name) {
			continue
		}
		t, err := joined(name, shards, s.Config.Hidden, to)
		if err == nil {
			err = s.take(t, metaNames, true)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", dir, err)
		}
	}
	err = s.complete(metaNames)
	if err == nil {
		err = s.whole(len(shards))
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	return s, nil
}

// isTable reports whether a tensor is a table that is computed anew: RoPE's, of the first LLaMA in every layer, or the
// causal mask.
func isTable(name string) bool {
	return slices.ContainsFunc([]string{"rope.freqs", "freqs_cis", "freqs_cos", "freqs_sin", "attention.mask"},
		func(table string) bool { return name == table || strings.HasSuffix(name, "."+table) })
}

// whole refuses a model whose last files are missing: its queries have too few rows.
func (s *Source) whole(files int) error {
	rows, _ := s.Config.Width(QProj)
	q := s.Tensors[Site{0, QProj}.WeightName()].Shape
	if len(q) != 2 || q[0] < 1 || q[0] >= rows || rows%q[0] != 0 {
		return nil // loading refuses other shapes
	}
	return fmt.Errorf("consolidated.*.pth hold %d of %d rows of the queries: want %d files, have %d",
		q[0], rows, files*rows/q[0], files)
}

// openRanks opens the files of a model, in order.
func openRanks(dir string, to extent) ([]*pth.File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if ok, _ := filepath.Match("consolidated.*.pth", e.Name()); ok {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	var all []*pth.File
	for i, name := range names {
		if want := fmt.Sprintf("consolidated.%02d.pth", i); name != want {
			return nil, fmt.Errorf("read %s: %s is missing before %s: was the model downloaded whole?", dir, want, name)
		}
		path, err := readfile.Inside(dir, name)
		if err != nil {
			return nil, err
		}
		f, err := openPickle(path, to)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// joined puts a tensor together that lies in parts in the files of all ranks. fairscale splits the outputs of wq, wk,
// wv, w1, w3 and of the head, which are rows; the inputs of wo and w2, which are columns; and of the embedding the
// width, in files of LLaMA 3 the tokens. Everything else is in all files alike.
func joined(name string, shards []*pth.File, width int, to extent) (checkpoint.Tensor, error) {
	parts := make([]checkpoint.Tensor, len(shards))
	for i, f := range shards {
		t, ok := f.Tensor(name)
		switch {
		case !ok:
			return t, fmt.Errorf("tensor %s is missing in consolidated.%02d.pth", name, i)
		case !slices.Equal(t.Shape, shards[0].ByName[name].Shape) || t.Type != shards[0].ByName[name].Type:
			return t, fmt.Errorf("tensor %s: %s %v in consolidated.%02d.pth, want %s %v as in the first file", name, t.Type,
				t.Shape, i, shards[0].ByName[name].Type, shards[0].ByName[name].Shape)
		}
		if to < everything {
			t.Data = nil
		}
		parts[i] = t
	}
	first := parts[0]
	if len(parts) == 1 || len(first.Shape) != 2 {
		return first, nil
	}
	if stem, _ := cutEnding(metaNames.rename(name)); splitByColumns(stem) || stem+".weight" == embedName &&
		first.Shape[1] != width {
		return checkpoint.JoinColumns(parts), nil
	}
	return checkpoint.JoinRows(parts), nil
}

// splitByColumns reports whether the ranks have different inputs of a projection.
func splitByColumns(stem string) bool {
	for _, p := range []Place{OProj, DownProj} {
		if filepath.Ext(stem) == "."+p.String() {
			return true
		}
	}
	return false
}
