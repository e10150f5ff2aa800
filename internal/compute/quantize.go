package compute

import (
	"fmt"
	"math"
	"runtime"
	"sync/atomic"

	"fettle/internal/mapped"
)

// Quantize makes a coarser copy of m, as Int8Weights or NF4Weights by the name of a quantization. m may hold Raw or
// the layout of a device.
func Quantize(m *Matrix, name string) (*Matrix, error) {
	q := &Matrix{Name: m.Name, N: m.N, K: m.K}
	var sum float32 // of scales: finite if the weights are
	switch name {
	case QuantizeInt8:
		w := quantizeInt8(m)
		for _, v := range w.Scale {
			sum += v / float32(m.N)
		}
		q.Type, q.Packed = Int8, w
	case QuantizeNF4:
		w := quantizeNF4(m)
		q.Type, q.Packed, sum = NF4, w, w.Mean
	default:
		return nil, fmt.Errorf("quantize %s: unknown kind %q, want int8 or nf4", m.Name, name)
	}
	if sum-sum != 0 {
		return nil, fmt.Errorf("quantize %s: not all weights are finite", m.Name)
	}
	return q, nil
}

// eachRow calls f with every row, on all processors.
func (w *Matrix) eachRow(f func(i int, row []float32)) {
	var next atomic.Int64
	var all mapped.Group
	for range min(w.N, runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			row := make([]float32, w.K)
			for i := int(next.Add(1)) - 1; i < w.N; i = int(next.Add(1)) - 1 {
				w.Row(row, i, 0)
				f(i, row)
			}
		})
	}
	all.Wait()
}

// largest returns the largest magnitude in x.
func largest(x []float32) (top float32) {
	for _, v := range x {
		top = max(top, float32(math.Abs(float64(v))))
	}
	return top
}
