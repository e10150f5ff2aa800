package main

// The offsets of the fields of the Go struct Pack.
const (
	packDst  = 0
	packLDD  = 24
	packSrc  = 32
	packLDS  = 56
	packRows = 64
	packCols = 72
)

// packsAVX512 emits the packs in 512-bit registers.
func packsAVX512() []byte {
	a := newAsm("amd64")
	a.constants()
	packAVX512(a, "packF32AVX512", 1)
	packAVX512(a, "packBF16AVX512", 2)
	pairAVX512(a, "pairBF16AVX512")
	fillAVX512(a, "transposeBF16AVX512", func() {
		a.i("VMOVDQU16 pairLow<>(SB), Z30")
		a.i("VMOVDQU16 pairHigh<>(SB), Z31")
	}, func(o int) { // rows o and o+1 become pairs
		if o%2 == 1 {
			return
		}
		for half, index := range []int{30, 31} {
			t := 16 + (o+half)%14
			a.i("VMOVDQA32 Z%d, Z%d", o, t)
			a.i("VPERMT2W Z%d, Z%d, Z%d", o+1, index, t)
			a.i("VMOVDQU32 Z%d, %d(DI)", t, 64*half)
		}
		a.i("ADDQ $128, DI")
	})
	fillAVX512(a, "transposeBF16F32AVX512", func() {}, func(o int) {
		a.i("VEXTRACTI64X4 $1, Z%d, Y16", o)
		a.i("VPMOVZXWD Y%d, Z%d", o, o)
		a.i("VPMOVZXWD Y16, Z16")
		a.i("VPSLLD $16, Z%d, Z%d", o, o)
		a.i("VPSLLD $16, Z16, Z16")
		a.i("VMOVDQU32 Z%d, (DI)", o)
		a.i("VMOVDQU32 Z16, 64(DI)")
		a.i("ADDQ $128, DI")
	})
	fillAVX512(a, "transposeF16F32AVX512", func() {}, func(o int) {
		a.i("VEXTRACTI64X4 $1, Z%d, Y16", o)
		a.i("VCVTPH2PS Y%d, Z%d", o, o)
		a.i("VCVTPH2PS Y16, Z16")
		a.i("VMOVDQU32 Z%d, (DI)", o)
		a.i("VMOVDQU32 Z16, 64(DI)")
		a.i("ADDQ $128, DI")
	})
	widenAVX512(a, "widenBF16AVX512", func(from, low, high int) {
		a.i("VPSLLD $16, Z%d, Z%d", from, low)
		a.i("VPANDD Z31, Z%d, Z%d", from, high)
	})
	widenAVX512(a, "widenF16AVX512", func(from, low, high int) {
		a.i("VPMOVDW Z%d, Y%d", from, low)
		a.i("VPSRLD $16, Z%d, Z%d", from, high)
		a.i("VPMOVDW Z%d, Y%d", high, high)
		a.i("VCVTPH2PS Y%d, Z%d", low, low)
		a.i("VCVTPH2PS Y%d, Z%d", high, high)
	})
	return a.Bytes()
}

// constants emits the permutations that interleave two rows of 32 halves, and
// the two halves of a row.
func (a *asm) constants() {
	for i := range 8 {
		a.Printf("DATA interleave<>+%d(SB)/8, $%#016x\n", 8*i, 2*i|(2*i+16)<<16|(2*i+1)<<32|(2*i+17)<<48)
	}
	a.Printf("GLOBL interleave<>(SB), RODATA|NOPTR, $64\n")
	for half, name := range []string{"pairLow", "pairHigh"} {
		for i := range 8 { // four words: k of the first, k of the second, …
			k := 16*half + 2*i
			a.Printf("DATA %s<>+%d(SB)/8, $%#016x\n", name, 8*i, k|(k+32)<<16|(k+1)<<32|(k+33)<<48)
		}
		a.Printf("GLOBL %s<>(SB), RODATA|NOPTR, $64\n", name)
	}
}

