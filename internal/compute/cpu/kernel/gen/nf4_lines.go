package main

import "fmt"

// rowOfNF4Lines emits the product of a row in codes and NF4 weights by VPDPBUSD, see kernel.NF4Row: bytes that exceed
// the levels by 128 times those of x, from sums that make up for it. Z0 and Z1 hold the sums in float32, Z2 … Z5 whole
// ones, of either half of a word's codes.
//
// DX is at the sums, SI at a line of x, DI at the words, R8 at the scales. CX counts runs, BX the words of one.
func (a *asm) rowOfNF4Lines() {
	for i, level := range nf4Codes {
		a.Printf("DATA nf4Above<>+%d(SB)/1, $%#x\n", i, uint8(level)^0x80)
	}
	a.Printf("DATA nf4Low<>+0(SB)/4, $0x0f0f0f0f\n")
	a.Printf("GLOBL nf4Above<>(SB), RODATA|NOPTR, $16\n")
	a.Printf("GLOBL nf4Low<>(SB), RODATA|NOPTR, $4\n")
	a.rowOfNF4("linesNF4AVX512", func() {
		a.i("VBROADCASTI32X4 nf4Above<>(SB), Z16")
		a.i("VPBROADCASTD nf4Low<>(SB), Z17")
		for half := range 2 {
			a.i("VMOVUPS %d(DX), Z%d", 64*half, half)
		}
	}, a.lineOfNF4, func() {
		for half := range 2 {
			a.i("VMOVUPS Z%d, %d(DX)", half, 64*half)
		}
	})
}

// lineOfNF4 does a run.
func (a *asm) lineOfNF4() {
	a.i("VPBROADCASTD %d(SI), Z2", 4*(lineSum+sumOfPart(0, 1)))
	a.i("VMOVDQA64 Z2, Z3")
	a.i("VPXORD Z4, Z4, Z4")
	a.i("VPXORD Z5, Z5, Z5")
	loop := a.label("loop")
	a.i("MOVL $4, BX")
	a.at(loop)
	for part := range 2 {
		low, high, from := 6+part, 8+part, 64*part
		a.i("PREFETCHT1 %d(DI)", farAhead+from)
		a.i("VMOVDQU32 %d(DI), Z%d", from, low)
		a.i("VPSRLW $4, Z%d, Z%d", low, high)
		for half, codes := range []int{low, high} {
			a.i("VPANDD Z17, Z%d, Z%[1]d", codes)
			a.i("VPSHUFB Z%d, Z16, Z%[1]d", codes)
			a.i("VPDPBUSD.BCST %d(SI), Z%d, Z%d", 4*half, codes, 2+2*half+part)
		}
	}
	a.i("ADDQ $8, SI")
	a.i("ADDQ $128, DI")
	a.i("DECQ BX")
	a.i("JNE %s", loop)
	a.i("SUBQ $32, SI")
	a.i("VBROADCASTSS %d(SI), Z6", 4*lineScale)
	for part := range 2 {
		sum := fmt.Sprintf("Z%d", 2+part)
		a.i("VPADDD Z%d, %s, %[2]s", 4+part, sum)
		a.i("VCVTDQ2PS %s, %[1]s", sum)
		a.i("VMULPS %d(R8), Z6, Z7", 64*part)
		a.i("VFMADD231PS Z7, %s, Z%d", sum, part)
	}
	a.i("ADDQ $%d, SI", 4*lineWords)
}
