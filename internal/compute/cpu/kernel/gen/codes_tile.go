package main

import "fmt"

// Products of many rows in codes: the weights of a panel become bytes once, in the order that VPDPBUSD takes, and all
// rows pass over them in tiles. See kernel.CodePanel and kernel.CodeTile.

// Words of a line of x: a run that was rounded to bytes, for tiles.
const (
	lineScale  = 8  // after eight words of codes
	lineSum    = 9  // −128·Σ codes: of the first half, the second, the run
	lineScaled = 12 // the scale times Σ codes, of the same
	lineWords  = 16
)

// codeTileRows bounds the rows of a tile of codes: each has two registers of whole sums and two of float32.
const codeTileRows = 6

// The offsets of the fields of the Go struct CodeTile.
const (
	codeTileDst    = 0
	codeTileLDC    = 24
	codeTileX      = 32
	codeTileLDX    = 56
	codeTileB      = 64
	codeTileScales = 88
	codeTileRowsOf = 112
	codeTileCols   = 120
	codeTileRuns   = 128
	codeTileMode   = 136
)

// emitUnpack emits the kernel that makes bytes of the weights of a panel, and floats of their scales.
//
// DI is at the block, R8 at its numbers, DX at the bytes to write, R10 at the lines of a pair of elements. CX counts
// blocks, AX pairs of pairs. Z18 and Z19 interleave the halves of two registers, Z20 turns signs.
func (b *blocksAsm) emitUnpack() {
	const even, odd, both = "Z18", "Z19", "Z21"
	b.unpackBegins("AVX512")
	b.i("VPTERNLOGD $0xff, Z16, Z16, Z16")
	b.i("VPSLLD $8, Z16, Z16")
	b.i("VMOVDQU32 halvesInTurn<>(SB), %s", even)
	b.i("VMOVDQU32 halvesInTurn<>+64(SB), %s", odd)
	b.i("VMOVDQU32 flip<>(SB), %s", b.v(regFlip))
	pair := func(terms []term, base, to string) {
		place := func(t term) string { return fmt.Sprintf("%d(%s)", 64*t.line, base) }
		if b.raw() {
			b.load(place(terms[0]), b.v(regCodes))
		} else {
			b.codes(terms, place, b.minus, b.v)
		}
		if b.levels {
			b.i("VPSHUFB %s, %s, %[1]s", b.v(regCodes), b.table())
		}
		b.i("VPXORD %s, %s, %s", b.v(regCodes), b.v(regFlip), to)
	}
	b.unpackBlocks(func(first, second []term, base string) {
		pair(first, base, b.v(regX))
		pair(second, base, b.v(regCodes))
		b.i("VMOVDQA64 %s, %s", b.v(regX), both)
		b.i("VPERMT2W %s, %s, %s", b.v(regCodes), even, both)
		b.i("VPERMT2W %s, %s, %s", b.v(regCodes), odd, b.v(regX))
		b.i("VMOVDQU32 %s, (DX)", both)
		b.i("VMOVDQU32 %s, 64(DX)", b.v(regX))
		b.i("ADDQ $128, DX")
	})
}

// unpackBegins begins a kernel that unpacks.
func (b *blocksAsm) unpackBegins(width string) {
	b.function("unpack"+b.name+width, "p *CodePanel", 8)
	b.i("MOVQ p+0(FP), R15")
	b.i("MOVQ 0(R15), DX")
	b.i("MOVQ 24(R15), R8")
	b.i("MOVQ 48(R15), DI")
	b.i("MOVQ 72(R15), CX")
}

