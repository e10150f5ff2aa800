package compute

import "math"

// NF4Block weights of a row share a magnitude, the last of a row perhaps fewer; NF4Group magnitudes share a second
// scale.
const (
	NF4Block = 64
	NF4Group = 256
)

// NF4Levels lists the values of the codes, for a magnitude of one: quantiles of the normal distribution (Dettmers et
// al. 2023, arXiv:2305.14314).
var NF4Levels = [16]float32{
	-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
	-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0,
	0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
	0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
}

// NF4Codes are the levels times NF4Scale, rounded to whole numbers: the weights that products of codes take for them.
// Levels differ by 0.0017 in root mean square, 0.0038 at most; of all scales that fit bytes this one errs least.
var NF4Codes = [16]int8{-112, -78, -59, -44, -32, -21, -10, 0, 9, 18, 28, 38, 49, 63, 81, 112}

// NF4Scale is what NF4Codes are divided by.
const NF4Scale = 112.03

// NF4Weights holds (N, K) weights NF4Levels[code]·magnitude(block), in blocks along each row. Magnitudes are themselves
// kept in 8 bits (double quantization): Mean + Scale[b/NF4Group]·Magnitude[b].
type NF4Weights struct {
	N, K      int
	Codes     []byte    // (N, ⌈K/2⌉) element 2i of a row in the upper four bits
	Magnitude []int8    // (N, ⌈K/64⌉)
	Scale     []float32 // one for every NF4Group magnitudes
	Mean      float32
}

// Blocks returns how many blocks a row has.
func (w *NF4Weights) Blocks() int { return (w.K + NF4Block - 1) / NF4Block }

// Largest returns the magnitude of block b, counted through all rows.
func (w *NF4Weights) Largest(b int) float32 {
	return w.Mean + float32(w.Scale[b/NF4Group]*float32(w.Magnitude[b]))
}

// Code returns the code of element k of row i.
func (w *NF4Weights) Code(i, k int) byte {
	return w.Codes[i*((w.K+1)/2)+k/2] >> (4 * (1 - k%2)) & 15
}

// Row dequantizes elements k0 … k0+len(dst)-1 of row i.
func (w *NF4Weights) Row(dst []float32, i, k0 int) {
	for c := range dst {
		k := k0 + c
		dst[c] = NF4Levels[w.Code(i, k)] * w.Largest(i*w.Blocks()+k/NF4Block)
	}
}

// InCodes returns the weights as products of codes take them: NF4Codes[code]·(magnitude(block)/NF4Scale).
func (w *NF4Weights) InCodes() Rows { return nf4InCodes{w} }

type nf4InCodes struct{ *NF4Weights }

func (w nf4InCodes) Row(dst []float32, i, k0 int) {
	for c := range dst {
		k := k0 + c
		dst[c] = float32(NF4Codes[w.Code(i, k)]) * (w.Largest(i*w.Blocks()+k/NF4Block) * (1 / NF4Scale))
	}
}

func quantizeNF4(m *Matrix) *NF4Weights {
	w := &NF4Weights{N: m.N, K: m.K, Codes: make([]byte, m.N*((m.K+1)/2))}
	w.quantizeMagnitudes(m)
	m.eachRow(func(i int, row []float32) {
		codes := w.Codes[i*((m.K+1)/2):]
		for b := range w.Blocks() {
			top := w.Largest(i*w.Blocks() + b)
			for k := b * NF4Block; k < min(m.K, (b+1)*NF4Block); k++ {
				codes[k/2] |= nearestLevel(row[k], top) << (4 * (1 - k%2))
			}
		}
	})
	return w
}

// quantizeMagnitudes keeps the largest magnitude of every block in 8 bits.
func (w *NF4Weights) quantizeMagnitudes(m *Matrix) {
	tops := make([]float32, m.N*w.Blocks())
	m.eachRow(func(i int, row []float32) {
		for b := range w.Blocks() {
			tops[i*w.Blocks()+b] = largest(row[b*NF4Block : min(m.K, (b+1)*NF4Block)])
		}
	})
	var sum float64
	for _, v := range tops {
		sum += float64(v)
	}
	w.Mean = float32(sum / float64(max(1, len(tops))))
	w.Magnitude = make([]int8, len(tops))
	for lo := 0; lo < len(tops); lo += NF4Group {
		group := tops[lo:min(len(tops), lo+NF4Group)]
		for i := range group {
			group[i] -= w.Mean
		}
		scale := largest(group) / 127
		w.Scale = append(w.Scale, scale)
		for i, v := range group {
			if scale > 0 {
				w.Magnitude[lo+i] = int8(math.RoundToEven(float64(v / scale)))
			}
		}
	}
}

// nearestLevel returns the code whose value times top is nearest to v, the lower of two.
func nearestLevel(v, top float32) byte {
	v /= top
	switch {
	case top == 0:
		return 7 // zero
	case !(v > -1):
		return 0
	case v >= 1:
		return 15
	}
	code := levelFrom[int((v+1)*intervals/2)]
	for v > levelMiddle[code] {
		code++
	}
	return code
}

const intervals = 256 // of [-1, 1), none with more than one middle of two levels

var (
	// levelMiddle[c] lies midway between levels c and c+1.
	levelMiddle = func() (m [16]float32) {
		for c := range 15 {
			m[c] = (NF4Levels[c] + NF4Levels[c+1]) / 2
		}
		m[15] = float32(math.Inf(1))
		return m
	}()

	// levelFrom[i] is the first level of values in interval i, or rounded up to it.
	levelFrom = func() (from [intervals + 1]byte) {
		for i := range from {
			for float32(float32(i-1)*2/intervals)-1 > levelMiddle[from[i]] {
				from[i]++
			}
		}
		return from
	}()
)
