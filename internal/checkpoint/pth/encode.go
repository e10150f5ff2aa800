package pth

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"

	"fettle/internal/checkpoint"
)

// Encode writes a file in PyTorch's zip layout: a dict of the tensors in their order, one storage for each. PyTorch
// reads it with weights_only. The same tensors always give the same bytes; every storage begins at a multiple of 64, as
// in PyTorch's own files, so that it can be mapped into memory.
func Encode(w io.Writer, tensors []checkpoint.Tensor) error {
	if err := encode(w, tensors); err != nil {
		return fmt.Errorf("PyTorch checkpoint: %w", err)
	}
	return nil
}

func encode(w io.Writer, tensors []checkpoint.Tensor) error {
	p, seen := &pickler{}, map[string]bool{}
	p.WriteString("\x80\x02}(")
	for i, t := range tensors {
		if err := t.Check(); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if seen[t.Name] {
			return fmt.Errorf("tensor %q occurs twice", t.Name)
		}
		seen[t.Name] = true
		class, ok := storageClass(t.Type)
		if !ok {
			return fmt.Errorf("tensor %q: PyTorch has no storage of type %s", t.Name, t.Type)
		}
		p.text(t.Name)
		p.tensor(class, strconv.Itoa(i), t.Shape)
	}
	p.WriteString("u.")

	a := &archiver{at: &counter{w: w}}
	a.zip = zip.NewWriter(a.at)
	a.entry("data.pkl", p.Bytes())
	a.entry("byteorder", []byte("little"))
	for i, t := range tensors {
		a.entry("data/"+strconv.Itoa(i), t.Data)
	}
	a.entry("version", []byte("3\n"))
	if a.err != nil {
		return a.err
	}
	return a.zip.Close()
}

// storageClass returns PyTorch's class of storages for an element type.
func storageClass(as checkpoint.Type) (string, bool) {
	for class, t := range storageTypes {
		if t == as {
			return class, true
		}
	}
	return "", false
}

// pickler writes the operations of a pickle.
type pickler struct{ bytes.Buffer }

func (p *pickler) text(s string) {
	p.WriteByte('X')
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
	p.WriteString(s)
}

// number writes a whole number that is not negative, in 4 bytes or in 8.
func (p *pickler) number(n int) {
	if n <= math.MaxInt32 {
		p.WriteByte('J')
		p.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
		return
	}
	p.WriteString("\x8a\x08")
	p.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func (p *pickler) tuple(numbers []int) {
	p.WriteByte('(')
	for _, n := range numbers {
		p.number(n)
	}
	p.WriteByte('t')
}

// tensor writes the call that makes a tensor of a whole storage: (storage, offset 0, size, stride, requires_grad false,
// no hooks).
func (p *pickler) tensor(class, key string, shape []int) {
	elements, stride := 1, make([]int, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		stride[i] = elements
		elements *= shape[i]
	}
	p.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
	p.text("storage")
	p.WriteString("ctorch\n" + class + "\n")
	p.text(key)
	p.text("cpu")
	p.number(elements)
	p.WriteString("tQ")
	p.number(0)
	p.tuple(shape)
	p.tuple(stride)
	p.WriteString("\x89ccollections\nOrderedDict\n)RtR")
}

// counter counts the bytes that it passes on.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// archiver adds entries to an archive and keeps the first error.
type archiver struct {
	zip *zip.Writer
	at  *counter
	err error
}

// entry adds an entry that is not compressed. Its extra field FB holds the padding before its data.
func (a *archiver) entry(name string, data []byte) {
	if a.err != nil {
		return
	}
	const local, extra, align = 30, 4, 64 // bytes of a local header and of an extra field's own
	if a.err = a.zip.Flush(); a.err != nil {
		return
	}
	name = "archive/" + name
	begin := a.at.n + local + int64(len(name)) + extra
	padding := bytes.Repeat([]byte("Z"), int((align-begin%align)%align))
	field := binary.LittleEndian.AppendUint16([]byte("FB"), uint16(len(padding)))
	e, err := a.zip.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data), Extra: append(field, padding...),
		CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data)),
	})
	if err == nil {
		_, err = e.Write(data)
	}
	a.err = err
}
