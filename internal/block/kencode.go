package block

import (
	"math"
)

// toQ2_K fits d·q − m to each part of 16, weighs errors by |x|, and rounds each part's d and m to 15ths of the largest.
func toQ2_K(dst []byte, src []float32) {
	var q [256]uint8
	var w [256]float32
	var scales, mins [2][lanes]float32
	for i, v := range src {
		w[i] = abs(v)
	}
	f := fit{top: 3, first: -0.5, tries: 16, absolute: true}
	for half := range 2 {
		at := half * lanes * 16
		scales[half], mins[half] = f.find(q[at:], src[at:][:lanes*16], w[at:])
	}
	largestScale := max(peak(scales[0]), peak(scales[1]))
	largestMin := max(peak(mins[0]), peak(mins[1]))
	d, m := putHalf(dst[80:], largestScale/15), putHalf(dst[82:], largestMin/15)
	perScale, perMin := steps(15, largestScale), steps(15, largestMin)
	for part := range 16 {
		scale, low := scales[part/lanes][part%lanes], mins[part/lanes][part%lanes]
		dst[part] = byte(even(perScale*scale)) | byte(even(perMin*low))<<4
		settle(q[part*16:][:16], src[part*16:][:16], d*float32(dst[part]&15), m*float32(dst[part]>>4), f.top)
	}
	pack2(dst[16:80], &q)
}

// peak returns the largest number, 0 if none is positive.
func peak(list [lanes]float32) (x float32) {
	for _, v := range list {
		if v > x {
			x = v
		}
	}
	return x
}

// steps returns n/largest, 0 unless largest is positive.
func steps(n, largest float32) float32 {
	if largest > 0 {
		return n / largest
	}
	return 0
}

// pack2 packs two bits each: four elements that are 32 apart share a byte.
func pack2(dst []byte, q *[256]uint8) {
	for i := range dst {
		from := q[i/32*128+i%32:]
		dst[i] = from[0]&3 | from[32]&3<<2 | from[64]&3<<4 | from[96]&3<<6
	}
}

// toQ4_K is toPairs with 16 steps.
func toQ4_K(dst []byte, src []float32) {
	var q [256]uint8
	toPairs(dst[:16], &q, src, fit{top: 15, first: -1, tries: 21})
	pack4(dst[16:], &q)
}

// toQ5_K is toPairs with 32 steps.
func toQ5_K(dst []byte, src []float32) {
	var q [256]uint8
	toPairs(dst[:16], &q, src, fit{top: 31, first: -0.5, tries: 16})
	high := dst[16:48]
	clear(high)
	for i, v := range q {
		high[i%32] |= v >> 4 << (i / 32)
	}
	pack4(dst[48:], &q)
}

// pack4 packs four low bits each: two elements that are 32 apart share a byte.
func pack4(dst []byte, q *[256]uint8) {
	for i := range dst {
		from := q[i/32*64+i%32:]
		dst[i] = from[0]&15 | from[32]&15<<4
	}
}

// toPairs fits d·q − m to each part of 32, weighs squared errors by |x| + √mean x², rounds each part's d and m to 63rds
// of the largest, and stores these: d, m, 8 pairs (s, t) of 6 bits.
func toPairs(dst []byte, q *[256]uint8, src []float32, f fit) {
	var w [256]float32
	for part := range lanes {
		x := src[part*32:][:32]
		var squares float32
		for _, v := range x {
			squares += float32(v * v)
		}
		mean := float32(math.Sqrt(float64(squares / 32)))
		for i, v := range x {
			w[part*32+i] = mean + abs(v)
		}
	}
	scales, mins := f.find(q[:], src, w[:])
	largestScale, largestMin := peak(scales), peak(mins)
	d, m := putHalf(dst, largestScale/63), putHalf(dst[2:], largestMin/63)
	perScale, perMin := steps(63, largestScale), steps(63, largestMin)
	packed := dst[4:16]
	clear(packed)
	for part := range lanes {
		s, t := min(63, byte(even(perScale*scales[part]))), min(63, byte(even(perMin*mins[part])))
		putPair6(packed, part, s, t)
		settle(q[part*32:][:32], src[part*32:][:32], d*float32(s), m*float32(t), f.top)
	}
}

// putPair6 stores what pair6 returns.
func putPair6(packed []byte, i int, s, t byte) {
	if i < 4 {
		packed[i], packed[i+4] = packed[i]|s, packed[i+4]|t
		return
	}
	packed[i+4] = s&15 | t&15<<4
	packed[i-4] |= s >> 4 << 6
	packed[i] |= t >> 4 << 6
}
