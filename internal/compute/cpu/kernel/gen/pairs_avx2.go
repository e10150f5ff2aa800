package main

// pairsAVX2 emits products of bytes in 256-bit registers: unpacked to words of two 16-bit codes, whose products one
// instruction adds in 32 bits.
func pairsAVX2() []byte {
	a := newAsm("amd64")
	a.narrow = true
	a.firstLanes()
	for i := range 8 { // bytes i, i+4, i+8 and i+12 of a lane
		a.Printf("DATA transposed<>+%d(SB)/4, $%#x\n", 4*i, 0x0c080400+0x01010101*(i%4))
	}
	a.Printf("GLOBL transposed<>(SB), RODATA|NOPTR, $32\n")
	a.tilePairs()
	a.tileBytes()
	a.unpackPairs()
	a.transposeBytes()
	a.toPairs()
	a.magnitude("AVX2")
	a.fromInt32("AVX2")
	a.prefetchRows()
	a.peakPairs()
	return a.Bytes()
}

// pairRows bounds the rows of a tile of pairs: twelve registers sum.
const pairRows = 6

// enterTile loads the fields of a tile and jumps to the label for the rows.
func (a *asm) enterTile(rows int, label string) {
	a.tileFields(tileSteps)
	for r := 1; r < rows; r++ {
		a.i("CMPQ R10, $%d", r)
		a.i("JEQ %s%d", label, r)
	}
}

// sums zeroes the sums of r rows of count registers, or loads them, repeats step
// CX times and stores them.
func (a *asm) sums(r, count int, step func()) {
	each := func(do func(i int)) {
		a.i("MOVQ AX, R12")
		for i := range r {
			for j := range count {
				do(count*i + j)
			}
			if i < r-1 {
				a.i("ADDQ BX, R12")
			}
		}
	}
	from, loop, done := a.label("from"), a.label("loop"), a.label("done")
	for i := range r * count {
		a.zero(i)
	}
	a.i("TESTQ DX, DX")
	a.i("JEQ %s", from)
	each(func(i int) { a.i("VMOVDQU %d(R12), Y%d", 32*(i%count), i) })
	a.at(from)
	a.i("TESTQ CX, CX")
	a.i("JEQ %s", done)
	a.at(loop)
	step()
	a.i("DECQ CX")
	a.i("JNE %s", loop)
	a.at(done)
	each(func(i int) { a.i("VMOVDQU Y%d, %d(R12)", i, 32*(i%count)) })
	a.i("VZEROUPPER")
	a.i("RET")
}

// tilePairs emits the tile of six rows and 16 columns. A round of the loop takes two steps. Y0 … Y11 sum, Y12 and Y13
// hold columns, Y14 a row's pair.
func (a *asm) tilePairs() {
	a.function("tilePairsAVX2", "t *Tile", 8)
	a.enterTile(pairRows, "pairs")
	for r := pairRows; r >= 1; r-- {
		a.at("pairs" + itoa(r))
		a.i("SHRQ $1, CX")
		a.sums(r, 2, func() {
			for _, at := range [][2]string{{"(SI)", "(DI)"}, {"(SI)(R8*1)", "(DI)(R9*1)"}} {
				a.i("VMOVDQU %s, Y12", at[1])
				a.i("VMOVDQU 32%s, Y13", at[1])
				for i := range r {
					a.i("VPBROADCASTD %d%s, Y14", 4*i, at[0])
					a.i("VPMADDWD Y12, Y14, Y15")
					a.i("VPMADDWD Y13, Y14, Y14")
					a.i("VPADDD Y15, Y%d, Y%d", 2*i, 2*i)
					a.i("VPADDD Y14, Y%d, Y%d", 2*i+1, 2*i+1)
				}
			}
			a.i("LEAQ (SI)(R8*2), SI")
			a.i("LEAQ (DI)(R9*2), DI")
		})
	}
}

// tileBytes emits the tile of one row or two and 32 columns that unpacks bytes
// as it goes. Y0 … Y7 sum, Y8 … Y11 hold the rows' pairs, Y12 bytes, Y13 and
// Y14 pairs of columns.
func (a *asm) tileBytes() {
	const rows, count = 2, 4
	a.function("tileBytesAVX2", "t *Tile", 8)
	a.enterTile(rows, "bytes")
	for r := rows; r >= 1; r-- {
		a.at("bytes" + itoa(r))
		a.sums(r, count, func() {
			a.i("PREFETCHT0 2048(DI)")
			a.i("PREFETCHT0 2112(DI)")
			for i := range r {
				a.i("VPBROADCASTD %d(SI), Y%d", 4*i, 8+2*i)
				a.i("VPBROADCASTD %d(SI)(R8*1), Y%d", 4*i, 9+2*i)
			}
			for j := range count {
				a.i("VMOVDQU %d(DI), Y12", 32*j)
				a.pairs(12, 13, 14)
				for i := range r {
					for half := range 2 {
						a.i("VPMADDWD Y%d, Y%d, Y15", 13+half, 8+2*i+half)
						a.i("VPADDD Y15, Y%d, Y%d", count*i+j, count*i+j)
					}
				}
			}
			a.i("LEAQ (SI)(R8*2), SI")
			a.i("ADDQ R9, DI")
		})
	}
}

