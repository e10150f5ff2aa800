package main

import (
	"fmt"
	"math"
)

// blocksAsm emits the kernels of one type of blocks, in 256-bit registers, or 512-bit ones if wide. A register holds
// the words of a group of 8 or 16 rows, or the halves of two groups.
//
// DX is at the sums or the rows to write, SI at the row x, DI at the block, R10 at the lines of a pair of elements, R8
// at the room for the numbers of parts, R11 at those of one. R9 is the first run, CX counts runs, BX pairs, AX parts.
type blocksAsm struct {
	*asm
	blockLayout
	wide, row bool
	bytes     bool // the product of codes
	rows      int  // of it, at a time
	asks      int  // lines asked for while the scales of a group are made
}

// The numbers of a part, 32 of each. Codes come out of words as 2²⁴ times themselves, in 512-bit registers the second
// of a pair as 2⁸ times; where they are looked up as floats, as themselves.
const (
	scaleFirst  = iota // scale, divided by that
	scaleSecond        // the same for the second
	offset
	numbers
)

// Registers; those of sums begin at zero.
const (
	regScales = 2  // to 7, if wide: both scales and the offset of each group
	regCodes  = 8  // and 9
	regWords  = 10 // of a group
	regFirst  = 11 // element of a pair, and the second
)

// blocksOf emits all kernels of one width.
func blocksOf(wide bool) []byte {
	a := newAsm("amd64")
	for _, mask := range []int{0x0f0f, 0x0303, 0x0404, 0x1010, 0x3030, 0x3f3f, 0x0010, 0x1000, 0x0030, 0x3000} {
		a.halves(fmt.Sprintf("mask%04x", mask), mask)
	}
	for _, minus := range []int{4, 8, 16, 32} {
		a.halves(fmt.Sprintf("minus%d", minus), minus*0x0101)
	}
	for _, n := range []int{8, 16, 24, 32, 48, -8, -24} {
		a.power(n)
	}
	for i := range 64 {
		a.Printf("DATA iq4Levels<>+%d(SB)/1, $%#x\n", i, uint8(iq4[i%16]))
	}
	a.Printf("GLOBL iq4Levels<>(SB), RODATA|NOPTR, $64\n")
	if wide {
		a.codeTables()
		a.halvesInTurn()
		a.lanesInTurn()
	} else {
		a.halves("ones", 1)
		a.spreads()
	}
	for _, l := range blockLayouts() {
		for _, row := range []bool{true, false} {
			b := blocksAsm{asm: a, blockLayout: l, wide: wide, row: row}
			if b.floats() && row {
				b.floatTable()
			}
			b.emit()
		}
		b := blocksAsm{asm: a, blockLayout: l, wide: wide, bytes: true}
		if wide {
			b.emitCodes(1)
			b.emitCodes(4)
			b.emitUnpack()
			b.emitLines()
		} else {
			b.emitRowCodes()
			b.emitUnpackAVX2()
			if b.tileOf() == b.name {
				b.emitTileAVX2()
			}
		}
	}
	return a.Bytes()
}

var iq4 = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// floats reports whether codes are looked up as floats: four bits by one instruction on 512-bit registers.
func (b *blocksAsm) floats() bool {
	terms := b.runs[0][0].terms
	return b.wide && len(terms) == 1 && terms[0].mask == 0x0f0f
}

// floatTable emits the values of codes.
func (b *blocksAsm) floatTable() {
	for i := range 16 {
		v := float32(i - b.minus)
		if b.levels {
			v = float32(iq4[i])
		}
		b.Printf("DATA floats%s<>+%d(SB)/4, $%#x\n", b.name, 4*i, math.Float32bits(v))
	}
	b.Printf("GLOBL floats%s<>(SB), RODATA|NOPTR, $64\n", b.name)
}

// v names a register of words, h one of half the size.
func (b *blocksAsm) v(n int) string { return map[bool]string{false: "Y", true: "Z"}[b.wide] + itoa(n) }
func (b *blocksAsm) h(n int) string { return map[bool]string{false: "X", true: "Y"}[b.wide] + itoa(n) }

// pick returns an instruction or register by width.
func (b *blocksAsm) pick(narrow, wide string) string {
	if b.wide {
		return wide
	}
	return narrow
}

// size returns the bytes of a register, groups how many of them the words of a line fill.
func (b *blocksAsm) size() int {
	if b.wide {
		return 64
	}
	return 32
}
func (b *blocksAsm) groups() int { return 128 / b.size() }

// upper is the register that keeps all but the lowest bytes of words, table that of the levels.
func (b *blocksAsm) upper() string { return b.pick("Y6", "Z16") }
func (b *blocksAsm) table() string { return b.pick("Y7", "Z17") }

func (b *blocksAsm) loadUpper() {
	b.i(b.pick("VPCMPEQD Y6, Y6, Y6", "VPTERNLOGD $0xff, Z16, Z16, Z16"))
	b.i("VPSLLD $8, %s, %[1]s", b.upper())
}

