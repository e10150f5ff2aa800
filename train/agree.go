package train

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"fettle/adapter"
	"fettle/internal/compute"
	"fettle/train/journal"
)

// identity is what the processes of a run must have in common for their steps to fit together.
type identity struct {
	Program    journal.Program
	Arithmetic string // its name
	Numbers    string // hash of what it makes of a few
	Config     Config
	Inputs     Inputs
	Examples   string // hash of those to learn from
	Evaluation string
	Begun      string // hash of the parameters that the run begins with
}

// mayBeLocal lists the settings that may differ between the processes of a run: places, and what changes no bit.
func mayBeLocal() []string {
	return []string{
		"output_dir", "data_cache", "model_name_or_path", "adapter_name_or_path", "dataset", "eval_dataset", "recompute",
		"activation_memory_mb", "max_memory", "logging_steps", "allow", "resume",
	}
}

func (r *run) identity() identity {
	begun := sha256.New()
	for _, p := range r.job.Adapter.Params() {
		begun.Write([]byte(p.Name))
		binary.Write(begun, binary.LittleEndian, p.Data)
	}
	return identity{
		Program: r.job.Program, Arithmetic: r.arithmetic(), Numbers: numbers(r.job.Model.Device()), Config: r.config,
		Inputs: r.job.Inputs, Examples: setHash(r.job.Training), Evaluation: r.evalSet,
		Begun: hex.EncodeToString(begun.Sum(nil)),
	}
}

// numbers hashes what a device makes of a few numbers: kernels of other machines may round in another way.
func numbers(dev compute.Device) string {
	const n = 37
	x, y, z := make([]float32, n*n), make([]float32, n*n), make([]float32, n*n)
	for i := range x {
		x[i], y[i] = float32(i%19)/7-1, float32(i%23)/9-1.2
	}
	dev.Gemm(false, true, n, n, n, 0.7, x, n, y, n, 0, z, n)
	dev.Softmax(z, n)
	dev.Add(z, x)
	h := sha256.New()
	binary.Write(h, binary.LittleEndian, z)
	binary.Write(h, binary.LittleEndian, dev.SumSquares(z, 0))
	return hex.EncodeToString(h.Sum(nil))
}

// differs lists what two ranks do not have in common.
func (a identity) differs(b identity) (all []string) {
	if a.Program != b.Program {
		all = append(all, fmt.Sprintf("the program (%s and %s)", a.Program.Text(), b.Program.Text()))
	}
	if a.Arithmetic != b.Arithmetic {
		all = append(all, fmt.Sprintf("the arithmetic (%s and %s; FETTLE_CPU takes all to the lowest level)", a.Arithmetic,
			b.Arithmetic))
	} else if a.Numbers != b.Numbers {
		all = append(all, "how the processor rounds")
	}
	for _, d := range differing(reflect.ValueOf(a.Config), reflect.ValueOf(b.Config), mayBeLocal()) {
		all = append(all, fmt.Sprintf("%s (%v and %v)", d.key, d.old, d.now))
	}
	inputs := a.Inputs.changed(b.Inputs)
	for i, text := range inputs {
		inputs[i] = strings.TrimSuffix(text, " changed")
	}
	all = append(all, inputs...)
	if len(inputs) == 0 && a.Examples != b.Examples {
		all = append(all, "the training data")
	}
	if len(inputs) == 0 && a.Evaluation != b.Evaluation {
		all = append(all, "the evaluation data")
	}
	if a.Begun != b.Begun {
		all = append(all, "the adapter that the run begins with")
	}
	return all
}

// agree refuses a run whose processes do not fit together, by the name of what differs and of the first that does.
func (r *run) agree(ctx context.Context) error {
	if r.ranks == nil {
		return nil
	}
	text, err := json.Marshal(r.identity())
	if err != nil {
		return err
	}
	texts, err := r.gather(text)
	if err != nil {
		return err
	}
	all := make([]identity, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal(text, &all[i]); err != nil {
			return fmt.Errorf("what %s said: %w", r.ranks.Name(i), err)
		}
	}
	for i := range all {
		if differ := all[0].differs(all[i]); differ != nil {
			return r.common(fmt.Errorf("%w: %s and %s differ in %s", ErrRefused, r.ranks.Name(0), r.ranks.Name(i),
				strings.Join(differ, ", ")))
		}
	}
	if n := len(all); n > r.steps.perStep || n > len(r.job.Training) {
		return r.common(fmt.Errorf("%w: %d ranks share steps of %d sequences: each needs one. Start fewer, or raise "+
			"gradient_accumulation_steps", ErrRefused, n, min(r.steps.perStep, len(r.job.Training))))
	}
	if n := len(all); r.config.SharePrefix == "true" && n > r.config.Accumulation {
		return r.common(fmt.Errorf("%w: %d ranks share steps of %d micro-batches, which stay whole with share_prefix: start "+
			"fewer, take smaller micro-batches and more of them, or --share_prefix false", ErrRefused, n,
			r.config.Accumulation))
	}
	if !r.job.Adapter.Summed() {
		return r.common(fmt.Errorf("%w: %s trains weights of the base itself, whose gradients have no sum by sequence; more "+
			"than one rank takes lora without modules_to_save, or llama-adapter", ErrRefused, r.trains()))
	}
	return nil
}

// common marks an error that all processes have.
func (r *run) common(err error) error {
	r.over = true
	return err
}

// trains names the setting that trains weights of the base.
func (r *run) trains() string {
	if r.job.Adapter.Method().Name() == adapter.TypeFull {
		return "finetuning_type full"
	}
	return "modules_to_save"
}

// catchUp gives all processes the state that the one that leads has read.
func (r *run) catchUp() error {
	if r.ranks == nil {
		return nil
	}
	text, err := r.sharedBytes(func() ([]byte, error) { return json.Marshal(r.state) })
	if err != nil {
		return err
	}
	if !r.leads() {
		if r.state, err = parseState(text); err != nil {
			return err
		}
	}
	if r.state.Step == 0 { // all begin with the same
		return nil
	}
	r.config.SharePrefix = r.state.Config.SharePrefix
	r.optimizer.settings.Step = r.state.Step - r.state.Skipped
	for i, p := range r.job.Adapter.Params() {
		for _, x := range [][]float32{p.Data, r.optimizer.m[i], r.optimizer.v[i]} {
			if err := r.sharedFloats(x); err != nil {
				return err
			}
		}
	}
	return r.job.Adapter.Refresh()
}

// sharedBytes returns what make returns in the process that leads.
func (r *run) sharedBytes(make func() ([]byte, error)) ([]byte, error) {
	var mine []byte
	if r.leads() {
		var err error
		if mine, err = make(); err != nil {
			return nil, err
		}
	}
	all, err := r.gather(mine)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// sharedPiece is how many numbers are given at one time.
const sharedPiece = 4 << 20

// sharedFloats makes x in all processes what it is in the one that leads.
func (r *run) sharedFloats(x []float32) error {
	for ; len(x) > 0; x = x[min(sharedPiece, len(x)):] {
		piece := x[:min(sharedPiece, len(x))]
		text, err := r.sharedBytes(func() ([]byte, error) {
			return binary.Append(nil, binary.LittleEndian, piece)
		})
		if err != nil {
			return err
		}
		if err := binary.Read(bytes.NewReader(text), binary.LittleEndian, piece); err != nil {
			return err
		}
	}
	return nil
}