// unpackBlocks emits the loop over blocks: fours writes the words of two pairs, whose lines lie from a base on.
func (b *blocksAsm) unpackBlocks(fours func(first, second []term, base string)) {
	block, parts := b.label("block"), 0
	b.at(block)
	b.makeScales()
	if b.levels {
		b.load("iq4Levels<>(SB)", b.table())
	}
	for _, spans := range b.runs {
		pairs := pairsOf(spans)
		parts = max(parts, spans[0].part+spans[0].parts)
		if len(spans) > 1 {
			for i := 0; i < len(pairs); i += 2 {
				fours(pairs[i], pairs[i+1], "DI")
			}
			continue
		}
		loop := b.label("fours")
		b.i("MOVQ DI, R10")
		b.i("MOVL $%d, AX", len(pairs)/2)
		b.at(loop)
		fours(pairs[0], pairs[1], "R10")
		b.i("ADDQ $128, R10")
		b.i("DECQ AX")
		b.i("JNE %s", loop)
	}
	b.i("ADDQ $%d, R8", 128*numbers*parts)
	b.i("ADDQ $%d, DI", 64*b.lines)
	b.i("DECQ CX")
	b.i("JNE %s", block)
	b.i("VZEROUPPER")
	b.i("RET")
}

// halvesInTurn emits the indices that interleave the halves of two registers, the first 32 and the other.
func (a *asm) halvesInTurn() {
	for i := range 64 {
		a.Printf("DATA halvesInTurn<>+%d(SB)/2, $%d\n", 2*i, i/2+32*(i%2))
	}
	a.Printf("GLOBL halvesInTurn<>(SB), RODATA|NOPTR, $128\n")
}

// codeTiles emits the tiles of codes: for one part in a run or two, with offsets or without.
func codeTiles() []byte {
	a := newAsm("amd64")
	for parts := 1; parts <= 2; parts++ {
		for _, offsets := range []bool{false, true} {
			t := codeTile{a, parts, offsets}
			t.emit()
		}
	}
	a.rowOfNF4Lines()
	return a.Bytes()
}

// codeTile emits a kernel of kernel.CodeTile.
//
// AX is at c, BX its pitch, SI at x of the first row, R9 at that of the next tile's first row, R13 the pitch of x,
// R14 and R12 three and five times it, DI at the bytes of weights, R8 at the numbers of parts. CX counts runs, DX holds
// the mode. K1, K2 mask the columns.
type codeTile struct {
	*asm
	parts   int // of a run
	offsets bool
}

// Registers: whole sums from 0 on, those in float32 from 12 on, two of each row.
func (codeTile) whole(row, i int) string { return "Z" + itoa(2*row+i) }
func (codeTile) sum(row, i int) string   { return "Z" + itoa(2*codeTileRows+2*row+i) }

// x returns the place of a word of the line of a row.
func (t codeTile) x(row, word int) string { return t.line("SI", row, word) }

// line returns that of a row behind the one that a register is at.
func (codeTile) line(base string, row, word int) string {
	times := []string{"", "(R13*1)", "(R13*2)", "(R14*1)", "(R13*4)", "(R12*1)"}
	return fmt.Sprintf("%d(%s)%s", 4*word, base, times[row])
}

func (t codeTile) emit() {
	name := fmt.Sprint("codeTile", t.parts)
	if t.offsets {
		name += "Offset"
	}
	t.function(name+"AVX512", "t *CodeTile", 8)
	t.loadFields([]field{
		{codeTileDst, "AX"}, {codeTileLDC, "BX"}, {codeTileX, "SI"}, {codeTileLDX, "R13"}, {codeTileB, "DI"},
		{codeTileScales, "R8"}, {codeTileRowsOf, "R10"}, {codeTileCols, "CX"}, {codeTileMode, "DX"},
	})
	t.strides()
	t.i("LEAQ (SI)(R14*2), R9")
	t.columnMasks()
	t.i("MOVQ %d(R15), CX", codeTileRuns)
	for r := 1; r < codeTileRows; r++ {
		t.i("CMPQ R10, $%d", r)
		t.i("JEQ rows%d", r)
	}
	for r := codeTileRows; r >= 1; r-- {
		t.ofRows(r)
	}
}

// strides turns the pitches of c and x to bytes, and makes multiples of that of x.
func (t codeTile) strides() {
	t.i("SHLQ $2, BX")
	t.i("SHLQ $2, R13")
	t.i("LEAQ (R13)(R13*2), R14")
	t.i("LEAQ (R13)(R13*4), R12")
}

