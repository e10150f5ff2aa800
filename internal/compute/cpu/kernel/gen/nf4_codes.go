package main

// Products of NF4 weights in codes, see kernel.NF4Row: the lower halves of a word's bytes are the codes of four
// elements in a row, the upper ones those of the next four, so both are looked up where they are.

// nf4Codes are the levels that products of codes take, compute.NF4Codes.
var nf4Codes = [16]int8{-112, -78, -59, -44, -32, -21, -10, 0, 9, 18, 28, 38, 49, 63, 81, 112}

// codeShift returns the first bit of code i of a word.
func codeShift(i int) int { return 8*(i%4) + 4*(i/4) }

// The offsets of the fields of the Go structs NF4Row and NF4Magnitudes.
const (
	nf4RowDst   = 0
	nf4RowX     = 24
	nf4RowSrc   = 48
	nf4RowScale = 72
	nf4RowRuns  = 96

	magnitudesDst    = 0
	magnitudesSrc    = 24
	magnitudesScales = 48
	magnitudesFirst  = 72
	magnitudesStride = 80
	magnitudesCount  = 88
	magnitudesMean   = 96
	magnitudesTimes  = 100
)

// nf4InCodes emits all of them. It expects the table of levels32.
func (a *asm) nf4InCodes() {
	for i := range 32 {
		a.Printf("DATA nf4Codes<>+%d(SB)/1, $%#x\n", i, uint8(nf4Codes[i%16]))
		a.Printf("DATA nf4Above<>+%d(SB)/1, $%#x\n", i, uint8(nf4Codes[i%16])^0x80)
	}
	for i := range 16 {
		a.Printf("DATA nf4Ones<>+%d(SB)/2, $1\n", 2*i)
	}
	for i := range 32 {
		a.Printf("DATA nf4Lanes<>+%d(SB)/4, $%d\n", 4*i, i)
	}
	for _, table := range []string{"nf4Codes", "nf4Above", "nf4Ones"} {
		a.Printf("GLOBL %s<>(SB), RODATA|NOPTR, $32\n", table)
	}
	a.Printf("GLOBL nf4Lanes<>(SB), RODATA|NOPTR, $128\n")
	a.rowOfNF4Codes()
	a.unpackNF4Above()
	a.nf4Digits()
	a.unpackNF4Digits()
	a.tileNF4()
	a.magnitudesNF4()
}

// rowOfNF4Codes emits the product of a row: whole sums in Y0 … Y3, bytes of x in Y4 and Y6, their magnitudes in Y5 and
// Y7. DX is at the sums, SI at a line of x, DI at the words, R8 at the scales. CX counts runs.
func (a *asm) rowOfNF4Codes() {
	a.rowOfNF4("codesNF4AVX2", func() {
		a.i("VMOVDQU nf4Ones<>(SB), Y13")
		a.i("VMOVDQU fourBits<>(SB), Y14")
		a.i("VMOVDQU nf4Codes<>(SB), Y15")
	}, a.runOfNF4, func() {})
}

// rowOfNF4 emits a function that does run after run, two of which share scales.
func (a *asm) rowOfNF4(name string, enter, run, leave func()) {
	a.function(name, "r *NF4Row", 8)
	a.i("MOVQ r+0(FP), R15")
	a.i("MOVQ %d(R15), DX", nf4RowDst)
	a.i("MOVQ %d(R15), SI", nf4RowX)
	a.i("MOVQ %d(R15), DI", nf4RowSrc)
	a.i("MOVQ %d(R15), R8", nf4RowScale)
	a.i("MOVQ %d(R15), CX", nf4RowRuns)
	enter()
	block, done := a.label("block"), a.label("done")
	a.at(block)
	run()
	a.i("DECQ CX")
	a.i("JEQ %s", done)
	run()
	a.i("ADDQ $128, R8")
	a.i("DECQ CX")
	a.i("JNE %s", block)
	a.at(done)
	leave()
	a.i("VZEROUPPER")
	a.i("RET")
}

// runOfNF4 does a run of 32 elements. Products of two bytes, one of which lends its sign to the other, fit 16 bits.
func (a *asm) runOfNF4() {
	for s := range 4 {
		a.i("PREFETCHT1 %d(DI)", farAhead+128*s)
		a.i("PREFETCHT1 %d(DI)", farAhead+128*s+64)
		for half := range 2 {
			a.i("VPBROADCASTD %d(SI), Y%d", 8*s+4*half, 4+2*half)
			a.i("VPABSB Y%d, Y%d", 4+2*half, 5+2*half)
		}
		for part := range 4 {
			a.i("VMOVDQU %d(DI), Y8", 128*s+32*part)
			a.i("VPSRLW $4, Y8, Y9")
			for half := range 2 {
				w, x := 8+half, 4+2*half
				a.i("VPAND Y14, Y%d, Y%[1]d", w)
				a.i("VPSHUFB Y%d, Y15, Y%[1]d", w)
				a.i("VPSIGNB Y%d, Y%d, Y%[2]d", x, w)
				a.i("VPMADDUBSW Y%d, Y%d, Y%[1]d", w, x+1)
				if s+half == 0 {
					a.i("VPMADDWD Y13, Y%d, Y%d", w, part)
					continue
				}
				a.i("VPMADDWD Y13, Y%d, Y%[1]d", w)
				a.i("VPADDD Y%d, Y%d, Y%[2]d", w, part)
			}
		}
	}
	a.i("VBROADCASTSS %d(SI), Y4", 4*lineScale)
	for part := range 4 {
		a.i("VCVTDQ2PS Y%d, Y%[1]d", part)
		a.i("VMULPS %d(R8), Y4, Y8", 32*part)
		a.i("VMOVUPS %d(DX), Y9", 32*part)
		a.i("VFMADD231PS Y8, Y%d, Y9", part)
		a.i("VMOVUPS Y9, %d(DX)", 32*part)
	}
	a.i("ADDQ $%d, SI", 4*lineWords)
	a.i("ADDQ $512, DI")
}

