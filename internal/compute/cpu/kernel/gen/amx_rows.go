package main

// The offsets of the fields of the Go struct AMXRows.
const (
	amxX      = 0
	amxLD     = 24
	amxTiles  = 32
	amxCount  = 56
	amxCols   = 64
	amxScales = 72
	amxScale  = 96
)

// rowsAMX emits what lays rows out in tiles, and tiles in rows.
func rowsAMX() []byte {
	a := newAsm("amd64")
	a.constantsAMX()
	a.rowsBF16("rowsBF16AMX")
	a.rowsInt8("rowsInt8AMX")
	a.turn("turnBF16AMX", 32, 128, func(r int) {
		a.i("VMOVUPS.Z (R12), K1, Z%d", r)
		a.i("VMOVUPS.Z 64(R12), K2, Z16")
		a.cvtbf16(r, 16, r)
		a.i("VPERMW Z%d, Z31, Z%d", r, r)
	}, "VMOVDQU16 interleave<>(SB), Z31")
	a.turn("turnInt8AMX", 16, 64, func(r int) {
		a.i("VMOVDQU32.Z (R12), K1, Z%d", r)
		a.i("VPXORD Z30, Z%d, Z%d", r, r)
		a.i("VPERMB Z%d, Z31, Z%d", r, r)
	}, "VPBROADCASTD signs<>(SB), Z30", "VMOVDQU8 quads<>(SB), Z31")
	a.partBF16("partBF16AMX")
	a.partInt8("partInt8AMX")
	a.out("outF32AMX", false)
	a.out("outInt32AMX", true)
	a.addTurned("addTurnedF32AMX", false)
	a.addTurned("addTurnedInt32AMX", true)
	return a.Bytes()
}

// constantsAMX emits the permutations of halves and of bytes, see turnBF16 and turnInt8, and the signs of four bytes.
func (a *asm) constantsAMX() {
	for i := range 8 {
		a.Printf("DATA interleave<>+%d(SB)/8, $%#016x\n", 8*i, 2*i|(2*i+16)<<16|(2*i+1)<<32|(2*i+17)<<48)
	}
	a.Printf("GLOBL interleave<>(SB), RODATA|NOPTR, $64\n")
	quad := func(c int) int { return c | (32+c)<<8 | (16+c)<<16 | (48+c)<<24 }
	for i := range 8 {
		a.Printf("DATA quads<>+%d(SB)/8, $%#016x\n", 8*i, quad(2*i)|quad(2*i+1)<<32)
	}
	a.Printf("GLOBL quads<>(SB), RODATA|NOPTR, $64\n")
	a.Printf("DATA signs<>+0(SB)/4, $0x80808080\nGLOBL signs<>(SB), RODATA|NOPTR, $4\n")
}

// amxFields loads the fields: SI x, R8 bytes from row to row, DI tiles, DX count, BX columns.
func (a *asm) amxFields(name string) {
	a.function(name, "m *AMXRows", 8)
	a.i("MOVQ m+0(FP), R15")
	a.i("MOVQ %d(R15), SI", amxX)
	a.i("MOVQ %d(R15), R8", amxLD)
	a.i("SHLQ $2, R8")
	a.i("MOVQ %d(R15), DI", amxTiles)
	a.i("MOVQ %d(R15), DX", amxCount)
	a.i("MOVQ %d(R15), BX", amxCols)
}

// masks sets K1 and K2 to the first n of 16 and 16 columns, for n up to 63. It spoils R11 and CX.
func (a *asm) masks(n string) {
	a.mask(n, "K1")
	a.i("SHRQ $16, R11")
	a.i("KMOVD R11, K2")
}

func (a *asm) end() {
	a.i("VZEROUPPER")
	a.i("RET")
}

