package cpu

import (
	"fmt"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// Layouts may lie in memory that processes share. The one that fills it lays matrices out there; the others find them
// under the same names, which tell all that a layout depends on beside the weights themselves. Nothing that is shared
// is written to again.

// room is the memory of a matrix's layout.
type room struct {
	words  []kernel.Word
	shared bool
	filled bool // by another process
}

// roomFor returns n words for the layout of a matrix of this name, which owner holds.
func roomFor[T any](d *device, owner *T, name string, of compute.DType, rows, columns, n int) room {
	if name != "" {
		name = fmt.Sprintf("%s %s %d×%d, %s", name, of, rows, columns, d.Name())
		if piece, filled := d.shared.Piece(name, 4*n); piece != nil {
			return room{kernel.BytesAsWords(piece), true, filled}
		}
	}
	return room{words: kernel.InArena(d.arena, owner, n)}
}

// cut returns the first n words of a room and leaves the others.
func (r *room) cut(n int) []kernel.Word {
	words := r.words[:n:n]
	r.words = r.words[n:]
	return words
}

// Lend gives w, which has a name, a shape and a quantized type and no weights, the layout that another process has made
// of them. It reports whether there is one.
func (d *device) Lend(w *compute.Matrix) bool {
	if !d.shared.Reads() || w.N == 0 || w.K == 0 {
		return false
	}
	switch w.Type {
	case compute.Int8:
		if p, there := d.newBytePanels(w.Name, w.N, w.K); there {
			w.Packed = p
			return true
		}
	case compute.NF4:
		if p, there := d.newNF4Panels(w.Name, w.N, w.K); there {
			w.Packed = p
			return true
		}
	}
	return false
}
