package main

import "math"

// bytesAVX2 opens weights in eight and four bits, in 256-bit registers.
func bytesAVX2() []byte {
	a := newAsm("amd64")
	a.levels8("levels8")
	a.open8("openInt8AVX2", 4, func(i int) { a.byte8(i, 0, 1) })
	a.open8("openNF4AVX2", 8, func(i int) { a.level8(i, 0, 1, 2, 3) })
	return a.Bytes()
}

// levels8 writes the levels of four bits, which level8 wants in Y14 and Y15.
func (a *asm) levels8(name string) {
	for i, v := range nf4 {
		a.Printf("DATA %s<>+%d(SB)/4, $%#x\n", name, 4*i, math.Float32bits(v))
	}
	a.Printf("GLOBL %s<>(SB), RODATA|NOPTR, $64\n", name)
}

// byte8 makes float32 of byte i of each word.
func (a *asm) byte8(i, words, to int) {
	a.i("VPSLLD $%d, Y%d, Y%d", 24-8*i, words, to)
	a.i("VPSRAD $24, Y%d, Y%d", to, to)
	a.i("VCVTDQ2PS Y%d, Y%d", to, to)
}

// level8 makes the level of the four bits i of each word: by the lower three
// bits, in the half that the fourth says.
func (a *asm) level8(i, words, to, low, high int) {
	a.i("VPSRLD $%d, Y%d, Y%d", 4*i, words, low)
	a.i("VPSLLD $%d, Y%d, Y%d", 28-4*i, words, high)
	a.i("VPERMPS Y14, Y%d, Y%d", low, to)
	a.i("VPERMPS Y15, Y%d, Y%d", low, low)
	a.i("VBLENDVPS Y%d, Y%d, Y%d, Y%d", high, low, to, to)
}

// open8 is open for registers of eight words: element makes Y1 of Y0.
func (a *asm) open8(name string, per int, element func(i int)) {
	a.function(name, "p *pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), BX", packCols)
	a.i("MOVQ %d(R15), R8", packScale)
	for part := range 4 {
		a.i("VMOVUPS %d(R8), Y%d", 32*part, 8+part)
	}
	a.i("VMOVUPS levels8<>+0(SB), Y14")
	a.i("VMOVUPS levels8<>+32(SB), Y15")
	loop := a.label("loop")
	a.at(loop)
	a.i("PREFETCHT0 2048(SI)")
	a.i("PREFETCHT0 2112(SI)")
	for part := range 4 {
		a.i("VMOVDQU %d(SI), Y0", 32*part)
		for i := range per {
			element(i)
			a.i("VMULPS Y%d, Y1, Y1", 8+part)
			a.i("VMOVUPS Y1, %d(DI)", 128*i+32*part)
		}
	}
	a.i("ADDQ $128, SI")
	a.i("ADDQ $%d, DI", 128*per)
	a.i("DECQ BX")
	a.i("JNE %s", loop)
	a.i("VZEROUPPER")
	a.i("RET")
}