func (b *blocksAsm) emit() {
	name := map[bool]string{true: "row", false: "dequantize"}[b.row] + b.name
	b.function(name+b.pick("AVX2", "AVX512"), "b *Blocks", 8)
	b.i("MOVQ b+0(FP), R15")
	for i, register := range []string{"DX", "SI", "DI"} {
		b.i("MOVQ %d(R15), %s", 24*i, register)
	}
	b.i("MOVQ 72(R15), R9")
	b.i("MOVQ 80(R15), CX")
	b.i("MOVQ 88(R15), R8")
	if b.row {
		b.loadSums()
	}
	shares := !b.wide && len(b.scales) > 0 // registers of scales with those of elements
	switch {
	case b.wide:
		b.loadUpper()
	case !shares:
		b.loadSpreads()
	}
	switch {
	case b.floats():
		b.i("VMOVDQU32 floats%s<>(SB), %s", b.name, b.table())
	case b.levels:
		b.i("%s iq4Levels<>(SB), %s", b.pick("VMOVDQU", "VMOVDQU32"), b.table())
	}
	block, done := b.label("block"), b.label("done")
	b.at(block)
	if shares {
		b.loadUpper()
	}
	b.makeScales()
	if shares {
		b.loadSpreads()
	}
	run := make([]string, len(b.runs))
	for r := range b.runs {
		if run[r] = b.label("run"); r > 0 {
			b.i("CMPQ R9, $%d", r)
			b.i("JEQ %s", run[r])
		}
	}
	for r, spans := range b.runs {
		b.at(run[r])
		b.i("LEAQ %d(R8), R11", 128*numbers*spans[0].part)
		for i, s := range spans {
			b.span(s, 16*r+16*i/len(spans), i == 0)
		}
		b.i("DECQ CX")
		b.i("JEQ %s", done)
	}
	b.i("XORQ R9, R9")
	b.i("ADDQ $%d, DI", 64*b.lines)
	b.i("JMP %s", block)
	b.at(done)
	if b.row {
		b.storeSums()
	}
	b.i("VZEROUPPER")
	b.i("RET")
}

// farAhead is how many bytes before their use lines of weights are asked for that a row in codes reads once.
const farAhead = 9 << 10

// ahead returns how many blocks that are.
func (b *blocksAsm) ahead() int { return max(2, farAhead/(64*b.lines)) }

// span does its pairs of elements, in one part or in several, of those before it in the block. The first of a run loads
// the scales.
func (b *blocksAsm) span(s span, before int, first bool) {
	part, loop := b.label("part"), b.label("loop")
	if s.pairs > 1 {
		b.i("MOVQ DI, R10")
	}
	if s.parts > 1 {
		b.i("MOVL $%d, AX", s.parts)
		b.at(part)
	}
	for g := 0; b.wide && first && g < b.groups(); g++ {
		for kind := range numbers {
			if (kind != offset || b.m > 0) && (kind != scaleSecond || !b.floats()) {
				b.i("VMOVUPS %d(R11), %s", 128*kind+b.size()*g, b.v(regScales+2*kind+g))
			}
		}
	}
	if s.pairs == 1 {
		b.elements(s, "DI", before, 0)
		b.pass(1)
		return
	}
	round := map[bool]int{true: 1, false: 2}[b.wide]
	b.i("MOVL $%d, BX", s.pairs/round)
	b.at(loop)
	for i := range round {
		b.elements(s, "R10", before, i)
	}
	b.pass(round)
	b.i("ADDQ $%d, R10", 64*round)
	b.i("DECQ BX")
	b.i("JNE %s", loop)
	if s.parts > 1 {
		b.i("ADDQ $%d, R11", 128*numbers)
		b.i("DECQ AX")
		b.i("JNE %s", part)
	}
}

// pass steps over so many pairs of elements.
func (b *blocksAsm) pass(pairs int) {
	if b.row {
		b.i("ADDQ $%d, SI", 8*pairs)
	} else {
		b.i("ADDQ $%d, DX", 256*pairs)
	}
}

