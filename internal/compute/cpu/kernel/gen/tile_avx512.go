package main

// The offsets of the fields of the Go struct Tile; a slice takes three words.
const (
	tileC     = 0
	tileLDC   = 24
	tileA     = 32
	tileLDA   = 56
	tileB     = 64
	tileLDB   = 88
	tileSteps = 96
	tileRows  = 104
	tileCols  = 112
	tileMode  = 120
	tileNext  = 128
	tileAhead = 152
)

// The bits of Tile.Mode.
const (
	modeContinue = 1 // sums start at c instead of zero
	modeAdd      = 2 // sums are added to c instead of stored over it
)

// rowsAhead is how many bytes of A are asked for before their use.
const rowsAhead = 2048

// maxRows bounds the rows of a tile of 32 columns: 28 of 32 registers sum. Up to fewRows wait for B, not for the sums.
const (
	maxRows = 14
	fewRows = 4
)

// tilesAVX512 emits tileF32, tileBF16 and tileInt8 in 512-bit registers.
func tilesAVX512() []byte {
	a := newAsm("amd64")
	tileAVX512(a, "tileF32AVX512", func(dst, x, b int) { a.i("VFMADD231PS Z%d, Z%d, Z%d", b, x, dst) }, "VADDPS")
	tileAVX512(a, "tileBF16AVX512", a.dpbf16, "VADDPS")
	tileAVX512(a, "tileInt8AVX512", func(dst, x, b int) { a.i("VPDPBUSD Z%d, Z%d, Z%d", b, x, dst) }, "VPADDD")
	return a.Bytes()
}

// tileAVX512 emits one tile function. multiply adds the products of the
// broadcast x and the columns b to dst.
//
// AX c, BX ldc, SI a, R8 lda, DI b, R9 ldb, CX steps, DX mode. K1, K2 mask the
// columns. Z0 … Z27 sum, Z28, Z29 hold columns, Z30, Z31 rows.
func tileAVX512(a *asm, name string, multiply func(dst, x, b int), add string) {
	a.function(name, "t *Tile", 8)
	a.tileFields(tileCols)
	a.columnMasks()
	a.say("R13 walks to R14 through the words to prefetch; without any it stays at a.")
	a.i("MOVQ %d(R15), R13", tileNext)
	a.i("MOVQ %d(R15), R14", tileNext+8)
	a.i("TESTQ R14, R14")
	a.i("CMOVQEQ SI, R13")
	a.i("LEAQ (R13)(R14*4), R14")
	a.i("MOVQ %d(R15), CX", tileSteps)
	a.say("R11 is how far B is prefetched where rows are few.")
	a.i("LEAQ (R9*8), R11")
	a.i("MOVQ %d(R15), R12", tileAhead)
	a.i("TESTQ R12, R12")
	a.i("CMOVQNE R12, R11")
	for r := 1; r < maxRows; r++ {
		a.i("CMPQ R10, $%d", r)
		a.i("JEQ rows%d", r)
	}
	for r := maxRows; r >= 1; r-- {
		tileRowsAVX512(a, r, multiply, add)
	}
}

// columnMasks makes masks of the columns that CX counts.
func (a *asm) columnMasks() {
	a.say("K1 and K2 select the first cols of 32 columns.")
	a.i("MOVQ $-1, R11")
	a.i("SHLQ CX, R11")
	a.i("NOTQ R11")
	a.i("KMOVW R11, K1")
	a.i("SHRQ $16, R11")
	a.i("KMOVW R11, K2")
}

// tileRowsAVX512 emits the body for r rows.
func tileRowsAVX512(a *asm, r int, multiply func(dst, x, b int), add string) {
	eachRow := func(do func(i int)) { a.eachRow("R12", r, do) }
	zero, start := a.label("zero"), a.label("start")
	if r < maxRows {
		a.at("rows" + itoa(r))
	} else {
		a.say("%d rows", r)
	}
	a.i("TESTQ $%d, DX", modeContinue)
	a.i("JEQ %s", zero)
	eachRow(func(i int) {
		a.i("VMOVUPS.Z (R12), K1, Z%d", 2*i)
		a.i("VMOVUPS.Z 64(R12), K2, Z%d", 2*i+1)
	})
	a.i("JMP %s", start)
	a.at(zero)
	for i := range 2 * r {
		a.i("VPXORD Z%d, Z%d, Z%d", i, i, i)
	}
	a.say("Ask for the lines of C before the loop that will need them.")
	eachRow(func(i int) {
		a.i("PREFETCHT1 (R12)")
		a.i("PREFETCHT1 64(R12)")
	})
	a.at(start)
	step := func() {
		a.i("VMOVUPS (DI), Z28")
		a.i("VMOVUPS 64(DI), Z29")
		ahead, level := "(R9*8)", "T0"
		if r <= fewRows {
			ahead, level = "(R11*1)", "T1"
		} else {
			a.i("PREFETCHT0 %d(SI)", rowsAhead) // the next tile's rows follow
		}
		a.i("PREFETCH%s (DI)%s", level, ahead)
		a.i("PREFETCH%s 64(DI)%s", level, ahead)
		for i := range r {
			x := 30 + i%2
			a.i("VBROADCASTSS %d(SI), Z%d", 4*i, x)
			multiply(2*i, x, 28)
			multiply(2*i+1, x, 29)
		}
		a.i("ADDQ R8, SI")
		a.i("ADDQ R9, DI")
	}
	const unroll = 2
	tail, one, done := a.label("tail"), a.label("one"), a.label("done")
	loop := a.label("loop")
	a.i("SUBQ $%d, CX", unroll)
	a.i("JLT %s", tail)
	a.at(loop)
	for range unroll {
		step()
	}
	a.i("PREFETCHT1 (R13)")
	a.i("ADDQ $64, R13")
	a.i("CMPQ R13, R14")
	a.i("CMOVQGT R14, R13")
	a.i("SUBQ $%d, CX", unroll)
	a.i("JGE %s", loop)
	a.at(tail)
	a.i("ADDQ $%d, CX", unroll)
	a.i("JEQ %s", done)
	a.at(one)
	step()
	a.i("DECQ CX")
	a.i("JNE %s", one)
	a.at(done)
	store := a.label("store")
	a.i("TESTQ $%d, DX", modeAdd)
	a.i("JEQ %s", store)
	eachRow(func(i int) {
		a.i("VMOVUPS.Z (R12), K1, Z28")
		a.i("VMOVUPS.Z 64(R12), K2, Z29")
		a.i("%s Z28, Z%d, Z%d", add, 2*i, 2*i)
		a.i("%s Z29, Z%d, Z%d", add, 2*i+1, 2*i+1)
	})
	a.at(store)
	eachRow(func(i int) {
		a.i("VMOVUPS Z%d, K1, (R12)", 2*i)
		a.i("VMOVUPS Z%d, K2, 64(R12)", 2*i+1)
	})
	a.i("VZEROUPPER")
	a.i("RET")
}
