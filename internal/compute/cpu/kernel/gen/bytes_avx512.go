package main

import "fmt"

import "math"

// The offset of the field Scale of the Go struct Pack.
const packScale = 80

// bytesAVX512 emits the kernels of weights in eight and four bits.
func bytesAVX512() []byte {
	a := newAsm("amd64")
	for i, v := range nf4 {
		a.Printf("DATA levels<>+%d(SB)/4, $%#x\n", 4*i, math.Float32bits(v))
	}
	a.Printf("GLOBL levels<>(SB), RODATA|NOPTR, $64\n")
	a.dequantize("dequantizeInt8AVX512", 4, func(i, from, to int) {
		a.i("VPSLLD $%d, Z%d, Z%d", 24-8*i, from, to)
		a.i("VPSRAD $24, Z%d, Z%d", to, to)
		a.i("VCVTDQ2PS Z%d, Z%d", to, to)
	})
	a.dequantize("dequantizeNF4AVX512", 8, func(i, from, to int) {
		a.i("VPSRLD $%d, Z%d, Z%d", codeShift(i), from, to)
		a.i("VPERMPS Z31, Z%d, Z%d", to, to)
	})
	a.rowsAVX512()
	a.transposeInt8()
	a.codes()
	return a.Bytes()
}

var nf4 = [16]float32{
	-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
	-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0,
	0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
	0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
}

// dequantize emits, for each of cols rows of 32 words, per rows of the elements they
// hold, times scale.
func (a *asm) dequantize(name string, per int, element func(i, from, to int)) {
	a.function(name, "p *Pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), BX", packCols)
	a.i("MOVQ %d(R15), R8", packScale)
	a.i("VMOVUPS (R8), Z29")
	a.i("VMOVUPS 64(R8), Z30")
	a.i("VMOVUPS levels<>(SB), Z31")
	loop := a.label("loop")
	a.at(loop)
	a.i("PREFETCHT0 2048(SI)")
	a.i("PREFETCHT0 2112(SI)")
	a.i("VMOVDQU32 (SI), Z0")
	a.i("VMOVDQU32 64(SI), Z1")
	for i := range per {
		for half := range 2 {
			to := 2 + 2*i + half
			element(i, half, to)
			a.i("VMULPS Z%d, Z%d, Z%d", 29+half, to, to)
			a.i("VMOVUPS Z%d, %d(DI)", to, 128*i+64*half)
		}
	}
	a.i("ADDQ $128, SI")
	a.i("ADDQ $%d, DI", 128*per)
	a.i("DECQ BX")
	a.i("JNE %s", loop)
	a.i("VZEROUPPER")
	a.i("RET")
}

// transposeInt8 emits the transpose of sixteen rows (of which rows count) of 32 words of
// four bytes: four columns o, o+1 … become words; the first 32 bytes of a
// column go to dst, the other 32 to dst + ldd.
func (a *asm) transposeInt8() {
	a.function("transposeInt8AVX512", "p *Pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), R8", packLDD)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), DX", packRows)
	a.i("SHLQ $2, R8")
	a.i("ADDQ DI, R8")
	a.i("XORQ R10, R10")
	half, loaded := a.label("half"), a.label("loaded")
	a.at(half)
	for r := 1; r < 16; r++ {
		a.zero(r)
	}
	for r := range 16 {
		a.i("VMOVUPS %d(SI)(R10*1), Z%d", 128*r, r)
		if r < 15 {
			a.i("CMPQ DX, $%d", r+1)
			a.i("JEQ %s", loaded)
		}
	}
	a.at(loaded)
	a.transpose()
	for o := 0; o < 16; o += 4 { // Zo: 64 bytes of column o
		for i := 0; i < 4; i += 2 {
			a.i("VPUNPCKLBW Z%d, Z%d, Z%d", o+i+1, o+i, 16+i)
			a.i("VPUNPCKHBW Z%d, Z%d, Z%d", o+i+1, o+i, 17+i)
		}
		for i := range 2 {
			a.i("VPUNPCKLWD Z%d, Z%d, Z%d", 18+i, 16+i, 20+2*i)
			a.i("VPUNPCKHWD Z%d, Z%d, Z%d", 18+i, 16+i, 21+2*i)
		}
		// Lane l of Z20+i holds bytes 16l+4i …: a transpose of lanes.
		a.i("VSHUFI32X4 $0x44, Z21, Z20, Z24")
		a.i("VSHUFI32X4 $0xee, Z21, Z20, Z25")
		a.i("VSHUFI32X4 $0x44, Z23, Z22, Z26")
		a.i("VSHUFI32X4 $0xee, Z23, Z22, Z27")
		a.i("VSHUFI32X4 $0x88, Z26, Z24, Z28")
		a.i("VSHUFI32X4 $0xdd, Z26, Z24, Z29")
		a.i("VSHUFI32X4 $0x88, Z27, Z25, Z30")
		a.i("VSHUFI32X4 $0xdd, Z27, Z25, Z31")
		a.i("VMOVDQU32 Z28, (DI)")
		a.i("VMOVDQU32 Z29, 64(DI)")
		a.i("VMOVDQU32 Z30, (R8)")
		a.i("VMOVDQU32 Z31, 64(R8)")
		a.i("ADDQ $128, DI")
		a.i("ADDQ $128, R8")
	}
	a.i("ADDQ $64, R10")
	a.i("CMPQ R10, $128")
	a.i("JLT %s", half)
	a.i("VZEROUPPER")
	a.i("RET")
}

