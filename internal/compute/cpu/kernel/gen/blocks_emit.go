package main

import "fmt"

// blocksAsm emits the kernels of one type of blocks, in 256-bit registers, or 512-bit ones if wide. A register holds
// the words of a group of 8 or 16 rows; the halves of a group fit one of half the size.
//
// DX is at the sums or the rows to write, SI at the row x, DI at the block, R10 at the lines of a pair of elements, R8
// at the room for scales: of each part a scale times 2⁻²⁴, a scale times 2⁻⁸ and an offset, 32 of each. R9 is the first
// run, CX counts runs, BX pairs.
type blocksAsm struct {
	*asm
	blockLayout
	wide, row bool
}

// Registers; those of sums begin at zero.
const (
	blockScales = 2 // to 7, of wide registers: both scales and the offset of each group
	blockCodes  = 8 // and 9
	blockWords  = 10
	blockFirst  = 11 // element of a pair, and the second
)

// blocksOf emits all kernels of one width.
func blocksOf(wide bool) []byte {
	a := newAsm("amd64")
	for _, mask := range []int{0x0f0f, 0x0303, 0x0404, 0x1010, 0x3030, 0x3f3f, 0x0010, 0x1000, 0x0030, 0x3000} {
		a.halves32(fmt.Sprintf("mask%04x", mask), mask)
	}
	for _, minus := range []int{4, 8, 16, 32} {
		a.halves32(fmt.Sprintf("minus%d", minus), minus*0x0101)
	}
	for _, n := range []int{8, 16, 24, 32, 48, -8, -24} {
		a.power(n)
	}
	for i := range 32 {
		a.Printf("DATA iq4Levels<>+%d(SB)/1, $%#x\n", i, uint8(iq4[i%16]))
	}
	a.Printf("GLOBL iq4Levels<>(SB), RODATA|NOPTR, $32\n")
	for _, l := range blockLayouts() {
		for _, row := range []bool{true, false} {
			b := blocksAsm{asm: a, blockLayout: l, wide: wide, row: row}
			b.emit()
		}
	}
	return a.Bytes()
}

var iq4 = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// v returns the name of a register of words, h of one of halves.
func (b *blocksAsm) v(n int) string { return map[bool]string{false: "Y", true: "Z"}[b.wide] + itoa(n) }
func (b *blocksAsm) h(n int) string { return map[bool]string{false: "X", true: "Y"}[b.wide] + itoa(n) }

// groups returns how many registers hold a word of each row, size the bytes of one.
func (b *blocksAsm) groups() int { return 128 / b.size() }
func (b *blocksAsm) size() int {
	if b.wide {
		return 64
	}
	return 32
}

// upper is the register that keeps all but the lowest bytes of words, table that of the levels.
func (b *blocksAsm) upper() string {
	if b.wide {
		return "Z16"
	}
	return "Y6"
}

func (b *blocksAsm) table() string {
	if b.wide {
		return "Y17"
	}
	return "X7"
}

func (b *blocksAsm) and() string {
	if b.wide {
		return "VPANDD"
	}
	return "VPAND"
}

