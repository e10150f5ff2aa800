package main

// rowsAVX512 emits the row kernels of quantized words on 512-bit registers: Z0 and Z1 sum, Z2 and Z3 are the words, Z29
// and Z30 their scales, Z28 and Z31 constants of enter. It expects the tables of bytesAVX512.
func (a *asm) rowsAVX512() {
	for i := range 3 { // byte i of every word to byte 3; the others are zero
		for b := range 64 {
			from := 128
			if b%4 == 3 {
				from = b%16 - 3 + i
			}
			a.Printf("DATA rowByte%d<>+%d(SB)/1, $%d\n", i, b, from)
		}
		a.Printf("GLOBL rowByte%d<>(SB), RODATA|NOPTR, $64\n", i)
	}
	a.rowAVX512("rowInt8AVX512", 4, func() { // bytes are widened as 2²⁴ times themselves; the scales make up for it
		a.i("MOVL $0x33800000, AX")
		a.i("VPBROADCASTD AX, Z4")
		a.i("VMULPS Z4, Z29, Z29")
		a.i("VMULPS Z4, Z30, Z30")
		a.i("VPTERNLOGD $0xff, Z31, Z31, Z31")
		a.i("VPSLLD $24, Z31, Z31")
		for i := range 3 {
			a.i("VMOVDQU32 rowByte%d<>(SB), Z%d", i, 26+i)
		}
	}, func(i, from, to int) {
		if i < 3 {
			a.i("VPSHUFB Z%d, Z%d, Z%d", 26+i, from, to)
		} else {
			a.i("VPANDD Z31, Z%d, Z%d", from, to)
		}
		a.i("VCVTDQ2PS Z%d, Z%d", to, to)
	})
	a.rowAVX512("rowNF4AVX512", 8, func() { a.i("VMOVUPS levels<>(SB), Z31") }, func(i, from, to int) {
		if i > 0 {
			a.i("VPSRLD $%d, Z%d, Z%d", codeShift(i), from, to)
			from = to
		}
		a.i("VPERMPS Z31, Z%d, Z%d", from, to)
	})
}

// rowAVX512 emits one; element makes floats of element i of words.
func (a *asm) rowAVX512(name string, per int, enter func(), element func(i, from, to int)) {
	a.function(name, "sums, x []float32, words []Word, scale []float32", 96)
	a.i("MOVQ sums_base+0(FP), DX")
	a.i("MOVQ x_base+24(FP), SI")
	a.i("MOVQ x_len+32(FP), CX")
	a.i("MOVQ words_base+48(FP), DI")
	a.i("MOVQ scale_base+72(FP), R8")
	loop, done := a.label("loop"), a.label("done")
	a.i("TESTQ CX, CX")
	a.i("JEQ %s", done)
	for half := range 2 {
		a.i("VMOVUPS %d(DX), Z%d", 64*half, half)
		a.i("VMOVUPS %d(R8), Z%d", 64*half, 29+half)
	}
	enter()
	a.at(loop)
	a.i("PREFETCHT0 2048(DI)")
	a.i("PREFETCHT0 2112(DI)")
	a.i("VMOVDQU32 (DI), Z2")
	a.i("VMOVDQU32 64(DI), Z3")
	for i := range per {
		for half := range 2 {
			to := 4 + 2*i + half
			element(i, 2+half, to)
			a.i("VMULPS Z%d, Z%d, Z%d", 29+half, to, to)
			a.i("VFMADD231PS.BCST %d(SI), Z%d, Z%d", 4*i, to, half)
		}
	}
	a.i("ADDQ $128, DI")
	a.i("ADDQ $%d, SI", 4*per)
	a.i("SUBQ $%d, CX", per)
	a.i("JNE %s", loop)
	for half := range 2 {
		a.i("VMOVUPS Z%d, %d(DX)", half, 64*half)
	}
	a.at(done)
	a.i("VZEROUPPER")
	a.i("RET")
}
