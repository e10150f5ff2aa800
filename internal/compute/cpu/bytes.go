package cpu

import (
	"math"

	"fettle/internal/compute"
)

// The plain twins of the kernels of weights in eight and four bits.

// dequantizeInt8Go: dst[(4c+i)·32+j] = byte i of src[c·32+j], signed, times scale[j].
func dequantizeInt8Go(p *pack) {
	p.dequantize(4, func(word uint32, i int) float32 { return float32(int8(word >> (8 * i))) })
}

// dequantizeNF4Go: dst[(8c+i)·32+j] = the level of the four bits i of src[c·32+j],
// the lowest first, times scale[j].
func dequantizeNF4Go(p *pack) {
	p.dequantize(8, func(word uint32, i int) float32 { return compute.NF4Levels[word>>(4*i)&15] })
}

func (p *pack) dequantize(per int, element func(word uint32, i int) float32) {
	for c := range p.cols {
		for j := range panel {
			word := math.Float32bits(p.src[c*panel+j])
			for i := range per {
				p.dst[(per*c+i)*panel+j] = element(word, i) * p.scale[j]
			}
		}
	}
}

// transposeInt8Go: src is rows ≤ 16 words of four columns k, by 32 rows o; word
// dst[o/4·32+k] holds rows o … o+3 of column k < 32, dst[ldd + …] of k ≥ 32.
func transposeInt8Go(p *pack) {
	for o := 0; o < panel; o += 4 {
		for k := range 64 {
			var word uint32
			for i := range 4 {
				if k/4 < p.rows {
					word |= math.Float32bits(p.src[k/4*panel+o+i]) >> (8 * (k % 4)) & 255 << (8 * i)
				}
			}
			p.dst[k/32*p.ldd+o/4*panel+k%32] = math.Float32frombits(word)
		}
	}
}

// unpackPairsGo: words 2c and 2c+1 of column j are the bytes of src[c·32+j] as
// int16, c < cols: word s lies at dst[16s + j], or of columns j ≥ 16 at
// dst[ldd + 16s + j−16].
func unpackPairsGo(p *pack) {
	for c := range p.cols {
		for j := range panel {
			at := p.dst[j/pairCols*p.ldd+2*c*pairCols+j%pairCols:]
			at[0], at[pairCols] = pairsOf(p.src[c*panel+j])
		}
	}
}

// magnitudeGo is the largest |x|.
func magnitudeGo(x []float32) (top float32) {
	for _, v := range x {
		if v = float32(math.Abs(float64(v))); v > top {
			top = v
		}
	}
	return top
}

// toBytesGo: the bytes of dst are 128 + x·inverse, rounded to even; behind the
// last, up to a multiple of 16, they are 128.
func toBytesGo(x, dst []float32, inverse float32) {
	for i := 0; i < len(x); i += 16 {
		for w := range 4 {
			var word uint32
			for b := range 4 {
				q := int32(128)
				if at := i + 4*w + b; at < len(x) {
					q += int32(math.RoundToEven(float64(x[at] * inverse)))
				}
				word |= uint32(uint8(q)) << (8 * b)
			}
			dst[i/4+w] = math.Float32frombits(word)
		}
	}
}

// toPairsGo is the like for words of two int16: of every four codes the first
// and third, and the second and fourth. Behind the last, up to a multiple of 8,
// they are 128.
func toPairsGo(x, dst []float32, inverse float32) {
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

// fromInt32Go: y = (sums − offset)·r·scale, sums and offset in int32.
func fromInt32Go(y, sums, offset, scale []float32, r float32) {
	for i := range y {
		y[i] = float32(int32(math.Float32bits(sums[i]))-int32(math.Float32bits(offset[i]))) * r * scale[i]
	}
}

// addInt32Go is the like for y +=.
func addInt32Go(y, sums, offset, scale []float32, r float32) {
	for i := range y {
		y[i] += float32(float32(int32(math.Float32bits(sums[i]))-int32(math.Float32bits(offset[i]))) * r * scale[i])
	}
}
