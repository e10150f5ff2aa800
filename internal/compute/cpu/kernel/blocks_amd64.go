//go:build amd64 && !purego

package kernel

import "fettle/internal/compute"

// The kernels of blocks in assembly, which gen writes.

func blocksAVX2() map[compute.DType]BlockKernels {
	return map[compute.DType]BlockKernels{
		compute.Q4_0:   {rowQ4_0AVX2, dequantizeQ4_0AVX2, codesQ4_0AVX2, unpackQ4_0AVX2, inFull(codeTileQ4_0AVX2)},
		compute.Q4_1:   {rowQ4_1AVX2, dequantizeQ4_1AVX2, codesQ4_1AVX2, unpackQ4_1AVX2, inFull(codeTileQ4_1AVX2)},
		compute.Q5_0:   {rowQ5_0AVX2, dequantizeQ5_0AVX2, codesQ5_0AVX2, unpackQ5_0AVX2, inFull(codeTileQ5_0AVX2)},
		compute.Q5_1:   {rowQ5_1AVX2, dequantizeQ5_1AVX2, codesQ5_1AVX2, unpackQ5_1AVX2, inFull(codeTileQ5_1AVX2)},
		compute.Q8_0:   {rowQ8_0AVX2, dequantizeQ8_0AVX2, codesQ8_0AVX2, unpackQ8_0AVX2, inFull(codeTileQ8_0AVX2)},
		compute.Q2_K:   {rowQ2_KAVX2, dequantizeQ2_KAVX2, codesQ2_KAVX2, unpackQ2_KAVX2, inFull(codeTileQ2_KAVX2)},
		compute.Q3_K:   {rowQ3_KAVX2, dequantizeQ3_KAVX2, codesQ3_KAVX2, unpackQ3_KAVX2, inFull(codeTileQ3_KAVX2)},
		compute.Q4_K:   {rowQ4_KAVX2, dequantizeQ4_KAVX2, codesQ4_KAVX2, unpackQ4_KAVX2, inFull(codeTileQ4_1AVX2)},
		compute.Q5_K:   {rowQ5_KAVX2, dequantizeQ5_KAVX2, codesQ5_KAVX2, unpackQ5_KAVX2, inFull(codeTileQ5_1AVX2)},
		compute.Q6_K:   {rowQ6_KAVX2, dequantizeQ6_KAVX2, codesQ6_KAVX2, unpackQ6_KAVX2, inFull(codeTileQ6_KAVX2)},
		compute.IQ4_NL: {rowIQ4_NLAVX2, dequantizeIQ4_NLAVX2, codesIQ4_NLAVX2, unpackIQ4_NLAVX2, inFull(codeTileQ8_0AVX2)},
		compute.IQ4_XS: {rowIQ4_XSAVX2, dequantizeIQ4_XSAVX2, codesIQ4_XSAVX2, unpackIQ4_XSAVX2, inFull(codeTileQ8_0AVX2)},
	}
}

func blocksAVX512() map[compute.DType]BlockKernels {
	return map[compute.DType]BlockKernels{
		compute.Q4_0:   {rowQ4_0AVX512, dequantizeQ4_0AVX512, byFours(codesQ4_0AVX512, codes4Q4_0AVX512), nil, nil},
		compute.Q4_1:   {rowQ4_1AVX512, dequantizeQ4_1AVX512, byFours(codesQ4_1AVX512, codes4Q4_1AVX512), nil, nil},
		compute.Q5_0:   {rowQ5_0AVX512, dequantizeQ5_0AVX512, byFours(codesQ5_0AVX512, codes4Q5_0AVX512), nil, nil},
		compute.Q5_1:   {rowQ5_1AVX512, dequantizeQ5_1AVX512, byFours(codesQ5_1AVX512, codes4Q5_1AVX512), nil, nil},
		compute.Q8_0:   {rowQ8_0AVX512, dequantizeQ8_0AVX512, byFours(codesQ8_0AVX512, codes4Q8_0AVX512), nil, nil},
		compute.Q2_K:   {rowQ2_KAVX512, dequantizeQ2_KAVX512, byFours(codesQ2_KAVX512, codes4Q2_KAVX512), nil, nil},
		compute.Q3_K:   {rowQ3_KAVX512, dequantizeQ3_KAVX512, byFours(codesQ3_KAVX512, codes4Q3_KAVX512), nil, nil},
		compute.Q4_K:   {rowQ4_KAVX512, dequantizeQ4_KAVX512, byFours(codesQ4_KAVX512, codes4Q4_KAVX512), nil, nil},
		compute.Q5_K:   {rowQ5_KAVX512, dequantizeQ5_KAVX512, byFours(codesQ5_KAVX512, codes4Q5_KAVX512), nil, nil},
		compute.Q6_K:   {rowQ6_KAVX512, dequantizeQ6_KAVX512, byFours(codesQ6_KAVX512, codes4Q6_KAVX512), nil, nil},
		compute.IQ4_NL: {rowIQ4_NLAVX512, dequantizeIQ4_NLAVX512, byFours(codesIQ4_NLAVX512, codes4IQ4_NLAVX512), nil, nil},
		compute.IQ4_XS: {rowIQ4_XSAVX512, dequantizeIQ4_XSAVX512, byFours(codesIQ4_XSAVX512, codes4IQ4_XSAVX512), nil, nil},
	}
}

