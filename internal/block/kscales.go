package block

// tiny is the magnitude below which a part of a block counts as zeros.
const tiny = 1e-15

// toQ3_K fits d·(q − 4) to each part of 16 and rounds each part's d to 32nds of the largest.
func toQ3_K(dst []byte, src []float32) {
	var q [256]uint8
	var scales [16]float32
	for part := range 16 {
		scales[part] = ascend(q[part*16:][:16], src[part*16:][:16])
	}
	clear(dst[:32])
	clear(dst[96:108])
	high, packed := dst[:32], dst[96:108]
	var d, inverse float32
	if largest := extreme(scales[:]); largest != 0 {
		inverse = -32 / largest
		d = 1 / inverse
	}
	d = putHalf(dst[108:], d)
	for part := range 16 {
		var s byte // 0 where all scales are
		if inverse != 0 {
			s = byte(max(-32, min(31, int8(even(inverse*scales[part])))) + 32)
			putScale6(packed, part, s)
		}
		if ds := d * float32(int(s)-32); ds != 0 {
			for i, v := range src[part*16:][:16] {
				q[part*16+i] = byte(max(-4, min(3, even(v/ds))) + 4)
			}
		}
	}
	for i, v := range q {
		high[i%32] |= v >> 2 << (i / 32)
	}
	pack2(dst[32:96], &q)
}

// putScale6 stores what scale6 returns.
func putScale6(packed []byte, i int, s byte) {
	packed[i%8] |= s & 15 << (i / 8 * 4)
	packed[8+i%4] |= s >> 4 << (i / 4 * 2)
}

// ascend stores the q of x ≈ d·(q − 4) and returns d. From the element of the largest magnitude at −4 it changes single
// elements, in at most 5 rounds, as long as that lowers the squared error, weighed by x², of the best d.
func ascend(q []uint8, x []float32) float32 {
	extreme := extreme(x)
	if abs(extreme) < tiny {
		clear(q)
		return 0
	}
	inverse := -4 / extreme
	var n [16]int32
	var sumQX, sumQQ float32
	for i, v := range x {
		n[i] = max(-4, min(3, even(inverse*v)))
		sumQX += float32(float32(float32(v*v)*v) * float32(n[i]))
		sumQQ += float32(float32(float32(v*v)*float32(n[i])) * float32(n[i]))
	}
	for range 5 {
		changed := false
		for i, v := range x {
			w, old := float32(v*v), float32(n[i])
			qx := sumQX - float32(float32(w*v)*old)
			if !(qx > 0) {
				continue
			}
			qq := sumQQ - float32(float32(w*old)*old)
			to := max(-4, min(3, even(float32(v*qq)/qx)))
			if to == n[i] {
				continue
			}
			qx += float32(float32(w*v) * float32(to))
			qq += float32(float32(w*float32(to)) * float32(to))
			if qq > 0 && float32(float32(qx*qx)*sumQQ) > float32(float32(sumQX*sumQX)*qq) {
				n[i], sumQX, sumQQ, changed = to, qx, qq, true
			}
		}
		if !changed {
			break
		}
	}
	for i := range q {
		q[i] = uint8(n[i] + 4)
	}
	if sumQQ > 0 {
		return sumQX / sumQQ
	}
	return 0
}

// toQ6_K fits d·(q − 32) to each part of 16 and rounds each part's d to 128ths of the largest.
func toQ6_K(dst []byte, src []float32) {
	var q [256]uint8
	var scales [16]float32
	for half := range 2 {
		at := half * lanes
		copy(scales[at:], scan(q[at*16:], src[at*16:][:lanes*16]))
	}
	largest := extreme(scales[:])
	if abs(largest) < tiny {
		clear(dst)
		return
	}
	low, high := dst[:128], dst[128:192]
	inverse := -128 / largest
	d := putHalf(dst[208:], 1/inverse)
	for part := range 16 {
		s := int8(min(127, even(inverse*scales[part])))
		dst[192+part] = byte(s)
		if ds := d * float32(s); ds != 0 {
			for i, v := range src[part*16:][:16] {
				q[part*16+i] = byte(max(-32, min(31, even(v/ds))) + 32)
			}
		}
	}
	for half := range 2 {
		for i := range 32 {
			from := q[half*128+i:]
			a, b, c, d := from[0], from[32], from[64], from[96]
			low[half*64+i] = a&15 | c&15<<4
			low[half*64+i+32] = b&15 | d&15<<4
			high[half*32+i] = a>>4 | b>>4<<2 | c>>4<<4 | d>>4<<6
		}
	}
}
