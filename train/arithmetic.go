package train

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"fettle/adapter"
	"fettle/internal/compute"
	"fettle/train/checkpoint"
)

// What is behind the device in the name of an arithmetic: that sums over rows leave out those of the last block that
// learn nothing, which were zeros once, that compute int8 multiplies codes of NF4, which was float32, and that sums of
// gradients are not those of before there was a tree.
const (
	byRows     = ", learned rows"
	nf4InCodes = ", nf4 in codes"
	byTree     = ", sums by tree"
)

// arithmetic names what the bits of a run depend on beside its settings and inputs: the device with its kernels, the
// processor's architecture, whether the compiler fuses multiplications with additions on it, and the order of sums.
func (r *run) arithmetic() string {
	name := arithmetic(r.job.Model.Device()) + byRows
	if r.config.Quantized == compute.QuantizeNF4 && strings.HasPrefix(name, "cpu "+compute.ModeInt8+" ") {
		name += nf4InCodes
	}
	if most := r.job.Adapter.InTurn(); most >= 0 && r.most > most {
		name += byTree
	}
	return name
}

// arithmetic names all but what sums are of, and their order.
func arithmetic(dev compute.Device) string {
	name := dev.Name() + " " + runtime.GOARCH
	if fuses(1+0x1p-30, -1-0x1p-29) {
		name += " fused"
	}
	return name
}

// fuses reports whether x·x + y is rounded once.
//
//go:noinline
func fuses(x, y float64) bool { return x*x+y != float64(x*x)+y }

// computed returns the stretches of a run that continues at a step with an arithmetic, and reports whether that is
// another one than before.
func (s state) computed(from, now string) (all []adapter.Stretch, changed bool) {
	all = s.Computed
	if len(all) == 0 { // of before: the record names the device alone
		record, err := adapter.ReadRecord(from)
		if err != nil || record.Compute == "" {
			return []adapter.Stretch{{By: now}}, false
		}
		all = []adapter.Stretch{{By: record.Compute}}
	}
	if all[len(all)-1].By == now {
		return all, false
	}
	return append(all[:len(all):len(all)], adapter.Stretch{After: s.Step, By: now}), true
}

// keepArithmetic records the arithmetic of this part of the run, and warns where it is another one.
func (r *run) keepArithmetic(from string) {
	now := r.arithmetic()
	if from == "" {
		r.state.Computed = []adapter.Stretch{{By: now}}
		return
	}
	all, changed := r.state.computed(from, now)
	if r.state.Computed = all; changed {
		r.job.Log.Warn().Str("before", all[len(all)-2].By).Str("now", now).Int("step", r.state.Step).Msgf(
			"The run was computed by %s and continues by %s: from here on its bits differ from those of a run without "+
				"interruption. state.json and %s record it.", all[len(all)-2].By, now, adapter.RecordFile)
	}
	if len(all) > 1 {
		r.job.Record.Computed = all
	}
}

// FirstCompute returns the way of products, f32 or bf16, that compute: auto chose when the run in the output directory
// began, "" if there is none, or it does not tell.
func (c Config) FirstCompute() string {
	from, err := c.newest()
	if from == "" || err != nil {
		return ""
	}
	s, err := peek(from)
	for _, name := range slices.Backward(checkpoint.List(c.OutputDir)) {
		if err == nil {
			break
		}
		from = filepath.Join(c.OutputDir, name)
		s, err = peek(from)
	}
	by := ""
	if len(s.Computed) > 0 {
		by = s.Computed[0].By
	} else if record, err := adapter.ReadRecord(from); err == nil {
		by = record.Compute
	}
	for _, mode := range []string{compute.ModeF32, compute.ModeBF16} {
		if strings.HasPrefix(by, "cpu "+mode+" ") {
			return mode
		}
	}
	return ""
}
