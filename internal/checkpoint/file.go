package checkpoint

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Tensors holds the tensors of a file by name, whatever its format. They are valid until Close.
type Tensors struct {
	ByName map[string]Tensor

	release func() error
}

// Names lists the tensors, sorted.
func (t *Tensors) Names() []string { return slices.Sorted(maps.Keys(t.ByName)) }

// Tensor returns the tensor of a name.
func (t *Tensors) Tensor(name string) (Tensor, bool) {
	one, ok := t.ByName[name]
	return one, ok
}

// Close releases the file's memory; its tensors are not valid afterwards.
func (t *Tensors) Close() error {
	release := t.release
	t.release, t.ByName = nil, nil
	return done(release)
}

// Hold gives the tensors the mapped memory that they are windows into, which Close releases. With nil it is ordinary
// memory: the tensors are marked as its owners.
func (t *Tensors) Hold(release func() error) {
	if t.release = release; release != nil {
		return
	}
	for name, one := range t.ByName {
		one.Own = true
		t.ByName[name] = one
	}
}

// Open maps the file at path into memory, or reads it where that is not possible, and parses it. A mapped file must
// keep its length while it is open.
func Open[F interface{ Hold(release func() error) }](path string, parse func(data []byte) (F, error)) (F, error) {
	var none F
	data, release, err := Map(path)
	if err != nil {
		return none, err
	}
	f, err := parse(data)
	if err != nil {
		return none, errors.Join(fmt.Errorf("open %s: %w", path, err), done(release))
	}
	f.Hold(release)
	return f, nil
}
