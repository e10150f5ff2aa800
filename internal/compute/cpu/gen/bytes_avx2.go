package main

import "math"

// bytesAVX2 opens weights in eight and four bits, in 256-bit registers.
func bytesAVX2() []byte {
	a := newAsm("amd64")
	for i, v := range nf4 {
		a.Printf("DATA levels8<>+%d(SB)/4, $%#x\n", 4*i, math.Float32bits(v))
	}
	a.Printf("GLOBL levels8<>(SB), RODATA|NOPTR, $64\n")
	a.open8("openInt8AVX2", 4, func(i int) {
		a.i("VPSLLD $%d, Y0, Y1", 24-8*i)
		a.i("VPSRAD $24, Y1, Y1")
		a.i("VCVTDQ2PS Y1, Y1")
	})
	a.open8("openNF4AVX2", 8, func(i int) { // by the lower three bits, in the half that the fourth says
		a.i("VPSRLD $%d, Y0, Y2", 4*i)
		a.i("VPSLLD $%d, Y0, Y3", 28-4*i)
		a.i("VPERMPS Y14, Y2, Y1")
		a.i("VPERMPS Y15, Y2, Y2")
		a.i("VBLENDVPS Y3, Y2, Y1, Y1")
	})
	return a.Bytes()
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