func (b *blocksAsm) emit() {
	name := map[bool]string{true: "row", false: "dequantize"}[b.row] + b.name
	b.function(name+map[bool]string{true: "AVX512", false: "AVX2"}[b.wide], "b *Blocks", 8)
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
	if b.wide {
		b.i("VPTERNLOGD $0xff, Z16, Z16, Z16")
	} else {
		b.i("VPCMPEQD Y6, Y6, Y6")
	}
	b.i("VPSLLD $8, %s, %s", b.upper(), b.upper())
	switch {
	case b.levels && b.wide:
		b.i("VMOVDQU64 iq4Levels<>(SB), %s", b.table())
	case b.levels:
		b.i("VMOVDQU iq4Levels<>(SB), %s", b.table())
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
		for i, s := range spans {
			b.span(s, i == 0 || spans[i-1].part != s.part)
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

// kinds of numbers that a part has.
const (
	scale24 = iota // scale times 2⁻²⁴
	scale8         // scale times 2⁻⁸
	offset
)

// room returns the place of a number of a part for group g.
func (b *blocksAsm) room(part, kind, g int) string {
	return fmt.Sprintf("%d(R8)", (3*part+kind)*128+g*b.size())
}

// makeScales writes the numbers of all parts of the block.
func (b *blocksAsm) makeScales() {
	d, words := b.v(4), b.v(blockWords)
	place := func(line int) string { return fmt.Sprintf("%d(R10)", 64*line) }
	times := func(from string, n int, to string) { b.i("VMULPS %s<>(SB), %s, %s", power(n), from, to) }
	store := func(from string, part, kind int) { b.i("VMOVUPS %s, %d(R11)", from, (3*part+kind)*128) }
	group := b.label("group")
	b.i("MOVQ DI, R10")
	b.i("MOVQ R8, R11")
	b.i("MOVL $%d, BX", b.groups())
	b.at(group)
	b.i("VCVTPH2PS %s, %s", place(b.d), d)
	if len(b.scales) == 0 {
		for kind, n := range []int{24, 8} {
			times(d, n, words)
			store(words, 0, kind)
		}
		if b.m > 0 {
			b.i("VCVTPH2PS %s, %s", place(b.m), words)
			store(words, 0, offset)
		}
	} else {
		// Codes come out as 2²⁴ times the first of a pair and 2⁸ times the second.
		d16, d32, d48, m8, m24 := b.v(5), d, b.v(13), b.v(12), b.v(15)
		times(d, 16, d16)
		times(d, 48, d48)
		times(d, 32, d32)
		if b.m > 0 {
			b.i("VCVTPH2PS %s, %s", place(b.m), m8)
			times(m8, -24, m24)
			times(m8, -8, m8)
		}
		for _, s := range b.scales {
			b.pair(s.terms, func(t term) string { return place(t.line) }, s.minus, false)
			for i, part := range s.parts {
				q := b.v(blockFirst)
				b.code(i, q)
				if s.offset {
					b.i("VMULPS %s, %s, %s", []string{m24, m8}[i], q, q)
					store(q, part, offset)
					continue
				}
				b.i("VMULPS %s, %s, %s", []string{d48, d32}[i], q, b.v(blockCodes))
				store(b.v(blockCodes), part, scale24)
				b.i("VMULPS %s, %s, %s", []string{d32, d16}[i], q, q)
				store(q, part, scale8)
			}
		}
	}
	b.i("ADDQ $%d, R10", b.size()/2)
	b.i("ADDQ $%d, R11", b.size())
	b.i("DECQ BX")
	b.i("JNE %s", group)
}

// pair makes words of two signed bytes, sign extended, the codes of a pair of elements.
func (b *blocksAsm) pair(terms []term, place func(term) string, minus int, levels bool) {
	codes, more, words := b.h(blockCodes), b.h(blockCodes+1), b.v(blockWords)
	if terms[0].mask == 0xffff {
		b.i("VPMOVSXWD %s, %s", place(terms[0]), words)
		return
	}
	for i, t := range terms {
		to := codes
		if i > 0 {
			to = more
		}
		b.i("VMOVDQU %s, %s", place(t), to)
		if t.shift > 0 {
			b.i("VPSRLW $%d, %s, %s", t.shift, to, to)
		} else if t.shift < 0 {
			b.i("VPSLLW $%d, %s, %s", -t.shift, to, to)
		}
		b.i("VPAND mask%04x<>(SB), %s, %s", t.mask, to, to)
		if i > 0 {
			b.i("VPOR %s, %s, %s", more, codes, codes)
		}
	}
	if minus > 0 {
		b.i("VPSUBB minus%d<>(SB), %s, %s", minus, codes, codes)
	}
	if levels {
		b.i("VPSHUFB %s, %s, %s", codes, b.table(), codes)
	}
	b.i("VPMOVSXWD %s, %s", codes, words)
}

// code makes floats of the codes of element i of the pair: 2²⁴ times the first, 2⁸ times the second.
func (b *blocksAsm) code(i int, to string) {
	if i == 0 {
		b.i("VPSLLD $24, %s, %s", b.v(blockWords), to)
	} else {
		b.i("%s %s, %s, %s", b.and(), b.upper(), b.v(blockWords), to)
	}
	b.i("VCVTDQ2PS %s, %s", to, to)
}

// span does its pairs of elements, two in a loop.
func (b *blocksAsm) span(s span, newPart bool) {
	for g := 0; b.wide && newPart && g < b.groups(); g++ {
		for kind := range 3 {
			if kind != offset || b.m > 0 {
				b.i("VMOVUPS %s, %s", b.room(s.part, kind, g), b.v(blockScales+2*kind+g))
			}
		}
	}
	if s.pairs == 1 {
		b.elements(s, "DI", 0)
		b.advance(1)
		return
	}
	const unroll = 1
	loop := b.label("loop")
	b.i("MOVQ DI, R10")
	b.i("MOVL $%d, BX", s.pairs/unroll)
	b.at(loop)
	for u := range unroll {
		b.i("PREFETCHT0 %d(R10)", 64*(s.terms[0].line+u)+2048)
		b.elements(s, "R10", u)
	}
	b.advance(unroll)
	b.i("ADDQ $%d, R10", 64*unroll)
	b.i("DECQ BX")
	b.i("JNE %s", loop)
}

func (b *blocksAsm) advance(pairs int) {
	if b.row {
		b.i("ADDQ $%d, SI", 8*pairs)
	} else {
		b.i("ADDQ $%d, DX", 256*pairs)
	}
}

// elements does pair u of a loop.
func (b *blocksAsm) elements(s span, base string, u int) {
	for i := 0; b.row && !b.wide && i < 2; i++ {
		b.i("VBROADCASTSS %d(SI), Y%d", 8*u+4*i, 4+i)
	}
	for g := range b.groups() {
		b.pair(s.terms, func(t term) string {
			return fmt.Sprintf("%d(%s)", 64*(t.line+u)+g*b.size()/2, base)
		}, b.minus, b.levels)
		for i := range 2 {
			w := b.v(blockFirst + i)
			b.code(i, w)
			b.scaled(s.part, i, g, w)
			switch {
			case !b.row:
				b.i("VMOVUPS %s, %d(DX)", w, 256*u+128*i+g*b.size())
			case b.wide:
				b.i("VFMADD231PS.BCST %d(SI), %s, %s", 8*u+4*i, w, b.v(g))
			default:
				b.i("VFMADD231PS Y%d, %s, %s", 4+i, w, b.v(g))
			}
		}
	}
}

// scaled turns the codes of element i into weights.
func (b *blocksAsm) scaled(part, i, g int, w string) {
	scale := b.room(part, i, g)
	if b.wide {
		scale = b.v(blockScales + 2*i + g)
	}
	switch {
	case b.m == 0:
		b.i("VMULPS %s, %s, %s", scale, w, w)
	case b.wide:
		b.i("VFMADD213PS %s, %s, %s", b.v(blockScales+2*offset+g), scale, w)
	default:
		if i == 0 {
			b.i("VMOVUPS %s, Y13", b.room(part, offset, g))
		}
		b.i("VFMADD132PS %s, Y13, %s", scale, w)
	}
}
