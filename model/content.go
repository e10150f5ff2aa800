package model

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"fettle/internal/compute"
	"fettle/internal/mapped"
)

// content checks that a base's weights are finite, and hashes them. What lies in a mapped file is hashed when the hash
// is asked for, as a bare model needs none; the rest while it is loaded. The hash of a matrix is that of the hashes of
// its chunks, so all cores share the work.
type content struct {
	sums map[string][sha256.Size]byte // by the name of the tensor
	late []compute.Matrix             // still to hash
	once sync.Once
}

// chunkBytes is about how much of a matrix, in whole rows, is hashed at a time. Model.Content depends on it.
const chunkBytes = 1 << 20

// add takes a matrix whose Raw is in memory, or in a mapped file. It returns an error naming a row with an element that
// is not finite.
func (c *content) add(m *compute.Matrix, inFile bool) error {
	row := int(m.Type.Bytes(1, m.K))
	wrong := make([]int, chunks(m)) // rows, from 1 on; 0 for none
	eachChunk(m, func(i, at int, raw []byte) {
		if m.Type.Finite(raw) {
			return
		}
		for wrong[i] = at/row + 1; m.Type.Finite(raw[:row]); wrong[i]++ {
			raw = raw[row:]
		}
	})
	if row := cmp.Or(wrong...); row > 0 {
		return notFinite(m.Name, row-1)
	}
	if inFile {
		c.late = append(c.late, *m) // Raw stays readable when m's own is dropped
	} else {
		c.hash(m)
	}
	return nil
}

func (c *content) hash(m *compute.Matrix) {
	sums := make([]byte, chunks(m)*sha256.Size)
	eachChunk(m, func(i, _ int, raw []byte) {
		sum := sha256.Sum256(raw)
		copy(sums[i*sha256.Size:], sum[:])
	})
	c.sums[m.Name] = sha256.Sum256(sums)
}

// chunkOf returns the bytes of a chunk of a matrix.
func chunkOf(m *compute.Matrix) int {
	row := int(m.Type.Bytes(1, m.K))
	return max(1, chunkBytes/max(1, row)) * row
}

func chunks(m *compute.Matrix) int {
	if len(m.Raw) == 0 {
		return 0
	}
	return (len(m.Raw) + chunkOf(m) - 1) / chunkOf(m)
}

// eachChunk calls f, on all cores, with every chunk of a matrix and where in Raw it begins.
func eachChunk(m *compute.Matrix, f func(i, at int, raw []byte)) {
	n, size := chunks(m), chunkOf(m)
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(i, i*size, m.Raw[i*size:min(len(m.Raw), (i+1)*size)])
		}
	}
	var all mapped.Group
	for range min(runtime.GOMAXPROCS(0), n) - 1 {
		all.Go(work)
	}
	all.Do(work)
	all.Wait()
}

// vector takes the bytes of a vector, which has the values v.
func (c *content) vector(name string, raw []byte, v []float32) error {
	for i, x := range v {
		if x-x != 0 {
			return notFinite(name, i)
		}
	}
	c.sums[name] = sha256.Sum256(raw)
	return nil
}

func notFinite(name string, row int) error {
	return fmt.Errorf("tensor %s: row %d has a number that is not finite; the file is damaged, or was saved by a run "+
		"that had diverged", name, row)
}

// sum returns Model.Content of a base with this fingerprint.
func (c *content) sum(fingerprint string) string {
	c.once.Do(func() {
		for i := range c.late {
			c.hash(&c.late[i])
			c.late[i].Release()
		}
		c.late = nil
	})
	h := sha256.New()
	io.WriteString(h, fingerprint)
	for _, name := range slices.Sorted(maps.Keys(c.sums)) {
		sum := c.sums[name]
		fmt.Fprintf(h, "\n%s ", name)
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
