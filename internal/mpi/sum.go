//go:build mpi && linux

package mpi

import "fettle/internal/tree"

const (
	pieceSize = 4 << 20  // numbers that are exchanged at one time, of each part
	blockSize = 16 << 10 // numbers that are added up at one time, in the cache
)

// Sum adds up what the ranks have as parts, see train.Ranks. Each rank adds up a share of the numbers, as one rank
// alone would add up all, and gives it to the others: the library carries bytes and adds nothing.
func (w *World) Sum(cuts []int, parts [][][]float32, into [][]float32) error {
	all := 0
	for _, x := range into {
		all += len(x)
	}
	counts := make([]int, w.size) // of parts
	for r := range counts {
		counts[r] = len(tree.Nodes(cuts[r], cuts[r+1]))
	}
	for lo := 0; lo < all; lo += pieceSize {
		if err := w.sumPiece(cuts, counts, parts, into, lo, min(lo+pieceSize, all)); err != nil {
			return err
		}
	}
	return nil
}

// sumPiece is Sum of numbers lo … hi-1.
func (w *World) sumPiece(cuts, counts []int, parts [][][]float32, into [][]float32, lo, hi int) error {
	share := func(r int) int { return (hi - lo) * r / w.size } // where that of a rank begins
	mine := share(w.rank+1) - share(w.rank)
	sends, gets, total := make([]int, w.size), make([]int, w.size), 0
	for r := range w.size {
		sends[r], gets[r] = len(parts)*(share(r+1)-share(r)), counts[r]*mine
		total += gets[r]
	}
	from, err := w.out.floats(max(len(parts)*(hi-lo), mine))
	if err != nil {
		return err
	}
	to, err := w.in.floats(max(total, hi-lo))
	if err != nil {
		return err
	}
	at := from
	for r := range w.size {
		for _, part := range parts {
			at = at[gather(at, part, lo+share(r), lo+share(r+1)):]
		}
	}
	if err := w.finish(w.alltoallv(from, volumesOf(sends), to, volumesOf(gets))); err != nil {
		return err
	}
	for a := 0; a < mine; a += blockSize {
		b := min(a+blockSize, mine)
		at, blocks := 0, make([][][]float32, w.size)
		for r, n := range counts {
			for range n {
				blocks[r] = append(blocks[r], to[at+a:at+b])
				at += mine
			}
		}
		copy(from[a:b], tree.Unite(cuts, blocks))
	}
	shares := make([]int, w.size)
	for r := range shares {
		shares[r] = share(r+1) - share(r)
	}
	if err := w.finish(allgatherv(w.comm, from[:mine], to, volumesOf(shares))); err != nil {
		return err
	}
	scatter(into, to, lo, hi)
	return nil
}

// gather copies numbers lo … hi-1 of arrays, taken one behind the other, and returns how many.
func gather(to []float32, arrays [][]float32, lo, hi int) int {
	n := 0
	each(arrays, lo, hi, func(x []float32) { n += copy(to[n:], x) })
	return n
}

// scatter copies numbers into lo … hi-1 of arrays.
func scatter(arrays [][]float32, from []float32, lo, hi int) {
	each(arrays, lo, hi, func(x []float32) { from = from[copy(x, from):] })
}

// each visits lo … hi-1 of arrays, taken one behind the other.
func each(arrays [][]float32, lo, hi int, visit func(x []float32)) {
	at := 0
	for _, x := range arrays {
		if a, b := max(lo-at, 0), min(hi-at, len(x)); a < b {
			visit(x[a:b])
		}
		at += len(x)
	}
}
