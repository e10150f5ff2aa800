package main

// packsAVX2 emits the packs in 256-bit registers: blocks of eight by
// eight words. Smaller ones are left to the plain twins.
func packsAVX2() []byte {
	a := newAsm("amd64")
	packAVX2(a)
	partAVX2(a)
	transposePairsAVX2(a, "transposeBF16F32AVX2", func(from, to int) {
		a.i("VPMOVZXWD X%d, Y%d", from, to)
		a.i("VPSLLD $16, Y%d, Y%d", to, to)
	})
	transposePairsAVX2(a, "transposeF16F32AVX2", func(from, to int) { a.i("VCVTPH2PS X%d, Y%d", from, to) })
	widenAVX2(a, "widenBF16AVX2", func(word, low, high int) {
		a.i("VPSLLD $16, Y%d, Y%d", word, low)
		a.i("VPAND Y15, Y%d, Y%d", word, high)
	})
	widenAVX2(a, "widenF16AVX2", func(word, low, high int) {
		a.i("VPSRLD $16, Y%d, Y%d", word, high)
		a.i("VPANDN Y%d, Y15, Y%d", word, low)
		for _, half := range []int{low, high} { // eight words to eight halves
			a.i("VEXTRACTI128 $1, Y%d, X14", half)
			a.i("VPACKUSDW X14, X%d, X%d", half, half)
			a.i("VCVTPH2PS X%d, Y%d", half, half)
		}
	})
	splitHalvesAVX2(a)
	return a.Bytes()
}

const packHalf = 104

// transpose8 transposes Y0 … Y7, eight rows of eight words, to Y8 … Y15.
func (a *asm) transpose8() {
	two := func(op string, x, y, to int) { a.i("%s Y%d, Y%d, Y%d", op, y, x, to) }
	for i := 0; i < 8; i += 2 {
		two("VUNPCKLPS", i, i+1, 8+i)
		two("VUNPCKHPS", i, i+1, 9+i)
	}
	for g := 8; g < 16; g += 4 {
		two("VUNPCKLPD", g, g+2, g-8)
		two("VUNPCKHPD", g, g+2, g-7)
		two("VUNPCKLPD", g+1, g+3, g-6)
		two("VUNPCKHPD", g+1, g+3, g-5)
	}
	for j := range 4 {
		two("VPERM2F128 $0x20,", j, 4+j, 8+j)
		two("VPERM2F128 $0x31,", j, 4+j, 12+j)
	}
}

// packAVX2 emits dst[c·ldd + r] = src[r·lds + c] for at least eight columns.
// Rows go in groups of eight, four, two and one; the last eight columns are
// done as such, some of them for the second time.
//
// DI dst, R8 ldd, SI src, R9 lds, R10 and R13 three times these, DX rows,
// BX columns, CX the block's first; R11 and R12 are the block's dst and src.
func packAVX2(a *asm) {
	a.function("packF32AVX2", "p *Pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), R8", packLDD)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), R9", packLDS)
	a.i("MOVQ %d(R15), DX", packRows)
	a.i("MOVQ %d(R15), BX", packCols)
	a.i("SHLQ $2, R8")
	a.i("SHLQ $2, R9")
	a.i("LEAQ (R8)(R8*2), R10")
	a.i("LEAQ (R9)(R9*2), R13")
	done := a.label("done")
	for _, rows := range []int{8, 4, 2, 1} {
		group, block, next := a.label("group"), a.label("block"), a.label("next")
		a.at(group)
		a.i("CMPQ DX, $%d", rows)
		a.i("JLT %s", next)
		a.i("XORQ CX, CX")
		a.at(block)
		a.i("MOVQ CX, R11")
		a.i("IMULQ R8, R11")
		a.i("ADDQ DI, R11")
		a.i("LEAQ (SI)(CX*4), R12")
		a.loadRows(rows)
		a.storeColumns(rows)
		a.i("ADDQ $8, CX")
		a.i("CMPQ CX, BX")
		ended := a.label("ended")
		a.i("JGE %s", ended)
		a.i("LEAQ -8(BX), R12")
		a.i("CMPQ CX, R12")
		a.i("CMOVQGT R12, CX")
		a.i("JMP %s", block)
		a.at(ended)
		a.i("LEAQ (SI)(R9*%d), SI", rows)
		a.i("ADDQ $%d, DI", 4*rows)
		a.i("SUBQ $%d, DX", rows)
		a.i("JEQ %s", done)
		if rows == 8 {
			a.i("JMP %s", group)
		}
		a.at(next)
	}
	a.at(done)
	a.i("VZEROUPPER")
	a.i("RET")
}