// sumOfPart returns which of the sums of a line of x, from lineSum and lineScaled on, is that of a part of a run.
func sumOfPart(part, parts int) int {
	if parts == 1 {
		return 2
	}
	return part
}

// ofRows emits the body for so many rows.
func (t codeTile) ofRows(rows int) {
	eachRow := func(do func(r int)) { t.eachRow("R11", rows, do) }
	zero, run := t.label("zero"), t.label("run")
	if rows < codeTileRows {
		t.at("rows" + itoa(rows))
	} else {
		t.say("%d rows", rows)
	}
	t.i("TESTQ $%d, DX", modeContinue)
	t.i("JEQ %s", zero)
	eachRow(func(r int) {
		t.i("VMOVUPS.Z (R11), K1, %s", t.sum(r, 0))
		t.i("VMOVUPS.Z 64(R11), K2, %s", t.sum(r, 1))
	})
	t.i("JMP %s", run)
	t.at(zero)
	for r := range rows {
		for i := range 2 {
			t.i("VPXORD %s, %[1]s, %[1]s", t.sum(r, i))
		}
	}
	t.at(run)
	for part := range t.parts {
		t.part(rows, part)
	}
	t.i("ADDQ $%d, SI", 4*lineWords)
	t.i("ADDQ $%d, R9", 4*lineWords)
	t.i("ADDQ $%d, DI", 8*128)
	t.i("ADDQ $%d, R8", t.parts*128*numbers)
	t.i("DECQ CX")
	t.i("JNE %s", run)
	eachRow(func(r int) {
		t.i("VMOVUPS %s, K1, (R11)", t.sum(r, 0))
		t.i("VMOVUPS %s, K2, 64(R11)", t.sum(r, 1))
	})
	t.i("VZEROUPPER")
	t.i("RET")
}

// part adds the products of a part of a run.
func (t codeTile) part(rows, part int) {
	const columns, x, scales, both = 24, 26, 28, 30 // and one more of each

	which := sumOfPart(part, t.parts)
	for r := range rows {
		t.i("VPBROADCASTD %s, %s", t.x(r, lineSum+which), t.whole(r, 0))
		t.i("VPBROADCASTD %s, %s", t.x(r, lineSum+which), t.whole(r, 1))
	}
	steps := 8 / t.parts
	for s := part * steps; s < (part+1)*steps; s++ {
		t.i("VMOVDQU32 %d(DI), Z%d", 128*s, columns)
		t.i("VMOVDQU32 %d(DI), Z%d", 128*s+64, columns+1)
		if rows == codeTileRows && s < rows {
			t.i("PREFETCHT0 %s", t.line("R9", s, 0))
		}
		for r := range rows {
			t.i("VPBROADCASTD %s, Z%d", t.x(r, s), x+r%2)
			for i := range 2 {
				t.i("VPDPBUSD Z%d, Z%d, %s", x+r%2, columns+i, t.whole(r, i))
			}
		}
	}
	number := func(kind, i int) string { return fmt.Sprintf("%d(R8)", 128*(numbers*part+kind)+64*i) }
	for i := range 2 {
		t.i("VMOVUPS %s, Z%d", number(scaleFirst, i), scales+i)
	}
	for r := range rows {
		t.i("VBROADCASTSS %s, Z%d", t.x(r, lineScale), x)
		for i := range 2 {
			t.i("VCVTDQ2PS %s, %[1]s", t.whole(r, i))
			t.i("VMULPS Z%d, Z%d, Z%d", scales+i, x, both+i)
			t.i("VFMADD231PS Z%d, %s, %s", both+i, t.whole(r, i), t.sum(r, i))
		}
		if t.offsets {
			t.i("VBROADCASTSS %s, Z%d", t.x(r, lineScaled+which), x+1)
			for i := range 2 {
				t.i("VFMADD231PS %s, Z%d, %s", number(offset, i), x+1, t.sum(r, i))
			}
		}
	}
}
