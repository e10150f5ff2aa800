package cpu

import (
	"math"

	"fettle/internal/compute"
)

// pack is one call of a kernel that lays words out anew. Each kernel reads the
// fields it names. Assembly knows their offsets.
type pack struct {
	dst  []float32
	ldd  int
	src  []float32
	lds  int
	rows int
	cols int

	scale []float32
	half  int // how far from a row's first 16 words the others lie
}

// packF32Go transposes: dst[c·ldd+r] = src[r·lds+c], r < rows ≤ 16, c < cols.
func packF32Go(p *pack) {
	for r := range p.rows {
		for c, v := range p.src[r*p.lds:][:p.cols] {
			p.dst[c*p.ldd+r] = v
		}
	}
}

// partGo parts cols rows of 32 words, lds apart, in the middle: for j < 16 and
// h < 2, dst[h·ldd + 16c + j] = src[c·lds + 16h + j].
func partGo(p *pack) {
	for c := range p.cols {
		for h := range 2 {
			copy(p.dst[h*p.ldd+c*smallCols:][:smallCols], p.src[c*p.lds+h*smallCols:])
		}
	}
}

// packBF16Go transposes pairs: dst[c·ldd+r] holds src[r·lds+2c] in its lower
// and src[r·lds+2c+1] in its upper half, rounded to bfloat16, 2c < cols; past
// the end of a row stands zero.
func packBF16Go(p *pack) {
	for r := range p.rows {
		row := p.src[r*p.lds:][:p.cols]
		for c := 0; c < p.cols; c += 2 {
			var next float32
			if c+1 < p.cols {
				next = row[c+1]
			}
			p.dst[c/2*p.ldd+r] = pair(compute.ToBF16(row[c]), compute.ToBF16(next))
		}
	}
}

// pair is the word of two halves.
func pair(low, high uint16) float32 {
	return math.Float32frombits(uint32(high)<<16 | uint32(low))
}

// halves are the two halves of a word.
func halves(word float32) (low, high uint16) {
	u := math.Float32bits(word)
	return uint16(u), uint16(u >> 16)
}

// pairBF16Go joins rows 2c and 2c+1 of src into pairs rounded to bfloat16:
// dst[c·32+j], j < 32, 2c < rows; beyond the last row stands zero.
func pairBF16Go(p *pack) {
	for r := 0; r < p.rows; r += 2 {
		for j := range panel {
			var next float32
			if r+1 < p.rows {
				next = p.src[(r+1)*p.lds+j]
			}
			p.dst[r/2*panel+j] = pair(compute.ToBF16(p.src[r*p.lds+j]), compute.ToBF16(next))
		}
	}
}

// turn visits, for each of cols panels lds words apart, the pairs of words
// that rows rows of 32 words hold for two columns o and o+1, both widened:
// element k < 2·rows of column o. Beyond stands zero up to k = 32.
func (p *pack) transposePairs(put func(o, k int, x, y uint16)) {
	for c := range p.cols {
		for o := 0; o < panel; o += 2 {
			for k := 0; k < 32; k += 2 {
				var x, y float32
				if k/2 < p.rows {
					at := c*p.lds + k/2*panel + o
					x, y = p.src[at], p.src[at+1]
				}
				x0, x1 := halves(x)
				y0, y1 := halves(y)
				put(c*panel+o, k, x0, y0)
				put(c*panel+o, k+1, x1, y1)
			}
		}
	}
}

// transposeBF16Go makes pairs along the rows of a matrix of panels whose pairs lie
// along the columns: src is rows ≤ 16 pairs of columns k, by 32 rows o, of
// each of cols panels; dst[o/2·32+k] holds rows o and o+1 of column k.
func transposeBF16Go(p *pack) {
	p.transposePairs(func(o, k int, x, y uint16) { p.dst[o/2*panel+k] = pair(x, y) })
}

// transposeBF16F32Go is the like for dst[o·ldd + k/16·half + k%16] in float32. Kernels
// of levels without strips take rows to be panels'.
func transposeBF16F32Go(p *pack) { p.transposeF32(compute.FromBF16) }

// transposeF16F32Go is the like for IEEE halves.
func transposeF16F32Go(p *pack) { p.transposeF32(compute.FromF16) }

func (p *pack) transposeF32(from func(uint16) float32) {
	p.transposePairs(func(o, k int, x, y uint16) {
		at := o*p.ldd + k/smallCols*p.half + k%smallCols
		p.dst[at], p.dst[at+p.ldd] = from(x), from(y)
	})
}

// widenBF16Go parts cols rows of 32 pairs into two rows of float32 each.
func widenBF16Go(p *pack) { p.widen(compute.FromBF16) }

// widenF16Go is the like for IEEE halves.
func widenF16Go(p *pack) { p.widen(compute.FromF16) }

func (p *pack) widen(from func(uint16) float32) {
	for c := range p.cols {
		for j, word := range p.src[c*panel:][:panel] {
			low, high := halves(word)
			p.dst[2*c*panel+j], p.dst[(2*c+1)*panel+j] = from(low), from(high)
		}
	}
}
