package main

import (
	"fmt"
	"math"
	"math/bits"
)

// The products of codes in 512-bit registers: weights of a type of blocks times rows rounded to bytes, see
// kernel.BlockRows. Halves hold the bytes of two elements of a row of weights; VPMADDUBSW multiplies them by those of
// x, and the sums stay in 16 bits for as long as they fit.
//
// R12 is at the codes of the first row at the block, SI at those of a row, DX at its sums, DI at the block, R8 at the
// room for the numbers of parts. R13 is the bytes from row to row. R9 counts rows, CX blocks. In a loop over the halves
// of a run, which AX counts, R10 stands for DI, R11 for R8, and SI moves on.

// Words of half a run of x.
const (
	halfScale = 8  // the scale
	halfSum   = 9  // Σ codes of the half
	runSum    = 11 // and of the run; each is followed by itself times the scale, in float32
	halfWords = 16

	quarterSum = 13 // Σ of the half's first eight codes, and of the others
)

// Registers, beside regCodes.
const (
	regSums  = 0  // and 1
	regX     = 10 // bytes of x
	regTerm  = 11 // and 12
	regScale = 13 // of x
	regBoth  = 14 // of x and of the weights
	regTable = 15
)

// largest returns the largest number that is multiplied at once, without a sign.
func (b *blocksAsm) largest() int {
	if b.digits() {
		return 15
	}
	all := 0
	for _, t := range b.runs[0][0].terms {
		all |= t.mask | t.mask>>8
	}
	return all & 0xff
}

// digits reports whether codes of eight bits are multiplied as two digits of four.
func (b *blocksAsm) digits() bool { return b.levels || b.raw() }

// raw reports whether codes are bytes with a sign.
func (b *blocksAsm) raw() bool { return b.runs[0][0].terms[0].mask == 0xffff }

// together returns how many pairs of products fit a sum of 16 bits.
func (b *blocksAsm) together() int {
	most := 8
	for most*2*127*b.largest() > math.MaxInt16 {
		most /= 2
	}
	return most
}

// bias returns what codes, as they are multiplied, exceed values by: a power of two, or 0.
func (b *blocksAsm) bias() int {
	if b.levels || b.raw() {
		return 128
	}
	return b.minus
}

// total names the register of a sum of a part, in 32 bits: of a row, of either half of the group.
func (b *blocksAsm) total(row, i int) int {
	if b.rows > 1 {
		return 18 + 2*row + i
	}
	return 2 + i
}

// short names the register of a sum of a few pairs, in 16 bits: of a row, of a digit.
func (b *blocksAsm) short(row, digit int) int {
	switch {
	case b.rows == 1:
		return 4 + digit
	case digit == 0:
		return 26 + row
	}
	return 2 + row
}

// ofRow returns the place of a word of x, bytes from SI on, of one of the rows.
func ofRow(row, offset int) string {
	return fmt.Sprintf("%d(SI)%s", offset, []string{"", "(R13*1)", "(R13*2)", "(R14*1)"}[row])
}

// codeTables emits what makes bytes with a sign exceed their values by 128, and the digits of levels that do.
func (a *asm) codeTables() {
	a.halves("flip", 0x8080)
	for digit := range 2 {
		for i := range 64 {
			a.Printf("DATA iq4Digits%d<>+%d(SB)/1, $%d\n", digit, i, (int(iq4[i%16])+128)>>(4*digit)&15)
		}
		a.Printf("GLOBL iq4Digits%d<>(SB), RODATA|NOPTR, $64\n", digit)
	}
}

// emitCodes emits the kernel for so many rows at a time. With more than one their sums stay in memory.
func (b *blocksAsm) emitCodes(rows int) {
	b.rows = rows
	name := "codes" + b.name
	if rows > 1 {
		name = fmt.Sprint("codes", rows, b.name)
	}
	b.function(name+"AVX512", "b *BlockRows", 8)
	b.enterRows()
	if rows > 1 {
		b.i("LEAQ (R13)(R13*2), R14")
	}
	b.i("VPTERNLOGD $0xff, Z16, Z16, Z16")
	b.i("VPSLLD $8, %s, %s", b.upper(), b.upper())
	block, row := b.label("block"), b.label("row")
	b.at(block)
	b.makeScales()
	b.firstRow(row)
	length := 2 * 4 * halfWords * len(b.runs)
	for i := 0; i < 2 && rows == 1; i++ {
		b.i("VMOVUPS %d(DX), %s", b.size()*i, b.v(regSums+i))
	}
	if b.levels {
		b.load("iq4Digits0<>(SB)", b.table())
	}
	for r, spans := range b.runs {
		n := len(b.runs)
		for line := r * b.lines / n; line < (r+1)*b.lines/n; line++ {
			b.i("PREFETCHT1 %d(DI)", 64*(b.lines*b.ahead()+line))
		}
		b.runCodes(spans)
	}
	for i := 0; i < 2 && rows == 1; i++ {
		b.i("VMOVUPS %s, %d(DX)", b.v(regSums+i), b.size()*i)
	}
	b.i("ADDQ $%d, DX", 128*rows)
	b.i("SUBQ $%d, SI", length)
	b.i("LEAQ (SI)(R13*%d), SI", rows)
	b.againRows(row, block, length)
}

