package main

// peaks emits rounds of multiply-adds of 96·8 values, in registers that do not wait for each other: the peak rate of a
// core.
func peaks() []byte {
	a := newAsm("amd64")
	a.Printf("DATA one<>+0(SB)/4, $%#x\nGLOBL one<>(SB), RODATA|NOPTR, $4\n", 0x3f800000)
	a.peakF32("peakF32AVX2", "Y", 12, 96)
	a.peakF32("peakF32AVX512", "Z", 24, 48)
	return a.Bytes()
}

// peakF32 emits rounds of so many multiply-adds, in turn into sums registers of a kind.
func (a *asm) peakF32(name, kind string, sums, each int) {
	a.function(name, "rounds int", 8)
	a.i("MOVQ rounds+0(FP), CX")
	a.i("VBROADCASTSS one<>+0(SB), %s%d", kind, sums)
	for sum := range sums {
		a.i("VXORPS %s%d, %[1]s%[2]d, %[1]s%[2]d", kind, sum)
	}
	loop := a.label("loop")
	a.at(loop)
	for i := range each {
		a.i("VFMADD231PS %s%d, %[1]s%[2]d, %[1]s%[3]d", kind, sums, i%sums)
	}
	a.i("DECQ CX")
	a.i("JNE %s", loop)
	a.i("VZEROUPPER")
	a.i("RET")
}
