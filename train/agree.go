package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

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

// agree refuses a run whose ranks do not begin it alike, or which so many cannot share.
func (r *run) agree() error {
	if r.ranks == nil {
		return nil
	}
	err := Same(r.ranks, r.identity(), identity.differs)
	if err == nil {
		err = r.config.Shareable(r.size(), len(r.job.Training), r.job.Adapter.Method(), r.job.Model.Config())
	}
	r.over = errors.Is(err, ErrRefused) || errors.Is(err, ErrLost) // for all
	return err
}

// Same refuses ranks that do not have the same, by the names of the first that differ and what differs lists. All ranks
// call it, and all get the same refusal.
func Same[T any](ranks Ranks, mine T, differs func(a, b T) []string) error {
	all, err := Gather(ranks, mine)
	if err != nil {
		return err
	}
	for r := range all {
		if in := differs(all[0], all[r]); in != nil {
			return fmt.Errorf("%w: %s and %s differ in %s", ErrRefused, ranks.Name(0), ranks.Name(r), strings.Join(in, ", "))
		}
	}
	return nil
}

// Gather returns what every rank has, by rank. All call it.
func Gather[T any](ranks Ranks, mine T) ([]T, error) {
	text, err := json.Marshal(mine)
	if err != nil {
		return nil, err
	}
	texts, err := ranks.Gather(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLost, err)
	}
	all := make([]T, len(texts))
	for r, text := range texts {
		if err := json.Unmarshal(text, &all[r]); err != nil {
			return nil, fmt.Errorf("what %s said: %w", ranks.Name(r), err)
		}
	}
	return all, nil
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
