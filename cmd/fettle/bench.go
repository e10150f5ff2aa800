package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/cpuid/v2"
	"github.com/spf13/cobra"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/machine"
)

// benching are the settings that all benchmarks share.
type benching struct {
	Shape     string `yaml:"shape" help:"tiny, 1b, 7b, 13b, a config.json (random weights made in memory), or a model directory"`
	DType     string `yaml:"dtype" help:"how random weights are stored: bf16, f16 or f32"`
	Compute   string `yaml:"compute" help:"products of frozen weights: auto, f32, bf16 or int8"`
	Quantized string `yaml:"quantization" help:"none, int8 or nf4"`
	Tokens    int    `yaml:"tokens" help:"rows of a product, tokens of a step or of a prompt"`
	Steps     int    `yaml:"steps" help:"measured repetitions, after one to warm up; for generate, decoded tokens"`
	Threads   int    `yaml:"threads" help:"0: all cores"`
	JSON      bool   `yaml:"json" help:"write one JSON object"`
}

func (b benching) check() error {
	for _, v := range []struct {
		key string
		n   int
	}{{"tokens", b.Tokens}, {"steps", b.Steps}} {
		if v.n < 1 {
			return usage(fmt.Errorf("%s is %d, want 1 or more", v.key, v.n))
		}
	}
	if _, ok := dtypes[b.DType]; !ok {
		return usage(fmt.Errorf("dtype is %q, want bf16, f16 or f32", b.DType))
	}
	if _, err := compute.ParseQuantization(b.Quantized, 0); err != nil {
		return usage(fmt.Errorf("quantization is %q, want none, int8 or nf4", b.Quantized))
	}
	return nil
}

// dtypes are how random weights can be stored.
var dtypes = map[string]compute.DType{"f32": compute.F32, "bf16": compute.BF16, "f16": compute.F16}

func newBench() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure what this machine reaches, and what it could",
		Long: `Measure what this machine reaches against what it could: products with frozen
weights, training steps, generation. The limits are measured in the same run.

Work is counted in operations that products with frozen weights need; attention,
norms and the adapter come on top and count as overhead. Rates per CPU-second
(time that cores were busy with this program) do not suffer from busy neighbours
as those per second do.`,
		Example: `  fettle bench matmul --shape 7b
  fettle bench train --shape 1b --adapter lora
  fettle bench generate --shape models/llama-7b --tokens 512`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBenchMatmul(), newBenchTrain(), newBenchGenerate())
	return cmd
}

// workbench is the machine under test.
type workbench struct {
	dev  compute.Device
	peak cpu.Peak
	mode string  // what the device multiplies: f32, bf16 or int8
	top  float64 // the peak of mode
}

// open limits the threads, measures the peak and makes the device. The
// returned function gives the threads back.
func (b benching) open() (*workbench, func(), error) {
	restore := func() {}
	if b.Threads > 0 {
		before := runtime.GOMAXPROCS(b.Threads)
		restore = func() { runtime.GOMAXPROCS(before) }
	}
	dev, err := cpu.New(cpu.Options{Threads: b.Threads, Compute: b.Compute})
	if err != nil {
		return nil, restore, usage(err)
	}
	w := &workbench{dev: dev, mode: compute.ModeF32}
	if w.peak, err = cpu.MeasurePeak(); err != nil {
		return nil, restore, err
	}
	w.top = w.peak.F32
	for mode, top := range map[string]float64{compute.ModeBF16: w.peak.BF16, compute.ModeInt8: w.peak.Int8} {
		if top > 0 && strings.Contains(dev.Name(), " "+mode) { // without such products float32's do the work
			w.mode, w.top = mode, top
		}
	}
	return w, restore, nil
}

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

func (w *workbench) setup() setup {
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
	}{{compute.ModeF32, m.F32, "GFLOP/s"}, {compute.ModeBF16, m.BF16, "GFLOP/s"}, {compute.ModeInt8, m.Int8, "GOP/s"}, {"memory", m.Memory, "GB/s"}} {
		if l.rate > 0 {
			all = append(all, fmt.Sprintf("%s %.0f %s", l.name, l.rate/1e9, l.unit))
		}
	}
	return all
}

// rate is what a repeated piece of work came to.
type rate struct {
	Tokens      float64 `json:"tokens_per_second"`
	TokensCPU   float64 `json:"tokens_per_cpu_second"`
	Work        float64 `json:"work_per_cpu_second"` // operations or bytes
	Share       float64 `json:"fraction_of_peak"`
	Seconds     float64 `json:"seconds"`
	Processor   float64 `json:"cpu_seconds"`
	Repetitions int     `json:"repetitions"`
}

// clock times f: the medians of several runs, after one to warm up.
func clock(repetitions int, f func() error) (wall, processor time.Duration, err error) {
	var walls, busy []time.Duration
	for i := range repetitions + 1 {
		began, before := time.Now(), machine.CPUTime()
		if err := f(); err != nil {
			return 0, 0, err
		}
		if i > 0 {
			walls, busy = append(walls, time.Since(began)), append(busy, machine.CPUTime()-before)
		}
	}
	slices.Sort(walls)
	slices.Sort(busy)
	return max(walls[repetitions/2], 1), max(busy[repetitions/2], 1), nil
}

// rated relates times to tokens, work and a peak.
func rated(wall, processor time.Duration, repetitions, tokens int, work, peak float64) rate {
	r := rate{
		Tokens: float64(tokens) / wall.Seconds(), TokensCPU: float64(tokens) / processor.Seconds(), Work: work / processor.Seconds(),
		Seconds: wall.Seconds(), Processor: processor.Seconds(), Repetitions: repetitions,
	}
	if peak > 0 {
		r.Share = r.Work / peak
	}
	return r
}

// emit writes a report as JSON.
func emit(out io.Writer, report any) error {
	return json.NewEncoder(out).Encode(report)
}

func gib(bytes int64) string { return fmt.Sprintf("%.2f GiB", float64(bytes)/(1<<30)) }
