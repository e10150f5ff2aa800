// Package bench measures the speed of this machine against its limits: products with frozen weights, training steps,
// generation. The limits are measured in the same run.
package bench

import (
	"fmt"
	"runtime"
	"strings"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/fault"
)

// Settings are the settings that all benchmarks share.
type Settings struct {
	Shape     string `yaml:"shape" path:"true" group:"model" help:"tiny, 1b, 7b, 13b, a config.json (random weights made in memory), or a model"`
	DType     string `yaml:"dtype" help:"how random weights are stored: bf16, f16, f32, or as a type of GGUF: q4_0, q4_1, q5_0, q5_1, q8_0, q2_k … q6_k, iq4_nl, iq4_xs"`
	Compute   string `yaml:"compute" group:"compute" help:"products of frozen weights: auto, f32, bf16 or int8"`
	Quantized string `yaml:"quantization" help:"none, int8 or nf4"`
	Tokens    int    `yaml:"tokens" most:"1048576" group:"workload" help:"rows of a product, tokens of a step or of a prompt"`
	Steps     int    `yaml:"steps" most:"1000000" help:"measured repetitions, after one to warm up; for generate, decoded tokens"`
	Threads   int    `yaml:"threads" most:"65536" group:"compute" help:"0: all cores"`
	JSON      bool   `yaml:"json" group:"output" help:"write one JSON object"`
}

// Check returns an error if a setting is out of range.
func (b Settings) Check() error {
	for _, v := range []struct {
		key string
		n   int
	}{{"tokens", b.Tokens}, {"steps", b.Steps}} {
		if v.n < 1 {
			return wrong("%s is %d, want 1 or more", v.key, v.n)
		}
	}
	if _, ok := dtype(b.DType); !ok {
		return wrong("dtype is %q, want bf16, f16, f32 or a type of GGUF such as q4_0", b.DType)
	}
	if _, err := compute.ParseQuantization(b.Quantized, 0); err != nil {
		return wrong("quantization is %q, want none, int8 or nf4", b.Quantized)
	}
	return nil
}

// wrong marks an error in a setting.
func wrong(format string, args ...any) error {
	return fault.Mark(fmt.Errorf(format, args...), fault.Usage)
}

// unreadable marks an error in a file.
func unreadable(err error) error { return fault.Mark(err, fault.Input) }

// bench is the machine under test.
type bench struct {
	dev  compute.Device
	peak cpu.Peak
	mode string  // the arithmetic of the device: f32, bf16 or int8
	top  float64 // the peak of mode, operations per CPU-second
}

// open limits the threads, measures the peak and makes the device. The returned function restores the thread count.
func (b Settings) open(decodes bool) (*bench, func(), error) {
	restore := func() {}
	if b.Threads > 0 {
		before := runtime.GOMAXPROCS(b.Threads)
		restore = func() { runtime.GOMAXPROCS(before) }
	}
	stored, err := b.stored()
	if err != nil {
		return nil, restore, err
	}
	mode := compute.ResolveMode(b.Compute, b.Quantized, stored, decodes)
	dev, err := cpu.New(cpu.Options{Threads: b.Threads, Compute: mode})
	if err != nil {
		return nil, restore, fault.Mark(err, fault.Usage)
	}
	w := &bench{dev: dev, mode: compute.ModeF32}
	if w.peak, err = cpu.MeasurePeak(runtime.GOMAXPROCS(0)); err != nil {
		return nil, restore, err
	}
	w.top = w.peak.F32
	for mode, top := range map[string]float64{compute.ModeBF16: w.peak.BF16, compute.ModeInt8: w.peak.Int8} {
		if top > 0 && strings.Contains(dev.Name(), " "+mode) { // otherwise the products run in float32
			w.mode, w.top = mode, top
		}
	}
	return w, restore, nil
}
