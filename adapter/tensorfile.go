package adapter

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/pth"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/readfile"
)

// tensorFile is an open file of an adapter's weights, under the names that PEFT saves.
type tensorFile struct {
	tensors map[string]checkpoint.Tensor
	close   func() error
	keep    bool // the data stays in use
}

// Close ends the use of the tensors' data, unless it is kept.
func (f *tensorFile) Close() {
	if !f.keep {
		f.close()
	}
}

// openTensors opens a directory's file of weights or, where there is none, the one in PyTorch's format that stands for
// it.
func openTensors(dir, name string) (*tensorFile, error) {
	if bin := inPyTorch(name); !exists(filepath.Join(dir, name)) && exists(filepath.Join(dir, bin)) {
		name = bin
	}
	path, err := readfile.Inside(dir, name)
	if err != nil {
		return nil, err
	}
	var f *checkpoint.Tensors
	if filepath.Ext(name) == ".bin" {
		var pickled *pth.File
		if pickled, err = pth.Open(path); err == nil {
			f = &pickled.Tensors
		}
	} else {
		var stored *safetensors.File
		if stored, err = safetensors.Open(path); err == nil {
			f = &stored.Tensors
		}
	}
	if err != nil {
		return nil, err
	}
	file := &tensorFile{tensors: map[string]checkpoint.Tensor{}, close: f.Close}
	for _, name := range f.Names() {
		t, _ := f.Tensor(name)
		if err := file.add(t); err != nil {
			f.Close()
			return nil, err
		}
	}
	return file, nil
}

// named returns the file of weights of an adapter at a path: the path itself, which is the user's word, or a file
// Inside it.
func named(path, file string) (string, error) {
	if file == path {
		return path, nil
	}
	return readfile.Inside(path, filepath.Base(file))
}

// inPyTorch returns the name in PyTorch's format of a file of safetensors.
func inPyTorch(path string) string { return strings.TrimSuffix(path, ".safetensors") + ".bin" }

// add stores a tensor under the name that PEFT saves it with. Two of one name must be equal.
func (f *tensorFile) add(t checkpoint.Tensor) error {
	was := t.Name
	t.Name = savedName(t.Name)
	if other, ok := f.tensors[t.Name]; ok {
		if same, err := equalTensors(t, other); err != nil || !same {
			return errors.Join(err, fmt.Errorf("tensor %s is there twice, with different values (%s)", t.Name, was))
		}
	}
	f.tensors[t.Name] = t
	return nil
}

// equalTensors reports whether two tensors hold the same numbers.
func equalTensors(a, b checkpoint.Tensor) (bool, error) {
	if !slices.Equal(a.Shape, b.Shape) {
		return false, nil
	}
	x, err := checkpoint.Float32s(a)
	if err != nil {
		return false, err
	}
	y, err := checkpoint.Float32s(b)
	return slices.Equal(x, y), err
}

// read fills the parameters from a file, strictly.
func (s *Set) read(f *tensorFile) error {
	if s.method.Name() == TypeFull {
		if err := s.model.Config().Split(f.tensors); err != nil {
			return err
		}
	}
	wanted := map[string]bool{}
	for _, p := range slices.Concat(s.params, s.frozen) {
		wanted[p.Name] = true
		t, ok := f.tensors[p.Name]
		if !ok {
			return fmt.Errorf("tensor %s is missing", p.Name)
		}
		values, err := p.values(t)
		if err != nil {
			return err
		}
		copy(p.Data, values)
		for _, other := range []string{s.also[p.Name], s.echo[p.Name]} {
			if err := p.readAgain(other, f, wanted); err != nil {
				return err
			}
		}
	}
	for _, t := range s.along {
		wanted[t.Name] = true
		again, ok := f.tensors[t.Name]
		if !ok {
			return fmt.Errorf("tensor %s is missing", t.Name)
		}
		if same, err := equalTensors(t, again); err != nil || !same {
			return errors.Join(err, fmt.Errorf("tensor %s is not that of the adapter that the run began with", t.Name))
		}
	}
	for _, name := range f.names() {
		if !wanted[name] && !f.alongside(name) {
			return fmt.Errorf("tensor %s has no place in this adapter and base", name)
		}
	}
	return nil
}

// readAgain checks that the tensor of a parameter's other name, where the file has it, holds the same values.
func (p *Param) readAgain(other string, f *tensorFile, wanted map[string]bool) error {
	t, ok := f.tensors[other]
	if other == "" || !ok {
		return nil
	}
	wanted[other] = true
	values, err := p.values(t)
	if err != nil {
		return err
	}
	if !slices.Equal(values, p.Data) {
		return fmt.Errorf("tensors %s and %s are tied and have different values", p.Name, other)
	}
	return nil
}

// values returns a tensor's numbers for the parameter.
func (p *Param) values(t checkpoint.Tensor) ([]float32, error) {
	if !slices.Equal(t.Shape, p.Shape) {
		return nil, fmt.Errorf("tensor %s: shape %v, want %v (%s)", t.Name, t.Shape, p.Shape, mismatch(t, p.Shape))
	}
	values, err := checkpoint.Float32s(t)
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("tensor %s: element %d is %v", t.Name, i, v)
		}
	}
	return values, nil
}

// mismatch says what probably caused a wrong shape.
func mismatch(t checkpoint.Tensor, want []int) string {
	same := func(i int) bool { return len(t.Shape) == len(want) && t.Shape[i] == want[i] }
	switch a, b := strings.Contains(t.Name, ".lora_A."), strings.Contains(t.Name, ".lora_B.weight"); {
	case slices.Contains(t.Shape, 0), (a || b) && len(t.Shape) == 1:
		return "a part of a tensor, as DeepSpeed's ZeRO-3 and FSDP have it: gather the adapter before it is saved"
	case a && same(1), b && same(0):
		return "r or rank_pattern of " + ConfigFile + " is another adapter's?"
	}
	return "an adapter for another base?"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
