package main

import "fmt"

// A loop over slices of the same length: a register of elements a round, the
// rest under a mask. The first slice gives the length.
type vectorLoop struct {
	*asm
	slices []string // names of the Go parameters, in order
}

// registers that hold the slices' positions, in order.
var positions = []string{"DI", "SI", "R8", "R9", "R10"}

// emit writes prepare, then body for full and masked rounds. In body, load(i, z)
// reads slice i and store(z, i) writes it.
func (v vectorLoop) emit(prepare func(), body func(load func(i, z int), store func(z, i int))) {
	v.emitMasked(prepare, func(load func(i, z int), store func(z, i int), _ bool) { body(load, store) })
}

// emitMasked emits like emit, for a body that depends on the mask of the round: K1, or
// Y9 in registers of 256 bits.
func (v vectorLoop) emitMasked(prepare func(), body func(load func(i, z int), store func(z, i int), masked bool)) {
	for i, name := range v.slices {
		v.i("MOVQ %s_base+%d(FP), %s", name, 24*i, positions[i])
	}
	v.i("MOVQ %s_len+8(FP), BX", v.slices[0])
	prepare()
	loop, tail, done := v.label("loop"), v.label("tail"), v.label("done")
	v.i("SUBQ $%d, BX", v.lanes())
	v.i("JLT %s", tail)
	v.at(loop)
	body(
		func(i, z int) { v.i("VMOVUPS (%s), Z%d", positions[i], z) },
		func(z, i int) { v.i("VMOVUPS Z%d, (%s)", z, positions[i]) }, false)
	for i := range v.slices {
		v.i("ADDQ $%d, %s", 4*v.lanes(), positions[i])
	}
	v.i("SUBQ $%d, BX", v.lanes())
	v.i("JGE %s", loop)
	v.at(tail)
	v.i("ADDQ $%d, BX", v.lanes())
	v.i("JEQ %s", done)
	if v.narrow {
		v.i("LEAQ firstLanes<>+32(SB), R11")
		v.i("SHLQ $2, BX")
		v.i("SUBQ BX, R11")
		v.i("VMOVUPS (R11), Y9")
		body(
			func(i, z int) { v.i("VMASKMOVPS (%s), Y9, Z%d", positions[i], z) },
			func(z, i int) { v.i("VMASKMOVPS Z%d, Y9, (%s)", z, positions[i]) }, true)
	} else {
		v.mask("BX", "K1")
		body(
			func(i, z int) { v.i("VMOVUPS.Z (%s), K1, Z%d", positions[i], z) },
			func(z, i int) { v.i("VMOVUPS Z%d, K1, (%s)", z, positions[i]) }, true)
	}
	v.at(done)
}

// scalar broadcasts the float32 parameter after the slices and n others.
func (v vectorLoop) scalar(name string, n, z int) {
	v.i("VBROADCASTSS %s+%d(FP), Z%d", name, 24*len(v.slices)+4*n, z)
}