// codes emits the rounding of rows to bytes and the scaling of sums back.
func (a *asm) codes() {
	a.magnitude("AVX512")

	a.say("dst takes a quarter of the length of x, rounded up to a multiple of four words.")
	a.function("toBytesAVX512", "x []float32, dst []Word, inverse float32", 52)
	v := vectorLoop{a, []string{"x"}}
	v.emit(func() {
		a.i("MOVQ dst_base+24(FP), SI")
		a.i("VBROADCASTSS inverse+48(FP), Z31")
		a.i("MOVL $128, R11")
		a.i("VPBROADCASTD R11, Z30")
	}, func(load func(i, z int), _ func(z, i int)) {
		load(0, 0)
		a.i("VMULPS Z31, Z0, Z0")
		a.i("VCVTPS2DQ Z0, Z0")
		a.i("VPADDD Z30, Z0, Z0")
		a.i("VPMOVUSDB Z0, (SI)")
		a.i("ADDQ $16, SI")
	})
	a.i("VZEROUPPER")
	a.i("RET")

	a.fromInt32("AVX512")
}

// magnitude emits the largest |x|.
func (a *asm) magnitude(kind string) {
	a.function("magnitude"+kind, "x []float32) (top float32", 28)
	and := "VPANDD"
	vectorLoop{a, []string{"x"}}.emit(func() {
		a.zero(0)
		a.i("MOVL $0x7fffffff, R11")
		if a.narrow {
			and = "VPAND"
			a.i("VMOVD R11, X11")
			a.i("VPBROADCASTD X11, Z31")
		} else {
			a.i("VPBROADCASTD R11, Z31")
		}
	}, func(load func(i, z int), _ func(z, i int)) {
		load(0, 1)
		a.i("%s Z31, Z1, Z1", and)
		a.i("VMAXPS Z1, Z0, Z0")
	})
	a.fold32("VMAXPS")
	a.i("VMOVSS X0, top+24(FP)")
	a.i("VZEROUPPER")
	a.i("RET")
}

// The offsets of the fields of the Go struct IntSums.
const (
	sumsY      = 0
	sumsLDY    = 24
	sumsSums   = 32
	sumsOffset = 56
	sumsScale  = 80
	sumsRates  = 104
	sumsRows   = 128
	sumsCols   = 136
)

// fromInt32 emits the scaling of sums back, over y and added to it.
//
// AX y, BX its ld, SI sums, DI offset, R8 scale, R9 rates, R10 rows. K1 and K2, or Y12 … Y15, mask the columns.
func (a *asm) fromInt32(kind string) {
	for _, add := range []bool{false, true} {
		name := map[bool]string{false: "fromInt32", true: "addInt32"}[add] + kind
		a.function(name, "t *IntSums", 8)
		a.loadFields([]field{
			{sumsY, "AX"}, {sumsLDY, "BX"}, {sumsSums, "SI"}, {sumsOffset, "DI"}, {sumsScale, "R8"},
			{sumsRates, "R9"}, {sumsRows, "R10"}, {sumsCols, "CX"},
		})
		a.i("SHLQ $2, BX")
		load, store := a.masked()
		loop := a.label("loop")
		a.at(loop)
		a.i("VBROADCASTSS (R9), Z31")
		for v := range 32 / a.lanes() {
			at := 4 * v * a.lanes()
			a.i("VMOVUPS %d(SI), Z0", at)
			load(v, fmt.Sprintf("%d(DI)", at), 1)
			load(v, fmt.Sprintf("%d(R8)", at), 2)
			a.i("VPSUBD Z1, Z0, Z0")
			a.i("VCVTDQ2PS Z0, Z0")
			a.i("VMULPS Z31, Z0, Z0")
			if add {
				load(v, fmt.Sprintf("%d(AX)", at), 3)
				a.i("VFMADD213PS Z3, Z2, Z0")
			} else {
				a.i("VMULPS Z2, Z0, Z0")
			}
			store(v, 0, fmt.Sprintf("%d(AX)", at))
		}
		a.i("ADDQ $128, SI")
		a.i("ADDQ BX, AX")
		a.i("ADDQ $4, R9")
		a.i("DECQ R10")
		a.i("JNE %s", loop)
		a.i("VZEROUPPER")
		a.i("RET")
	}
}

// masked makes masks of the columns that CX counts, and returns how vector v of 32 columns is loaded and stored under
// them.
func (a *asm) masked() (load func(v int, from string, z int), store func(v, z int, to string)) {
	if !a.narrow {
		a.columnMasks()
		load = func(v int, from string, z int) { a.i("VMOVUPS.Z %s, K%d, Z%d", from, 1+v, z) }
		store = func(v, z int, to string) { a.i("VMOVUPS Z%d, K%d, %s", z, 1+v, to) }
		return load, store
	}
	a.i("XORL DX, DX")
	a.i("MOVQ $8, R13")
	for v := range 4 {
		a.i("MOVQ CX, R11")
		a.i("CMPQ R11, DX")
		a.i("CMOVQLT DX, R11")
		a.i("CMPQ R11, R13")
		a.i("CMOVQGT R13, R11")
		a.i("LEAQ firstLanes<>+32(SB), R12")
		a.i("SHLQ $2, R11")
		a.i("SUBQ R11, R12")
		a.i("VMOVUPS (R12), Y%d", 12+v)
		a.i("SUBQ $8, CX")
	}
	load = func(v int, from string, z int) { a.i("VMASKMOVPS %s, Y%d, Z%d", from, 12+v, z) }
	store = func(v, z int, to string) { a.i("VMASKMOVPS Z%d, Y%d, %s", z, 12+v, to) }
	return load, store
}
