//go:build unix

package cpu

import (
	"fmt"
	"testing"
	"time"

	"fettle/internal/compute"
	"fettle/internal/compute/devicetest"
)

// BenchmarkDecodeBlocks measures products of one row with more weights than caches hold, by type and threads, in bytes
// read and in weights.
func BenchmarkDecodeBlocks(b *testing.B) {
	const n, k, bytes = 5632, 2048, 300 << 20
	kinds := append([]compute.DType{compute.BF16, compute.F16, compute.Int8, compute.NF4}, compute.BlockTypes()...)
	for _, typ := range kinds {
		for i := range 4 {
			mode, threads := []string{compute.ModeF32, compute.ModeInt8}[i%2], 1+i/2
			b.Run(fmt.Sprintf("%v/%s/%d", typ, mode, threads), func(b *testing.B) {
				dev, _ := New(Options{Compute: mode, Threads: threads})
				var all []*compute.Matrix
				first := devicetest.Drawn(3, n, k, typ)
				for range bytes / int(typ.Bytes(n, k)) {
					w := *first
					_ = dev.Prepare(&w)
					all = append(all, &w)
				}
				x, y := random(k), make([]float32, n)
				begin, used := time.Now(), processTime()
				for b.Loop() {
					for _, w := range all {
						dev.MatMul(y, x, w, 1)
					}
				}
				calls := float64(len(all)) * float64(b.N)
				b.ReportMetric(calls*float64(typ.Bytes(n, k))/1e9/time.Since(begin).Seconds(), "GB/s")
				b.ReportMetric(calls*float64(typ.Bytes(n, k))/1e9/(processTime()-used).Seconds(), "GB/cpu-s")
				b.ReportMetric(calls*n*k/1e9/(processTime()-used).Seconds(), "Gweights/cpu-s")
			})
		}
	}
}

// BenchmarkPrepareBlocks measures laying out, in bytes.
func BenchmarkPrepareBlocks(b *testing.B) {
	for _, typ := range []compute.DType{compute.Q4_0, compute.Q4_1, compute.Q8_0, compute.Q6_K} {
		w := devicetest.Drawn(3, 5632, 2048, typ)
		dev, _ := New(Options{Threads: 2})
		b.Run(typ.String(), func(b *testing.B) {
			b.SetBytes(int64(len(w.Raw)))
			for b.Loop() {
				c := *w
				_ = dev.Prepare(&c)
			}
		})
	}
}
