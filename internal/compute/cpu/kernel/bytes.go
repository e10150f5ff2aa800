package kernel

import (
	"math"

	"fettle/internal/compute"
)

// dequantizeInt8Go writes four rows of float32 for each of cols rows of 32 words:
//
//	dst[(4c+i)·32+j] = byte i of src[c·32+j] · scale[j]
func dequantizeInt8Go(p *Pack) {
	p.dequantize(4, func(word Word, i int) float32 { return float32(word.Byte(i)) })
}

// dequantizeNF4Go writes eight rows of float32 for each of cols rows of 32 words:
//
//	dst[(8c+i)·32+j] = NF4Levels[code i of src[c·32+j]] · scale[j]
func dequantizeNF4Go(p *Pack) {
	p.dequantize(8, func(word Word, i int) float32 { return compute.NF4Levels[word.Code(i)] })
}

func (p *Pack) dequantize(per int, element func(word Word, i int) float32) {
	dst := Floats(p.Dst)
	for c := range p.Cols {
		for j := range Panel {
			word := p.Src[c*Panel+j]
			for i := range per {
				dst[(per*c+i)*Panel+j] = element(word, i) * p.Scale[j]
			}
		}
	}
}

// transposeInt8Go writes words of four bytes along o in place of words along k: src holds rows ≤ 16 words of columns
// k, by 32 rows o; k < 64, and beyond the rows stands zero.
//
//	dst[k/32·ldd + o/4·32 + k%32] = (x[o,k], x[o+1,k], x[o+2,k], x[o+3,k])
func transposeInt8Go(p *Pack) {
	for o := 0; o < Panel; o += 4 {
		for k := range 64 {
			var word Word
			for i := range 4 {
				if k/4 < p.Rows {
					word |= Word(uint8(p.Src[k/4*Panel+o+i].Byte(k%4))) << (8 * i)
				}
			}
			p.Dst[k/32*p.LDD+o/4*Panel+k%32] = word
		}
	}
}

// unpackPairsGo widens the bytes of cols rows of 32 words to int16, two rows of pairs for each, in two arrays of 16
// columns:
//
//	dst[j/16·ldd + 2c·16 + j%16], dst[… + 16] = (first, third), (second, fourth) byte of src[c·32+j]
func unpackPairsGo(p *Pack) {
	for c := range p.Cols {
		for j := range Panel {
			at := p.Dst[j/PairCols*p.LDD+2*c*PairCols+j%PairCols:]
			at[0], at[PairCols] = p.Src[c*Panel+j].unpack()
		}
	}
}

// magnitudeGo returns the largest |x|.
func magnitudeGo(x []float32) (top float32) {
	for _, v := range x {
		if v = float32(math.Abs(float64(v))); v > top {
			top = v
		}
	}
	return top
}

// toBytesGo writes the bytes 128 + x·inverse, rounded to even, four to a word; past the end, up to a multiple of 16,
// they are 128.
func toBytesGo(x []float32, dst []Word, inverse float32) {
	for i := 0; i < len(x); i += 16 {
		for w := range 4 {
			var word Word
			for b := range 4 {
				q := int32(128)
				if at := i + 4*w + b; at < len(x) {
					q += int32(math.RoundToEven(float64(x[at] * inverse)))
				}
				word |= Word(uint8(q)) << (8 * b)
			}
			dst[i/4+w] = word
		}
	}
}

// toPairsGo writes the int16 128 + x·inverse, rounded to even, in pairs: of every four the first and third, and the
// second and fourth. Past the end, up to a multiple of 8, they are 128.
func toPairsGo(x []float32, dst []Word, inverse float32) {
	code := func(i int) uint16 {
		if i >= len(x) {
			return 128
		}
		return uint16(128 + int32(math.RoundToEven(float64(x[i]*inverse))))
	}
	for i := 0; i < (len(x)+7)/8*8; i += 4 {
		dst[i/2], dst[i/2+1] = pair(code(i), code(i+2)), pair(code(i+1), code(i+3))
	}
}

// IntSums holds the arguments of a kernel that scales sums of a panel's columns back: rows of them, 32 apart, of which
// cols count. Assembly knows the offsets of its fields.
type IntSums struct {
	Y      []float32
	LDY    int
	Sums   []int32
	Offset []int32   // of the columns
	Scale  []float32 // of the columns
	Rates  []float32 // of the rows
	Rows   int
	Cols   int
}

// each calls f for every y and its sum, scaled back: (sum − offset)·rate·scale.
func (s *IntSums) each(f func(y *float32, x float32)) {
	for r := range s.Rows {
		for c := range s.Cols {
			f(&s.Y[r*s.LDY+c], float32(s.Sums[r*Panel+c]-s.Offset[c])*s.Rates[r]*s.Scale[c])
		}
	}
}

// fromInt32Go: y = (sums − offset)·rate·scale.
func fromInt32Go(s *IntSums) { s.each(func(y *float32, x float32) { *y = x }) }

// addInt32Go: y += (sums − offset)·rate·scale.
func addInt32Go(s *IntSums) { s.each(func(y *float32, x float32) { *y += x }) }