// enterRows loads the arguments of products of rows in codes, but for those of the first row.
func (b *blocksAsm) enterRows() {
	b.i("MOVQ b+0(FP), R15")
	b.i("MOVQ 24(R15), R12")
	b.i("MOVQ 48(R15), DI")
	b.i("MOVQ 72(R15), R8")
	b.i("MOVQ 104(R15), R13")
	b.i("SHLQ $2, R13")
	b.i("MOVQ 112(R15), CX")
}

// firstRow goes to the first row at a block.
func (b *blocksAsm) firstRow(row string) {
	b.i("MOVQ 0(R15), DX")
	b.i("MOVQ R12, SI")
	b.i("MOVQ 96(R15), R9")
	b.at(row)
}

// againRows goes on to the next row, to the next block, whose codes of x are so many bytes further, and returns.
func (b *blocksAsm) againRows(row, block string, length int) {
	b.i("DECQ R9")
	b.i("JNE %s", row)
	b.i("ADDQ $%d, R12", length)
	b.i("ADDQ $%d, DI", 64*b.lines)
	b.i("DECQ CX")
	b.i("JNE %s", block)
	b.i("VZEROUPPER")
	b.i("RET")
}

// load fills a register from memory.
func (b *blocksAsm) load(from, to string) { b.i("%s %s, %s", b.pick("VMOVDQU", "VMOVDQU32"), from, to) }

// runCodes does a run: two halves, each a part or both together, in a loop where one span makes them.
func (b *blocksAsm) runCodes(spans []span) {
	s, loop := spans[0], b.label("half")
	looped, apart := len(spans) == 1, s.parts == 2
	if !apart {
		for i := range 2 * b.rows {
			to := b.v(b.total(i/2, i%2))
			b.i("VPXORD %s, %[1]s, %[1]s", to)
		}
	}
	if !looped {
		pairs := pairsOf(spans)
		b.halfCodes(pairs[:8], "DI", 0, false)
		b.halfCodes(pairs[8:], "DI", 1, false)
		b.i("ADDQ $%d, SI", 2*4*halfWords)
	} else {
		b.i("MOVQ DI, R10")
		b.i("MOVQ R8, R11")
		b.i("MOVL $2, AX")
		b.at(loop)
		b.halfCodes(pairsOf(spans)[:8], "R10", 0, apart)
		b.i("ADDQ $%d, SI", 4*halfWords)
		if apart {
			b.endPart(s.part, "R11", halfSum)
			b.i("ADDQ $%d, R11", 128*numbers)
		}
		b.i("ADDQ $%d, R10", 8*64)
		b.i("DECQ AX")
		b.i("JNE %s", loop)
	}
	if !apart {
		b.endPart(s.part, "R8", runSum)
	}
}

// pairsOf returns the terms of every pair of a run.
func pairsOf(spans []span) (pairs [][]term) {
	for _, s := range spans {
		for i := range s.parts * s.pairs {
			var moved []term
			for _, t := range s.terms {
				t.line += i
				moved = append(moved, t)
			}
			pairs = append(pairs, moved)
		}
	}
	return pairs
}

// halfCodes adds up the pairs of half a run, whose codes of x are the given half from SI on.
func (b *blocksAsm) halfCodes(pairs [][]term, base string, half int, begins bool) {
	if b.levels {
		b.load("iq4Digits1<>(SB)", b.v(regTable))
	}
	together := b.together()
	for i, terms := range pairs {
		b.pairCodes(terms, base, 4*(half*halfWords+i), i%together == 0)
		if (i+1)%together > 0 {
			continue
		}
		for row := range b.rows {
			b.widen(row, 0, begins && i < together)
			if b.digits() {
				b.widen(row, 1, false)
			}
		}
	}
}

