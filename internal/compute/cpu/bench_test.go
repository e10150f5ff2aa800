//go:build unix

package cpu

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
	"fettle/internal/compute/devicetest"
)

func random(n int) []float32 { return devicetest.Normal(9, n) }

// processTime returns the time that all threads of this process have used.
func processTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

// shapes lists the products of LLaMA-7B, 1B and stories15M: N, K.
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

// ways lists the modes and types of weights measured.
var ways = []struct {
	mode string
	typ  compute.DType
}{
	{"bf16", compute.BF16}, {"f32", compute.F32}, {"f32", compute.BF16},
	{"int8", compute.Int8}, {"bf16", compute.Int8}, {"bf16", compute.NF4},
}

// BenchmarkProducts measures both products with frozen weights at 512 rows, and
// the one of decoding, a row, against the bandwidth.
func BenchmarkProducts(b *testing.B) {
	for _, way := range ways {
		dev, _ := New(Options{Compute: way.mode})
		l := &dev.(*device).core
		for _, s := range shapes {
			w := devicetest.Matrix(s.n, s.k, compute.F32, random(s.n*s.k))
			if way.typ > compute.F16 {
				w = devicetest.Matrix(s.n, s.k, way.typ, random(s.n*s.k))
			} else if way.typ == compute.BF16 {
				w = devicetest.Matrix(s.n, s.k, compute.BF16, random(s.n*s.k))
			}
			_ = dev.Prepare(w)
			const n = 512
			x, y, work := random(n*s.k), random(n*s.n), 2*float64(n*s.n*s.k)
			name := fmt.Sprintf("%s/%v/%s/", way.mode, way.typ, s.name)
			b.Run(name+"y", func(b *testing.B) { report(b, work, peak(l, way.mode), func() { dev.MatMul(y, x, w, n) }) })
			b.Run(name+"dx", func(b *testing.B) { report(b, work, peak(l, way.mode), func() { dev.MatMulT(x, y, w, n) }) })
			size := float64(way.typ.Bytes(s.n, s.k))
			b.Run(name+"one", func(b *testing.B) { report(b, size, peak(l, "memory"), func() { dev.MatMul(y, x, w, 1) }) })
		}
	}
}

// peak returns the rate that products of a mode can reach, or reading memory.
func peak(l *kernel.Level, mode string) float64 {
	var rate float64
	switch {
	case mode == "memory":
		measure(bandwidth(l, &rate, 1))
	case mode == "bf16" && l.BF16:
		measure(products(&rate, l.TileBF16, 2))
	case mode == "int8" && l.Codes == 4:
		measure(products(&rate, l.TileInt8, 4))
	case mode == "int8" && l.Codes == 2:
		measure(pairs(l, &rate))
	default:
		measure(multiplyAdds(l, &rate))
	}
	return rate
}

// BenchmarkAttend measures causal attention over one sequence; its work is that
// of the visible half.
func BenchmarkAttend(b *testing.B) {
	for _, s := range []struct {
		name             string
		h, g, dh, length int
	}{{"1B", 32, 4, 64, 512}, {"7B", 32, 32, 128, 512}, {"7B.long", 32, 32, 128, 2048}, {"15M", 6, 6, 48, 512}} {
		d, _ := New(Options{})
		l := &d.(*device).core
		a := compute.Attention{Heads: s.h, KVHeads: s.g, HeadDim: s.dh, Scale: 0.1}
		qn, kn := s.length*s.h*s.dh, s.length*s.g*s.dh
		q, k, v, dout := random(qn), random(kn), random(kn), random(qn)
		out := make([]float32, qn)
		dq, dk, dv := make([]float32, qn), make([]float32, kn), make([]float32, kn)
		segs := []compute.Segment{{Len: s.length}}
		work := 2 * float64(s.length*s.length*s.h*s.dh)
		b.Run(s.name+"/forward", func(b *testing.B) {
			report(b, work, peak(l, "f32"), func() { d.Attend(out, q, k, v, segs, a) })
		})
		b.Run(s.name+"/backward", func(b *testing.B) {
			report(b, 2.5*work, peak(l, "f32"), func() { d.AttendBackward(dq, dk, dv, dout, out, q, k, v, segs, a) })
		})
		step := []compute.Segment{{Len: 1, Past: s.length - 1}}
		b.Run(s.name+"/decode", func(b *testing.B) {
			report(b, 8*float64(kn), peak(l, "memory"), func() { d.Attend(out, q, k, v, step, a) })
		})
	}
}

// BenchmarkCrossEntropy measures the head and the loss of stories15M; its work is
// that of the two products.
func BenchmarkCrossEntropy(b *testing.B) {
	const v, k = 32000, 288
	d, _ := New(Options{Compute: "f32"})
	l := &d.(*device).core
	w := devicetest.Matrix(v, k, compute.F32, random(v*k))
	_ = d.Prepare(w)
	for _, n := range []int{64, 256, 512} {
		loss, target, scale := make([]float64, n), make([]int32, n), random(n)
		x, dx := random(n*k), make([]float32, n*k)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			report(b, 4*float64(n*v*k), peak(l, "f32"), func() { d.CrossEntropy(loss, dx, x, w, target, scale, n) })
		})
	}
}

// BenchmarkElements measures operations that pass over memory once, in bytes.
func BenchmarkElements(b *testing.B) {
	const n, width = 512, 2048
	d, _ := New(Options{})
	l := &d.(*device).core
	x, y, z, u, v, w := random(n*width), random(n*width), random(n*width), random(n*width), random(n*width), random(width)
	pos := make([]int32, n)
	most := peak(l, "memory")
	for _, c := range []struct {
		name   string
		arrays float64
		f      func()
	}{
		{"norm", 2, func() { d.RMSNorm(y, x, w, n, 1e-5) }},
		{"normback", 4, func() { d.RMSNormBackward(y, x, z, w, n, 1e-5) }},
		{"swiglu", 3, func() { d.SwiGLU(y, x, z) }},
		{"swigluback", 7, func() { d.SwiGLUBackward(x, y, z, u, v) }},
		{"add", 3, func() { d.Add(y, x) }},
		{"rope", 2, func() { d.Rope(x, n, 32, 64, 64, pos, w, w, false) }},
	} {
		b.Run(c.name, func(b *testing.B) { report(b, c.arrays*4*n*width, most, c.f) })
	}
}

// BenchmarkGemm measures LoRA's products at rank 8 and width 2048.
func BenchmarkGemm(b *testing.B) {
	const n, width, r = 512, 2048, 8
	d, _ := New(Options{})
	l := &d.(*device).core
	x, a, u := random(n*width), random(r*width), random(n*r)
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"x·Aᵀ", func() { d.Gemm(false, true, n, r, width, 1, x, width, a, width, 0, u, r) }},
		{"u·Bᵀ", func() { d.Gemm(false, true, n, width, r, 1, u, r, a, r, 1, x, width) }},
		{"uᵀ·x", func() { d.Gemm(true, false, r, width, n, 1, u, r, x, width, 1, a, width) }},
		{"xᵀ·u", func() { d.Gemm(true, false, width, r, n, 1, x, width, u, r, 1, a, r) }},
		{"u·A", func() { d.Gemm(false, false, n, width, r, 1, u, r, a, width, 1, x, width) }},
		{"dy·B", func() { d.Gemm(false, false, n, r, width, 1, x, width, a, r, 0, u, r) }},
	} {
		b.Run(c.name, func(b *testing.B) { report(b, 2*n*width*r, peak(l, "f32"), c.f) })
	}
}
