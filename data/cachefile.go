package data

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"fettle/internal/atomicfile"
	"fettle/internal/readfile"
)

// writeCache writes a set whole or not at all.
func writeCache(path string, s *Set) error {
	return atomicfile.Replace(atomicfile.OS{}, path, atomicfile.Private(func(w io.Writer) error {
		sum := sha256.New()
		b := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
		if err := encodeCache(b, s); err != nil {
			return err
		}
		if err := b.Flush(); err != nil {
			return err
		}
		_, err := w.Write(sum.Sum(nil))
		return err
	}))
}

// encodeCache writes a cached set without the SHA-256 at its end. Examples have one
// sequence:
//
//	magic · n uint32 · n bytes of JSON, the Set without its examples ·
//	sources, a line each · lengths uint32 · tokens int32 · mask, a byte a token
//
// b keeps its first error.
func encodeCache(b *bufio.Writer, s *Set) error {
	bare := *s
	bare.Examples = nil
	head, err := json.Marshal(struct {
		Set
		Count, SourceBytes int
	}{bare, len(s.Examples), sourceBytes(s.Examples)})
	if err != nil {
		return err
	}
	b.WriteString(cacheMagic)
	binary.Write(b, binary.LittleEndian, uint32(len(head)))
	b.Write(head)
	for _, e := range s.Examples {
		b.WriteString(e.Source)
		b.WriteByte('\n')
	}
	for _, e := range s.Examples {
		binary.Write(b, binary.LittleEndian, uint32(len(e.Tokens)))
	}
	for _, e := range s.Examples {
		binary.Write(b, binary.LittleEndian, e.Tokens)
	}
	for _, e := range s.Examples {
		for _, l := range e.Labels {
			learn := byte(0)
			if l != Ignore {
				learn = 1
			}
			b.WriteByte(learn)
		}
	}
	return nil
}

// sourceBytes counts the bytes of all sources, with a line end each.
func sourceBytes(examples []Example) int {
	n := 0
	for _, e := range examples {
		n += len(e.Source) + 1
	}
	return n
}

// readCache reads a file of writeCache; anything else is an error.
func readCache(path string) (*Set, error) {
	all, err := readfile.Whole(path, readfile.Set)
	if err != nil {
		return nil, err
	}
	return decodeCache(all, filepath.Dir(path))
}

// decodeCache decodes a cached set; dir is for the files of its arena.
func decodeCache(all []byte, dir string) (*Set, error) {
	text := len(all) - sha256.Size
	if text < len(cacheMagic)+4 || !bytes.HasPrefix(all, []byte(cacheMagic)) {
		return nil, errors.New("not a cached set")
	}
	if sum := sha256.Sum256(all[:text]); !bytes.Equal(sum[:], all[text:]) {
		return nil, errors.New("damaged")
	}
	r := reader{rest: all[len(cacheMagic):text]}
	var head struct {
		Set
		Count, SourceBytes int
	}
	if err := json.Unmarshal(r.take(int(r.number())), &head); err != nil {
		return nil, err
	}
	if head.Count < 0 {
		return nil, errors.New("not a cached set")
	}
	s, total := &head.Set, 0
	sources := strings.Split(string(r.take(head.SourceBytes)), "\n")
	lengths := make([]int, 0, min(head.Count, text))
	for range cap(lengths) {
		lengths = append(lengths, int(r.number()))
		total += lengths[len(lengths)-1]
	}
	rest := r.rest
	if r.short || len(rest) != 5*total || len(sources) != head.Count+1 || len(lengths) != head.Count {
		return nil, errors.New("not a cached set")
	}
	a, mask := &arena{dir: dir}, rest[4*total:]
	s.Examples = make([]Example, head.Count)
	var e Example
	for i, at := 0, 0; i < head.Count; i++ {
		e.Tokens, e.Labels, e.Source = e.Tokens[:0], e.Labels[:0], strings.Clone(sources[i])
		for range lengths[i] {
			id := int32(binary.LittleEndian.Uint32(rest[4*at:]))
			e.Tokens, e.Labels = append(e.Tokens, id), append(e.Labels, Ignore)
			if mask[at] != 0 {
				e.Labels[len(e.Labels)-1] = id
			}
			at++
		}
		s.Examples[i] = a.keep(e)
	}
	return s, nil
}

// reader consumes bytes and records whether there were too few.
type reader struct {
	rest  []byte
	short bool
}

// take returns the next n bytes, nil if there are fewer.
func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.short = true
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

// number returns the next uint32.
func (r *reader) number() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}