// blocksVNNI returns the kernels for processors that have VPDPBUSD.
func blocksVNNI() map[compute.DType]BlockKernels {
	return map[compute.DType]BlockKernels{
		compute.Q4_0:   {rowQ4_0AVX512, dequantizeQ4_0AVX512, linesQ4_0AVX512, unpackQ4_0AVX512, codeTile1AVX512},
		compute.Q4_1:   {rowQ4_1AVX512, dequantizeQ4_1AVX512, linesQ4_1AVX512, unpackQ4_1AVX512, codeTile1OffsetAVX512},
		compute.Q5_0:   {rowQ5_0AVX512, dequantizeQ5_0AVX512, linesQ5_0AVX512, unpackQ5_0AVX512, codeTile1AVX512},
		compute.Q5_1:   {rowQ5_1AVX512, dequantizeQ5_1AVX512, linesQ5_1AVX512, unpackQ5_1AVX512, codeTile1OffsetAVX512},
		compute.Q8_0:   {rowQ8_0AVX512, dequantizeQ8_0AVX512, linesQ8_0AVX512, unpackQ8_0AVX512, codeTile1AVX512},
		compute.Q2_K:   {rowQ2_KAVX512, dequantizeQ2_KAVX512, linesQ2_KAVX512, unpackQ2_KAVX512, codeTile2OffsetAVX512},
		compute.Q3_K:   {rowQ3_KAVX512, dequantizeQ3_KAVX512, linesQ3_KAVX512, unpackQ3_KAVX512, codeTile2AVX512},
		compute.Q4_K:   {rowQ4_KAVX512, dequantizeQ4_KAVX512, linesQ4_KAVX512, unpackQ4_KAVX512, codeTile1OffsetAVX512},
		compute.Q5_K:   {rowQ5_KAVX512, dequantizeQ5_KAVX512, linesQ5_KAVX512, unpackQ5_KAVX512, codeTile1OffsetAVX512},
		compute.Q6_K:   {rowQ6_KAVX512, dequantizeQ6_KAVX512, linesQ6_KAVX512, unpackQ6_KAVX512, codeTile2AVX512},
		compute.IQ4_NL: {rowIQ4_NLAVX512, dequantizeIQ4_NLAVX512, linesIQ4_NLAVX512, unpackIQ4_NLAVX512, codeTile1AVX512},
		compute.IQ4_XS: {rowIQ4_XSAVX512, dequantizeIQ4_XSAVX512, linesIQ4_XSAVX512, unpackIQ4_XSAVX512, codeTile1AVX512},
	}
}

// inFull makes a kernel for any number of columns of one for all 32.
func inFull(full func(*CodeTile)) func(*CodeTile) {
	return func(t *CodeTile) {
		if t.Cols == Panel {
			full(t)
			return
		}
		dst, ldc := t.Dst, t.LDC
		for i := range t.Rows {
			copy(t.Room[i*Panel:], dst[i*ldc:][:t.Cols])
		}
		t.Dst, t.LDC = t.Room, Panel
		full(t)
		t.Dst, t.LDC = dst, ldc
		for i := range t.Rows {
			copy(dst[i*ldc:][:t.Cols], t.Room[i*Panel:])
		}
	}
}