// pairs widens the bytes of words: the first and third to even, the others to
// odd.
func (a *asm) pairs(word, even, odd int) {
	a.i("VPSLLW $8, Y%d, Y%d", word, even)
	a.i("VPSRAW $8, Y%d, Y%d", word, odd)
	a.i("VPSRAW $8, Y%d, Y%d", even, even)
}

// unpackPairs emits, for each of cols rows of 32 words of four bytes, two rows of
// pairs; the left 16 columns go to dst, the others to dst + ldd.
func (a *asm) unpackPairs() {
	a.function("unpackPairsAVX2", "p *Pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), R8", packLDD)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), BX", packCols)
	a.i("LEAQ (DI)(R8*4), R8")
	loop := a.label("loop")
	a.at(loop)
	a.i("PREFETCHT0 2048(SI)")
	a.i("PREFETCHT0 2112(SI)")
	for part := range 4 {
		dst := []string{"DI", "R8"}[part/2]
		a.i("VMOVDQU %d(SI), Y0", 32*part)
		a.pairs(0, 1, 2)
		a.i("VMOVDQU Y1, %d(%s)", part%2*32, dst)
		a.i("VMOVDQU Y2, %d(%s)", 64+part%2*32, dst)
	}
	a.i("ADDQ $128, SI")
	a.i("ADDQ $128, DI")
	a.i("ADDQ $128, R8")
	a.i("DECQ BX")
	a.i("JNE %s", loop)
	a.i("VZEROUPPER")
	a.i("RET")
}

// transposeBytes emits the transpose of sixteen rows (of which rows count) of 32 words of four bytes:
// a lane of four words is a square of bytes. The first eight rows go to dst, the other eight to dst + ldd.
func (a *asm) transposeBytes() {
	a.function("transposeInt8AVX2", "p *Pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), R8", packLDD)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), DX", packRows)
	a.i("LEAQ (DI)(R8*4), R8")
	a.i("VMOVDQU transposed<>(SB), Y15")
	for half := range 2 {
		row, none, put := a.label("row"), a.label("none"), a.label("put")
		a.i("MOVQ $8, CX")
		a.at(row)
		a.i("DECQ DX")
		a.i("JLT %s", none)
		for part := range 4 {
			a.i("VMOVDQU %d(SI), Y%d", 32*part, part)
			a.i("VPSHUFB Y15, Y%d, Y%d", part, part)
		}
		a.i("JMP %s", put)
		a.at(none)
		a.zero(0, 1, 2, 3)
		a.at(put)
		dst := []string{"DI", "R8"}[half]
		for part := range 4 {
			a.i("VMOVDQU X%d, %d(%s)", part, 256*part, dst)
			a.i("VEXTRACTI128 $1, Y%d, %d(%s)", part, 256*part+128, dst)
		}
		a.i("ADDQ $128, SI")
		a.i("ADDQ $16, %s", dst)
		a.i("DECQ CX")
		a.i("JNE %s", row)
	}
	a.i("VZEROUPPER")
	a.i("RET")
}

// toPairs emits the rounding of a row to words of two codes.
func (a *asm) toPairs() {
	a.say("dst takes half the length of x, rounded up to a multiple of four words.")
	a.function("toPairsAVX2", "x []float32, dst []Word, inverse float32", 52)
	vectorLoop{a, []string{"x"}}.emit(func() {
		a.i("MOVQ dst_base+24(FP), SI")
		a.i("VBROADCASTSS inverse+48(FP), Z31")
		a.i("MOVL $128, R11")
		a.i("VMOVD R11, X8")
		a.i("VPBROADCASTD X8, Z30")
	}, func(load func(i, z int), _ func(z, i int)) {
		load(0, 0)
		a.i("VMULPS Z31, Z0, Z0")
		a.i("VCVTPS2DQ Z0, Z0")
		a.i("VPADDD Z30, Z0, Z0")
		a.i("VPSHUFD $0xd8, Z0, Z0") // 0, 2, 1, 3
		a.i("VEXTRACTI128 $1, Y0, X1")
		a.i("VPACKSSDW X1, X0, X0")
		a.i("VMOVDQU X0, (SI)")
		a.i("ADDQ $16, SI")
	})
	a.i("VZEROUPPER")
	a.i("RET")
}

// prefetchRows emits the request for two lines of each of rows rows, ld words apart.
func (a *asm) prefetchRows() {
	a.function("prefetchRowsAVX2", "c []float32, ld, rows int", 40)
	a.i("MOVQ c_base+0(FP), DI")
	a.i("MOVQ ld+24(FP), R8")
	a.i("MOVQ rows+32(FP), CX")
	a.i("SHLQ $2, R8")
	loop := a.label("loop")
	a.at(loop)
	a.i("PREFETCHT0 (DI)")
	a.i("PREFETCHT0 64(DI)")
	a.i("ADDQ R8, DI")
	a.i("DECQ CX")
	a.i("JNE %s", loop)
	a.i("RET")
}

// peakPairs emits the products and sums of tilePairs without its loads.
func (a *asm) peakPairs() {
	a.function("peakPairsAVX2", "rounds int", 8)
	a.i("MOVQ rounds+0(FP), CX")
	for z := range 16 {
		a.zero(z)
	}
	loop := a.label("loop")
	a.at(loop)
	for i := range 12 {
		a.i("VPMADDWD Y%d, Y14, Y15", 12+i%2)
		a.i("VPADDD Y15, Y%d, Y%d", i, i)
	}
	a.i("DECQ CX")
	a.i("JNE %s", loop)
	a.i("VZEROUPPER")
	a.i("RET")
}
