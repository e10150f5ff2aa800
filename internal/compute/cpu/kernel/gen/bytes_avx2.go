package main

// bytesAVX2 emits kernels that dequantize weights of eight and four bits, in 256-bit registers, multiply them by a
// row, and round rows to eight bits.
func bytesAVX2() []byte {
	a := newAsm("amd64")
	a.levels32()
	a.dequantize8("dequantizeInt8AVX2", 4, func(part int) {
		a.i("VMOVDQU %d(SI), Y0", 32*part)
		a.i("VMOVUPS %d(R8), Y2", 32*part)
		for i := range 4 {
			a.i("VPSLLD $%d, Y0, Y1", 24-8*i)
			a.i("VPSRAD $24, Y1, Y1")
			a.i("VCVTDQ2PS Y1, Y1")
			a.i("VMULPS Y2, Y1, Y1")
			a.i("VMOVUPS Y1, %d(DI)", 128*i+32*part)
		}
	})
	a.dequantize8("dequantizeNF4AVX2", 8, func(part int) {
		a.i("VMOVDQU %d(SI), Y8", 32*part)
		a.lookUpLevels(func(i, y int) {
			a.i("VMULPS %d(R8), Y%d, Y%d", 32*part, y, y)
			a.i("VMOVUPS Y%d, %d(DI)", y, 128*i+32*part)
		})
	})
	a.rowsAVX2()
	a.codeRuns()
	a.nf4InCodes()
	return a.Bytes()
}

// dequantize8 emits a function that dequantizes eight columns of words at a time, at SI, to rows of 32 columns at DI;
// R8 points to the scales.
func (a *asm) dequantize8(name string, per int, element func(part int)) {
	a.function(name, "p *Pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), BX", packCols)
	a.i("MOVQ %d(R15), R8", packScale)
	a.loadLevels()
	loop := a.label("loop")
	a.at(loop)
	a.i("PREFETCHT0 2048(SI)")
	a.i("PREFETCHT0 2112(SI)")
	for part := range 4 {
		element(part)
	}
	a.i("ADDQ $128, SI")
	a.i("ADDQ $%d, DI", 128*per)
	a.i("DECQ BX")
	a.i("JNE %s", loop)
	a.i("VZEROUPPER")
	a.i("RET")
}