// byFours makes one kernel of those for single rows and for four at a time.
func byFours(one, four func(*BlockRows)) func(*BlockRows) {
	return func(b *BlockRows) {
		rows := b.Rows
		if b.Rows = rows / 4; b.Rows > 0 {
			four(b)
		}
		if b.Rows = rows % 4; b.Rows > 0 {
			done := rows - b.Rows
			rest := *b
			rest.Dst, rest.X = b.Dst[done*Panel:], b.X[done*b.LDX:]
			one(&rest)
		}
		b.Rows = rows
	}
}

//go:noescape
func rowQ4_0AVX2(b *Blocks)

//go:noescape
func dequantizeQ4_0AVX2(b *Blocks)

//go:noescape
func rowQ4_1AVX2(b *Blocks)

//go:noescape
func dequantizeQ4_1AVX2(b *Blocks)

//go:noescape
func rowQ5_0AVX2(b *Blocks)

//go:noescape
func dequantizeQ5_0AVX2(b *Blocks)

//go:noescape
func rowQ5_1AVX2(b *Blocks)

//go:noescape
func dequantizeQ5_1AVX2(b *Blocks)

//go:noescape
func rowQ8_0AVX2(b *Blocks)

//go:noescape
func dequantizeQ8_0AVX2(b *Blocks)

//go:noescape
func rowQ2_KAVX2(b *Blocks)

//go:noescape
func dequantizeQ2_KAVX2(b *Blocks)

//go:noescape
func rowQ3_KAVX2(b *Blocks)

//go:noescape
func dequantizeQ3_KAVX2(b *Blocks)

//go:noescape
func rowQ4_KAVX2(b *Blocks)

//go:noescape
func dequantizeQ4_KAVX2(b *Blocks)

//go:noescape
func rowQ5_KAVX2(b *Blocks)

//go:noescape
func dequantizeQ5_KAVX2(b *Blocks)

//go:noescape
func rowQ6_KAVX2(b *Blocks)

//go:noescape
func dequantizeQ6_KAVX2(b *Blocks)

//go:noescape
func rowIQ4_NLAVX2(b *Blocks)

//go:noescape
func dequantizeIQ4_NLAVX2(b *Blocks)

//go:noescape
func rowIQ4_XSAVX2(b *Blocks)

//go:noescape
func dequantizeIQ4_XSAVX2(b *Blocks)

//go:noescape
func rowQ4_0AVX512(b *Blocks)

//go:noescape
func dequantizeQ4_0AVX512(b *Blocks)

//go:noescape
func rowQ4_1AVX512(b *Blocks)

//go:noescape
func dequantizeQ4_1AVX512(b *Blocks)

//go:noescape
func rowQ5_0AVX512(b *Blocks)

//go:noescape
func dequantizeQ5_0AVX512(b *Blocks)

//go:noescape
func rowQ5_1AVX512(b *Blocks)

//go:noescape
func dequantizeQ5_1AVX512(b *Blocks)

//go:noescape
func rowQ8_0AVX512(b *Blocks)

//go:noescape
func dequantizeQ8_0AVX512(b *Blocks)

//go:noescape
func rowQ2_KAVX512(b *Blocks)

//go:noescape
func dequantizeQ2_KAVX512(b *Blocks)

//go:noescape
func rowQ3_KAVX512(b *Blocks)

//go:noescape
func dequantizeQ3_KAVX512(b *Blocks)

//go:noescape
func rowQ4_KAVX512(b *Blocks)

//go:noescape
func dequantizeQ4_KAVX512(b *Blocks)

//go:noescape
func rowQ5_KAVX512(b *Blocks)

//go:noescape
func dequantizeQ5_KAVX512(b *Blocks)

//go:noescape
func rowQ6_KAVX512(b *Blocks)

//go:noescape
func dequantizeQ6_KAVX512(b *Blocks)

//go:noescape
func rowIQ4_NLAVX512(b *Blocks)

//go:noescape
func dequantizeIQ4_NLAVX512(b *Blocks)

//go:noescape
func rowIQ4_XSAVX512(b *Blocks)

//go:noescape
func dequantizeIQ4_XSAVX512(b *Blocks)

//go:noescape
func codeTile1AVX512(t *CodeTile)

//go:noescape
func codeTile1OffsetAVX512(t *CodeTile)

//go:noescape
func codeTile2AVX512(t *CodeTile)

//go:noescape
func codeTile2OffsetAVX512(t *CodeTile)
