package model

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/identify"
	"fettle/internal/readfile"
)

// openGGUF opens a file of llama.cpp or, of one in parts, the first of them.
func openGGUF(path string, _ extent) (*Source, error) {
	f, err := openParts(path)
	if err != nil {
		return nil, err
	}
	s, err := fromGGUF(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return s, nil
}

// Keys of files in parts, which llama-gguf-split writes.
const (
	splitNumber = "split.no" // from 0
	splitCount  = "split.count"
)

// openParts opens a file and adds the tensors of its other parts, which lie beside it: NAME-00002-of-00005.gguf.
func openParts(path string) (*gguf.File, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	count, _ := f.Metadata.Int(splitCount)
	if count < 2 {
		return f, nil
	}
	number, _ := f.Metadata.Int(splitNumber)
	if i, of := identify.Part(path); number != 0 || i != 1 || of != count {
		return nil, fmt.Errorf("read %s: it is part %d of %d: give the first one, named NAME-00001-of-%05d.gguf", path,
			number+1, count, count)
	}
	stem := strings.TrimSuffix(filepath.Base(path), fmt.Sprintf("-00001-of-%05d.gguf", count))
	for i := 2; i <= count; i++ {
		name, err := readfile.Inside(filepath.Dir(path), fmt.Sprintf("%s-%05d-of-%05d.gguf", stem, i, count))
		if err != nil {
			return nil, err
		}
		part, err := gguf.Open(name)
		if os.IsNotExist(err) {
			return nil, fmt.Errorf("%w: a part of %s", err, filepath.Base(path))
		}
		if err != nil {
			return nil, err
		}
		for _, t := range part.ByName {
			if _, twice := f.ByName[t.Name]; twice {
				return nil, fmt.Errorf("read %s: tensor %s is in another part too", name, t.Name)
			}
			f.ByName[t.Name] = t
		}
	}
	return f, nil
}

// fromGGUF gives a file's tensors Hugging Face's names and order of rows.
func fromGGUF(f *gguf.File) (*Source, error) {
	family, err := familyOf(f.Metadata)
	if err != nil {
		return nil, err
	}
	k := keys{Metadata: f.Metadata, family: family}
	s := &Source{Metadata: f.Metadata, Tensors: map[string]checkpoint.Tensor{}}
	if s.Config, err = k.config(f.ByName); err != nil {
		return nil, err
	}
	for name, t := range f.ByName {
		if name == ropeFactors || name == ropeShort || name == ropeLong {
			continue
		}
		if offset := s.Config.Arch.NormOffset; offset != 0 && strings.HasSuffix(t.Name, "norm.weight") {
			if t, err = withoutOffset(t, offset); err != nil {
				return nil, err
			}
		}
		if err := s.take(t, family.names(), family.paired); err != nil {
			return nil, err
		}
	}
	if err := s.Config.Split(s.Tensors); err != nil {
		return nil, err
	}
	return s, s.complete(family.names())
}

// Halves returns the order of rows that turns RoPE's pairs of neighbours, as Meta and llama.cpp have them, into
// Hugging Face's, whose first elements make up the first half of a head: row h·Dh + s·Dh/2 + j is row h·Dh + 2j + s of
// the file.
func Halves(heads, dim int) []int32 {
	order := make([]int32, 0, heads*dim)
	for h := range heads {
		for s := range 2 {
			for j := range dim / 2 {
				order = append(order, int32(h*dim+2*j+s))
			}
		}
	}
	return order
}
