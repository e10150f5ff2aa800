package main

// Tiles of NF4 codes in 256-bit registers, six rows by a quarter of a panel. Weights are 128 more than they stand for,
// in two digits of four bits, whose sums of a run fit 16 bits: two multiplications and two additions for four elements
// of eight columns, where bytes with a sign take four multiplications.

// nf4Digits emits the tables of both digits.
func (a *asm) nf4Digits() {
	for digit := range 2 {
		for i := range 32 {
			a.Printf("DATA nf4Digits<>+%d(SB)/1, $%d\n", 32*digit+i, (int(nf4Codes[i%16])+128)>>(4*digit)&15)
		}
	}
	for i := range 16 {
		a.Printf("DATA nf4Sixteens<>+%d(SB)/2, $16\n", 2*i)
	}
	a.Printf("GLOBL nf4Digits<>(SB), RODATA|NOPTR, $64\n")
	a.Printf("GLOBL nf4Sixteens<>(SB), RODATA|NOPTR, $32\n")
}

// unpackNF4Digits emits the kernel that writes digits, quarter by quarter: those of eight columns, the lower first,
// four elements after the other. R10 is the bytes of a quarter, R12 three times that.
func (a *asm) unpackNF4Digits() {
	a.function("unpackNF4DigitsAVX2", "p *CodePanel", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ 0(R15), DX")
	a.i("MOVQ 48(R15), DI")
	a.i("MOVQ 72(R15), CX")
	a.i("MOVQ CX, R10")
	a.i("SHLQ $7, R10")
	a.i("LEAQ (R10)(R10*2), R12")
	a.i("VMOVDQU fourBits<>(SB), Y13")
	a.i("VMOVDQU nf4Digits<>+0(SB), Y14")
	a.i("VMOVDQU nf4Digits<>+32(SB), Y15")
	loop := a.label("loop")
	a.at(loop)
	a.i("PREFETCHT0 2048(DI)")
	a.i("PREFETCHT0 2112(DI)")
	for quarter, index := range []string{"", "(R10*1)", "(R10*2)", "(R12*1)"} {
		a.i("VMOVDQU %d(DI), Y0", 32*quarter)
		a.i("VPSRLW $4, Y0, Y1")
		for half := range 2 {
			a.i("VPAND Y13, Y%d, Y%[1]d", half)
			for digit := range 2 {
				a.i("VPSHUFB Y%d, Y%d, Y2", half, 14+digit)
				a.i("VMOVDQU Y2, %d(DX)%s", 64*half+32*digit, index)
			}
		}
	}
	a.i("ADDQ $128, DI")
	a.i("ADDQ $128, DX")
	a.i("DECQ CX")
	a.i("JNE %s", loop)
	a.i("VZEROUPPER")
	a.i("RET")
}

// tileNF4 emits the tile, see codeTile for the registers. R9 counts quarters, R10 their bytes.
func (a *asm) tileNF4() {
	a.function("codeTileNF4AVX2", "t *CodeTile", 8)
	t := codeTile{asm: a, parts: 1}
	t.loadFields([]field{
		{codeTileDst, "AX"}, {codeTileLDC, "BX"}, {codeTileLDX, "R13"}, {codeTileB, "DI"}, {codeTileRowsOf, "R10"},
	})
	t.strides()
	a.i("MOVL $4, R9")
	for r := 1; r < codeTileRows; r++ {
		a.i("CMPQ R10, $%d", r)
		a.i("JEQ rows%d", r)
	}
	for r := codeTileRows; r >= 1; r-- {
		t.rowsNF4(r)
	}
}

// rowsNF4 emits the body for so many rows: sums of the lower and the upper digits in Y0 … Y11, digits in Y12 and Y13,
// bytes of x in Y14.
func (t codeTile) rowsNF4(rows int) {
	quarter, run, ready := t.label("quarter"), t.label("run"), t.label("ready")
	sum := func(r, digit int) string { return "Y" + itoa(2*r+digit) }
	if rows < codeTileRows {
		t.at("rows" + itoa(rows))
	} else {
		t.say("%d rows", rows)
	}
	t.i("XORQ R10, R10")
	t.at(quarter)
	t.i("MOVQ %d(R15), SI", codeTileX)
	t.i("MOVQ %d(R15), CX", codeTileRuns)
	t.i("MOVQ %d(R15), R8", codeTileScales)
	t.i("ADDQ R10, R8")
	t.i("TESTQ $%d, %d(R15)", modeContinue, codeTileMode)
	t.i("JNE %s", ready)
	t.i("VPXOR Y0, Y0, Y0")
	t.eachRow("R11", rows, func(int) { t.i("VMOVUPS Y0, (R11)") })
	t.at(ready)
	t.at(run)
	for s := range 8 {
		t.i("VMOVDQU %d(DI), Y12", 64*s)
		t.i("VMOVDQU %d(DI), Y13", 64*s+32)
		for r := range rows {
			t.i("VPBROADCASTD %s, Y14", t.x(r, s))
			for digit := range 2 {
				if s == 0 {
					t.i("VPMADDUBSW Y14, Y%d, %s", 12+digit, sum(r, digit))
					continue
				}
				t.i("VPMADDUBSW Y14, Y%d, Y15", 12+digit)
				t.i("VPADDW Y15, %s, %[1]s", sum(r, digit))
			}
		}
	}
	t.eachRow("R11", rows, func(r int) {
		t.i("VPMADDWD nf4Ones<>(SB), %s, %[1]s", sum(r, 0))
		t.i("VPMADDWD nf4Sixteens<>(SB), %s, %[1]s", sum(r, 1))
		t.i("VPADDD %s, %s, %[2]s", sum(r, 1), sum(r, 0))
		t.i("VPBROADCASTD %s, Y14", t.x(r, lineSum+2))
		t.i("VPADDD Y14, %s, %[1]s", sum(r, 0))
		t.i("VCVTDQ2PS %s, %[1]s", sum(r, 0))
		t.i("VBROADCASTSS %s, Y14", t.x(r, lineScale))
		t.i("VMULPS (R8), Y14, Y15")
		t.i("VMOVUPS (R11), Y12")
		t.i("VFMADD231PS Y15, %s, Y12", sum(r, 0))
		t.i("VMOVUPS Y12, (R11)")
	})
	t.i("ADDQ $%d, SI", 4*lineWords)
	t.i("ADDQ $512, DI")
	t.i("ADDQ $%d, R8", 128*numbers)
	t.i("DECQ CX")
	t.i("JNE %s", run)
	t.i("ADDQ $32, AX")
	t.i("ADDQ $32, R10")
	t.i("DECQ R9")
	t.i("JNE %s", quarter)
	t.i("VZEROUPPER")
	t.i("RET")
}
