package main

// codeRuns emits the functions that round runs of 32 elements to bytes, as kernel.CodeRuns and kernel.CodeLines do.
func (a *asm) codeRuns() {
	for i, n := range []int{0, 4, 1, 5, 2, 6, 3, 7} {
		a.Printf("DATA inOrder<>+%d(SB)/4, $%d\n", 4*i, n)
	}
	a.Printf("GLOBL inOrder<>(SB), RODATA|NOPTR, $32\n")
	a.rounded("codeRunsAVX2", 2*4*halfWords, a.asRun)
	a.rounded("codeLinesAVX2", 4*lineWords, a.asLine)
}

// rounded emits a function that rounds runs, whose results write leaves at DI, in so many bytes each: Y0 and X2 hold
// the codes of a run and of its second half, X1 and X3 two sums of each half, 1024 too large, X9 the scale, X10 zero.
//
// SI is at a run, CX counts runs.
func (a *asm) rounded(name string, bytes int, write func()) {
	a.function(name, "x []float32, dst []Word", 48)
	a.i("MOVQ x_base+0(FP), SI")
	a.i("MOVQ x_len+8(FP), CX")
	a.i("MOVQ dst_base+24(FP), DI")
	a.i("SHRQ $5, CX")
	run, done := a.label("run"), a.label("done")
	a.i("JEQ %s", done)
	a.i("VPCMPEQD Y15, Y15, Y15")
	a.i("VPSLLD $31, Y15, Y14 // signs")
	a.i("VPSLLW $15, Y15, Y13")
	a.i("VPACKSSWB Y13, Y13, Y13 // bytes of 0x80")
	a.i("VMOVDQU inOrder<>(SB), Y12")
	a.i("MOVL $0x42fe0000, AX // 127")
	a.i("VMOVD AX, X11")

	a.at(run)
	for i := range 4 {
		a.i("VMOVUPS %d(SI), Y%d", 32*i, i)
		a.i("VANDNPS Y%d, Y14, Y%d", i, 4+i)
		if i == 0 {
			a.i("VSUBPS Y0, Y0, Y8")
			continue
		}
		a.i("VMAXPS Y%d, Y4, Y4", 4+i)
		a.i("VSUBPS Y%d, Y%d, Y5", i, i)
		a.i("VADDPS Y5, Y8, Y8")
	}
	for _, half := range []string{"VEXTRACTF128 $1, Y%d, X5", "VPSHUFD $0x4e, X%d, X5", "VPSHUFD $0xb1, X%d, X5"} {
		a.i(half, 4)
		a.i("VMAXPS X5, X4, X4")
		a.i(half, 8)
		a.i("VADDPS X5, X8, X8")
	}
	a.i("VDIVSS X11, X4, X9 // top / 127")
	a.i("VADDSS X8, X9, X9 // the scale")
	a.i("VDIVSS X4, X11, X4")
	a.i("VBROADCASTSS X4, Y4")
	a.i("VXORPS X10, X10, X10")
	a.i("VUCOMISS X10, X9")
	zero, codes := a.label("zero"), a.label("codes")
	a.i("JPS %s", zero)
	a.i("JNE %s", codes)
	a.at(zero)
	for i := range 4 {
		a.i("VXORPS X%d, X%d, X%d", i, i, i)
	}
	a.i("VXORPS X4, X4, X4")
	a.at(codes)
	for i := range 4 {
		a.i("VMULPS Y4, Y%d, Y%d", i, i)
		a.i("VCVTPS2DQ Y%d, Y%d", i, i)
	}
	a.i("VPACKSSDW Y1, Y0, Y0")
	a.i("VPACKSSDW Y3, Y2, Y2")
	a.i("VPACKSSWB Y2, Y0, Y0")
	a.i("VPERMD Y0, Y12, Y0")
	a.i("VPXOR Y13, Y0, Y1")
	a.i("VPSADBW Y10, Y1, Y1 // sums of eight, 1024 too large")
	a.i("VEXTRACTI128 $1, Y0, X2")
	a.i("VEXTRACTI128 $1, Y1, X3")
	write()
	a.i("ADDQ $128, SI")
	a.i("ADDQ $%d, DI", bytes)
	a.i("DECQ CX")
	a.i("JNE %s", run)
	a.at(done)
	a.i("VZEROUPPER")
	a.i("RET")
}

// halfSums leaves the sums of both halves in AX and BX, that of the run in DX.
func (a *asm) halfSums() {
	for half, sum := range []int{1, 3} {
		a.i("VPSHUFD $0x4e, X%d, X5", sum)
		a.i("VPADDD X5, X%d, X5", sum)
		to := []string{"AX", "BX"}[half]
		a.i("VMOVD X5, %s", to)
		a.i("SUBL $2048, %s", to)
	}
	a.i("LEAL (AX)(BX*1), DX")
}

// scaled writes the scale times a sum.
func (a *asm) scaled(sum string, offset int) {
	a.i("VCVTSI2SSL %s, X10, X5", sum)
	a.i("VMULSS X9, X5, X5")
	a.i("VMOVSS X5, %d(DI)", offset)
}

// asRun writes a run in two halves, every pair of codes twice.
func (a *asm) asRun() {
	for half, sums := range []int{1, 3} {
		a.i("VMOVD X%d, AX", sums)
		a.i("VPEXTRD $2, X%d, BX", sums)
		for i, register := range []string{"AX", "BX"} {
			a.i("SUBL $1024, %s", register)
			a.i("MOVL %s, %d(DI)", register, 4*(half*halfWords+quarterSum+i))
		}
	}
	a.halfSums()
	for half, register := range []string{"AX", "BX"} {
		place := func(word int) int { return 4 * (half*halfWords + word) }
		a.i("VPUNPCKLWD X%d, X%[1]d, X5", 2*half)
		a.i("VPUNPCKHWD X%d, X%[1]d, X6", 2*half)
		a.i("VMOVDQU X5, %d(DI)", place(0))
		a.i("VMOVDQU X6, %d(DI)", place(4))
		a.i("VMOVSS X9, %d(DI)", place(halfScale))
		for i, sum := range []string{register, "DX"} {
			a.i("MOVL %s, %d(DI)", sum, place(halfSum+2*i))
			a.scaled(sum, place(halfSum+2*i+1))
		}
		a.i("MOVL $0, %d(DI)", place(halfWords-1))
	}
}

// asLine writes a run in one line.
func (a *asm) asLine() {
	a.i("VMOVDQU Y0, (DI)")
	a.i("VMOVSS X9, %d(DI)", 4*lineScale)
	a.halfSums()
	for i, sum := range []string{"AX", "BX", "DX"} {
		a.scaled(sum, 4*(lineScaled+i))
		a.i("SHLL $7, %s", sum)
		a.i("NEGL %s", sum)
		a.i("MOVL %s, %d(DI)", sum, 4*(lineSum+i))
	}
	a.i("MOVL $0, %d(DI)", 4*(lineWords-1))
}
