//go:build amd64 && !purego

package kernel

import (
	"sync"
	"time"

	"github.com/klauspost/cpuid/v2"
)

// fast returns the levels with assembly that this machine has, the best first.
func fast() []Level { return levelsOf(&cpuid.CPU, amxWorks, pairsGain, amxGain) }

// pairsGain measures what products of bfloat16 pairs gain, once for the whole process, and amxGain those in tile
// registers.
var (
	pairsGain = sync.OnceValue(func() float64 { return gain(tileBF16AVX512, tileF32AVX512, 2, time.Now) })
	amxGain   = sync.OnceValue(func() float64 { return gainAMX(assemblyAMX(), tileF32AVX512, time.Now) })
)

// amxWorks asks the system for tile registers, once for the whole process, and tries the kernels.
var amxWorks = sync.OnceValue(func() bool { return permitTiles() && assemblyAMX().equalsTwins() })

// tileFeatures returns what level amx needs beyond avx512bf16.
func tileFeatures() []cpuid.FeatureID {
	return []cpuid.FeatureID{cpuid.AMXTILE, cpuid.AMXBF16, cpuid.AMXINT8, cpuid.AVX512VBMI}
}

// levelsOf returns the levels with assembly that a processor has, the best first; amxWorks reports whether tile
// registers may be used, pairsGain and amxGain how much faster products of bfloat16 are than of float32.
func levelsOf(c *cpuid.CPUInfo, amxWorks func() bool, pairsGain, amxGain func() float64) (all []Level) {
	if c.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.FMA3, cpuid.F16C) {
		l := Plain()
		l.Name = "avx512"
		l.TileF32, l.PackF32 = tileF32AVX512, packF32AVX512
		// Beside 1,024, Zen 5 decodes 6 % faster, and two threads of Emerald Rapids read 20 % faster; it is slow at 2,048.
		l.Ahead = 4096
		l.PeakF32 = peakF32AVX512
		l.RowInt8, l.RowNF4 = rowInt8AVX512, rowNF4AVX512
		l.RowBF16, l.RowF16 = rowsOfHalves(c)
		l.Blocks, l.SplitHalves, l.CodeRuns = blocksAVX512(), splitHalvesAVX2, codeRunsAVX2
		l.CodeLines, l.MagnitudesNF4, l.CodesNF4 = codeLinesAVX2, magnitudesNF4AVX2, codesNF4AVX2
		l.UnpackNF4, l.TileNF4 = unpackNF4DigitsAVX2, inFull(codeTileNF4AVX2)
		if c.Supports(cpuid.AVX512VNNI) {
			l.Blocks, l.CodeRuns, l.RunWords, l.CodeLines = blocksVNNI(), codeLinesAVX2, LineWords, codeLinesAVX2
			l.CodesNF4, l.UnpackNF4, l.TileNF4 = linesNF4AVX512, unpackNF4AboveAVX2, codeTile1AVX512
			l.Codes, l.TileInt8 = 4, tileInt8AVX512
		}
		l.TransposeBF16, l.TransposeBF16F32 = transposeBF16AVX512, transposeBF16F32AVX512
		l.TransposeF16F32, l.TransposeInt8 = transposeF16F32AVX512, transposeInt8AVX512
		l.WidenBF16, l.WidenF16 = widenBF16AVX512, widenF16AVX512
		l.DequantizeInt8, l.DequantizeNF4, l.ToBytes = dequantizeInt8AVX512, dequantizeNF4AVX512, toBytesAVX512
		l.FromInt32, l.AddInt32, l.Magnitude, l.Multiply = fromInt32AVX512, addInt32AVX512, magnitudeAVX512, multiplyAVX512
		l.Sum, l.Add, l.Scale = sumAVX512, addAVX512, scaleAVX512
		l.Top, l.Finite, l.ExpSum = topAVX512, finiteAVX512, expSumAVX512
		l.Dot, l.Dot3, l.Norm, l.NormBack = dotAVX512, dot3AVX512, normAVX512, normBackAVX512
		l.SoftmaxBack, l.Rotate, l.SwiGLU, l.SwiGLUBack = softmaxBackAVX512, rotateAVX512, swigluAVX512, swigluBackAVX512
		if c.Supports(cpuid.AVX512BF16, cpuid.AVX512VNNI) {
			m := l
			m.Name, m.BF16, m.Gain = "avx512bf16", true, pairsGain()
			m.Auto = m.Gain >= worthwhile
			m.TileBF16, m.PackBF16, m.PairBF16 = tileBF16AVX512, packBF16AVX512, pairBF16AVX512
			if c.Supports(tileFeatures()...) && amxWorks() {
				tiles := m
				tiles.Name, tiles.Gain, tiles.AMX = "amx", amxGain(), assemblyAMX()
				tiles.Auto = tiles.Gain >= worthwhile
				all = append(all, tiles)
			}
			all = append(all, m)
		}
		all = append(all, l)
	}
	if c.Supports(cpuid.AVX2, cpuid.FMA3, cpuid.F16C) {
		l := Plain()
		l.Name = "avx2"
		l.TileF32, l.Rows = tileF32AVX2, 2*SmallRows
		l.RowInt8, l.RowNF4 = rowInt8AVX2, rowNF4AVX2
		l.RowBF16, l.RowF16 = rowsOfHalves(c)
		l.Blocks, l.SplitHalves, l.CodeRuns, l.CodeLines = blocksAVX2(), splitHalvesAVX2, codeRunsAVX2, codeLinesAVX2
		l.MagnitudesNF4, l.CodesNF4 = magnitudesNF4AVX2, codesNF4AVX2
		l.UnpackNF4, l.TileNF4 = unpackNF4DigitsAVX2, inFull(codeTileNF4AVX2)
		l.Codes, l.TilePairs, l.TileBytes = 2, tilePairsAVX2, tileBytesAVX2
		l.UnpackPairs, l.TransposeInt8, l.PrefetchRows = unpackPairsAVX2, transposeInt8AVX2, prefetchRowsAVX2
		l.ToPairs, l.FromInt32, l.AddInt32, l.Magnitude = toPairsAVX2, fromInt32AVX2, addInt32AVX2, magnitudeAVX2
		l.StripRows, l.StripF32, l.Part = 96, stripF32AVX2, partAVX2
		l.PeakF32, l.PeakPairs = peakF32AVX2, peakPairsAVX2
		l.PackF32 = func(p *Pack) { either(p, p.Cols >= 8, packF32AVX2, packF32Go) }
		l.TransposeBF16F32 = func(p *Pack) { either(p, p.Rows == 16, transposeBF16F32AVX2, transposeBF16F32Go) }
		l.TransposeF16F32 = func(p *Pack) { either(p, p.Rows == 16, transposeF16F32AVX2, transposeF16F32Go) }
		l.WidenBF16, l.WidenF16 = widenBF16AVX2, widenF16AVX2
		l.DequantizeInt8, l.DequantizeNF4 = dequantizeInt8AVX2, dequantizeNF4AVX2
		l.Sum, l.Add, l.Multiply, l.Scale = sumAVX2, addAVX2, multiplyAVX2, scaleAVX2
		l.Top, l.Finite, l.ExpSum = topAVX2, finiteAVX2, expSumAVX2
		l.Dot, l.Dot3, l.Norm, l.NormBack = dotAVX2, dot3AVX2, normAVX2, normBackAVX2
		l.SoftmaxBack, l.Rotate, l.SwiGLU, l.SwiGLUBack = softmaxBackAVX2, rotateAVX2, swigluAVX2, swigluBackAVX2
		all = append(all, l)
	}
	return all
}