// elements does a pair of elements, the so manyth of those whose lines lie from the base on, and prefetches a line of a
// later block.
func (b *blocksAsm) elements(s span, base string, before, at int) {
	b.i("PREFETCHT0 %d(%s)", 64*(b.lines*b.ahead()+before+at), base)
	for i := 0; b.row && !b.wide && i < 2; i++ {
		b.i("VBROADCASTSS %d(SI), Y%d", 8*at+4*i, 4+i)
	}
	for g := range b.groups() {
		place := func(t term) string { return fmt.Sprintf("%d(%s)", 64*(t.line+at)+g*b.size()/2, base) }
		if b.wide {
			b.wordsOf(s.terms, g, place)
		} else if g%2 == 0 {
			b.codesInLanes(s.terms, place)
		}
		for i := range 2 {
			w := b.v(regFirst + i)
			switch {
			case !b.wide:
				w = b.v(regWords + i)
				b.i("VPSHUFB Y%d, Y%d, %s", regSpreads[g%2][i], regCodes, w)
				b.i("VCVTDQ2PS %s, %[1]s", w)
			case b.floats():
				b.lookUp(s.terms[0].shift+8*i, w)
			default:
				b.code(i, w)
			}
			b.scaled(i, g, w)
			switch {
			case !b.row:
				b.i("VMOVUPS %s, %d(DX)", w, 256*at+128*i+g*b.size())
			case b.wide:
				b.i("VFMADD231PS.BCST %d(SI), %s, %s", 8*at+4*i, w, b.v(g))
			default:
				b.i("VFMADD231PS Y%d, %s, %s", 4+i, w, b.v(g))
			}
		}
	}
}

// wordsOf makes words of the halves of group g, whose bytes are the codes of a pair of elements.
func (b *blocksAsm) wordsOf(terms []term, g int, place func(term) string) {
	switch {
	case b.floats():
		b.i("VPMOVZXWD %s, %s", place(terms[0]), b.v(regWords))
	case terms[0].mask == 0xffff:
		b.i("VPMOVSXWD %s, %s", place(terms[0]), b.v(regWords))
	case g%2 == 0:
		b.codes(terms, place, b.minus, b.v)
		b.i("VPMOVSXWD %s, %s", b.h(regCodes), b.v(regWords))
	default:
		b.i("VEXTRACTI64X4 $1, %s, %s", b.v(regCodes), b.h(regWords))
		b.i("VPMOVSXWD %s, %s", b.h(regWords), b.v(regWords))
	}
}

// codes makes halves of two bytes, in registers that name names; without place, of the group whose scales are made.
func (b *blocksAsm) codes(terms []term, place func(term) string, minus int, name func(int) string) {
	wide := name(0) == "Z0"
	codes, more := name(regCodes), name(regCodes+1)
	for i, t := range terms {
		to := []string{codes, more, more}[i]
		switch {
		case wide:
			b.i("VMOVDQU32 %s, %s", place(t), to)
		case place == nil:
			b.group(t.line, to)
		default:
			b.i("VMOVDQU %s, %s", place(t), to)
		}
		if t.shift > 0 {
			b.i("VPSRLW $%d, %s, %s", t.shift, to, to)
		} else if t.shift < 0 {
			b.i("VPSLLW $%d, %s, %s", -t.shift, to, to)
		}
		switch {
		case i > 0 && b.wide: // codes |= more & mask
			b.i("VPTERNLOGD $0xf8, mask%04x<>(SB), %s, %s", t.mask, more, codes)
			continue
		case wide:
			b.i("VPANDD mask%04x<>(SB), %s, %s", t.mask, to, to)
		default:
			b.i("VPAND mask%04x<>(SB), %s, %s", t.mask, to, to)
		}
		if i > 0 {
			b.i("VPOR %s, %s, %s", more, codes, codes)
		}
	}
	if minus > 0 {
		b.i("VPSUBB minus%d<>(SB), %s, %s", minus, codes, codes)
	}
}

// code makes floats of the codes of element i of the pair, times 2²⁴ or 2⁸.
func (b *blocksAsm) code(i int, to string) {
	if i == 0 {
		b.i("VPSLLD $24, %s, %s", b.v(regWords), to)
	} else {
		b.i("%s %s, %s, %s", b.pick("VPAND", "VPANDD"), b.upper(), b.v(regWords), to)
	}
	b.i("VCVTDQ2PS %s, %s", to, to)
}

// lookUp makes floats of the codes from a bit on.
func (b *blocksAsm) lookUp(bit int, to string) {
	from := b.v(regWords)
	if bit > 0 {
		b.i("VPSRLD $%d, %s, %s", bit, from, to)
		from = to
	}
	b.i("VPERMPS %s, %s, %s", b.table(), from, to)
}

// scaled turns the codes of element i into weights.
func (b *blocksAsm) scaled(i, g int, w string) {
	kind := scaleFirst + i
	if b.floats() || !b.wide {
		kind = scaleFirst
	}
	scale := fmt.Sprintf("%d(R11)", 128*kind+g*b.size())
	if b.wide {
		scale = b.v(regScales + 2*kind + g)
	}
	switch {
	case b.m == 0:
		b.i("VMULPS %s, %s, %s", scale, w, w)
	case b.wide:
		b.i("VFMADD213PS %s, %s, %s", b.v(regScales+2*offset+g), scale, w)
	default:
		if i == 0 {
			b.i("VMOVUPS %d(R11), Y13", 128*offset+g*b.size())
		}
		b.i("VFMADD132PS %s, Y13, %s", scale, w)
	}
}
