//go:build unix

package cpu

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fettle/internal/compute"
	"fettle/internal/compute/devicetest"
)

// processTime is what all threads of this process have used.
func processTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

// shapes are the products of LLaMA-7B, 1B and stories15M: N, K.
var shapes = []struct {
	name string
	n, k int
}{
	{"7B.attn", 4096, 4096}, {"7B.up", 11008, 4096}, {"7B.down", 4096, 11008},
	{"1B.attn", 2048, 2048}, {"1B.up", 5632, 2048}, {"1B.down", 2048, 5632},
	{"1B.kv", 256, 2048}, {"15M.attn", 288, 288}, {"15M.up", 768, 288}, {"15M.down", 288, 768},
}

// report times f, whose work is in operations or bytes, against the peak: the
// median of five runs of at least 50 ms of processor time each.
func report(b *testing.B, work, peak float64, f func()) {
	calls := 1
	run := func() time.Duration {
		begin := processTime()
		for range calls {
			f()
		}
		return (processTime() - begin) / time.Duration(calls)
	}
	for ; run()*time.Duration(calls) < 50*time.Millisecond; calls *= 2 {
	}
	for b.Loop() {
		var spent []time.Duration
		for range 5 {
			spent = append(spent, run())
		}
		slices.Sort(spent)
		rate := work / spent[2].Seconds()
		b.ReportMetric(rate/1e9, "G/cpu-s")
		b.ReportMetric(100*rate/peak, "%peak")
	}
}

func random(n int) []float32 { return devicetest.Normal(9, n) }

// BenchmarkProducts measures both products with frozen weights.
func BenchmarkProducts(b *testing.B) {
	for _, mode := range []string{"bf16", "f32"} {
		for _, typ := range []compute.DType{compute.BF16, compute.F32} {
			for _, s := range shapes {
				var d compute.Device
				var w *compute.Matrix
				for _, rows := range []int{512, 1} {
					for _, way := range []string{"y", "dx"} {
						if rows == 1 && way == "dx" {
							continue
						}
						b.Run(fmt.Sprintf("%s/%v/%s/n=%d/%s", mode, typ, s.name, rows, way), func(b *testing.B) {
							if w == nil {
								d, _ = New(Options{Compute: mode})
								w = devicetest.Matrix(s.n, s.k, typ, random(s.n*s.k))
								_ = d.Prepare(w)
							}
							x, y := random(rows*s.k), random(rows*s.n)
							l := d.(*device).level
							peak, work := l.rate(l.tileF32, 1), 2*float64(rows*s.n*s.k)
							if mode == "bf16" {
								peak = l.rate(l.tileBF16, 2)
							}
							if rows == 1 {
								peak, work = 20e9, float64(len(w.Packed.(*panels).data)*4)
							}
							report(b, work, peak, func() {
								if way == "y" {
									d.MatMul(y, x, w, rows)
								} else {
									d.MatMulT(x, y, w, rows)
								}
							})
						})
					}
				}
			}
		}
	}
}