// rowsOfHalves returns the kernels of rows of bfloat16 and of float16. Requests far ahead, into the second cache, gain
// 5 to 15 % on Intel's Emerald Rapids and nothing on AMD's Zen 4.
func rowsOfHalves(c *cpuid.CPUInfo) (bf16, f16 RowKernel) {
	if c.VendorID == cpuid.Intel {
		return rowBF16FarAVX2, rowF16FarAVX2
	}
	return rowBF16AVX2, rowF16AVX2
}

// worthwhile is the gain from which on compute auto takes bfloat16: more than measurements of a busy machine differ by,
// so that a machine always chooses the same. AMD's Zen 4 should gain 2, Intel's Emerald Rapids loses half of its speed.
const worthwhile = 1.25

// either calls a kernel where it can do the work, else its twin.
func either(p *Pack, able bool, kernel, twin func(*Pack)) {
	if !able {
		kernel = twin
	}
	kernel(p)
}

// tileF32AVX2 has a kernel of its own for one row or two of a panel.
func tileF32AVX2(t *Tile) {
	switch {
	case t.Rows <= 2 && t.Cols == Panel:
		wideF32(t)
	case t.Rows <= SmallRows && t.Cols == SmallCols:
		smallF32(t)
	default:
		smallTilesF32(t)
	}
}

// stripF32AVX2 leaves going from tile to tile to the kernel, except at the edge of c.
func stripF32AVX2(t *Tile) {
	if t.Cols == SmallCols {
		rowsF32(t)
		return
	}
	for r := 0; r < t.Rows; r += SmallRows {
		small := t.ofStrip(r)
		small.edge(t.Cols)
	}
}
