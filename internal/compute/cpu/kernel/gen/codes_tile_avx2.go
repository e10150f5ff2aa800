package main

import (
	"fmt"
	"math/bits"
)

// Tiles of codes in 256-bit registers, six rows by half a panel: VPMADDUBSW multiplies bytes without a sign by those of
// x, two products to a sum of 16 bits. Codes of up to four bits stay in such sums for a whole part; larger ones are
// added in pairs at once; those with a sign lend it to x first.

// shorts reports whether the sums of a part fit 16 bits.
func (b *blocksAsm) shorts() bool { return !b.signed() && b.together() == 8 }

// signed reports whether unpacked bytes have a sign.
func (b *blocksAsm) signed() bool { return b.levels || b.raw() }

// tileOf names the tile of a type: of the first with codes, parts and offsets of its kind.
func (b *blocksAsm) tileOf() string {
	for _, l := range blockLayouts() {
		o := blocksAsm{blockLayout: l}
		same := o.shorts() == b.shorts() && o.signed() == b.signed() && o.bias() == b.bias()
		if same && o.inParts() == b.inParts() && (o.m > 0) == (b.m > 0) {
			return o.name
		}
	}
	return b.name
}

// inParts returns how many parts a run has.
func (b *blocksAsm) inParts() int {
	if len(b.runs[0]) > 1 {
		return 1
	}
	return b.runs[0][0].parts
}

// emitUnpackAVX2 emits the kernel that makes bytes of the weights of a panel, see emitUnpack.
func (b *blocksAsm) emitUnpackAVX2() {
	b.unpackBegins("AVX2")
	b.i("VPCMPEQD Y6, Y6, Y6")
	b.i("VPSLLD $8, Y6, Y6")
	b.unpackBlocks(func(first, second []term, base string) {
		for half := range 2 {
			b.halfCodesOf(first, base, 32*half)
			b.i("VMOVDQA Y%d, Y%d", regCodes, regX)
			b.halfCodesOf(second, base, 32*half)
			b.i("VPUNPCKLWD Y%d, Y%d, Y11", regCodes, regX)
			b.i("VPUNPCKHWD Y%d, Y%d, Y12", regCodes, regX)
			for i, lanes := range []int{0x20, 0x31} {
				b.i("VPERM2I128 $%#x, Y12, Y11, Y13", lanes)
				b.i("VMOVDQU Y13, %d(DX)", 64*half+32*i)
			}
		}
		b.i("ADDQ $128, DX")
	})
}

// halfCodesOf makes bytes of a pair of elements, of half the columns.
func (b *blocksAsm) halfCodesOf(terms []term, base string, offset int) {
	place := func(t term) string { return fmt.Sprintf("%d(%s)", 64*t.line+offset, base) }
	if b.raw() {
		b.load(place(terms[0]), b.v(regCodes))
		return
	}
	b.codes(terms, place, 0, b.v)
	if b.levels {
		b.i("VPSHUFB Y%d, %s, Y%[1]d", regCodes, b.table())
	}
}

// emitTileAVX2 emits the tile of a type, and of those like it, see codeTile for the registers. R9 counts halves, R10
// steps.
func (b *blocksAsm) emitTileAVX2() {
	b.function("codeTile"+b.name+"AVX2", "t *CodeTile", 8)
	t := codeTile{asm: b.asm, parts: b.inParts(), offsets: b.m > 0}
	b.loadFields([]field{
		{codeTileDst, "AX"}, {codeTileLDC, "BX"}, {codeTileLDX, "R13"}, {codeTileB, "DI"}, {codeTileScales, "R8"},
		{codeTileRowsOf, "R10"},
	})
	t.strides()
	b.i("MOVL $2, R9")
	for r := 1; r < codeTileRows; r++ {
		b.i("CMPQ R10, $%d", r)
		b.i("JEQ rows%d", r)
	}
	for r := codeTileRows; r >= 1; r-- {
		b.tileRows(t, r)
	}
}