// rowsBF16 emits the rounding of rows to bfloat16, 32 elements of a row in each step.
func (a *asm) rowsBF16(name string) {
	a.amxFields(name)
	row, loop, tail, next := a.label("row"), a.label("loop"), a.label("tail"), a.label("next")
	a.at(row)
	a.i("MOVQ SI, R12")
	a.i("MOVQ DI, R13")
	a.i("MOVQ BX, R9")
	a.i("SUBQ $32, R9")
	a.i("JLT %s", tail)
	a.at(loop)
	a.i("VMOVUPS (R12), Z0")
	a.i("VMOVUPS 64(R12), Z1")
	a.cvtbf16(2, 1, 0)
	a.i("VMOVDQU64 Z2, (R13)")
	a.i("ADDQ $128, R12")
	a.i("ADDQ $2048, R13")
	a.i("SUBQ $32, R9")
	a.i("JGE %s", loop)
	a.at(tail)
	a.i("ADDQ $32, R9")
	a.i("JEQ %s", next)
	a.masks("R9")
	a.i("VMOVUPS.Z (R12), K1, Z0")
	a.i("VMOVUPS.Z 64(R12), K2, Z1")
	a.cvtbf16(2, 1, 0)
	a.i("VMOVDQU64 Z2, (R13)")
	a.at(next)
	a.i("ADDQ R8, SI")
	a.i("ADDQ $64, DI")
	a.i("DECQ DX")
	a.i("JNE %s", row)
	a.end()
}

// rowsInt8 emits the copying of rows of codes, whose signs it turns, 16 words of a row in each step.
func (a *asm) rowsInt8(name string) {
	a.amxFields(name)
	a.i("VPBROADCASTD signs<>(SB), Z30")
	row, loop, tail, next := a.label("row"), a.label("loop"), a.label("tail"), a.label("next")
	a.at(row)
	a.i("MOVQ SI, R12")
	a.i("MOVQ DI, R13")
	a.i("MOVQ BX, R9")
	a.i("SUBQ $16, R9")
	a.i("JLT %s", tail)
	a.at(loop)
	a.i("VPXORD (R12), Z30, Z0")
	a.i("VMOVDQU64 Z0, (R13)")
	a.i("ADDQ $64, R12")
	a.i("ADDQ $2048, R13")
	a.i("SUBQ $16, R9")
	a.i("JGE %s", loop)
	a.at(tail)
	a.i("ADDQ $16, R9")
	a.i("JEQ %s", next)
	a.masks("R9")
	a.i("VMOVDQU32.Z (R12), K1, Z0")
	a.i("VPXORD Z30, Z0, Z0")
	a.i("VMOVDQU64 Z0, (R13)")
	a.at(next)
	a.i("ADDQ R8, SI")
	a.i("ADDQ $64, DI")
	a.i("DECQ DX")
	a.i("JNE %s", row)
	a.end()
}

// turn emits the transposition of at most 16 rows, per columns in each step, which lie bytes apart; load loads row r of
// a step, with the constants that prepare has loaded.
func (a *asm) turn(name string, per, bytes int, load func(r int), prepare ...string) {
	a.amxFields(name)
	loop, masked, loaded := a.label("loop"), a.label("masked"), a.label("loaded")
	a.at(loop)
	for _, p := range prepare {
		a.i("%s", p)
	}
	a.i("MOVQ $%d, R9", per)
	a.i("CMPQ BX, R9")
	a.i("JGE %s", masked)
	a.i("MOVQ BX, R9")
	a.at(masked)
	a.masks("R9")
	for r := 1; r < 16; r++ {
		a.i("VPXORD Z%d, Z%d, Z%d", r, r, r)
	}
	a.i("MOVQ SI, R12")
	for r := range 16 {
		load(r)
		if r < 15 {
			a.i("CMPQ DX, $%d", r+1)
			a.i("JEQ %s", loaded)
			a.i("ADDQ R8, R12")
		}
	}
	a.at(loaded)
	a.transpose()
	for r := range 16 {
		a.i("VMOVDQU64 Z%d, %d(DI)", r, 64*r)
	}
	a.i("ADDQ $%d, SI", bytes)
	a.i("ADDQ $2048, DI")
	a.i("SUBQ $%d, BX", per)
	a.i("JGT %s", loop)
	a.end()
}

