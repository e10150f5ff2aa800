//go:build amd64 && !purego

package kernel

// The products of blocks by codes in assembly, which gen writes.

//go:noescape
func codesQ4_0AVX2(b *BlockRows)

//go:noescape
func codesQ4_1AVX2(b *BlockRows)

//go:noescape
func codesQ5_0AVX2(b *BlockRows)

//go:noescape
func codesQ5_1AVX2(b *BlockRows)

//go:noescape
func codesQ8_0AVX2(b *BlockRows)

//go:noescape
func codesQ2_KAVX2(b *BlockRows)

//go:noescape
func codesQ3_KAVX2(b *BlockRows)

//go:noescape
func codesQ4_KAVX2(b *BlockRows)

//go:noescape
func codesQ5_KAVX2(b *BlockRows)

//go:noescape
func codesQ6_KAVX2(b *BlockRows)

//go:noescape
func codesIQ4_NLAVX2(b *BlockRows)

//go:noescape
func codesIQ4_XSAVX2(b *BlockRows)

//go:noescape
func codesQ4_0AVX512(b *BlockRows)

//go:noescape
func codesQ4_1AVX512(b *BlockRows)

//go:noescape
func codesQ5_0AVX512(b *BlockRows)

//go:noescape
func codesQ5_1AVX512(b *BlockRows)

//go:noescape
func codesQ8_0AVX512(b *BlockRows)

//go:noescape
func codesQ2_KAVX512(b *BlockRows)

//go:noescape
func codesQ3_KAVX512(b *BlockRows)

//go:noescape
func codesQ4_KAVX512(b *BlockRows)

//go:noescape
func codesQ5_KAVX512(b *BlockRows)

//go:noescape
func codesQ6_KAVX512(b *BlockRows)

//go:noescape
func codesIQ4_NLAVX512(b *BlockRows)

//go:noescape
func codesIQ4_XSAVX512(b *BlockRows)

//go:noescape
func codes4Q4_0AVX512(b *BlockRows)

//go:noescape
func codes4Q4_1AVX512(b *BlockRows)

//go:noescape
func codes4Q5_0AVX512(b *BlockRows)

//go:noescape
func codes4Q5_1AVX512(b *BlockRows)

//go:noescape
func codes4Q8_0AVX512(b *BlockRows)

//go:noescape
func codes4Q2_KAVX512(b *BlockRows)

//go:noescape
func codes4Q3_KAVX512(b *BlockRows)

//go:noescape
func codes4Q4_KAVX512(b *BlockRows)

//go:noescape
func codes4Q5_KAVX512(b *BlockRows)

//go:noescape
func codes4Q6_KAVX512(b *BlockRows)

//go:noescape
func codes4IQ4_NLAVX512(b *BlockRows)

//go:noescape
func codes4IQ4_XSAVX512(b *BlockRows)

//go:noescape
func unpackQ4_0AVX512(p *CodePanel)

//go:noescape
func unpackQ4_1AVX512(p *CodePanel)

//go:noescape
func unpackQ5_0AVX512(p *CodePanel)

//go:noescape
func unpackQ5_1AVX512(p *CodePanel)

//go:noescape
func unpackQ8_0AVX512(p *CodePanel)

//go:noescape
func unpackQ2_KAVX512(p *CodePanel)

//go:noescape
func unpackQ3_KAVX512(p *CodePanel)

//go:noescape
func unpackQ4_KAVX512(p *CodePanel)

//go:noescape
func unpackQ5_KAVX512(p *CodePanel)

//go:noescape
func unpackQ6_KAVX512(p *CodePanel)

//go:noescape
func unpackIQ4_NLAVX512(p *CodePanel)

//go:noescape
func unpackIQ4_XSAVX512(p *CodePanel)

//go:noescape
func linesQ4_0AVX512(b *BlockRows)

//go:noescape
func linesQ4_1AVX512(b *BlockRows)

//go:noescape
func linesQ5_0AVX512(b *BlockRows)

//go:noescape
func linesQ5_1AVX512(b *BlockRows)

//go:noescape
func linesQ8_0AVX512(b *BlockRows)

//go:noescape
func linesQ2_KAVX512(b *BlockRows)

//go:noescape
func linesQ3_KAVX512(b *BlockRows)

//go:noescape
func linesQ4_KAVX512(b *BlockRows)

//go:noescape
func linesQ5_KAVX512(b *BlockRows)

//go:noescape
func linesQ6_KAVX512(b *BlockRows)

//go:noescape
func linesIQ4_NLAVX512(b *BlockRows)

//go:noescape
func linesIQ4_XSAVX512(b *BlockRows)

//go:noescape
func unpackQ4_0AVX2(p *CodePanel)

//go:noescape
func codeTileQ4_0AVX2(t *CodeTile)

//go:noescape
func unpackQ4_1AVX2(p *CodePanel)

//go:noescape
func codeTileQ4_1AVX2(t *CodeTile)

//go:noescape
func unpackQ5_0AVX2(p *CodePanel)

//go:noescape
func codeTileQ5_0AVX2(t *CodeTile)

//go:noescape
func unpackQ5_1AVX2(p *CodePanel)

//go:noescape
func codeTileQ5_1AVX2(t *CodeTile)

//go:noescape
func unpackQ8_0AVX2(p *CodePanel)

//go:noescape
func codeTileQ8_0AVX2(t *CodeTile)

//go:noescape
func unpackQ2_KAVX2(p *CodePanel)

//go:noescape
func codeTileQ2_KAVX2(t *CodeTile)

//go:noescape
func unpackQ3_KAVX2(p *CodePanel)

//go:noescape
func codeTileQ3_KAVX2(t *CodeTile)

//go:noescape
func unpackQ4_KAVX2(p *CodePanel)

//go:noescape
func unpackQ5_KAVX2(p *CodePanel)

//go:noescape
func unpackQ6_KAVX2(p *CodePanel)

//go:noescape
func codeTileQ6_KAVX2(t *CodeTile)

//go:noescape
func unpackIQ4_NLAVX2(p *CodePanel)

//go:noescape
func unpackIQ4_XSAVX2(p *CodePanel)