// transpose transposes Z0 … Z15, sixteen rows of sixteen words, by way of Z16 … Z31.
func (a *asm) transpose() {
	two := func(op string, x, y, to int) { a.i("%s Z%d, Z%d, Z%d", op, y, x, to) }
	for i := 0; i < 16; i += 2 {
		two("VUNPCKLPS", i, i+1, 16+i)
		two("VUNPCKHPS", i, i+1, 17+i)
	}
	for g := 16; g < 32; g += 4 {
		two("VUNPCKLPD", g, g+2, g-16)
		two("VUNPCKHPD", g, g+2, g-15)
		two("VUNPCKLPD", g+1, g+3, g-14)
		two("VUNPCKHPD", g+1, g+3, g-13)
	}
	for j := range 4 {
		two("VSHUFF32X4 $0x88,", j, 4+j, 16+j)
		two("VSHUFF32X4 $0xdd,", j, 4+j, 20+j)
		two("VSHUFF32X4 $0x88,", 8+j, 12+j, 24+j)
		two("VSHUFF32X4 $0xdd,", 8+j, 12+j, 28+j)
	}
	for j := range 4 {
		two("VSHUFF32X4 $0x88,", 16+j, 24+j, j)
		two("VSHUFF32X4 $0xdd,", 16+j, 24+j, 8+j)
		two("VSHUFF32X4 $0x88,", 20+j, 28+j, 4+j)
		two("VSHUFF32X4 $0xdd,", 20+j, 28+j, 12+j)
	}
}

// mask sets k to the first n bits, for n up to 63. It spoils R11 and CX.
func (a *asm) mask(n, k string) {
	a.i("MOVQ %s, CX", n)
	a.i("MOVQ $-1, R11")
	a.i("SHLQ CX, R11")
	a.i("NOTQ R11")
	a.i("KMOVD R11, %s", k)
}

// packAVX512 emits dst[c·ldd + r] = src[r·lds + c], for per = 2 of pairs
// rounded to bfloat16.
//
// DI dst, R8 ldd, SI src, R9 lds, DX rows, BX columns left. K3 masks the rows.
func packAVX512(a *asm, name string, per int) {
	a.function(name, "p *Pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), R8", packLDD)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), R9", packLDS)
	a.i("MOVQ %d(R15), DX", packRows)
	a.i("MOVQ %d(R15), BX", packCols)
	a.i("SHLQ $2, R8")
	a.i("SHLQ $2, R9")
	a.mask("DX", "K3")
	loop, tail, done := a.label("loop"), a.label("tail"), a.label("done")
	load := func(masked bool) {
		mask := [2]string{"", ""}
		if masked {
			mask = [2]string{"K1, ", "K2, "}
		}
		z := map[bool]string{true: ".Z", false: ""}[masked]
		loaded := a.label("loaded")
		for r := range 16 {
			a.i("VPXORD Z%d, Z%d, Z%d", r, r, r)
		}
		a.i("MOVQ SI, R12")
		for r := range 16 {
			a.i("VMOVUPS%s (R12), %sZ%d", z, mask[0], r)
			if !masked {
				a.i("PREFETCHT0 %d(R12)", 256*per)
			}
			if per == 2 {
				a.i("VMOVUPS%s 64(R12), %sZ16", z, mask[1])
				a.cvtbf16(r, 16, r)
			}
			if r < 15 {
				a.i("CMPQ DX, $%d", r+1)
				a.i("JEQ %s", loaded)
				a.i("ADDQ R9, R12")
			}
		}
		a.at(loaded)
	}
	a.i("SUBQ $%d, BX", 16*per)
	a.i("JLT %s", tail)
	a.at(loop)
	load(false)
	a.transpose()
	for c := range 16 {
		a.i("VMOVDQU32 Z%d, K3, (DI)", c)
		a.i("ADDQ R8, DI")
	}
	a.i("ADDQ $%d, SI", 64*per)
	a.i("SUBQ $%d, BX", 16*per)
	a.i("JGE %s", loop)
	a.at(tail)
	a.i("ADDQ $%d, BX", 16*per)
	a.i("JEQ %s", done)
	a.mask("BX", "K1")
	a.i("SHRQ $16, R11")
	a.i("KMOVD R11, K2")
	load(true)
	a.transpose()
	for c := range 16 {
		a.i("VMOVDQU32 Z%d, K3, (DI)", c)
		a.i("SUBQ $%d, BX", per)
		a.i("JLE %s", done)
		a.i("ADDQ R8, DI")
	}
	a.at(done)
	a.i("VZEROUPPER")
	a.i("RET")
}