// tileRows emits the body for so many rows.
func (b *blocksAsm) tileRows(t codeTile, rows int) {
	half, run, ready := b.label("half"), b.label("run"), b.label("ready")
	if rows < codeTileRows {
		b.at("rows" + itoa(rows))
	} else {
		b.say("%d rows", rows)
	}
	b.at(half)
	b.i("MOVQ %d(R15), SI", codeTileX)
	b.i("MOVQ %d(R15), CX", codeTileRuns)
	b.i("TESTQ $%d, %d(R15)", modeContinue, codeTileMode)
	b.i("JNE %s", ready)
	b.i("VPXOR Y0, Y0, Y0")
	b.eachRow("R11", rows, func(int) {
		b.i("VMOVUPS Y0, (R11)")
		b.i("VMOVUPS Y0, 32(R11)")
	})
	b.at(ready)
	b.at(run)
	for part := range t.parts {
		b.tilePart(t, rows, part)
	}
	b.i("ADDQ $%d, SI", 4*(lineWords-8))
	b.i("ADDQ $%d, R8", t.parts*128*numbers)
	b.i("DECQ CX")
	b.i("JNE %s", run)
	b.i("MOVQ %d(R15), DI", codeTileB)
	b.i("MOVQ %d(R15), R8", codeTileScales)
	b.i("ADDQ $64, DI")
	b.i("ADDQ $64, R8")
	b.i("ADDQ $64, AX")
	b.i("DECQ R9")
	b.i("JNE %s", half)
	b.i("VZEROUPPER")
	b.i("RET")
}

// tilePart adds the products of a part of a run: sums in Y0 … Y11, bytes of weights in Y12 and Y13, of x in Y14. SI and
// DI move on by four steps at a time.
func (b *blocksAsm) tilePart(t codeTile, rows, part int) {
	sum := func(r, i int) string { return "Y" + itoa(2*r+i) }
	for r := range 2 * rows {
		b.i("VPXOR Y%d, Y%[1]d, Y%[1]d", r)
	}
	steps, moved := b.label("steps"), 4*(part+1) // words of x
	if t.parts == 1 {
		moved = 8
		b.i("MOVL $2, R10")
		b.at(steps)
	}
	for s := range 4 {
		for i := range 2 {
			load := "VMOVDQU"
			if b.signed() {
				load = "VPABSB"
			}
			b.i("%s %d(DI), Y%d", load, 128*s+32*i, 12+i)
		}
		for r := range rows {
			b.i("VPBROADCASTD %s, Y14", t.x(r, s))
			for i := range 2 {
				x := "Y14"
				if b.signed() {
					b.i("VPSIGNB %d(DI), Y14, Y15", 128*s+32*i)
					x = "Y15"
				}
				b.i("VPMADDUBSW %s, Y%d, Y15", x, 12+i)
				if b.shorts() {
					b.i("VPADDW Y15, %s, %[1]s", sum(r, i))
				} else {
					b.i("VPMADDWD ones<>(SB), Y15, Y15")
					b.i("VPADDD Y15, %s, %[1]s", sum(r, i))
				}
			}
		}
	}
	b.i("ADDQ $16, SI")
	b.i("ADDQ $512, DI")
	if t.parts == 1 {
		b.i("DECQ R10")
		b.i("JNE %s", steps)
	}
	which := sumOfPart(part, t.parts)
	number := func(kind, i int) string { return fmt.Sprintf("%d(R8)", 128*(numbers*part+kind)+32*i) }
	b.eachRow("R11", rows, func(r int) {
		if b.shorts() {
			for i := range 2 {
				b.i("VPMADDWD ones<>(SB), %s, %[1]s", sum(r, i))
			}
		}
		if bias := b.bias(); bias > 0 && !b.signed() {
			b.i("VPBROADCASTD %s, Y14", t.x(r, lineSum+which-moved))
			b.i("VPSRAD $%d, Y14, Y14", 7-bits.TrailingZeros(uint(bias)))
			for i := range 2 {
				b.i("VPADDD Y14, %s, %[1]s", sum(r, i))
			}
		}
		b.i("VBROADCASTSS %s, Y14", t.x(r, lineScale-moved))
		if t.offsets {
			b.i("VBROADCASTSS %s, Y13", t.x(r, lineScaled+which-moved))
		}
		for i := range 2 {
			b.i("VCVTDQ2PS %s, %[1]s", sum(r, i))
			b.i("VMULPS %s, Y14, Y15", number(scaleFirst, i))
			b.i("VMOVUPS %d(R11), Y12", 32*i)
			b.i("VFMADD231PS Y15, %s, Y12", sum(r, i))
			if t.offsets {
				b.i("VFMADD231PS %s, Y13, Y12", number(offset, i))
			}
			b.i("VMOVUPS Y12, %d(R11)", 32*i)
		}
	})
}
