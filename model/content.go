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
	"sync/atomic"

	"fettle/internal/compute"
	"fettle/internal/mapped"
)

// content hashes a base's weights while they are loaded, when their pages are in memory anyway, and checks that they
// are finite. The hash of a matrix is that of the hashes of its chunks, so all cores share the work.
type content map[string][sha256.Size]byte // by the name of the tensor

// chunkBytes is about how much of a matrix, in whole rows, is hashed at a time. Model.Content depends on it.
const chunkBytes = 1 << 20

// add takes a matrix whose Raw is in memory. It returns an error naming a row with an element that is not finite.
func (c content) add(m *compute.Matrix) error {
	row := int(m.Type.Bytes(1, m.K))
	step := max(1, chunkBytes/max(1, row)) * row
	chunks := 0
	if step > 0 {
		chunks = (len(m.Raw) + step - 1) / step
	}
	sums, wrong := make([]byte, chunks*sha256.Size), make([]int, chunks) // rows, from 1 on; 0 for none
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < chunks; i = int(next.Add(1)) - 1 {
			raw := m.Raw[i*step : min(len(m.Raw), (i+1)*step)]
			sum := sha256.Sum256(raw)
			copy(sums[i*sha256.Size:], sum[:])
			if m.Type.Finite(raw) {
				continue
			}
			for wrong[i] = i*step/row + 1; m.Type.Finite(raw[:row]); wrong[i]++ {
				raw = raw[row:]
			}
		}
	}
	var all mapped.Group
	for range min(runtime.GOMAXPROCS(0), chunks) - 1 {
		all.Go(work)
	}
	all.Do(work)
	all.Wait()
	if row := cmp.Or(wrong...); row > 0 {
		return notFinite(m.Name, row-1)
	}
	c[m.Name] = sha256.Sum256(sums)
	return nil
}

// vector takes the bytes of a vector, which has the values v.
func (c content) vector(name string, raw []byte, v []float32) error {
	for i, x := range v {
		if x-x != 0 {
			return notFinite(name, i)
		}
	}
	c[name] = sha256.Sum256(raw)
	return nil
}

func notFinite(name string, row int) error {
	return fmt.Errorf("tensor %s: row %d has a number that is not finite; the file is damaged, or was saved by a run "+
		"that had diverged", name, row)
}

// sum returns Model.Content of a base with this fingerprint.
func (c content) sum(fingerprint string) string {
	h := sha256.New()
	io.WriteString(h, fingerprint)
	for _, name := range slices.Sorted(maps.Keys(c)) {
		sum := c[name]
		fmt.Fprintf(h, "\n%s ", name)
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
