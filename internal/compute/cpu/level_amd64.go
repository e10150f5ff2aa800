//go:build amd64 && !purego

package cpu

import "github.com/klauspost/cpuid/v2"

// fast are the levels with assembly that this machine has, the best first.
func fast() (all []level) {
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.FMA3) {
		l := plain()
		l.name = "avx512"
		l.tileF32, l.packF32 = tileF32AVX512, packF32AVX512
		l.turnBF16, l.turnBF16F32, l.turnF16F32 = turnBF16AVX512, turnBF16F32AVX512, turnF16F32AVX512
		l.widenBF16, l.widenF16 = widenBF16AVX512, widenF16AVX512
		l.prefetch = prefetchAMD64
		if cpuid.CPU.Supports(cpuid.AVX512BF16, cpuid.AVX512VNNI) {
			m := l
			m.name, m.bf16, m.vnni = "avx512bf16", true, true
			m.tileBF16, m.tileInt8 = tileBF16AVX512, tileInt8AVX512
			m.packBF16, m.pairBF16 = packBF16AVX512, pairBF16AVX512
			all = append(all, m)
		}
		all = append(all, l)
	}
	return all
}

//go:noescape
func tileF32AVX512(t *tile)

//go:noescape
func tileBF16AVX512(t *tile)

//go:noescape
func tileInt8AVX512(t *tile)

//go:noescape
func packF32AVX512(p *pack)

//go:noescape
func packBF16AVX512(p *pack)

//go:noescape
func pairBF16AVX512(p *pack)

//go:noescape
func turnBF16AVX512(p *pack)

//go:noescape
func turnBF16F32AVX512(p *pack)

//go:noescape
func turnF16F32AVX512(p *pack)

//go:noescape
func widenBF16AVX512(p *pack)

//go:noescape
func widenF16AVX512(p *pack)

//go:noescape
func prefetchAMD64(x []float32)
