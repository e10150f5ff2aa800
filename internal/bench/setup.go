package bench

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"fettle/internal/compute"
)

// setup describes the machine under test.
type setup struct {
	CPU     string  `json:"cpu"`
	Threads int     `json:"threads"`
	Device  string  `json:"device"`
	F32     float64 `json:"peak_f32_flops_per_cpu_second"`
	BF16    float64 `json:"peak_bf16_flops_per_cpu_second"`
	Int8    float64 `json:"peak_int8_ops_per_cpu_second"`
	Memory  float64 `json:"peak_memory_bytes_per_cpu_second"`
}

func (w *bench) setup() setup {
	name := strings.TrimSpace(cpuid.CPU.BrandName)
	if name == "" {
		name = runtime.GOARCH
	}
	return setup{name, runtime.GOMAXPROCS(0), w.dev.Name(), w.peak.F32, w.peak.BF16, w.peak.Int8, w.peak.Memory}
}

func (m setup) print(out io.Writer) {
	fmt.Fprintf(out, "machine  %s, %d threads, %s\n", m.CPU, m.Threads, m.Device)
	fmt.Fprintf(out, "limits   of a core, measured now: %s\n", strings.Join(m.limits(), ", "))
}

func (m setup) limits() []string {
	var all []string
	for _, l := range []struct {
		name string
		rate float64
		unit string
	}{
		{compute.ModeF32, m.F32, "GFLOP/s"}, {compute.ModeBF16, m.BF16, "GFLOP/s"}, {compute.ModeInt8, m.Int8, "GOP/s"},
		{"memory", m.Memory, "GB/s"},
	} {
		if l.rate > 0 {
			all = append(all, fmt.Sprintf("%s %.0f %s", l.name, l.rate/1e9, l.unit))
		}
	}
	return all
}
