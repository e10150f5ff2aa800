package main

// reductions emits the operations that end in one number. Lane i mod 16, or 8, of the sums takes element i; lanes are
// added in a fixed order.
func (a *asm) reductions(kind string) {
	a.function("top"+kind, "x []float32) (top float32", 28)
	vectorLoop{a, []string{"x"}}.emitMasked(func() {
		a.i("VBROADCASTSS lowest<>(SB), Z0")
	}, func(load func(i, z int), _ func(z, i int), masked bool) {
		if load(0, 1); masked {
			a.i("VBROADCASTSS lowest<>(SB), Z2")
			a.blend(1, 2)
			a.i("VMOVAPS Z2, Z1")
		}
		a.i("VMAXPS Z1, Z0, Z0")
	})
	a.fold32("VMAXPS")
	a.i("VMOVSS X0, top+24(FP)")
	a.i("VZEROUPPER")
	a.i("RET")

	a.function("finite"+kind, "x []float32) (zero float32", 28)
	vectorLoop{a, []string{"x"}}.emit(func() { a.zero(0) }, func(load func(i, z int), _ func(z, i int)) {
		load(0, 1)
		a.i("VSUBPS Z1, Z1, Z1")
		a.i("VADDPS Z1, Z0, Z0")
	})
	a.fold32("VADDPS")
	a.i("VMOVSS X0, zero+24(FP)")
	a.i("VZEROUPPER")
	a.i("RET")

	a.function("expSum"+kind, "x []float32, top float32) (sum float64", 40)
	v := vectorLoop{a, []string{"x"}}
	v.emitMasked(func() {
		a.loadExp()
		v.scalar("top", 0, 31)
		a.zero(12, 13)
	}, func(load func(i, z int), store func(z, i int), masked bool) {
		load(0, 0)
		a.i("VSUBPS Z31, Z0, Z0")
		a.exp(0, 1, 2)
		store(0, 0)
		if masked {
			a.keep(0)
		}
		a.widen64(0, 1, 2)
		a.i("VADDPD Z1, Z12, Z12")
		a.i("VADDPD Z2, Z13, Z13")
	})
	a.fold64("sum", 32)

	a.function("dot"+kind, "x, y []float32) (sum float64", 56)
	vectorLoop{a, []string{"x", "y"}}.emit(func() { a.zero(12, 13) }, func(load func(i, z int), _ func(z, i int)) {
		load(0, 0)
		load(1, 3)
		a.widen64(0, 1, 2)
		a.widen64(3, 4, 5)
		a.i("VFMADD231PD Z1, Z4, Z12")
		a.i("VFMADD231PD Z2, Z5, Z13")
	})
	a.fold64("sum", 48)

	a.function("dot3"+kind, "x, y, z []float32) (sum float64", 80)
	vectorLoop{a, []string{"x", "y", "z"}}.emit(func() { a.zero(12, 13) }, func(load func(i, z int), _ func(z, i int)) {
		load(0, 0)
		load(1, 3)
		load(2, 6)
		a.widen64(0, 1, 2)
		a.widen64(3, 4, 5)
		a.widen64(6, 7, 8)
		a.i("VMULPD Z4, Z1, Z1")
		a.i("VMULPD Z5, Z2, Z2")
		a.i("VFMADD231PD Z1, Z7, Z12")
		a.i("VFMADD231PD Z2, Z8, Z13")
	})
	a.fold64("sum", 72)
}

func (a *asm) zero(registers ...int) {
	for _, z := range registers {
		if a.narrow {
			a.i("VXORPS Z%d, Z%d, Z%d", z, z, z)
		} else {
			a.i("VPXORD Z%d, Z%d, Z%d", z, z, z)
		}
	}
}

// blend copies the lanes under the mask.
func (a *asm) blend(from, to int) {
	if a.narrow {
		a.i("VBLENDVPS Y9, Z%d, Z%d, Z%d", from, to, to)
	} else {
		a.i("VMOVAPS Z%d, K1, Z%d", from, to)
	}
}

// keep zeroes the lanes that are not under the mask.
func (a *asm) keep(z int) {
	if a.narrow {
		a.i("VANDPS Y9, Z%d, Z%d", z, z)
	} else {
		a.i("VMOVAPS.Z Z%d, K1, Z%d", z, z)
	}
}

// widen64 splits the float32 of from into the lower and the upper half as float64.
func (a *asm) widen64(from, low, high int) {
	if a.narrow {
		a.i("VEXTRACTF128 $1, Y%d, X%d", from, high)
		a.i("VCVTPS2PD X%d, Y%d", from, low)
		a.i("VCVTPS2PD X%d, Y%d", high, high)
		return
	}
	a.i("VEXTRACTF64X4 $1, Z%d, Y%d", from, high)
	a.i("VCVTPS2PD Y%d, Z%d", from, low)
	a.i("VCVTPS2PD Y%d, Z%d", high, high)
}

// fold32 reduces Z0 to its first lane.
func (a *asm) fold32(op string) {
	if !a.narrow {
		a.i("VEXTRACTF64X4 $1, Z0, Y1")
		a.i("%s Y1, Y0, Y0", op)
	}
	a.i("VEXTRACTF128 $1, Y0, X1")
	a.i("%s X1, X0, X0", op)
	a.i("VPERMILPS $0x0e, X0, X1")
	a.i("%s X1, X0, X0", op)
	a.i("VPERMILPS $0x01, X0, X1")
	a.i("%s X1, X0, X0", op)
}

// fold64 returns the sum of Z12 and Z13.
func (a *asm) fold64(name string, at int) {
	a.i("VADDPD Z13, Z12, Z12")
	if !a.narrow {
		a.i("VEXTRACTF64X4 $1, Z12, Y13")
		a.i("VADDPD Y13, Y12, Y12")
	}
	a.i("VEXTRACTF128 $1, Y12, X13")
	a.i("VADDPD X13, X12, X12")
	a.i("VPERMILPD $1, X12, X13")
	a.i("VADDSD X13, X12, X12")
	a.i("VMOVSD X12, %s+%d(FP)", name, at)
	a.i("VZEROUPPER")
	a.i("RET")
}