// partBF16 emits the parting of chunks of pairs: half of a line and the other half become two rows of a tile.
func (a *asm) partBF16(name string) {
	a.amxFields(name)
	a.i("MOVL $0xaaaaaaaa, R11")
	a.i("KMOVD R11, K1")
	step, line := a.label("step"), a.label("line")
	a.at(step)
	a.i("MOVQ SI, R12")
	a.i("MOVQ DI, R13")
	a.i("MOVQ DX, R9")
	a.at(line)
	a.i("VMOVDQU64 (R12), Z0")
	a.i("VMOVDQU64 64(R12), Z1")
	a.i("VPSLLD $16, Z1, Z2")
	a.i("VPSRLD $16, Z0, Z3")
	a.i("VPBLENDMW Z2, Z0, K1, Z2")
	a.i("VPBLENDMW Z1, Z3, K1, Z3")
	a.i("VMOVDQU64 Z2, (R13)")
	a.i("VMOVDQU64 Z3, 64(R13)")
	a.i("ADDQ $128, R12")
	a.i("ADDQ $128, R13")
	a.i("DECQ R9")
	a.i("JNE %s", line)
	a.i("ADDQ R8, SI")
	a.i("ADDQ $2048, DI")
	a.i("DECQ BX")
	a.i("JNE %s", step)
	a.end()
}

// partInt8 emits the parting of chunks of four bytes, of two panels in each step: halves of words first, bytes then.
func (a *asm) partInt8(name string) {
	a.amxFields(name)
	a.i("MOVL $0xaaaaaaaa, R11")
	a.i("KMOVD R11, K1")
	a.i("MOVQ $0xaaaaaaaaaaaaaaaa, R11")
	a.i("KMOVQ R11, K2")
	step, line := a.label("step"), a.label("line")
	a.at(step)
	a.i("MOVQ SI, R12")
	a.i("LEAQ (SI)(R8*1), R10")
	a.i("MOVQ DI, R13")
	a.i("MOVQ DX, R9")
	a.at(line)
	a.i("VMOVDQU64 (R12), Z0")
	a.i("VMOVDQU64 64(R12), Z1")
	a.i("VMOVDQU64 (R10), Z2")
	a.i("VMOVDQU64 64(R10), Z3")
	for p := range 2 { // bytes 0 and 1 of words in Z4, Z5; 2 and 3 in Z6, Z7
		x, y := 2*p, 2*p+1
		a.i("VPSLLD $16, Z%d, Z%d", y, 4+p)
		a.i("VPSRLD $16, Z%d, Z%d", x, 6+p)
		a.i("VPBLENDMW Z%d, Z%d, K1, Z%d", 4+p, x, 4+p)
		a.i("VPBLENDMW Z%d, Z%d, K1, Z%d", y, 6+p, 6+p)
	}
	for h := range 2 {
		x, y := 4+2*h, 5+2*h
		a.i("VPSLLW $8, Z%d, Z8", y)
		a.i("VPSRLW $8, Z%d, Z9", x)
		a.i("VPBLENDMB Z8, Z%d, K2, Z8", x)
		a.i("VPBLENDMB Z%d, Z9, K2, Z9", y)
		a.i("VMOVDQU64 Z8, %d(R13)", 128*h)
		a.i("VMOVDQU64 Z9, %d(R13)", 128*h+64)
	}
	a.i("ADDQ $128, R12")
	a.i("ADDQ $128, R10")
	a.i("ADDQ $256, R13")
	a.i("DECQ R9")
	a.i("JNE %s", line)
	a.i("LEAQ (SI)(R8*2), SI")
	a.i("ADDQ $2048, DI")
	a.i("DECQ BX")
	a.i("JNE %s", step)
	a.end()
}

