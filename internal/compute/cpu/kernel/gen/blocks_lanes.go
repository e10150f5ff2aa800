package main

// In 256-bit registers one instruction moves bytes to the top of words, where they are 2²⁴ times themselves. Bytes
// cannot leave their lane, so either lane must have some of both groups that halves make: of sixteen columns in four
// quarters, products of a row take the first and the third as one group, the second and the fourth as the other. Where
// weights are written, quarters are put in that order before, so that groups are as they should be.

// crossed reports whether groups are such ones.
func (b *blocksAsm) crossed() bool { return b.row && !b.wide }

// loadSums and storeSums move the sums at DX, by groups.
func (b *blocksAsm) loadSums() {
	for g := range b.groups() {
		if !b.crossed() {
			b.i("VMOVUPS %d(DX), %s", b.size()*g, b.v(g))
			continue
		}
		quarter := 64*(g/2) + 16*(g%2)
		b.i("VMOVUPS %d(DX), X%d", quarter, g)
		b.i("VINSERTF128 $1, %d(DX), Y%d, Y%[2]d", quarter+32, g)
	}
}

func (b *blocksAsm) storeSums() {
	for g := range b.groups() {
		if !b.crossed() {
			b.i("VMOVUPS %s, %d(DX)", b.v(g), b.size()*g)
			continue
		}
		quarter := 64*(g/2) + 16*(g%2)
		b.i("VMOVUPS X%d, %d(DX)", g, quarter)
		b.i("VEXTRACTF128 $1, Y%d, %d(DX)", g, quarter+32)
	}
}

// regSpreads hold what VPSHUFB takes for either group and element of a pair.
var regSpreads = [2][2]int{{6, 12}, {14, 15}}

// spreads emits those constants.
func (a *asm) spreads() {
	for g := range 2 {
		for i := range 2 {
			for word := range 8 {
				a.Printf("DATA spread%d%d<>+%d(SB)/4, $%#x\n", g, i, 4*word, (8*g+word%4*2+i)<<24|0x808080)
			}
			a.Printf("GLOBL spread%d%d<>(SB), RODATA|NOPTR, $32\n", g, i)
		}
	}
}

func (b *blocksAsm) loadSpreads() {
	for g, registers := range regSpreads {
		for i, r := range registers {
			b.i("VMOVDQU spread%d%d<>(SB), Y%d", g, i, r)
		}
	}
}

// codesInLanes makes the codes of a pair of elements of two groups, in the order for VPSHUFB.
func (b *blocksAsm) codesInLanes(terms []term, place func(term) string) {
	if terms[0].mask == 0xffff {
		b.i("VMOVDQU %s, Y%d", place(terms[0]), regCodes)
	} else {
		b.codes(terms, place, b.minus, b.v)
	}
	if b.levels {
		b.i("VPSHUFB %s, %s, %s", b.v(regCodes), b.table(), b.v(regCodes))
	}
	if !b.crossed() {
		b.i("VPERMQ $0xd8, Y%d, Y%[1]d", regCodes)
	}
}
