package block

import "encoding/binary"

func q2_K(dst []float32, src []byte) {
	scales, q, d, m := src[:16], src[16:80], half(src[80:]), half(src[82:])
	for part := range 16 {
		s := scales[part]
		ds, mt := d*float32(s&15), float32(m*float32(s>>4))
		from, shift := q[part/8*32+part%2*16:], part%8/2*2 // 8 parts share 32 bytes, pair by pair
		for i := range 16 {
			dst[part*16+i] = float32(ds*float32(from[i]>>shift&3)) - mt
		}
	}
}

func q3_K(dst []float32, src []byte) {
	high, q, packed, d := src[:32], src[32:96], src[96:108], half(src[108:])
	for part := range 16 {
		ds := d * float32(int(scale6(packed, part))-32)
		from, shift := q[part/8*32+part%2*16:], part%8/2*2
		bit := byte(1) << (part / 2)
		for i := range 16 {
			x := int(from[i] >> shift & 3)
			if high[part%2*16+i]&bit == 0 {
				x -= 4
			}
			dst[part*16+i] = ds * float32(x)
		}
	}
}

// scale6 returns scale i of Q3_K's 16: four low bits in the first 8 bytes, two high bits in the last 4.
func scale6(packed []byte, i int) byte {
	low := packed[i%8] >> (i / 8 * 4) & 15
	return low | packed[8+i%4]>>(i/4*2)&3<<4
}

// pair6 returns pair i of the 8 of Q4_K and Q5_K. The first 4 bytes hold six bits of s and the next 4 of t for the
// first four; the nibbles of the last 4 bytes and the upper two bits of the first 8 hold the others.
func pair6(packed []byte, i int) (s, t byte) {
	if i < 4 {
		return packed[i] & 63, packed[i+4] & 63
	}
	return packed[i+4]&15 | packed[i-4]>>6<<4, packed[i+4]>>4 | packed[i]>>6<<4
}

func q4_K(dst []float32, src []byte) {
	d, m, packed, q := half(src), half(src[2:]), src[4:16], src[16:]
	for part := range 8 {
		s, t := pair6(packed, part)
		ds, mt := d*float32(s), float32(m*float32(t))
		from, shift := q[part/2*32:], part%2*4
		for i := range 32 {
			dst[part*32+i] = float32(ds*float32(from[i]>>shift&15)) - mt
		}
	}
}

func q5_K(dst []float32, src []byte) {
	d, m, packed, high, q := half(src), half(src[2:]), src[4:16], src[16:48], src[48:]
	for part := range 8 {
		s, t := pair6(packed, part)
		ds, mt := d*float32(s), float32(m*float32(t))
		from, shift := q[part/2*32:], part%2*4
		for i := range 32 {
			x := from[i]>>shift&15 | high[i]>>part&1<<4
			dst[part*32+i] = float32(ds*float32(x)) - mt
		}
	}
}

func q6_K(dst []float32, src []byte) {
	low, high, scales, d := src[:128], src[128:192], src[192:208], half(src[208:])
	for part := range 8 { // 32 elements, with two scales
		from, shift := low[part/4*64+part%2*32:], part%4/2*4
		upper, upperShift := high[part/4*32:], part%4*2
		for i := range 32 {
			x := int(from[i]>>shift&15|upper[i]>>upperShift&3<<4) - 32
			dst[part*32+i] = float32(d*float32(int8(scales[part*2+i/16]))) * float32(x)
		}
	}
}

func iq4XS(dst []float32, src []byte) {
	d, high, low, q := half(src), binary.LittleEndian.Uint16(src[2:]), src[4:8], src[8:]
	for part := range 8 {
		s := low[part/2]>>(part%2*4)&15 | byte(high>>(2*part)&3)<<4
		ds := d * float32(int(s)-32)
		for i, x := range q[part*16:][:16] {
			dst[part*32+i] = ds * levels[x&15]
			dst[part*32+i+16] = ds * levels[x>>4]
		}
	}
}