// loadRows loads eight words each of rows at R12 to Y0 and on.
func (a *asm) loadRows(rows int) {
	for i := range rows {
		a.i("VMOVUPS (R12)%s, Y%d", []string{"", "(R9*1)", "(R9*2)", "(R13*1)"}[i%4], i)
		if i == 3 && rows > 4 {
			a.i("LEAQ (R12)(R9*4), R12")
		}
	}
}

// storeColumns transposes the rows that loadRows loaded and stores eight columns at
// R11 and on.
func (a *asm) storeColumns(rows int) {
	to := func(c int) string { return "(R11)" + []string{"", "(R8*1)", "(R8*2)", "(R10*1)"}[c%4] }
	further := func() { a.i("LEAQ (R11)(R8*4), R11") }
	switch rows {
	case 8:
		a.transpose8()
		for c := range 8 {
			a.i("VMOVUPS Y%d, %s", 8+c, to(c))
			if c == 3 {
				further()
			}
		}
	case 4: // lanes hold columns c and c+4
		for i := 0; i < 4; i += 2 {
			a.i("VUNPCKLPS Y%d, Y%d, Y%d", i+1, i, 4+i)
			a.i("VUNPCKHPS Y%d, Y%d, Y%d", i+1, i, 5+i)
		}
		for i := range 2 {
			a.i("VUNPCKLPD Y%d, Y%d, Y%d", 6+i, 4+i, 2*i)
			a.i("VUNPCKHPD Y%d, Y%d, Y%d", 6+i, 4+i, 2*i+1)
		}
		for c := range 4 {
			a.i("VMOVUPS X%d, %s", c, to(c))
		}
		further()
		for c := range 4 {
			a.i("VEXTRACTF128 $1, Y%d, %s", c, to(c))
		}
	case 2:
		a.i("VUNPCKLPS Y1, Y0, Y2")
		a.i("VUNPCKHPS Y1, Y0, Y3")
		for half := range 2 {
			if half == 1 {
				further()
				a.i("VEXTRACTF128 $1, Y2, X2")
				a.i("VEXTRACTF128 $1, Y3, X3")
			}
			for i := range 2 {
				a.i("VMOVLPS X%d, %s", 2+i, to(2*i))
				a.i("VMOVHPS X%d, %s", 2+i, to(2*i+1))
			}
		}
	case 1:
		for half := range 2 {
			if half == 1 {
				further()
				a.i("VEXTRACTF128 $1, Y0, X0")
			}
			for c := range 4 {
				a.i("VEXTRACTPS $%d, X0, %s", c, to(c))
			}
		}
	}
}

// partAVX2 emits two copies for each of cols rows of 32 words lds apart: of the
// first 16 words at dst, of the others ldd words further.
func partAVX2(a *asm) {
	a.function("partAVX2", "p *Pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), R8", packLDD)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), R9", packLDS)
	a.i("MOVQ %d(R15), BX", packCols)
	a.i("SHLQ $2, R8")
	a.i("SHLQ $2, R9")
	loop, done := a.label("loop"), a.label("done")
	a.i("TESTQ BX, BX")
	a.i("JEQ %s", done)
	a.at(loop)
	for i := range 4 {
		a.i("VMOVUPS %d(SI), Y%d", 32*i, i)
	}
	a.i("VMOVUPS Y0, (DI)")
	a.i("VMOVUPS Y1, 32(DI)")
	a.i("VMOVUPS Y2, (DI)(R8*1)")
	a.i("VMOVUPS Y3, 32(DI)(R8*1)")
	a.i("ADDQ R9, SI")
	a.i("ADDQ $64, DI")
	a.i("DECQ BX")
	a.i("JNE %s", loop)
	a.at(done)
	a.i("VZEROUPPER")
	a.i("RET")
}

