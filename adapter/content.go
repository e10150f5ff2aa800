package adapter

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
)

// Content returns a SHA-256 of the parameters that is the same for every form of an adapter in float32. Forms differ in
// scales that B takes, in rows and columns of zeros that fill up ranks, and in modules that are zero: of a LoRA, it is
// of A and of the signs of B.
func (s *Set) Content() string {
	h, params := sha256.New(), s.byName()
	text := func(name string) { h.Write(append([]byte(name), 0)) }
	row := func(values []float32) {
		data := make([]byte, 4*len(values))
		for i, v := range values {
			binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
		}
		h.Write(data)
	}
	if l, ok := s.method.(LoRA); ok {
		sites, _ := l.sites(s.config) // they have been listed before
		for _, at := range sites {
			a, b := paramFactor(params[at.a()]), paramFactor(params[at.b()])
			signs := b.signs()
			for r := range a.rows {
				values := a.part(r, r+1).data
				if zero(values) || zero(signs[r]) {
					continue
				}
				text(at.a())
				row(values)
				row(signs[r])
			}
			delete(params, at.a())
			delete(params, at.b())
			delete(params, at.bias()) // it takes B's scales
		}
	}
	for _, p := range s.Params() {
		if params[p.Name] != nil {
			text(p.Name)
			row(p.Data)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// signs returns the sign of every element, −1, 0 or 1, column by column, with the first that is not zero made 1.
func (m factor) signs() [][]float32 {
	all := m.transposed()
	first := float32(0)
	for i, v := range all.data {
		sign := float32(0)
		if v != 0 {
			sign = float32(math.Copysign(1, float64(v)))
		}
		if first == 0 {
			first = sign
		}
		all.data[i] = sign * first
	}
	var columns [][]float32
	for c := range all.rows {
		columns = append(columns, all.part(c, c+1).data)
	}
	return columns
}

func zero(values []float32) bool {
	for _, v := range values {
		if v != 0 {
			return false
		}
	}
	return true
}
