package kernel

import (
	"math"

	"fettle/internal/compute"
)

// NF4Magnitudes holds the arguments of a kernel that makes floats of the magnitudes of NF4's blocks, 32 rows side by
// side:
//
//	dst[32b+c] = (mean + scales[(first + c·stride + b)/256]·src[32b+c])·times    b < count, c < 32
//
// Assembly knows the offsets of these fields.
type NF4Magnitudes struct {
	Dst           []float32
	Src           []int8
	Scales        []float32 // of groups of magnitudes, compute.NF4Group
	First, Stride int       // of the magnitudes' numbers
	Count         int       // at least one
	Mean, Times   float32
}

func magnitudesNF4Go(m *NF4Magnitudes) {
	for b := range m.Count {
		for c := range Panel {
			scale := m.Scales[(m.First+c*m.Stride+b)/compute.NF4Group]
			m.Dst[b*Panel+c] = (m.Mean + float32(scale*float32(m.Src[b*Panel+c]))) * m.Times
		}
	}
}

// NF4Row holds the arguments of the product of a row in codes and NF4 weights in words of eight codes. With s the scale
// of a run of x and q its codes, a the magnitude of its block divided by compute.NF4Scale and w compute.NF4Codes,
//
//	dst[c] += s·a·Σ w·q    run by run in ascending order
//
// where sums within a run are exact and each is added by one multiply-add. Assembly knows the offsets of these fields.
type NF4Row struct {
	Dst   []float32 // 32
	X     []Word    // LineWords for each run
	Src   []Word    // (4·runs, 32)
	Scale []float32 // a: (⌈runs/2⌉, 32)
	Runs  int       // at least one, the first of them at the beginning of a block
}

func codesNF4Go(r *NF4Row) {
	for run := range r.Runs {
		line, words := r.X[run*LineWords:], r.Src[run*Run/8*Panel:]
		for c := range Panel {
			var sum int32
			for k := range Run {
				w := compute.NF4Codes[words[k/8*Panel+c].Code(k%8)]
				sum += int32(w) * int32(line[k/4].Byte(k%4))
			}
			scale := line[lineScale].float() * r.Scale[run/2*Panel+c]
			r.Dst[c] = fma32(scale, float32(sum), r.Dst[c])
		}
	}
}

// fma32 returns x·y + z, rounded once.
func fma32(x, y, z float32) float32 {
	product := float64(x) * float64(y) // exactly
	sum := product + float64(z)
	part := sum - product
	missing := (product - (sum - part)) + (float64(z) - part)
	bits := math.Float64bits(sum)
	if bits&1 == 0 && (missing > 0 || missing < 0) { // an odd last bit keeps the second rounding from being misled
		if missing > 0 == (sum > 0) {
			bits++
		} else {
			bits--
		}
	}
	return float32(math.Float64frombits(bits))
}

// unpackNF4Above writes the codes' bytes for each of count rows of 32 words as VPDPBUSD takes them:
//
//	byte i of dst[(2r+h)·32 + c] = NF4Codes[code 4h+i of src[32r+c]] + 128
func unpackNF4Above(p *CodePanel) {
	p.eachNF4(func(s, c int, above Word) { p.Dst[s*Panel+c] = above })
}

// unpackNF4Digits writes the same in two digits of four bits, first those of a quarter of the columns. With s = 2r+h
// and S the number of all s, byte i of
//
//	dst[((c/8·S + s)·2 + d)·8 + c%8] = digit d of NF4Codes[…] + 128
func unpackNF4Digits(p *CodePanel) {
	p.eachNF4(func(s, c int, above Word) {
		at := p.Dst[(c/8*2*p.Count+s)*16+c%8:]
		at[0], at[8] = above&0x0f0f0f0f, above>>4&0x0f0f0f0f
	})
}

// eachNF4 calls write with the bytes of every four elements s of column c.
func (p *CodePanel) eachNF4(write func(s, c int, above Word)) {
	for r := range p.Count {
		for c := range Panel {
			for h := range 2 {
				var bytes Word
				for i := range 4 {
					code := p.Src[r*Panel+c].Code(4*h + i)
					bytes |= Word(uint8(compute.NF4Codes[code])^0x80) << (8 * i)
				}
				write(2*r+h, c, bytes)
			}
		}
	}
}