// out emits the copying of tiles to rows; int32 become float32 and are scaled. Whole lines go past the caches.
func (a *asm) out(name string, scaled bool) {
	a.amxFields(name)
	a.masks("BX")
	if scaled {
		a.i("MOVQ %d(R15), R10", amxScales)
		a.i("MOVQ %d(R15), R11", amxScale)
		a.i("VMOVUPS.Z (R11), K1, Z4")
		a.i("VMOVUPS.Z 64(R11), K2, Z5")
	}
	a.i("MOVQ $16, R9")
	past, done := a.label("past"), a.label("done")
	a.i("CMPQ BX, $32")
	a.i("JNE %s", past+"masked")
	a.i("MOVQ SI, R11")
	a.i("ORQ R8, R11")
	a.i("TESTQ $63, R11")
	a.i("JNE %s", past+"masked")
	for _, masked := range []bool{false, true} {
		loop := past
		if masked {
			loop += "masked"
		}
		a.at(loop)
		if scaled {
			a.i("VCVTDQ2PS (DI), Z0")
			a.i("VCVTDQ2PS 1024(DI), Z1")
			a.i("VBROADCASTSS (R10), Z2")
			for i := range 2 {
				a.i("VMULPS Z2, Z%d, Z%d", i, i)
				a.i("VMULPS Z%d, Z%d, Z%d", 4+i, i, i)
			}
			a.i("ADDQ $4, R10")
		} else {
			a.i("VMOVUPS (DI), Z0")
			a.i("VMOVUPS 1024(DI), Z1")
		}
		if masked {
			a.i("VMOVUPS Z0, K1, (SI)")
			a.i("VMOVUPS Z1, K2, 64(SI)")
		} else {
			a.i("VMOVNTPS Z0, (SI)")
			a.i("VMOVNTPS Z1, 64(SI)")
		}
		a.i("DECQ DX")
		a.i("JEQ %s", done)
		a.i("ADDQ R8, SI")
		a.i("ADDQ $64, DI")
		a.i("DECQ R9")
		a.i("JNE %s", loop)
		a.i("MOVQ $16, R9")
		a.i("ADDQ $1024, DI")
		a.i("JMP %s", loop)
	}
	a.at(done)
	a.i("SFENCE")
	a.end()
}

// addTurned emits the adding of tiles, transposed, to rows; int32 become float32 and are scaled.
func (a *asm) addTurned(name string, scaled bool) {
	a.amxFields(name)
	a.masks("BX")
	if scaled {
		a.i("MOVQ %d(R15), R10", amxScales)
	}
	block, done := a.label("block"), a.label("done")
	a.at(block)
	for half := range 2 { // 16 rows
		added := [2]string{a.label("added"), a.label("added")}
		for cols := range 2 { // 16 columns
			for r := range 16 {
				at := (2*cols+half)*1024 + 64*r
				if scaled {
					a.i("VCVTDQ2PS %d(DI), Z%d", at, r)
				} else {
					a.i("VMOVUPS %d(DI), Z%d", at, r)
				}
			}
			a.transpose()
			a.i("MOVQ SI, R12")
			for r := range 16 {
				if scaled {
					a.i("VBROADCASTSS %d(R10), Z16", 4*r)
					a.i("VMULPS Z16, Z%d, Z%d", r, r)
				}
				a.i("VADDPS %d(R12), Z%d, K%d, Z%d", 64*cols, r, 1+cols, r)
				a.i("VMOVUPS Z%d, K%d, %d(R12)", r, 1+cols, 64*cols)
				a.i("ADDQ R8, R12")
				if r < 15 {
					a.i("CMPQ DX, $%d", r+1)
					a.i("JEQ %s", added[cols])
				}
			}
			a.at(added[cols])
		}
		a.i("MOVQ R12, SI")
		if scaled {
			a.i("ADDQ $64, R10")
		}
		a.i("SUBQ $16, DX")
		a.i("JLE %s", done)
	}
	a.i("ADDQ $4096, DI")
	a.i("JMP %s", block)
	a.at(done)
	a.end()
}
