package devicetest

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"fettle/internal/compute"
)

// source draws seeded inputs.
type source struct{ *rand.Rand }

func newSource(seed uint64) source { return source{rand.New(rand.NewPCG(seed, 17))} }

// normal returns n draws of N(0, 1).
func (s source) normal(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(s.NormFloat64())
	}
	return x
}

// matrix returns (n, k) draws of N(0, 1), rounded to type t, or blocks of type t.
func (s source) matrix(n, k int, t compute.DType) *compute.Matrix {
	if _, ok := t.Block(); ok {
		return s.blocks(n, k, t)
	}
	return Matrix(n, k, t, s.normal(n*k))
}

// types lists the types of frozen matrices.
var types = append(
	[]compute.DType{compute.F32, compute.BF16, compute.F16, compute.Int8, compute.NF4}, compute.BlockTypes()...,
)

// Matrix stores values as an (n, k) matrix of type t.
func Matrix(n, k int, t compute.DType, values []float32) *compute.Matrix {
	if t == compute.Int8 || t == compute.NF4 {
		w, err := compute.Quantize(Matrix(n, k, compute.F32, values), t.Quantization())
		if err != nil {
			panic(err)
		}
		return w
	}
	var raw []byte
	for _, v := range values {
		switch t {
		case compute.F32:
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		case compute.BF16:
			raw = binary.LittleEndian.AppendUint16(raw, compute.ToBF16(v))
		case compute.F16:
			raw = binary.LittleEndian.AppendUint16(raw, half(v))
		}
	}
	w, err := compute.NewMatrix("test", n, k, t, raw)
	if err != nil {
		panic(err)
	}
	return w
}

// half cuts a normal float32 of moderate size to an IEEE half; NaN and infinities stay so.
func half(v float32) uint16 {
	u := math.Float32bits(v)
	sign, exp, man := uint16(u>>16)&0x8000, int(u>>23&255)-127+15, uint16(u>>13&1023)
	switch {
	case u>>23&255 == 255:
		return sign | 31<<10 | man
	case exp <= 0:
		return sign
	}
	return sign | uint16(exp)<<10 | man
}

// tokens returns n integers below limit.
func (s source) tokens(n, limit int) []int32 {
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(s.IntN(limit))
	}
	return x
}

func clone(x []float32) []float32 { return append([]float32(nil), x...) }

// prepared returns a copy of w that dev has prepared.
func prepared(dev compute.Device, w *compute.Matrix) *compute.Matrix {
	c := *w
	if err := dev.Prepare(&c); err != nil {
		panic(err)
	}
	return &c
}

// Normal returns n seeded draws of N(0, 1).
func Normal(seed uint64, n int) []float32 { return newSource(seed).normal(n) }