// unpackNF4Above emits the kernel that writes bytes which are 128 more than the weights.
func (a *asm) unpackNF4Above() {
	a.function("unpackNF4AboveAVX2", "p *CodePanel", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ 0(R15), DX")
	a.i("MOVQ 48(R15), DI")
	a.i("MOVQ 72(R15), CX")
	a.i("VMOVDQU fourBits<>(SB), Y14")
	a.i("VMOVDQU nf4Above<>(SB), Y15")
	loop := a.label("loop")
	a.at(loop)
	a.i("PREFETCHT0 2048(DI)")
	a.i("PREFETCHT0 2112(DI)")
	for part := range 4 {
		a.i("VMOVDQU %d(DI), Y0", 32*part)
		a.i("VPSRLW $4, Y0, Y1")
		for half := range 2 {
			a.i("VPAND Y14, Y%d, Y%[1]d", half)
			a.i("VPSHUFB Y%d, Y15, Y%[1]d", half)
			a.i("VMOVDQU Y%d, %d(DX)", half, 128*half+32*part)
		}
	}
	a.i("ADDQ $128, DI")
	a.i("ADDQ $256, DX")
	a.i("DECQ CX")
	a.i("JNE %s", loop)
	a.i("VZEROUPPER")
	a.i("RET")
}

// magnitudesNF4 emits the kernel of kernel.NF4Magnitudes, eight rows after the other: Y0 holds the magnitudes' numbers,
// Y1 their groups' scales, which are gathered anew where one of the rows comes to the next group.
func (a *asm) magnitudesNF4() {
	a.function("magnitudesNF4AVX2", "m *NF4Magnitudes", 8)
	a.i("MOVQ m+0(FP), R15")
	a.i("MOVQ %d(R15), DI", magnitudesDst)
	a.i("MOVQ %d(R15), SI", magnitudesSrc)
	a.i("MOVQ %d(R15), R8", magnitudesScales)
	a.i("VPBROADCASTD %d(R15), Y10", magnitudesFirst)
	a.i("VPBROADCASTD %d(R15), Y11", magnitudesStride)
	a.i("VBROADCASTSS %d(R15), Y12", magnitudesMean)
	a.i("VBROADCASTSS %d(R15), Y13", magnitudesTimes)
	a.i("VPXOR Y14, Y14, Y14")
	a.i("VPCMPEQD Y15, Y15, Y15")
	a.i("VPSRLD $24, Y15, Y9 // 255")
	for part := range 4 {
		gather, loop, next := a.label("gather"), a.label("loop"), a.label("next")
		a.i("MOVQ %d(R15), CX", magnitudesCount)
		a.i("LEAQ %d(DI), R10", 32*part)
		a.i("LEAQ %d(SI), R11", 8*part)
		a.i("VPMULLD nf4Lanes<>+%d(SB), Y11, Y0", 32*part)
		a.i("VPADDD Y10, Y0, Y0")
		a.at(gather)
		a.i("VPSRLD $8, Y0, Y2")
		a.i("VMOVDQA Y15, Y3")
		a.i("VGATHERDPS Y3, (R8)(Y2*4), Y1")
		a.at(loop)
		a.i("VPMOVSXBD (R11), Y4")
		a.i("VCVTDQ2PS Y4, Y4")
		a.i("VMULPS Y1, Y4, Y4")
		a.i("VADDPS Y12, Y4, Y4")
		a.i("VMULPS Y13, Y4, Y4")
		a.i("VMOVUPS Y4, (R10)")
		a.i("DECQ CX")
		a.i("JEQ %s", next)
		a.i("ADDQ $32, R11")
		a.i("ADDQ $128, R10")
		a.i("VPSUBD Y15, Y0, Y0")
		a.i("VPAND Y9, Y0, Y5")
		a.i("VPCMPEQD Y14, Y5, Y5")
		a.i("VPTEST Y5, Y5")
		a.i("JEQ %s", loop)
		a.i("JMP %s", gather)
		a.at(next)
	}
	a.i("VZEROUPPER")
	a.i("RET")
}
