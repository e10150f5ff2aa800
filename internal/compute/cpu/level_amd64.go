//go:build amd64 && !purego

package cpu

import "github.com/klauspost/cpuid/v2"

// fast are the levels with assembly that this machine has, the best first.
func fast() []level { return levelsOf(&cpuid.CPU) }

// levelsOf returns the levels with assembly that a processor has, the best first.
func levelsOf(c *cpuid.CPUInfo) (all []level) {
	if c.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.FMA3, cpuid.F16C) {
		l := plain()
		l.name = "avx512"
		l.tileF32, l.packF32 = tileF32AVX512, packF32AVX512
		l.rowBF16, l.rowF16, l.rowInt8, l.rowNF4 = rowBF16AVX2, rowF16AVX2, rowInt8AVX2, rowNF4AVX2
		l.transposeBF16, l.transposeBF16F32, l.transposeF16F32 = transposeBF16AVX512, transposeBF16F32AVX512, transposeF16F32AVX512
		l.widenBF16, l.widenF16 = widenBF16AVX512, widenF16AVX512
		l.dequantizeInt8, l.dequantizeNF4, l.transposeInt8, l.toBytes = dequantizeInt8AVX512, dequantizeNF4AVX512, transposeInt8AVX512, toBytesAVX512
		l.fromInt32, l.addInt32, l.magnitude, l.multiply = fromInt32AVX512, addInt32AVX512, magnitudeAVX512, multiplyAVX512
		l.add, l.scale, l.top, l.finite, l.expSum = addAVX512, scaleAVX512, topAVX512, finiteAVX512, expSumAVX512
		l.dot, l.dot3, l.norm, l.normBack = dotAVX512, dot3AVX512, normAVX512, normBackAVX512
		l.softmaxBack, l.rotate, l.swiglu, l.swigluBack = softmaxBackAVX512, rotateAVX512, swigluAVX512, swigluBackAVX512
		if c.Supports(cpuid.AVX512BF16, cpuid.AVX512VNNI) {
			m := l
			m.name, m.bf16, m.auto, m.codes = "avx512bf16", true, fasterInBF16(c), 4
			m.tileBF16, m.tileInt8 = tileBF16AVX512, tileInt8AVX512
			m.packBF16, m.pairBF16 = packBF16AVX512, pairBF16AVX512
			all = append(all, m)
		}
		all = append(all, l)
	}
	if c.Supports(cpuid.AVX2, cpuid.FMA3, cpuid.F16C) {
		l := plain()
		l.name = "avx2"
		l.tileF32, l.rows = tileF32AVX2, 2*smallRows
		l.rowBF16, l.rowF16, l.rowInt8, l.rowNF4 = rowBF16AVX2, rowF16AVX2, rowInt8AVX2, rowNF4AVX2
		l.codes, l.tilePairs, l.tileBytes, l.unpackPairs, l.transposeInt8 = 2, tilePairsAVX2, tileBytesAVX2, unpackPairsAVX2, transposeInt8AVX2
		l.prefetchRows, l.multiplyPairs = prefetchRowsAVX2, multiplyPairsAVX2
		l.toPairs, l.fromInt32, l.addInt32, l.magnitude = toPairsAVX2, fromInt32AVX2, addInt32AVX2, magnitudeAVX2
		l.stripRows, l.stripF32, l.part = 96, stripF32AVX2, partAVX2
		l.peakF32 = peakF32AVX2
		l.packF32 = func(p *pack) { either(p, p.cols >= 8, packF32AVX2, packF32Go) }
		l.transposeBF16F32 = func(p *pack) { either(p, p.rows == 16, transposeBF16F32AVX2, transposeBF16F32Go) }
		l.transposeF16F32 = func(p *pack) { either(p, p.rows == 16, transposeF16F32AVX2, transposeF16F32Go) }
		l.widenBF16, l.widenF16, l.dequantizeInt8, l.dequantizeNF4 = widenBF16AVX2, widenF16AVX2, dequantizeInt8AVX2, dequantizeNF4AVX2
		l.add, l.multiply, l.scale, l.top, l.finite, l.expSum = addAVX2, multiplyAVX2, scaleAVX2, topAVX2, finiteAVX2, expSumAVX2
		l.dot, l.dot3, l.norm, l.normBack = dotAVX2, dot3AVX2, normAVX2, normBackAVX2
		l.softmaxBack, l.rotate, l.swiglu, l.swigluBack = softmaxBackAVX2, rotateAVX2, swigluAVX2, swigluBackAVX2
		all = append(all, l)
	}
	return all
}

// fasterInBF16 reports whether products of bfloat16 pairs are faster than of float32 on a processor that has both.
// Intel's processors multiply pairs fast in AMX; in AVX-512 they are slower than float32 (98 against 143 GFLOP/s of
// one core, Sapphire Rapids). AMD's are twice as fast as float32.
func fasterInBF16(c *cpuid.CPUInfo) bool {
	return !c.IsVendor(cpuid.Intel) || c.Supports(cpuid.AMXTILE, cpuid.AMXBF16)
}

// either calls a kernel where it can do the work, else its twin.
func either(p *pack, able bool, kernel, twin func(*pack)) {
	if !able {
		kernel = twin
	}
	kernel(p)
}

// tileF32AVX2 has a kernel of its own for one row or two of a panel.
func tileF32AVX2(t *tile) {
	switch {
	case t.rows <= 2 && t.cols == panel:
		wideF32(t)
	case t.rows <= smallRows && t.cols == smallCols:
		smallF32(t)
	default:
		smallTilesF32(t)
	}
}

// stripF32AVX2 leaves going from tile to tile to the kernel, but at the edge of C.
func stripF32AVX2(t *tile) {
	if t.cols == smallCols {
		smallF32(t)
		return
	}
	for r := 0; r < t.rows; r += smallRows {
		small := t.ofStrip(r)
		small.edge(t.cols)
	}
}