// pairCodes multiplies a pair of elements by that of x at an offset, and adds it up, or begins a sum.
func (b *blocksAsm) pairCodes(terms []term, base string, x int, first bool) {
	codes, place := b.v(regCodes), func(t term) string { return fmt.Sprintf("%d(%s)", 64*t.line, base) }
	if b.raw() {
		b.load(place(terms[0]), codes)
		b.i("VPXORD flip<>(SB), %s, %[1]s", codes)
	} else {
		b.codes(terms, place, 0, b.v)
	}
	if !b.digits() {
		b.multiply(codes, x, 0, first)
		return
	}
	digit := b.v(regCodes + 1)
	for i := range 2 {
		switch table := []string{b.table(), b.v(regTable)}[i]; {
		case b.levels:
			b.i("VPSHUFB %s, %s, %s", codes, table, digit)
		case i == 0:
			b.i("VPANDD mask0f0f<>(SB), %s, %s", codes, digit)
		default:
			b.i("VPSRLW $4, %s, %s", codes, digit)
			b.i("VPANDD mask0f0f<>(SB), %s, %[1]s", digit)
		}
		b.multiply(digit, x, i, first)
	}
}

// multiply adds codes times those of x, of every row, to sums of 16 bits, or begins them.
func (b *blocksAsm) multiply(codes string, x, digit int, first bool) {
	for row := range b.rows {
		if digit == 0 || b.rows > 1 {
			b.i("VPBROADCASTD %s, %s", ofRow(row, x), b.v(regX))
		}
		sum := b.v(b.short(row, digit))
		if first {
			b.i("VPMADDUBSW %s, %s, %s", b.v(regX), codes, sum)
			continue
		}
		b.i("VPMADDUBSW %s, %s, %s", b.v(regX), codes, b.v(regTerm))
		b.i("VPADDW %s, %s, %s", b.v(regTerm), sum, sum)
	}
}

// widen adds a sum of 16 bits to those of 32, or begins them.
func (b *blocksAsm) widen(row, digit int, first bool) {
	low, high := b.v(regTerm), b.v(regTerm+1)
	if first {
		low, high = b.v(b.total(row, 0)), b.v(b.total(row, 1))
	}
	sum := b.short(row, digit)
	b.i("VPMOVSXWD %s, %s", b.h(sum), low)
	b.i("VEXTRACTI64X4 $1, %s, %s", b.v(sum), b.h(regTerm+1))
	b.i("VPMOVSXWD %s, %s", b.h(regTerm+1), high)
	for i, v := range []string{low, high} {
		if digit > 0 {
			b.i("VPSLLD $4, %s, %s", v, v)
		}
		if to := b.v(b.total(row, i)); !first {
			b.i("VPADDD %s, %s, %s", v, to, to)
		}
	}
}

// endPart scales the sums of a part and adds them to those in float32. The half of x before SI has the sum of codes at
// the given word.
func (b *blocksAsm) endPart(part int, room string, sumOfX int) {
	for row := range b.rows {
		word := func(n int) string { return ofRow(row, 4*(n-halfWords)) }
		if bias := b.bias(); bias > 0 {
			b.i("VPBROADCASTD %s, %s", word(sumOfX), b.v(regTerm))
			b.i("VPSLLD $%d, %s, %s", bits.TrailingZeros(uint(bias)), b.v(regTerm), b.v(regTerm))
			for i := range 2 {
				to := b.v(b.total(row, i))
				b.i("VPSUBD %s, %s, %s", b.v(regTerm), to, to)
			}
		}
		b.i("VBROADCASTSS %s, %s", word(halfScale), b.v(regScale))
		if b.m > 0 {
			b.i("VBROADCASTSS %s, %s", word(sumOfX+1), b.v(regTerm))
		}
		for i := range 2 {
			number := func(kind int) string { return fmt.Sprintf("%d(%s)", 128*(numbers*part+kind)+b.size()*i, room) }
			sum, total, place := b.v(regSums+i), b.v(b.total(row, i)), fmt.Sprintf("%d(DX)", 128*row+b.size()*i)
			if b.rows > 1 {
				b.i("VMOVUPS %s, %s", place, sum)
			}
			b.i("VCVTDQ2PS %s, %s", total, total)
			b.i("VMULPS %s, %s, %s", number(scaleFirst), b.v(regScale), b.v(regBoth))
			b.i("VFMADD231PS %s, %s, %s", b.v(regBoth), total, sum)
			if b.m > 0 {
				b.i("VFMADD231PS %s, %s, %s", number(offset), b.v(regTerm), sum)
			}
			if b.rows > 1 {
				b.i("VMOVUPS %s, %s", sum, place)
			}
		}
	}
}
