package tinymodel

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"

	"fettle/internal/checkpoint"
)

// WritePickle writes tensors of type F32 as PyTorch's torch.save writes a dict of them: a zip archive of a pickle and
// one storage for each tensor.
func WritePickle(path string, tensors []checkpoint.Tensor) error {
	var file, p bytes.Buffer
	z := zip.NewWriter(&file)
	add := func(name string, data []byte) error {
		size := uint64(len(data))
		e, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data),
			CompressedSize64: size, UncompressedSize64: size})
		if err == nil {
			_, err = e.Write(data)
		}
		return err
	}
	text := func(s string) {
		p.WriteByte('X')
		binary.Write(&p, binary.LittleEndian, uint32(len(s)))
		p.WriteString(s)
	}
	number := func(n int) {
		p.WriteByte('J')
		binary.Write(&p, binary.LittleEndian, int32(n))
	}
	p.WriteString("\x80\x02}(")
	for i, t := range tensors {
		key, stride := fmt.Sprint(i), make([]int, len(t.Shape))
		elements := 1
		for d := len(stride) - 1; d >= 0; d-- {
			stride[d], elements = elements, elements*t.Shape[d]
		}
		text(t.Name)
		p.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
		text("storage")
		p.WriteString("ctorch\nFloatStorage\n")
		text(key)
		text("cpu")
		number(elements)
		p.WriteString("tQ")
		number(0)
		for _, list := range [][]int{t.Shape, stride} {
			p.WriteByte('(')
			for _, n := range list {
				number(n)
			}
			p.WriteByte('t')
		}
		p.WriteString("\x89ccollections\nOrderedDict\n)RtR")
		if err := add("archive/data/"+key, t.Data); err != nil {
			return err
		}
	}
	p.WriteString("u.")
	if err := add("archive/data.pkl", p.Bytes()); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, file.Bytes(), 0o644)
}
