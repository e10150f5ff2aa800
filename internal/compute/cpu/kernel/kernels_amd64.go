//go:build amd64 && !purego

package kernel

// The kernels in assembly, which gen writes. Each computes the same as its plain twin.

//go:noescape
func tileF32AVX512(t *Tile)

//go:noescape
func tileBF16AVX512(t *Tile)

//go:noescape
func tileInt8AVX512(t *Tile)

//go:noescape
func packF32AVX512(p *Pack)

//go:noescape
func packBF16AVX512(p *Pack)

//go:noescape
func pairBF16AVX512(p *Pack)

//go:noescape
func transposeBF16AVX512(p *Pack)

//go:noescape
func transposeBF16F32AVX512(p *Pack)

//go:noescape
func transposeF16F32AVX512(p *Pack)

//go:noescape
func widenBF16AVX512(p *Pack)

//go:noescape
func widenF16AVX512(p *Pack)

//go:noescape
func sumAVX512(y, a, b []float32)

//go:noescape
func addAVX512(y, x []float32)

//go:noescape
func scaleAVX512(x []float32, a float32)

//go:noescape
func topAVX512(x []float32) (top float32)

//go:noescape
func finiteAVX512(x []float32) (zero float32)

//go:noescape
func expSumAVX512(x []float32, top float32) (sum float64)

//go:noescape
func dotAVX512(x, y []float32) (sum float64)

//go:noescape
func dot3AVX512(x, y, z []float32) (sum float64)

//go:noescape
func normAVX512(y, x, w []float32, r float32)

//go:noescape
func normBackAVX512(dx, dy, x, w []float32, r, r3 float32)

//go:noescape
func softmaxBackAVX512(ds, p []float32, delta, scale float32)

//go:noescape
func rotateAVX512(x, y, cos, sin []float32, sign float32)

//go:noescape
func swigluAVX512(y, gate, up []float32)

//go:noescape
func swigluBackAVX512(dgate, dup, dy, gate, up []float32)

//go:noescape
func dequantizeInt8AVX512(p *Pack)

//go:noescape
func dequantizeNF4AVX512(p *Pack)

//go:noescape
func transposeInt8AVX512(p *Pack)

//go:noescape
func toBytesAVX512(x []float32, dst []Word, inverse float32)

//go:noescape
func fromInt32AVX512(t *IntSums)

//go:noescape
func addInt32AVX512(t *IntSums)

//go:noescape
func magnitudeAVX512(x []float32) (top float32)

//go:noescape
func multiplyAVX512(y, x []float32)

//go:noescape
func smallF32(t *Tile)

//go:noescape
func nearF32(t *Tile)

//go:noescape
func rowsF32(t *Tile)

//go:noescape
func wideF32(t *Tile)

func peakF32AVX2(rounds int)

func peakF32AVX512(rounds int)

//go:noescape
func packF32AVX2(p *Pack)

//go:noescape
func partAVX2(p *Pack)

//go:noescape
func transposeBF16F32AVX2(p *Pack)

//go:noescape
func transposeF16F32AVX2(p *Pack)

//go:noescape
func widenBF16AVX2(p *Pack)

//go:noescape
func widenF16AVX2(p *Pack)

//go:noescape
func sumAVX2(y, a, b []float32)

//go:noescape
func addAVX2(y, x []float32)

//go:noescape
func multiplyAVX2(y, x []float32)

//go:noescape
func scaleAVX2(x []float32, a float32)

//go:noescape
func topAVX2(x []float32) (top float32)

//go:noescape
func finiteAVX2(x []float32) (zero float32)

//go:noescape
func expSumAVX2(x []float32, top float32) (sum float64)

//go:noescape
func dotAVX2(x, y []float32) (sum float64)

//go:noescape
func dot3AVX2(x, y, z []float32) (sum float64)

//go:noescape
func normAVX2(y, x, w []float32, r float32)

//go:noescape
func normBackAVX2(dx, dy, x, w []float32, r, r3 float32)

//go:noescape
func softmaxBackAVX2(ds, p []float32, delta, scale float32)

//go:noescape
func rotateAVX2(x, y, cos, sin []float32, sign float32)

//go:noescape
func swigluAVX2(y, gate, up []float32)

//go:noescape
func swigluBackAVX2(dgate, dup, dy, gate, up []float32)

//go:noescape
func dequantizeInt8AVX2(p *Pack)

//go:noescape
func dequantizeNF4AVX2(p *Pack)

//go:noescape
func rowBF16AVX2(sums, x []float32, words []Word, scale []float32)

//go:noescape
func rowF16AVX2(sums, x []float32, words []Word, scale []float32)

//go:noescape
func rowBF16FarAVX2(sums, x []float32, words []Word, scale []float32)

//go:noescape
func rowF16FarAVX2(sums, x []float32, words []Word, scale []float32)

//go:noescape
func rowInt8AVX2(sums, x []float32, words []Word, scale []float32)

//go:noescape
func rowNF4AVX2(sums, x []float32, words []Word, scale []float32)

//go:noescape
func rowInt8AVX512(sums, x []float32, words []Word, scale []float32)

//go:noescape
func rowNF4AVX512(sums, x []float32, words []Word, scale []float32)

//go:noescape
func tilePairsAVX2(t *Tile)

//go:noescape
func tileBytesAVX2(t *Tile)

//go:noescape
func unpackPairsAVX2(p *Pack)

//go:noescape
func transposeInt8AVX2(p *Pack)

//go:noescape
func toPairsAVX2(x []float32, dst []Word, inverse float32)

//go:noescape
func fromInt32AVX2(t *IntSums)

//go:noescape
func addInt32AVX2(t *IntSums)

//go:noescape
func magnitudeAVX2(x []float32) (top float32)

//go:noescape
func prefetchRowsAVX2(c []float32, ld, rows int)

func peakPairsAVX2(rounds int)

//go:noescape
func splitHalvesAVX2(p *Pack)

//go:noescape
func codeRunsAVX2(x []float32, dst []Word)

//go:noescape
func codeLinesAVX2(x []float32, dst []Word)

//go:noescape
func codesNF4AVX2(r *NF4Row)

//go:noescape
func linesNF4AVX512(r *NF4Row)

//go:noescape
func unpackNF4DigitsAVX2(p *CodePanel)

//go:noescape
func codeTileNF4AVX2(t *CodeTile)

//go:noescape
func unpackNF4AboveAVX2(p *CodePanel)

//go:noescape
func magnitudesNF4AVX2(m *NF4Magnitudes)
