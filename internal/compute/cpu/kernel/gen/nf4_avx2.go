package main

import "math"

// levels32 writes the levels of four bits as four tables, one for each byte of a
// float32, and the order that puts the bytes i of four words side by side.
func (a *asm) levels32() {
	for b := range 4 {
		for i := range 32 {
			a.Printf("DATA levelBytes<>+%d(SB)/1, $%d\n", 32*b+i, math.Float32bits(nf4[i%16])>>(8*b)&255)
		}
	}
	a.Printf("GLOBL levelBytes<>(SB), RODATA|NOPTR, $128\n")
	for i := range 32 {
		a.Printf("DATA sideBySide<>+%d(SB)/1, $%d\n", i, i%4*4+i%16/4)
		a.Printf("DATA fourBits<>+%d(SB)/1, $15\n", i)
	}
	a.Printf("GLOBL sideBySide<>(SB), RODATA|NOPTR, $32\n")
	a.Printf("GLOBL fourBits<>(SB), RODATA|NOPTR, $32\n")
}

// loadLevels puts the tables into Y4 … Y7.
func (a *asm) loadLevels() {
	for b := range 4 {
		a.i("VMOVDQU levelBytes<>+%d(SB), Y%d", 32*b, 4+b)
	}
}

// lookUpLevels calls use(i, y) with the levels of the four bits i of the eight words
// in Y8, for i ascending, in register y. It expects the tables of loadLevels in place,
// and Y8 … Y15.
func (a *asm) lookUpLevels(use func(i, y int)) {
	a.i("VPSHUFB sideBySide<>(SB), Y8, Y8")
	a.i("VPAND fourBits<>(SB), Y8, Y9")
	a.i("VPSRLW $4, Y8, Y8")
	a.i("VPAND fourBits<>(SB), Y8, Y8")
	for half := range 2 { // the first four of the eight, then the others
		for b := range 4 {
			a.i("VPSHUFB Y%d, Y%d, Y%d", 9-half, 4+b, 10+b)
		}
		a.i("VPUNPCKLBW Y11, Y10, Y14")
		a.i("VPUNPCKHBW Y11, Y10, Y15")
		a.i("VPUNPCKLBW Y13, Y12, Y10")
		a.i("VPUNPCKHBW Y13, Y12, Y11")
		for pair := range 2 {
			a.i("VPUNPCKLWD Y%d, Y%d, Y12", 10+pair, 14+pair)
			use(4*half+2*pair, 12)
			a.i("VPUNPCKHWD Y%d, Y%d, Y13", 10+pair, 14+pair)
			use(4*half+2*pair+1, 13)
		}
	}
}

// rowNF4 emits the row kernel of words of eight codes.
func (a *asm) rowNF4() {
	a.row("rowNF4AVX2", 8, false, a.loadLevels, func() {
		for part := range 4 {
			a.i("VMOVDQU %d(DI), Y8", 32*part)
			a.lookUpLevels(func(i, y int) {
				a.i("VMULPS %d(R8), Y%d, Y%d", 32*part, y, y)
				a.i("VBROADCASTSS %d(SI), Y9", 4*i)
				a.i("VFMADD231PS Y%d, Y9, Y%d", y, part)
			})
		}
	})
}
