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

// The numbers of a part, 32 of each. Codes come out of words as 2²⁴ times themselves, the first of a pair, and 2⁸
// times, the second; where they are looked up as floats, as themselves.
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
	for g := 0; b.row && g < b.groups(); g++ {
		b.i("VMOVUPS %d(DX), %s", b.size()*g, b.v(g))
	}
	b.i(b.pick("VPCMPEQD Y6, Y6, Y6", "VPTERNLOGD $0xff, Z16, Z16, Z16"))
	b.i("VPSLLD $8, %s, %s", b.upper(), b.upper())
	switch {
	case b.floats():
		b.i("VMOVDQU32 floats%s<>(SB), %s", b.name, b.table())
	case b.levels:
		b.i("%s iq4Levels<>(SB), %s", b.pick("VMOVDQU", "VMOVDQU32"), b.table())
	}
	block, done := b.label("block"), b.label("done")
	b.at(block)
	b.makeScales()
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
	for g := 0; b.row && g < b.groups(); g++ {
		b.i("VMOVUPS %s, %d(DX)", b.v(g), b.size()*g)
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
		b.elements(s, "DI", before)
		return
	}
	b.i("MOVL $%d, BX", s.pairs)
	b.at(loop)
	b.elements(s, "R10", before)
	b.i("ADDQ $64, R10")
	b.i("DECQ BX")
	b.i("JNE %s", loop)
	if s.parts > 1 {
		b.i("ADDQ $%d, R11", 128*numbers)
		b.i("DECQ AX")
		b.i("JNE %s", part)
	}
}

// elements does a pair of elements, whose lines lie from the base on, and prefetches a line of a later block.
func (b *blocksAsm) elements(s span, base string, before int) {
	b.i("PREFETCHT0 %d(%s)", 64*(b.lines*b.ahead()+before), base)
	for i := 0; b.row && !b.wide && i < 2; i++ {
		b.i("VBROADCASTSS %d(SI), Y%d", 4*i, 4+i)
	}
	byteLines := !b.floats() && s.terms[0].mask != 0xffff
	for g := range b.groups() {
		place := func(t term) string { return fmt.Sprintf("%d(%s)", 64*t.line+g*b.size()/2, base) }
		switch {
		case b.floats():
			b.i("VPMOVZXWD %s, %s", place(s.terms[0]), b.v(regWords))
		case !byteLines:
			b.i("VPMOVSXWD %s, %s", place(s.terms[0]), b.v(regWords))
		case g%2 == 0:
			b.codes(s.terms, place, b.minus, b.v)
			if b.levels {
				b.i("VPSHUFB %s, %s, %s", b.v(regCodes), b.table(), b.v(regCodes))
			}
			b.i("VPMOVSXWD %s, %s", b.h(regCodes), b.v(regWords))
		default:
			b.i("%s $1, %s, %s", b.pick("VEXTRACTI128", "VEXTRACTI64X4"), b.v(regCodes), b.h(regWords))
			b.i("VPMOVSXWD %s, %s", b.h(regWords), b.v(regWords))
		}
		for i := range 2 {
			w := b.v(regFirst + i)
			if b.floats() {
				b.lookUp(s.terms[0].shift+8*i, w)
			} else {
				b.code(i, w)
			}
			b.scaled(i, g, w)
			switch {
			case !b.row:
				b.i("VMOVUPS %s, %d(DX)", w, 128*i+g*b.size())
			case b.wide:
				b.i("VFMADD231PS.BCST %d(SI), %s, %s", 4*i, w, b.v(g))
			default:
				b.i("VFMADD231PS Y%d, %s, %s", 4+i, w, b.v(g))
			}
		}
	}
	if b.row {
		b.i("ADDQ $8, SI")
	} else {
		b.i("ADDQ $256, DX")
	}
}

// codes makes halves of two bytes, in registers that name names.
func (b *blocksAsm) codes(terms []term, place func(term) string, minus int, name func(int) string) {
	load := "VMOVDQU"
	if name(0) == "Z0" {
		load = "VMOVDQU32"
	}
	codes, more := name(regCodes), name(regCodes+1)
	for i, t := range terms {
		to := []string{codes, more, more}[i]
		b.i("%s %s, %s", load, place(t), to)
		if t.shift > 0 {
			b.i("VPSRLW $%d, %s, %s", t.shift, to, to)
		} else if t.shift < 0 {
			b.i("VPSLLW $%d, %s, %s", -t.shift, to, to)
		}
		switch {
		case i > 0 && b.wide: // codes |= more & mask
			b.i("VPTERNLOGD $0xf8, mask%04x<>(SB), %s, %s", t.mask, more, codes)
			continue
		case load == "VMOVDQU32":
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
	if b.floats() {
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
