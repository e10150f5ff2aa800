package main

// codeRuns emits the function that rounds runs of 32 elements to bytes, as kernel.CodeRuns does.
//
// SI is at a run, DI at its words, CX counts runs.
func (a *asm) codeRuns() {
	for i, n := range []int{0, 4, 1, 5, 2, 6, 3, 7} {
		a.Printf("DATA inOrder<>+%d(SB)/4, $%d\n", 4*i, n)
	}
	a.Printf("GLOBL inOrder<>(SB), RODATA|NOPTR, $32\n")
	a.function("codeRunsAVX2", "x []float32, dst []Word", 48)
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
	for half, sum := range []int{1, 3} {
		codes, register := []int{0, 2}[half], []string{"AX", "BX"}[half]
		a.i("VPUNPCKLWD X%d, X%d, X5", codes, codes)
		a.i("VPUNPCKHWD X%d, X%d, X6", codes, codes)
		a.i("VMOVDQU X5, %d(DI)", 64*half)
		a.i("VMOVDQU X6, %d(DI)", 64*half+16)
		a.i("VPSHUFD $0x4e, X%d, X5", sum)
		a.i("VPADDD X5, X%d, X5", sum)
		a.i("VMOVD X5, %s", register)
		a.i("SUBL $2048, %s", register)
	}
	a.i("LEAL (AX)(BX*1), DX")
	for half, register := range []string{"AX", "BX"} {
		place := func(word int) int { return 64*half + 4*word }
		a.i("VMOVSS X9, %d(DI)", place(halfScale))
		for i, r := range []string{register, "DX"} {
			a.i("MOVL %s, %d(DI)", r, place(halfSum+2*i))
			a.i("VCVTSI2SSL %s, X10, X5", r)
			a.i("VMULSS X9, X5, X5")
			a.i("VMOVSS X5, %d(DI)", place(halfSum+2*i+1))
		}
		a.i("MOVL $0, %d(DI)", place(13))
		a.i("MOVQ $0, %d(DI)", place(14))
	}
	a.i("ADDQ $128, SI")
	a.i("ADDQ $%d, DI", 2*4*halfWords)
	a.i("DECQ CX")
	a.i("JNE %s", run)
	a.at(done)
	a.i("VZEROUPPER")
	a.i("RET")
}