// vectors emits the elementwise operations, in registers of 512 bits or, narrow,
// of 256.
func vectors(narrow bool) []byte {
	a := newAsm("amd64")
	kind := "AVX512"
	if a.narrow = narrow; narrow {
		kind = "AVX2"
	}
	a.expConstants()
	simple := func(name, scalars string, bytes int, slices ...string) vectorLoop {
		params := ""
		for i, s := range slices {
			if i > 0 {
				params += ", "
			}
			params += s
		}
		a.function(name+kind, params+" []float32"+scalars, 24*len(slices)+bytes)
		return vectorLoop{a, slices}
	}
	end := func() {
		a.i("VZEROUPPER")
		a.i("RET")
	}

	v := simple("sum", "", 0, "y", "a", "b")
	v.emit(func() {}, func(load func(i, z int), store func(z, i int)) {
		load(1, 0)
		load(2, 1)
		a.i("VADDPS Z1, Z0, Z0")
		store(0, 0)
	})
	end()

	v = simple("add", "", 0, "y", "x")
	v.emit(func() {}, func(load func(i, z int), store func(z, i int)) {
		load(0, 0)
		load(1, 1)
		a.i("VADDPS Z1, Z0, Z0")
		store(0, 0)
	})
	end()

	v = simple("multiply", "", 0, "y", "x")
	v.emit(func() {}, func(load func(i, z int), store func(z, i int)) {
		load(0, 0)
		load(1, 1)
		a.i("VMULPS Z1, Z0, Z0")
		store(0, 0)
	})
	end()

	v = simple("scale", ", a float32", 4, "x")
	v.emit(func() { v.scalar("a", 0, 31) }, func(load func(i, z int), store func(z, i int)) {
		load(0, 0)
		a.i("VMULPS Z31, Z0, Z0")
		store(0, 0)
	})
	end()

	v = simple("norm", ", r float32", 4, "y", "x", "w")
	v.emit(func() { v.scalar("r", 0, 31) }, func(load func(i, z int), store func(z, i int)) {
		load(1, 0)
		load(2, 1)
		a.i("VMULPS Z31, Z0, Z0")
		a.i("VMULPS Z1, Z0, Z0")
		store(0, 0)
	})
	end()

	v = simple("normBack", ", r, r3 float32", 8, "dx", "dy", "x", "w")
	v.emit(func() { v.scalar("r", 0, 31); v.scalar("r3", 1, 30) }, func(load func(i, z int), store func(z, i int)) {
		load(0, 0)
		load(1, 1)
		load(2, 2)
		load(3, 3)
		a.i("VMULPS Z31, Z1, Z1")
		a.i("VFMADD231PS Z3, Z1, Z0")
		a.i("VFNMADD231PS Z30, Z2, Z0")
		store(0, 0)
	})
	end()

	v = simple("softmaxBack", ", delta, scale float32", 8, "ds", "p")
	v.emit(func() { v.scalar("delta", 0, 31); v.scalar("scale", 1, 30) }, func(load func(i, z int), store func(z, i int)) {
		load(0, 0)
		load(1, 1)
		a.i("VSUBPS Z31, Z0, Z0")
		a.i("VMULPS Z30, Z1, Z1")
		a.i("VMULPS Z1, Z0, Z0")
		store(0, 0)
	})
	end()

	v = simple("rotate", ", sign float32", 4, "x", "y", "cos", "sin")
	v.emit(func() { v.scalar("sign", 0, 31) }, func(load func(i, z int), store func(z, i int)) {
		load(0, 0)
		load(1, 1)
		load(2, 2)
		load(3, 3)
		a.i("VMULPS Z31, Z3, Z3")
		a.i("VMULPS Z3, Z1, Z4") // y·sin
		a.i("VMULPS Z3, Z0, Z5") // x·sin
		a.i("VFMSUB213PS Z4, Z2, Z0")
		a.i("VFMADD213PS Z5, Z2, Z1")
		store(0, 0)
		store(1, 1)
	})
	end()

	v = simple("swiglu", "", 0, "y", "gate", "up")
	v.emit(func() { a.loadExp() }, func(load func(i, z int), store func(z, i int)) {
		load(1, 1)
		load(2, 2)
		a.sigmoid(1, 3)
		a.i("VMULPS Z3, Z1, Z1")
		a.i("VMULPS Z2, Z1, Z1")
		store(1, 0)
	})
	end()

	v = simple("swigluBack", "", 0, "dgate", "dup", "dy", "gate", "up")
	v.emit(func() { a.loadExp() }, func(load func(i, z int), store func(z, i int)) {
		load(2, 1)
		load(3, 2)
		a.sigmoid(2, 4)          // σ
		a.i("VMULPS Z4, Z2, Z5") // gate·σ
		a.i("VMULPS Z5, Z1, Z0") // dy·gate·σ
		store(0, 1)
		a.i("VADDPS Z4, Z5, Z6")
		a.i("VFNMADD231PS Z4, Z5, Z6") // σ + gate·σ − gate·σ·σ
		load(4, 3)
		a.i("VMULPS Z3, Z1, Z1")
		a.i("VMULPS Z6, Z1, Z0")
		store(0, 0)
	})
	end()

	a.reductions(kind)
	return a.Bytes()
}

// constant holds a number that assembly reads, by its bits.
type constant struct {
	name string
	bits uint32
}

// wideExp holds the constants of exp in registers of 512 bits, Z16 and on.
var wideExp = []constant{
	{"log2e", 0x3fb8aa3b}, {"ln2hi", 0x3f318000}, {"ln2lo", 0xb95e8083},
	{"c5", 0x39506967}, {"c4", 0x3ab743ce}, {"c3", 0x3c088908}, {"c2", 0x3d2aa9c1}, {"c1", 0x3e2aaaaa}, {"c0", 0x3f000000},
	{"one", 0x3f800000}, {"upper", 0x42b20000}, {"lower", 0xc2d20000},
}

// narrowExp does so in registers of 256 bits, which are few: operands in
// memory. q(r) = q0 + q1·r + … makes 1 + r + r²·q(r) the closest to exp(r) for
// |r| ≤ ½·ln 2, within 2⁻²⁸ of it. A number has n+127 in its lowest bits when
// rounder is added to n.
var narrowExp = []constant{
	{"log2e", 0x3fb8aa3b}, {"ln2hi", 0x3f318000}, {"ln2lo", 0xb95e8083}, {"one", 0x3f800000}, {"rounder", 0x4b40007f},
	{"q0", 0x3efffffe}, {"q1", 0x3e2aaa49}, {"q2", 0x3d2aac79}, {"q3", 0x3c091d10}, {"q4", 0x3ab511e7},
	{"upper", 0x42b20000}, {"lower", 0xc2b00000},
}

