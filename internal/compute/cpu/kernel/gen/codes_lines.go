package main

import (
	"fmt"
	"math/bits"
)

// Products of a few rows in codes by VPDPBUSD, straight from the lines of a block: bytes of two pairs of elements are
// interleaved, so that sums come in an order of columns of their own until a part ends. See kernel.BlockKernels.
//
// R12 is at the line of the first row at the block, SI at that of a row, DX at its sums, DI at the block, R8 at the
// numbers of its parts. R13 is the bytes from row to row. R9 counts rows, CX blocks.

// Registers, beside regCodes, regX and those of sums.
const (
	regWhole  = 2  // and 3: sums of a part
	regLow    = 11 // pairs of pairs, of half the columns
	regHigh   = 12
	regInTurn = 18 // and 19: indices that put columns in order
	regFlip   = 20
)

// emitLines emits the kernel of a type of blocks.
func (b *blocksAsm) emitLines() {
	b.function("lines"+b.name+"AVX512", "b *BlockRows", 8)
	b.enterRows()
	b.i("VPTERNLOGD $0xff, Z16, Z16, Z16")
	b.i("VPSLLD $8, Z16, Z16")
	for i := range 2 {
		b.i("VMOVDQU32 lanesInTurn<>+%d(SB), %s", 64*i, b.v(regInTurn+i))
	}
	b.i("VMOVDQU32 flip<>(SB), %s", b.v(regFlip))
	if b.levels {
		b.i("VMOVDQU32 iq4Levels<>(SB), %s", b.table())
	}
	block, row := b.label("block"), b.label("row")
	b.at(block)
	b.makeScales()
	b.firstRow(row)
	for i := range 2 {
		b.i("VMOVUPS %d(DX), %s", 64*i, b.v(regSums+i))
	}
	for r, spans := range b.runs {
		b.runLine(spans, r)
	}
	for i := range 2 {
		b.i("VMOVUPS %s, %d(DX)", b.v(regSums+i), 64*i)
	}
	b.i("ADDQ $128, DX")
	b.i("ADDQ R13, SI")
	b.againRows(row, block, 4*lineWords*len(b.runs))
}

// runLine does run r.
func (b *blocksAsm) runLine(spans []span, r int) {
	pairs, s, parts, x := pairsOf(spans), spans[0], b.inParts(), 4*lineWords*r
	per := len(pairs) / parts
	for part := range parts {
		which := sumOfPart(part, parts)
		if bias := b.bias(); bias > 0 {
			b.i("VPBROADCASTD %d(SI), %s", x+4*(lineSum+which), b.v(regWhole))
			if bias < 128 {
				b.i("VPSRAD $%d, %s, %s", 7-bits.TrailingZeros(uint(bias)), b.v(regWhole), b.v(regWhole))
			}
			b.i("VMOVDQA64 %s, %s", b.v(regWhole), b.v(regWhole+1))
		} else {
			for i := range 2 {
				b.i("VPXORD %s, %[1]s, %[1]s", b.v(regWhole+i))
			}
		}
		for i := part * per; i < (part+1)*per; i += 2 {
			b.prefetch(r*len(pairs)+i, len(b.runs)*len(pairs))
			b.foursOfLine(pairs[i], pairs[i+1], x+2*i)
		}
		b.endOfLine(s.part+part, x, which)
	}
}

// prefetch asks for the lines of a later block that are due with pairs i and i+1 of n: in the second cache, as requests
// that wait for the first are few, and not all at once, for the same reason.
func (b *blocksAsm) prefetch(i, n int) {
	level := "T1"
	if b.raw() {
		level = "T0" // read in order: the processor asks for them by itself
	}
	for line := i * b.lines / n; line < (i+2)*b.lines/n; line++ {
		b.i("PREFETCH%s %d(DI)", level, 64*(b.lines*b.ahead()+line))
	}
}

// bytesOf makes bytes of a pair of elements.
func (b *blocksAsm) bytesOf(terms []term) {
	place, codes := func(t term) string { return fmt.Sprintf("%d(DI)", 64*t.line) }, b.v(regCodes)
	if b.raw() {
		b.i("VPXORD %s, %s, %s", place(terms[0]), b.v(regFlip), codes)
		return
	}
	b.codes(terms, place, 0, b.v)
	if b.levels {
		b.i("VPSHUFB %s, %s, %s", codes, b.table(), codes)
		b.i("VPXORD %s, %s, %s", codes, b.v(regFlip), codes)
	}
}

// foursOfLine adds the products of two pairs by the word of x at an offset.
func (b *blocksAsm) foursOfLine(first, second []term, x int) {
	b.bytesOf(first)
	b.i("VMOVDQA64 %s, %s", b.v(regCodes), b.v(regX))
	b.bytesOf(second)
	b.i("VPUNPCKLWD %s, %s, %s", b.v(regCodes), b.v(regX), b.v(regLow))
	b.i("VPUNPCKHWD %s, %s, %s", b.v(regCodes), b.v(regX), b.v(regHigh))
	for i := range 2 {
		b.i("VPDPBUSD.BCST %d(SI), %s, %s", x, b.v(regLow+i), b.v(regWhole+i))
	}
}

// endOfLine scales the sums of a part and adds them to those in float32.
func (b *blocksAsm) endOfLine(part, x, which int) {
	low, high, other := b.v(regWhole), b.v(regWhole+1), b.v(regTerm)
	b.i("VMOVDQA64 %s, %s", low, other)
	b.i("VPERMT2Q %s, %s, %s", high, b.v(regInTurn), low)
	b.i("VPERMT2Q %s, %s, %s", high, b.v(regInTurn+1), other)
	b.i("VBROADCASTSS %d(SI), %s", x+4*lineScale, b.v(regScale))
	number := func(kind, i int) string { return fmt.Sprintf("%d(R8)", 128*(numbers*part+kind)+64*i) }
	for i, whole := range []string{low, other} {
		b.i("VCVTDQ2PS %s, %s", whole, whole)
		b.i("VMULPS %s, %s, %s", number(scaleFirst, i), b.v(regScale), b.v(regBoth))
		b.i("VFMADD231PS %s, %s, %s", b.v(regBoth), whole, b.v(regSums+i))
	}
	if b.m > 0 {
		b.i("VBROADCASTSS %d(SI), %s", x+4*(lineScaled+which), b.v(regTerm))
		for i := range 2 {
			b.i("VFMADD231PS %s, %s, %s", number(offset, i), b.v(regTerm), b.v(regSums+i))
		}
	}
}

// lanesInTurn emits the indices that put 64-bit words of two registers in order whose lanes of 128 bits alternate.
func (a *asm) lanesInTurn() {
	for i := range 16 {
		a.Printf("DATA lanesInTurn<>+%d(SB)/8, $%d\n", 8*i, i/4*2+i%2+8*(i/2%2))
	}
	a.Printf("GLOBL lanesInTurn<>(SB), RODATA|NOPTR, $128\n")
}
