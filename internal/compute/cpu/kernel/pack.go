package kernel

import "fettle/internal/compute"

// Pack holds the arguments of a kernel that lays words out anew. Each kernel reads the fields that its comment names;
// assembly knows their offsets.
type Pack struct {
	Dst  []Word
	LDD  int
	Src  []Word
	LDS  int
	Rows int
	Cols int

	Scale []float32
	Half  int // distance from the first 16 words of a row to the others
}

// packF32Go transposes up to 16 rows:
//
//	dst[c·ldd+r] = src[r·lds+c]    r < rows, c < cols
func packF32Go(p *Pack) {
	for r := range p.Rows {
		for c, v := range p.Src[r*p.LDS:][:p.Cols] {
			p.Dst[c*p.LDD+r] = v
		}
	}
}

// partGo splits cols rows of 32 words into two arrays of 16 columns:
//
//	dst[h·ldd + 16c + j] = src[c·lds + 16h + j]    j < 16, h < 2
func partGo(p *Pack) {
	for c := range p.Cols {
		for h := range 2 {
			copy(p.Dst[h*p.LDD+c*SmallCols:][:SmallCols], p.Src[c*p.LDS+h*SmallCols:])
		}
	}
}

// packBF16Go transposes up to 16 rows of float32 into pairs of bfloat16, rounded to even:
//
//	dst[c·ldd+r] = (src[r·lds+2c], src[r·lds+2c+1])    r < rows, 2c < cols
//
// with zero past the end of a row.
func packBF16Go(p *Pack) {
	for r := range p.Rows {
		row := p.Src[r*p.LDS:][:p.Cols]
		for c := 0; c < p.Cols; c += 2 {
			var next Word
			if c+1 < p.Cols {
				next = row[c+1]
			}
			p.Dst[c/2*p.LDD+r] = roundPair(row[c], next)
		}
	}
}

// pairBF16Go joins rows of 32 float32 into pairs of bfloat16, rounded to even:
//
//	dst[c·32+j] = (src[2c·lds+j], src[(2c+1)·lds+j])    j < 32, 2c < rows
//
// with zero past the last row.
func pairBF16Go(p *Pack) {
	for r := 0; r < p.Rows; r += 2 {
		for j := range Panel {
			var next Word
			if r+1 < p.Rows {
				next = p.Src[(r+1)*p.LDS+j]
			}
			p.Dst[r/2*Panel+j] = roundPair(p.Src[r*p.LDS+j], next)
		}
	}
}

// roundPair rounds two float32 to a pair of bfloat16.
func roundPair(low, high Word) Word {
	return pair(compute.ToBF16(low.float()), compute.ToBF16(high.float()))
}

// transposePairs visits cols panels, lds words apart, of rows ≤ 16 rows of 32 columns o whose words are pairs (2r,
// 2r+1) along k. For every even o and k < 32 it calls put with element k of columns o and o+1; beyond the rows stands
// zero.
func (p *Pack) transposePairs(put func(o, k int, x, y uint16)) {
	for c := range p.Cols {
		for o := 0; o < Panel; o += 2 {
			for k := 0; k < 32; k += 2 {
				var x, y Word
				if k/2 < p.Rows {
					at := c*p.LDS + k/2*Panel + o
					x, y = p.Src[at], p.Src[at+1]
				}
				x0, x1 := x.Halves()
				y0, y1 := y.Halves()
				put(c*Panel+o, k, x0, y0)
				put(c*Panel+o, k+1, x1, y1)
			}
		}
	}
}

// transposeBF16Go writes pairs along o in place of pairs along k, see transposePairs:
//
//	dst[o/2·32+k] = (x[o,k], x[o+1,k])
func transposeBF16Go(p *Pack) {
	p.transposePairs(func(o, k int, x, y uint16) { p.Dst[o/2*Panel+k] = pair(x, y) })
}

// transposeBF16F32Go writes float32, see transposePairs:
//
//	dst[o·ldd + k/16·half + k%16] = x[o,k]
//
// The kernels of levels without strips take half to be 16 and ldd 32.
func transposeBF16F32Go(p *Pack) { p.transposeF32(compute.FromBF16) }

// transposeF16F32Go computes transposeBF16F32 of IEEE halves.
func transposeF16F32Go(p *Pack) { p.transposeF32(compute.FromF16) }

func (p *Pack) transposeF32(from func(uint16) float32) {
	dst := Floats(p.Dst)
	p.transposePairs(func(o, k int, x, y uint16) {
		at := o*p.LDD + k/SmallCols*p.Half + k%SmallCols
		dst[at], dst[at+p.LDD] = from(x), from(y)
	})
}

// widenBF16Go splits cols rows of 32 pairs of bfloat16 into two rows of float32 each:
//
//	dst[2c·32+j], dst[(2c+1)·32+j] = src[c·32+j]
func widenBF16Go(p *Pack) { p.widen(compute.FromBF16) }

// widenF16Go computes widenBF16 of IEEE halves.
func widenF16Go(p *Pack) { p.widen(compute.FromF16) }

func (p *Pack) widen(from func(uint16) float32) {
	dst := Floats(p.Dst)
	for c := range p.Cols {
		for j, word := range p.Src[c*Panel:][:Panel] {
			low, high := word.Halves()
			dst[2*c*Panel+j], dst[(2*c+1)*Panel+j] = from(low), from(high)
		}
	}
}
