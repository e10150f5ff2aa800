package main

// peaksAVX2 emits rounds of 96 multiply-adds of eight values each, in twelve registers that do not wait for each
// other: the peak rate of a core.
func peaksAVX2() []byte {
	a := newAsm("amd64")
	a.Printf("DATA one<>+0(SB)/4, $%#x\nGLOBL one<>(SB), RODATA|NOPTR, $4\n", 0x3f800000)
	a.function("peakF32AVX2", "rounds int", 8)
	a.i("MOVQ rounds+0(FP), CX")
	a.i("VBROADCASTSS one<>+0(SB), Y15")
	for sum := range 12 {
		a.i("VXORPS Y%d, Y%d, Y%d", sum, sum, sum)
	}
	loop := a.label("loop")
	a.at(loop)
	for i := range 96 {
		a.i("VFMADD231PS Y15, Y15, Y%d", i%12)
	}
	a.i("DECQ CX")
	a.i("JNE %s", loop)
	a.i("VZEROUPPER")
	a.i("RET")
	return a.Bytes()
}