// expConstants emits them, and the start of a search for the largest; for narrow
// registers also the masks of tails.
func (a *asm) expConstants() {
	table, times := wideExp, 1
	if a.narrow {
		table, times = narrowExp, 8
	}
	for _, c := range table {
		for i := range times {
			a.Printf("DATA %s<>+%d(SB)/4, $%#x\n", c.name, 4*i, c.bits)
		}
		a.Printf("GLOBL %s<>(SB), RODATA|NOPTR, $%d\n", c.name, 4*times)
	}
	a.Printf("DATA lowest<>+0(SB)/4, $0xff800000\nGLOBL lowest<>(SB), RODATA|NOPTR, $4\n")
	if !a.narrow {
		return
	}
	a.firstLanes()
}

// firstLanes emits the masks of tails for narrow registers.
func (a *asm) firstLanes() {
	for i := range 8 {
		a.Printf("DATA firstLanes<>+%d(SB)/4, $0xffffffff\n", 4*i)
	}
	for i := range 8 {
		a.Printf("DATA firstLanes<>+%d(SB)/4, $0\n", 32+4*i)
	}
	a.Printf("GLOBL firstLanes<>(SB), RODATA|NOPTR, $64\n")
}

func (a *asm) loadExp() {
	if a.narrow {
		return
	}
	for i, c := range wideExp {
		a.i("VBROADCASTSS %s<>(SB), Z%d", c.name, 16+i)
	}
}

// constant returns the operand that holds a constant of exp.
func (a *asm) constant(name string) string {
	if a.narrow {
		return name + "<>(SB)"
	}
	for i := range wideExp {
		if wideExp[i].name == name {
			return fmt.Sprintf("Z%d", 16+i)
		}
	}
	panic(name)
}

// second returns the constant as an instruction's second operand, which cannot be in
// memory: then it goes by way of Z(t).
func (a *asm) second(name string, t int) string {
	if !a.narrow {
		return a.constant(name)
	}
	a.i("VMOVUPS %s, Z%d", a.constant(name), t)
	return fmt.Sprintf("Z%d", t)
}

// exp computes Z(x) = exp(Z(x)) by way of Z(t), Z(u): 2ⁿ·exp(r), r = x − n·ln 2.
func (a *asm) exp(x, t, u int) {
	a.i("VMINPS Z%d, %s, Z%d", x, a.second("upper", t), x) // NaN, the second source, stays
	a.i("VMAXPS Z%d, %s, Z%d", x, a.second("lower", t), x)
	if a.narrow {
		a.expNarrow(x, t, u)
		return
	}
	a.i("VMULPS %s, Z%d, Z%d", a.constant("log2e"), x, t)
	a.i("VRNDSCALEPS $8, Z%d, Z%d", t, t)
	a.i("VFNMADD231PS %s, Z%d, Z%d", a.constant("ln2hi"), t, x)
	a.i("VFNMADD231PS %s, Z%d, Z%d", a.constant("ln2lo"), t, x)
	a.i("VMOVAPS %s, Z%d", a.constant("c5"), u)
	for _, k := range []string{"c4", "c3", "c2", "c1", "c0", "one", "one"} {
		a.i("VFMADD213PS %s, Z%d, Z%d", a.constant(k), x, u)
	}
	a.i("VSCALEFPS Z%d, Z%d, Z%d", t, u, x)
}

// expNarrow emits the rest of exp, by way of Z7 and Z10 too. How many of its chains
// the processor has at work at one time bounds it, so they are short. Where
// exp(x) is below the normal numbers, 2ⁿ is zero.
func (a *asm) expNarrow(x, t, u int) {
	a.second("rounder", t)
	a.i("VFMADD231PS %s, Z%d, Z%d", a.constant("log2e"), x, t)
	a.i("VSUBPS %s, Z%d, Z%d", a.constant("rounder"), t, u) // n
	a.i("VPSLLD $23, Z%d, Z%d", t, t)                       // 2ⁿ
	a.i("VFNMADD231PS %s, Z%d, Z%d", a.constant("ln2hi"), u, x)
	a.i("VFNMADD231PS %s, Z%d, Z%d", a.constant("ln2lo"), u, x)
	a.i("VMULPS Z%d, Z%d, Z%d", x, x, u)
	a.second("q2", 10)
	a.second("q0", 7)
	a.i("VFMADD231PS %s, Z%d, Z10", a.constant("q3"), x)
	a.i("VFMADD231PS %s, Z%d, Z7", a.constant("q1"), x)
	a.i("VFMADD231PS %s, Z%d, Z10", a.constant("q4"), u)
	a.i("VADDPS %s, Z%d, Z%d", a.constant("one"), x, x)
	a.i("VFMADD231PS Z%d, Z10, Z7", u)
	a.i("VFMADD231PS Z%d, Z7, Z%d", u, x)
	a.i("VMULPS Z%d, Z%d, Z%d", t, x, x)
}

// sigmoid computes Z(s) = 1/(1+exp(−Z(x))) by way of Z14, Z15.
func (a *asm) sigmoid(x, s int) {
	a.zero(s)
	a.i("VSUBPS Z%d, Z%d, Z%d", x, s, s)
	a.exp(s, 14, 15)
	a.i("VADDPS %s, Z%d, Z%d", a.constant("one"), s, s)
	a.i("VDIVPS Z%d, %s, Z%d", s, a.second("one", 14), s)
}
