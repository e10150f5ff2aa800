// Package pth reads and writes the tensors of PyTorch's checkpoint files (.pth, .pt, .bin): a zip archive with a
// pickle of the tensors' names, shapes and places and one entry for each storage, or, before PyTorch 1.6, which is
// read only, pickles with the storages behind them.
//
// A file is not trusted. The pickle is read by a machine that knows the operations and names that state dicts need,
// and calls nothing; every size is checked against the file's before it is used.
package pth

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/identify"
)

// File holds an open file: the tensors of the dict that it holds or, where that has none, of its entry model,
// state_dict, module or model_state_dict.
type File struct {
	checkpoint.Tensors
	copied    uint64 // bytes of tensors that are not windows into the file
	pairs     int    // of the ordered dicts
	unchecked bool   // data that do not match their checksum are taken
}

// Open opens the file at path and finds its tensors. It compares the data with the checksums of the archive, which
// PyTorch does not: a damaged download is told from a bad model. That reads the file once, at about the speed of the
// disk or, where it is in memory already, of 10 GB/s; a model larger than the memory is read twice.
func Open(path string) (*File, error) { return checkpoint.Open(path, Parse) }

// Describe is Open without comparing checksums, for callers that need names, types and shapes alone: it reads little
// of a large file.
func Describe(path string) (*File, error) {
	return checkpoint.Open(path, func(data []byte) (*File, error) { return parse(data, true) })
}

// Parse reads a whole file from memory. Tensors are windows into data, or copies where their elements are not
// contiguous.
func Parse(data []byte) (*File, error) { return parse(data, false) }

func parse(data []byte, unchecked bool) (*File, error) {
	f := &File{Tensors: checkpoint.Tensors{ByName: map[string]checkpoint.Tensor{}}, unchecked: unchecked}
	var root any
	var err error
	switch c := identify.Head(data); c {
	case identify.Torch, identify.Zip:
		root, err = f.archive(data)
	case identify.Pickle:
		root, err = f.legacy(data)
	default:
		return nil, fmt.Errorf("it is %s, want a PyTorch checkpoint", cmp.Or(string(c), "something else"))
	}
	if err != nil {
		return nil, fmt.Errorf("PyTorch checkpoint: %w", err)
	}
	state := stateDict(root)
	if state == nil {
		return nil, errors.New("PyTorch checkpoint: it holds no tensors by name")
	}
	for i, key := range state.keys {
		t, ok := state.values[i].(*tensor)
		if !ok {
			continue
		}
		name, ok := key.(string)
		if !ok {
			return nil, errors.New("PyTorch checkpoint: the name of a tensor is no text")
		}
		if _, twice := f.ByName[name]; twice {
			return nil, fmt.Errorf("PyTorch checkpoint: tensor %.200s stands there twice", name)
		}
		if f.ByName[name], err = t.named(name, 2*uint64(len(data))); err != nil {
			return nil, fmt.Errorf("PyTorch checkpoint: %w", err)
		}
	}
	return f, nil
}

// stateDict finds the dict of tensors.
func stateDict(root any) *dict {
	d, ok := root.(*dict)
	if !ok {
		return nil
	}
	if slices.ContainsFunc(d.values, func(v any) bool { _, ok := v.(*tensor); return ok }) {
		return d
	}
	for _, name := range []string{"model", "state_dict", "module", "model_state_dict"} {
		if i := slices.Index(d.keys, any(name)); i >= 0 {
			if inside, ok := d.values[i].(*dict); ok && len(inside.keys) > 0 {
				return inside
			}
		}
	}
	return nil
}

// archive reads the zip layout: NAME/data.pkl, NAME/data/KEY, NAME/byteorder.
func (f *File) archive(data []byte) (any, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if errors.Is(err, zip.ErrFormat) {
		return nil, errors.New("the zip archive has no end: the file is truncated: download or copy it again")
	}
	if err != nil {
		return nil, err
	}
	entries, err := index(z.File, uint64(len(data)))
	if err != nil {
		return nil, err
	}
	prefix := ""
	for _, e := range z.File {
		if dir, name := path.Split(e.Name); name == "data.pkl" && prefix == "" {
			prefix = dir
		}
	}
	pickle, err := entry(data, entries[prefix+"data.pkl"], "data.pkl", false)
	if err != nil {
		return nil, err
	}
	if e := entries[prefix+"byteorder"]; e != nil {
		order, err := entry(data, e, "byteorder", false)
		if err != nil || strings.TrimSpace(string(order)) != "little" {
			return nil, errors.Join(err, fmt.Errorf("its numbers are in %q byte order, want little", order))
		}
	}
	storages := map[string]*storage{}
	m := &machine{data: pickle, reduce: f.apply, persistent: func(id tuple) (any, error) {
		s, err := describe(id)
		if err != nil {
			return nil, err
		}
		if known := storages[s.key]; known != nil {
			if known.dtype != s.dtype || known.elements != s.elements {
				return nil, fmt.Errorf("storage %s is described twice", s.key)
			}
			return known, nil
		}
		if s.data, err = entry(data, entries[prefix+"data/"+s.key], "data/"+s.key, f.unchecked); err != nil {
			return nil, err
		}
		storages[s.key] = s
		return s, s.fits(uint64(len(s.data)))
	}}
	return m.load()
}

