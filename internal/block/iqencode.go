package block

import "encoding/binary"

// toIQ4_NL takes the d that level finds and the levels nearest to x/d.
func toIQ4_NL(dst []byte, src []float32) {
	d := level(src)
	putHalf(dst, d)
	putLevels(dst[2:], src, inverse(d))
}

// toIQ4_XS takes the d that level finds for each part of 32 and rounds it to 32nds of the largest.
func toIQ4_XS(dst []byte, src []float32) {
	var scales [8]float32
	for part := range scales {
		scales[part] = level(src[part*32:][:32])
	}
	d := -extreme(scales[:]) / 32
	putHalf(dst, d)
	perScale := inverse(d)
	low := dst[4:8]
	clear(low)
	var high uint16
	for part := range scales {
		s := max(-32, min(31, even(perScale*scales[part])))
		putLevels(dst[8+part*16:][:16], src[part*32:], inverse(d*float32(s)))
		bits := byte(s + 32)
		low[part/2] |= bits & 15 << (part % 2 * 4)
		high |= uint16(bits>>4) << (2 * part)
	}
	binary.LittleEndian.PutUint16(dst[2:], high)
}

// putLevels stores the numbers of the levels nearest to 32 elements times id.
func putLevels(dst []byte, src []float32, id float32) {
	for i := range dst {
		dst[i] = nearestLevel(id*src[i]) | nearestLevel(id*src[i+16])<<4
	}
}

// level returns the d of x ≈ d·levels[q]. It rounds to steps of which the element of the largest magnitude is −134 to
// −120, and to 127, takes the d with the least squared error, weighed by x², for each, and of these the best.
func level(x []float32) (d float32) {
	extreme := extreme(x)
	if abs(extreme) < tiny {
		return 0
	}
	sums := func(inverse float32) (sumQX, sumQQ float32) {
		for _, v := range x {
			n := levels[nearestLevel(inverse*v)]
			wq := float32(float32(v*v) * n)
			sumQX += float32(wq * v)
			sumQQ += float32(wq * n)
		}
		return sumQX, sumQQ
	}
	sumQX, sumQQ := sums(1 / (-extreme / levels[0]))
	if sumQQ > 0 {
		d = sumQX / sumQQ
	}
	best := d * sumQX
	for try := -7; try <= 7; try++ {
		sumQX, sumQQ = sums((float32(try) + levels[0]) / extreme)
		if sumQQ > 0 && float32(sumQX*sumQX) > float32(best*sumQQ) {
			d = sumQX / sumQQ
			best = d * sumQX
		}
	}
	return d
}

// nearestLevel returns the number of the level nearest to x, of two the higher, and the highest for no number.
func nearestLevel(x float32) byte {
	x = float32(x) // a product, to be rounded before it is doubled
	if x <= levels[0] {
		return 0
	}
	if !(x < levels[15]) {
		return 15
	}
	halves := int(2 * x)
	if float32(halves) > 2*x { // rounded up, toward zero
		halves--
	}
	return levelOf[halves+256]
}

// levelOf has the number of the level nearest to i/2 − 128: the middles between levels are whole halves.
var levelOf = func() (of [512]byte) {
	for i := range of {
		for q := 1; q < 16 && float32(i-256) >= levels[q-1]+levels[q]; q++ {
			of[i] = byte(q)
		}
	}
	return of
}()
