package selftest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"runtime"

	"github.com/klauspost/cpuid/v2"

	"fettle/adapter"
	"fettle/internal/compute"
	"fettle/model"
)

//go:embed golden.json
var golden []byte

// Numbers are what a model computes: those of the built-in model on the plain device are in golden.json, which
// go test ./internal/selftest -run Golden -update writes.
type Numbers struct {
	MadeBy  string    `json:"made_by"`
	Weights string    `json:"weights_sha256"` // model.Model.Content
	Tokens  []int32   `json:"tokens"`
	Logits  []float32 `json:"logits"` // behind the last token, (V)
	Loss    float64   `json:"loss"`   // of the tokens, a sum

	// Losses before each of some steps of AdamW, and behind the last.
	LoRA         []float64 `json:"lora"`
	LLaMAAdapter []float64 `json:"llama_adapter"`
}

// Golden returns the numbers of the built-in model.
func Golden() (n Numbers, err error) {
	return n, json.Unmarshal(golden, &n)
}

// NumbersOf computes the numbers of a model.
func NumbersOf(m *model.Model, tokens []int32) (n Numbers, err error) {
	n.Weights, n.Tokens = m.Content(), tokens
	b := model.Pack([][]int32{tokens}, [][]int32{tokens})
	if n.Logits, err = m.Logits(b, []int{len(tokens) - 1}); err != nil {
		return n, err
	}
	losses, err := m.Loss(b)
	if err != nil {
		return n, err
	}
	n.Loss = losses[0]
	all := adapter.Defaults()
	all.LoRA.Rank, all.LLaMAAdapter.Len, all.LLaMAAdapter.Layers = 4, 4, 2
	if n.LoRA, err = learn(m, all.LoRA, b, 1e-2); err != nil {
		return n, err
	}
	n.LLaMAAdapter, err = learn(m, all.LLaMAAdapter, b, 0.1)
	return n, err
}

// learn makes two steps with a new adapter and returns the losses before each and behind the last.
func learn(m *model.Model, method adapter.Method, b *model.Batch, rate float64) (losses []float64, err error) {
	set, err := adapter.New(method, m, 1)
	if err != nil {
		return nil, err
	}
	moments := map[*adapter.Param][2][]float32{}
	for _, p := range set.Params() {
		moments[p] = [2][]float32{make([]float32, len(p.Data)), make([]float32, len(p.Data))}
	}
	s := compute.AdamWStep{Rate: rate, Factor: 1, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
	for s.Step = 1; s.Step <= 2; s.Step++ {
		set.ZeroGrad()
		nll, err := set.Model().Gradients(b, model.Uniform(1/float64(len(b.Targets))))
		if err != nil {
			return nil, err
		}
		if err := set.Finish(); err != nil {
			return nil, err
		}
		losses = append(losses, nll[0])
		for _, p := range set.Params() {
			m.Device().AdamW(p.Data, p.Grad, moments[p][0], moments[p][1], s)
		}
		if err := set.Refresh(); err != nil {
			return nil, err
		}
	}
	nll, err := set.Model().Loss(b)
	if err != nil {
		return nil, err
	}
	return append(losses, nll[0]), nil
}

// Tolerance returns how far, relatively, a device in a mode may be from the plain one, about ten times what was
// measured, for int8 five times. The plain device's mode is "".
func Tolerance(mode string) float64 {
	switch mode {
	case "":
		if exactHere() {
			return 0
		}
		return 1e-6
	case compute.ModeF32:
		return 1e-5
	case compute.ModeBF16:
		return 1e-2
	default:
		return 5e-2
	}
}

// exactHere reports whether the plain device computes the bits of golden.json, which a processor of this kind made:
// elsewhere Go fuses, or does not fuse, other multiplications and additions.
func exactHere() bool {
	return runtime.GOARCH == "amd64" && cpuid.CPU.Supports(cpuid.FMA3, cpuid.AVX)
}

// Compare returns an error for the first of the numbers that is further than the tolerance from what it should be:
// losses relative to themselves, logits to the largest of them.
func (n Numbers) Compare(got Numbers, tolerance float64) error {
	if len(got.Logits) != len(n.Logits) {
		return fmt.Errorf("%d logits, want %d", len(got.Logits), len(n.Logits))
	}
	top := 0.0
	for _, v := range n.Logits {
		top = max(top, math.Abs(float64(v)))
	}
	for i, want := range n.Logits {
		if err := near(fmt.Sprintf("logit %d", i), float64(got.Logits[i]), float64(want), tolerance*top); err != nil {
			return err
		}
	}
	if err := near("loss", got.Loss, n.Loss, tolerance*n.Loss); err != nil {
		return err
	}
	for _, method := range []struct {
		name      string
		got, want []float64
	}{{adapter.TypeLoRA, got.LoRA, n.LoRA}, {adapter.TypeLLaMAAdapter, got.LLaMAAdapter, n.LLaMAAdapter}} {
		if len(method.got) != len(method.want) {
			return fmt.Errorf("%s: %d losses, want %d", method.name, len(method.got), len(method.want))
		}
		for i, want := range method.want {
			what := fmt.Sprintf("loss of %s after %d steps", method.name, i)
			if err := near(what, method.got[i], want, tolerance*want); err != nil {
				return err
			}
		}
	}
	return nil
}

// near returns an error unless |got−want| ≤ limit.
func near(what string, got, want, limit float64) error {
	if math.Abs(got-want) <= limit {
		return nil
	}
	return fmt.Errorf("%s is %v, want %v ± %.2g", what, got, want, limit)
}