// maxEntries bounds the entries of an archive. The largest models have a few thousand.
const maxEntries = 100_000

// index returns the entries by name. It refuses archives that PyTorch does not write: entries of one name, or that
// share bytes, each of which would be read anew.
func index(list []*zip.File, size uint64) (map[string]*zip.File, error) {
	if len(list) > maxEntries {
		return nil, fmt.Errorf("the archive has %d entries, want at most %d", len(list), maxEntries)
	}
	entries, total := make(map[string]*zip.File, len(list)), uint64(0)
	for _, e := range list {
		if entries[e.Name] != nil {
			return nil, fmt.Errorf("the archive has two entries %q", e.Name)
		}
		entries[e.Name] = e
		if e.CompressedSize64 > size-total {
			return nil, errors.New("the entries of the archive have more bytes than the file")
		}
		total += e.CompressedSize64
	}
	return entries, nil
}

// entry returns the bytes of an entry, which must not be compressed, as a window into the archive.
func entry(data []byte, e *zip.File, name string, unchecked bool) ([]byte, error) {
	if e == nil {
		return nil, fmt.Errorf("the archive has no %s: the file is truncated: download or copy it again", name)
	}
	if e.Method != zip.Store || e.CompressedSize64 != e.UncompressedSize64 {
		return nil, fmt.Errorf("%s is compressed, which PyTorch does not do", name)
	}
	at, err := e.DataOffset()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	n := e.UncompressedSize64
	if at < 0 || uint64(at) > uint64(len(data)) || n > uint64(len(data))-uint64(at) {
		return nil, fmt.Errorf("%s ends behind the file: the file is truncated: download or copy it again", name)
	}
	window := data[at : at+int64(n) : at+int64(n)]
	// torch.serialization.set_crc32_options(False) leaves zeros in place of checksums.
	if !unchecked && e.CRC32 != 0 && crc32.ChecksumIEEE(window) != e.CRC32 {
		return nil, fmt.Errorf("%s is damaged: its checksum differs", name)
	}
	return window, nil
}

// describe reads a persistent id: ("storage", class, key, device, elements, …).
func describe(id tuple) (*storage, error) {
	if len(id) < 5 || id[0] != any("storage") {
		return nil, errors.New("the pickle refers to something that is not a storage")
	}
	class, isClass := id[1].(global)
	key, isKey := id[2].(string)
	n, isNumber := id[4].(int64)
	dtype, known := storageTypes[class.name]
	switch {
	case !isClass || !isKey || !isNumber || n < 0:
		return nil, errors.New("a storage without class, key and length")
	case !known || class.module != "torch":
		return nil, fmt.Errorf("storage of class %s.%s is not supported", class.module, class.name)
	case len(id) > 5 && id[5] != nil:
		return nil, errors.New("a storage that is a view of another one is not supported")
	}
	return &storage{dtype: dtype, elements: uint64(n), key: key}, nil
}

// fits checks a storage's length against the bytes that it has.
func (s *storage) fits(have uint64) error {
	if width := uint64(s.dtype.BlockBytes()); s.elements > have/width || s.elements*width != have {
		return fmt.Errorf("storage %s has %d bytes, want %d elements of %s", s.key, have, s.elements, s.dtype)
	}
	return nil
}

// legacy reads the layout before PyTorch 1.6: pickles of a magic number, a version, the machine, the object and the
// storages' keys, and then for each key its length in 8 bytes and its elements.
func (f *File) legacy(data []byte) (any, error) {
	magic := []byte{0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19}
	storages := map[string]*storage{}
	m := &machine{data: data, reduce: f.apply, persistent: func(id tuple) (any, error) {
		s, err := describe(id)
		if err != nil {
			return nil, err
		}
		if known := storages[s.key]; known != nil {
			return known, nil
		}
		storages[s.key] = s
		return s, nil
	}}
	var values [5]any
	for i := range values {
		var err error
		if values[i], err = m.load(); err != nil {
			return nil, err
		}
		if number, ok := values[0].(long); !ok || !bytes.Equal(number, magic) {
			return nil, errors.New("a pickle without PyTorch's magic number")
		}
	}
	keys, ok := values[4].(*list)
	if !ok {
		return nil, errors.New("the list of storages is missing")
	}
	for _, key := range keys.items {
		name, _ := key.(string)
		s := storages[name]
		if s == nil || s.data != nil {
			return nil, fmt.Errorf("storage %q is of no tensor", name)
		}
		count, err := m.take(8)
		if err != nil {
			return nil, err
		}
		if n := binary.LittleEndian.Uint64(count); n != s.elements {
			return nil, fmt.Errorf("storage %s has %d elements, want %d", name, n, s.elements)
		}
		width := uint64(s.dtype.BlockBytes())
		if s.elements > uint64(len(data))/width {
			return nil, errTruncated
		}
		if s.data, err = m.take(s.elements * width); err != nil {
			return nil, err
		}
	}
	for _, s := range storages {
		if uint64(len(s.data)) != s.elements*uint64(s.dtype.BlockBytes()) {
			return nil, errTruncated
		}
	}
	return values[3], nil
}
