package main

// rowAVX2 widens words: element makes Y13 of the words in Y12. Y4 … Y7
// are elements of the row, Y8 … Y11 scales of bytes, Y14 and Y15 the constants
// of enter.
type rowAVX2 struct {
	*asm
	per     int
	enter   func()
	element func(i int)
	far     bool // asks for words into the second cache, and further ahead
}

// rowsAVX2 emits the row kernels: 32 columns of words times a row.
// It expects the tables of levels32.
func (a *asm) rowsAVX2() {
	for i := range 32 { // byte 2 of every word to byte 3
		a.Printf("DATA rowThird<>+%d(SB)/1, $%#x\n", i, [4]int{128, 128, 128, i%16/4*4 + 2}[i%4])
	}
	a.Printf("GLOBL rowThird<>(SB), RODATA|NOPTR, $32\n")

	upper := func(shift int) {
		a.i("VPCMPEQD Y15, Y15, Y15")
		a.i("VPSLLD $%d, Y15, Y15", shift)
	}
	bf16 := rowAVX2{asm: a, per: 2, enter: func() { upper(16) }, element: func(i int) {
		if i == 0 {
			a.i("VPSLLD $16, Y12, Y13")
		} else {
			a.i("VPAND Y15, Y12, Y13")
		}
	}}
	f16 := rowAVX2{asm: a, per: 2, enter: func() { upper(16) }, element: func(i int) { // eight words to eight halves
		if i == 0 {
			a.i("VPANDN Y12, Y15, Y13")
		} else {
			a.i("VPSRLD $16, Y12, Y13")
		}
		a.i("VEXTRACTI128 $1, Y13, X14")
		a.i("VPACKUSDW X14, X13, X13")
		a.i("VCVTPH2PS X13, Y13")
	}}
	bf16.emit("rowBF16AVX2")
	f16.emit("rowF16AVX2")
	bf16.far, f16.far = true, true
	bf16.emit("rowBF16FarAVX2")
	f16.emit("rowF16FarAVX2")
	rowAVX2{asm: a, per: 4, enter: func() { // bytes are widened as 2²⁴ times themselves; the scales make up for it
		upper(24)
		a.i("VMOVDQU rowThird<>(SB), Y14")
		a.i("MOVL $0x33800000, AX")
		a.i("VMOVD AX, X12")
		a.i("VPBROADCASTD X12, Y12")
		for part := range 4 {
			a.i("VMULPS Y12, Y%d, Y%d", 8+part, 8+part)
		}
	}, element: func(i int) {
		switch i {
		case 0:
			a.i("VPSLLD $24, Y12, Y13")
		case 1:
			a.i("VPSLLD $16, Y12, Y13")
			a.i("VPAND Y15, Y13, Y13")
		case 2:
			a.i("VPSHUFB Y14, Y12, Y13")
		case 3:
			a.i("VPAND Y15, Y12, Y13")
		}
		a.i("VCVTDQ2PS Y13, Y13")
	}}.emit("rowInt8AVX2")
	a.rowNF4()
}

func (a rowAVX2) emit(name string) {
	a.row(name, a.per, a.far, func() {
		if a.per == 4 {
			for part := range 4 {
				a.i("VMOVUPS %d(R8), Y%d", 32*part, 8+part)
			}
		}
		a.enter()
	}, func() {
		for i := range a.per {
			a.i("VBROADCASTSS %d(SI), Y%d", 4*i, 4+i)
		}
		for part := range 4 {
			a.i("VMOVDQU %d(DI), Y12", 32*part)
			for i := range a.per {
				a.element(i)
				if a.per == 4 {
					a.i("VMULPS Y%d, Y13, Y13", 8+part)
				}
				a.i("VFMADD231PS Y13, Y%d, Y%d", 4+i, part)
			}
		}
	})
}

// row emits a function that does step for every word of 32 columns: Y0 … Y3
// sum, DI is at the words, SI at the row, R8 at the scales.
func (a *asm) row(name string, per int, far bool, enter, step func()) {
	a.function(name, "sums, x []float32, words []Word, scale []float32", 96)
	a.i("MOVQ sums_base+0(FP), DX")
	a.i("MOVQ x_base+24(FP), SI")
	a.i("MOVQ x_len+32(FP), CX")
	a.i("MOVQ words_base+48(FP), DI")
	a.i("MOVQ scale_base+72(FP), R8")
	for part := range 4 {
		a.i("VMOVUPS %d(DX), Y%d", 32*part, part)
	}
	loop, done := a.label("loop"), a.label("done")
	a.i("TESTQ CX, CX")
	a.i("JEQ %s", done)
	enter()
	a.at(loop)
	level, ahead := "T0", 2048
	if far {
		level, ahead = "T1", farAhead
	}
	a.i("PREFETCH%s %d(DI)", level, ahead)
	a.i("PREFETCH%s %d(DI)", level, ahead+64)
	step()
	a.i("ADDQ $128, DI")
	a.i("ADDQ $%d, SI", 4*per)
	a.i("SUBQ $%d, CX", per)
	a.i("JNE %s", loop)
	a.at(done)
	for part := range 4 {
		a.i("VMOVUPS Y%d, %d(DX)", part, 32*part)
	}
	a.i("VZEROUPPER")
	a.i("RET")
}