// fillAVX512 emits a transpose of pairs: for each of cols panels, lds words apart, sixteen
// rows (of which rows count, the others being zero) of 32 words at src are
// transposed and given to store row by row.
func fillAVX512(a *asm, name string, prepare func(), store func(o int)) {
	a.function(name, "p *Pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), R9", packLDS)
	a.i("MOVQ %d(R15), DX", packRows)
	a.i("MOVQ %d(R15), BX", packCols)
	a.i("SHLQ $2, R9")
	panel, half := a.label("panel"), a.label("half")
	a.at(panel)
	a.i("XORQ R10, R10")
	a.at(half)
	loaded := a.label("loaded")
	for r := 1; r < 16; r++ {
		a.i("VPXORD Z%d, Z%d, Z%d", r, r, r)
	}
	a.say("R14 is the panel after the next, which no hardware prefetches.")
	a.i("LEAQ (SI)(R9*2), R14")
	for r := range 16 {
		a.i("VMOVUPS %d(SI)(R10*1), Z%d", 128*r, r)
		a.i("PREFETCHT0 %d(R14)(R10*1)", 128*r)
		if r < 15 {
			a.i("CMPQ DX, $%d", r+1)
			a.i("JEQ %s", loaded)
		}
	}
	a.at(loaded)
	a.transpose()
	prepare()
	for o := range 16 {
		store(o)
	}
	a.i("ADDQ $64, R10")
	a.i("CMPQ R10, $128")
	a.i("JLT %s", half)
	a.i("ADDQ R9, SI")
	a.i("DECQ BX")
	a.i("JNE %s", panel)
	a.i("VZEROUPPER")
	a.i("RET")
}

// widenAVX512 emits, for each of cols rows of 32 words, two rows of the 32
// lower and the 32 upper halves, widened to float32.
func widenAVX512(a *asm, name string, split func(from, low, high int)) {
	a.function(name, "p *Pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), BX", packCols)
	a.i("MOVL $0xffff0000, R11")
	a.i("VPBROADCASTD R11, Z31")
	loop := a.label("loop")
	a.at(loop)
	a.i("PREFETCHT0 4096(SI)")
	a.i("PREFETCHT0 4160(SI)")
	a.i("VMOVDQU32 (SI), Z0")
	a.i("VMOVDQU32 64(SI), Z1")
	split(0, 2, 4)
	split(1, 3, 5)
	for i := range 4 {
		a.i("VMOVDQU32 Z%d, %d(DI)", 2+i, 64*i)
	}
	a.i("ADDQ $128, SI")
	a.i("ADDQ $256, DI")
	a.i("DECQ BX")
	a.i("JNE %s", loop)
	a.i("VZEROUPPER")
	a.i("RET")
}

// pairAVX512 emits the joining of rows of 32 float32 to pairs of bfloat16.
func pairAVX512(a *asm, name string) {
	a.function(name, "p *Pack", 8)
	a.i("MOVQ p+0(FP), R15")
	a.i("MOVQ %d(R15), DI", packDst)
	a.i("MOVQ %d(R15), SI", packSrc)
	a.i("MOVQ %d(R15), R9", packLDS)
	a.i("MOVQ %d(R15), DX", packRows)
	a.i("SHLQ $2, R9")
	a.i("VMOVDQU16 interleave<>(SB), Z31")
	loop, join, done := a.label("loop"), a.label("join"), a.label("done")
	a.at(loop)
	a.i("SUBQ $1, DX")
	a.i("JLT %s", done)
	a.i("VMOVUPS (SI), Z0")
	a.i("VMOVUPS 64(SI), Z1")
	a.i("VPXORD Z2, Z2, Z2")
	a.i("VPXORD Z3, Z3, Z3")
	a.i("SUBQ $1, DX")
	a.i("JLT %s", join)
	a.i("VMOVUPS (SI)(R9*1), Z2")
	a.i("VMOVUPS 64(SI)(R9*1), Z3")
	a.at(join)
	a.cvtbf16(0, 2, 0)
	a.cvtbf16(1, 3, 1)
	a.i("VPERMW Z0, Z31, Z0")
	a.i("VPERMW Z1, Z31, Z1")
	a.i("VMOVDQU32 Z0, (DI)")
	a.i("VMOVDQU32 Z1, 64(DI)")
	a.i("LEAQ (SI)(R9*2), SI")
	a.i("ADDQ $128, DI")
	a.i("CMPQ DX, $0")
	a.i("JGT %s", loop)
	a.at(done)
	a.i("VZEROUPPER")
	a.i("RET")
}