// transposePairsAVX2 emits a transpose of sixteen rows of pairs: for each of cols panels, lds words
// apart, 16 rows of 32 words at src become 32 rows of 32 float32, ldd apart, the
// latter sixteen half words from the former.
//
// DI dst, R11 its latter half, R8 and R10 ldd and three times that, SI src, R9
// lds, BX panels left, R12 the block's src.
func transposePairsAVX2(a *asm, name string, widen func(from, to int)) {
	a.function(name, "p *Pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), R8", packLDD)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), R9", packLDS)
	a.i("MOVQ %d(R15), BX", packCols)
	a.i("MOVQ %d(R15), R11", packHalf)
	a.i("SHLQ $2, R8")
	a.i("SHLQ $2, R9")
	a.i("LEAQ (DI)(R11*4), R11")
	a.i("LEAQ (R8)(R8*2), R10")
	panel, eight := a.label("panel"), a.label("eight")
	a.at(panel)
	a.i("MOVQ SI, R12")
	a.i("MOVQ $4, CX")
	a.at(eight)
	for half, dst := range []string{"DI", "R11"} {
		for r := range 8 {
			a.i("VMOVUPS %d(R12), Y%d", 128*(8*half+r), r)
		}
		a.transpose8()
		for o := range 8 {
			at := "(" + dst + ")" + []string{"", "(R8*1)", "(R8*2)", "(R10*1)"}[o%4]
			a.i("VEXTRACTF128 $1, Y%d, X1", 8+o)
			widen(8+o, 0)
			widen(1, 1)
			a.i("VMOVUPS Y0, %s", at)
			a.i("VMOVUPS Y1, 32%s", at)
			if o%4 == 3 {
				a.i("LEAQ (%s)(R8*4), %s", dst, dst)
			}
		}
	}
	a.i("ADDQ $32, R12")
	a.i("DECQ CX")
	a.i("JNE %s", eight)
	a.i("ADDQ R9, SI")
	a.i("DECQ BX")
	a.i("JNE %s", panel)
	a.i("VZEROUPPER")
	a.i("RET")
}

// widenAVX2 emits, for each of cols rows of 32 words, two rows of the 32 lower
// and the 32 upper halves, widened to float32. Y15 masks the upper ones.
func widenAVX2(a *asm, name string, split func(word, low, high int)) {
	a.function(name, "p *Pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), BX", packCols)
	a.i("VPCMPEQD Y15, Y15, Y15")
	a.i("VPSLLD $16, Y15, Y15")
	loop := a.label("loop")
	a.at(loop)
	a.i("PREFETCHT0 4096(SI)")
	a.i("PREFETCHT0 4160(SI)")
	for i := range 4 {
		a.i("VMOVDQU %d(SI), Y0", 32*i)
		split(0, 1, 2)
		a.i("VMOVUPS Y1, %d(DI)", 32*i)
		a.i("VMOVUPS Y2, %d(DI)", 128+32*i)
	}
	a.i("ADDQ $128, SI")
	a.i("ADDQ $256, DI")
	a.i("DECQ BX")
	a.i("JNE %s", loop)
	a.i("VZEROUPPER")
	a.i("RET")
}

// splitHalvesAVX2 emits the split of rows of 32 words into two lines of halves.
func splitHalvesAVX2(a *asm) {
	a.function("splitHalvesAVX2", "p *Pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), BX", packCols)
	a.i("VPCMPEQD Y15, Y15, Y15")
	a.i("VPSRLD $16, Y15, Y15")
	loop := a.label("loop")
	a.at(loop)
	for part := range 4 {
		a.i("VMOVDQU %d(SI), Y%d", 32*part, part)
		a.i("VPSRLD $16, Y%d, Y%d", part, 4+part)
		a.i("VPAND Y15, Y%d, Y%d", part, part)
	}
	for i, part := range []int{0, 2, 4, 6} { // lanes of the two registers alternate
		a.i("VPACKUSDW Y%d, Y%d, Y%d", part+1, part, part)
		a.i("VPERMQ $0xd8, Y%d, Y%d", part, part)
		a.i("VMOVDQU Y%d, %d(DI)", part, 32*i)
	}
	a.i("ADDQ $128, SI")
	a.i("ADDQ $128, DI")
	a.i("DECQ BX")
	a.i("JNE %s", loop)
	a.i("VZEROUPPER")
	a.i("RET")
}
