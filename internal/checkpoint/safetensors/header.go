package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"

	"fettle/internal/checkpoint"
)

// maxHeader bounds the header, as the format's own reader does.
const maxHeader = 100_000_000

// window is the range of a tensor's data.
type window struct {
	name       string
	begin, end uint64
}

// Parse reads a whole file from memory. The tensors' data are windows into data.
func Parse(data []byte) (*File, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("safetensors: %d bytes, want at least 8", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	data = data[8:]
	if n > maxHeader {
		return nil, fmt.Errorf("safetensors: header of %d bytes, want at most %d", n, maxHeader)
	}
	if n > uint64(len(data)) {
		return nil, fmt.Errorf("safetensors: header of %d bytes, but %d follow: the file is truncated: download or copy it "+
			"again", n, len(data))
	}
	header, body := data[:n], data[n:]
	if !bytes.HasPrefix(header, []byte("{")) || !utf8.Valid(header) {
		return nil, errors.New("safetensors: header is not a JSON object in UTF-8")
	}
	f := &File{Tensors: checkpoint.Tensors{ByName: map[string]checkpoint.Tensor{}}, metadata: map[string]string{}}
	var windows []window
	dec := json.NewDecoder(bytes.NewReader(header))
	dec.UseNumber()
	err := object(dec, func(name string) error {
		if name == "__metadata__" {
			return orNull(dec, func(key string) (err error) {
				f.metadata[key], err = text(dec)
				return err
			})
		}
		t, w, err := tensor(dec, name, uint64(len(body)))
		if err != nil {
			return fmt.Errorf("tensor %s: %w", name, err)
		}
		t.Data = body[w.begin:w.end:w.end]
		f.ByName[name] = t
		windows = append(windows, w)
		return nil
	})
	var bad *json.SyntaxError
	if errors.As(err, &bad) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("safetensors: header is no JSON behind its byte %d: the file is damaged: download or copy it "+
			"again", dec.InputOffset())
	}
	if err != nil {
		return nil, fmt.Errorf("safetensors: header: %w", err)
	}
	if rest := bytes.TrimLeft(header[dec.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, errors.New("safetensors: header: something follows the JSON object")
	}
	if err := covered(windows, uint64(len(body))); err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return f, nil
}

// covered checks that the windows tile the data: no hole, no overlap.
func covered(windows []window, size uint64) error {
	slices.SortFunc(windows, func(a, b window) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	at := uint64(0)
	for _, w := range windows {
		if w.begin != at {
			return fmt.Errorf("tensor %s: data begins at %d, want %d: a hole or an overlap", w.name, w.begin, at)
		}
		at = w.end
	}
	if at != size {
		return fmt.Errorf("the tensors cover %d bytes, the file holds %d", at, size)
	}
	return nil
}

// tensor reads one entry and checks it against itself and the data's size.
func tensor(dec *json.Decoder, name string, size uint64) (checkpoint.Tensor, window, error) {
	t, w := checkpoint.Tensor{Name: name}, window{name: name}
	var shape, offsets []uint64
	err := object(dec, func(key string) (err error) {
		switch key {
		case "dtype":
			t.Type, err = dtype(dec)
		case "shape":
			shape, err = numbers(dec)
		case "data_offsets":
			offsets, err = numbers(dec)
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		return err
	})
	if err != nil {
		return t, w, err
	}
	if err := known(t.Type); err != nil {
		return t, w, err
	}
	if shape == nil {
		return t, w, errors.New("no shape")
	}
	t.Shape = make([]int, len(shape))
	for i, d := range shape {
		if d > math.MaxInt {
			return t, w, fmt.Errorf("shape %v overflows", shape)
		}
		t.Shape[i] = int(d)
	}
	bytes, err := t.Type.Bytes(t.Shape)
	if err != nil {
		return t, w, err
	}
	if len(offsets) != 2 || offsets[0] > offsets[1] {
		return t, w, fmt.Errorf("data_offsets %v, want [begin end]", offsets)
	}
	if offsets[1] > size {
		return t, w, fmt.Errorf("its data ends at byte %d, the file's at %d: the file is truncated: download or copy it "+
			"again", offsets[1], size)
	}
	w.begin, w.end = offsets[0], offsets[1]
	if w.end-w.begin != bytes {
		return t, w, fmt.Errorf("%d bytes of data, want %d for %s %v", w.end-w.begin, bytes, t.Type, shape)
	}
	return t, w, nil
}

// known returns an error for a type that the format has no name for: it has no block types.
func known(t checkpoint.Type) error {
	if t.Block() != 1 {
		return fmt.Errorf("unknown dtype %q", string(t))
	}
	return nil
}

func dtype(dec *json.Decoder) (checkpoint.Type, error) {
	name, err := text(dec)
	return checkpoint.Type(name), err
}
