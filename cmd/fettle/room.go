package main

import (
	"fmt"
	"io"
	"math"
	"runtime/debug"
	"sort"
	"strings"

	"fettle/adapter"
	"fettle/internal/compute"
	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/model/chat"
	"fettle/train"
	"fettle/train/plan"
)

// noLimit is the max_memory that refuses nothing.
const noLimit = "none"

// memoryLimits are the bounds on a need: those of the system, or of max_memory.
type memoryLimits struct {
	system []machine.Limit
	fixed  int64
}

func newMemoryLimits(setting string) (l memoryLimits, err error) {
	switch setting {
	case noLimit:
	case "", "auto":
		l.system = machine.Limits()
	default:
		l.fixed, err = train.Bytes(setting)
	}
	return l, usage(err)
}

// of returns the bytes that something may take, and what they are for people, "" where nothing limits them.
func (l memoryLimits) of(n machine.Need) (limit int64, from string) {
	if l.fixed > 0 {
		return l.fixed, "max_memory"
	}
	tightest, ok := machine.Tightest(l.system, n)
	switch {
	case !ok:
		return 0, ""
	case tightest.Name == "":
		return tightest.Left, "available"
	}
	return tightest.Left, "available (" + tightest.Name + ")"
}

// parts lists memory by use.
func parts(m plan.Memory) []string {
	type part struct {
		what  string
		bytes int64
	}
	all := []part{
		{"base weights", m.Weights}, {"trainable parameters, gradients, moments", m.Trainable},
		{"activations", m.Activations},
		{"logits", m.Loss}, {"graphs and scratch of the adapter", m.Modules}, {"data", m.Data},
		{"scratch of products", m.Scratch},
		{"program, memory not yet reused", m.Program},
	}
	if m.Exchange > 0 {
		all = append(all, part{"exchange with other ranks", m.Exchange})
	}
	if m.Others > 0 {
		all = append(all, part{"other ranks here, without base weights", m.Others})
	}
	var lines []string
	for _, p := range all {
		lines = append(lines, fmt.Sprintf("  %-40s %10s", p.what, human.Bytes(p.bytes)))
	}
	return lines
}

// roomSettings bound the memory of models that answer.
type roomSettings struct {
	MaxContext int    `yaml:"max_context" group:"compute" alias:"n_ctx,num_ctx,ctx_size,max_model_len,context_length,max_kv_size" help:"tokens of a prompt and its answer together; 0: as many as the model has positions, or fewer if more would not fit into memory"`
	MaxMemory  string `yaml:"max_memory" help:"memory limit such as 8G; a model that needs more is refused. auto: the available memory; none: no limit"`
}

// usualPrompt is the room in tokens for prompts that are not known yet, and for the template around one.
const usualPrompt = 256

// openFor is open, for prompts and answers of so many tokens together at least. The context is as long as memory
// allows.
func (s source) openFor(least int, out io.Writer) (*chat.Model, error) {
	if err := s.complete(); err != nil {
		return nil, err
	}
	context, err := roomFor([]named{{source: s}}, false, least, out)
	if err != nil {
		return nil, err
	}
	m, err := s.open()
	if err == nil {
		m.Context = context
		debug.FreeOSMemory() // garbage of reading the weights
	}
	return m, err
}

// roomFor is answering.room for complete sources, and for their bases without adapters if they answer too.
func roomFor(list []named, bare bool, least int, out io.Writer) (context int, err error) {
	a, keys := &answering{}, map[string]int{}
	for _, m := range list {
		if _, err := m.source.recorded(); err != nil {
			return 0, err
		}
		if err := a.add(m.source, keys); err != nil {
			return 0, err
		}
	}
	for i := range a.models {
		if bare && len(a.models[i].Adapters) > 0 {
			a.models[i].Sessions++
		}
	}
	return a.room(list[0].roomSettings, least, out)
}

// answering is what the memory of an answer is estimated from.
type answering struct {
	models []plan.Answering
	bases  []plan.Base
	names  []string // of models and adapters, for people
}

// add adds a model: it shares the weights of one before if key is that one's.
func (a *answering) add(s source, keys map[string]int) error {
	key := strings.Join([]string{lasting(s.Model), s.Compute, s.Quantized}, "\n")
	i, ok := keys[key]
	if !ok {
		quantized := s.Quantized
		if quantized == "auto" {
			quantized = compute.NotQuantized
		}
		b, _, err := unreadBase(s.Model, s.Compute, quantized, true)
		if err != nil {
			return err
		}
		i, keys[key] = len(a.models), len(a.models)
		a.models = append(a.models, plan.Answering{Base: b, Compute: s.Compute, Quantized: quantized})
		a.bases, a.names = append(a.bases, b), append(a.names, s.Model)
	}
	m := &a.models[i]
	m.Sessions++
	if s.Adapter == "" {
		return nil
	}
	method, err := adapter.Continued(s.Adapter, nil)
	if err != nil {
		return input(err)
	}
	m.Adapters, a.names = append(m.Adapters, method), append(a.names, s.Adapter)
	return nil
}

// positions returns the most that a model has.
func (a *answering) positions() (most int) {
	for _, b := range a.bases {
		most = max(most, b.Config.MaxPositions)
	}
	return most
}

// room returns the context that fits into memory, 0 for all of a model's positions. It refuses models that do not fit
// with a context of least tokens, or of max_context.
func (a *answering) room(s roomSettings, least int, out io.Writer) (context int, err error) {
	most := a.positions()
	if s.MaxContext < 0 || s.MaxContext > most {
		return 0, usage(fmt.Errorf("max_context is %d, want 1 … %d, the model's positions, or 0: as many as fit",
			s.MaxContext, most))
	}
	limits, err := newMemoryLimits(s.MaxMemory)
	if err != nil {
		return 0, err
	}
	fits := func(tokens int) bool {
		n := plan.Answers(a.models, tokens).Need(a.bases...)
		limit, from := limits.of(n)
		return from == "" || n.Resident <= limit
	}
	if s.MaxContext > 0 {
		most, least = s.MaxContext, s.MaxContext
	}
	if fits(most) {
		return s.MaxContext, nil
	}
	least = min(least, most)
	if !fits(least) {
		return 0, a.refuse(s, least, limits)
	}
	context = least + sort.Search(most-least, func(i int) bool { return !fits(least + i + 1) })
	if round := context &^ 255; round >= least {
		context = round
	}
	limit, from := limits.of(plan.Answers(a.models, context).Need(a.bases...))
	fmt.Fprintf(out, "The context is %s tokens, not %s: more would not fit into memory; %s: %s. --max_context sets it.\n",
		human.Count(context), human.Count(most), from, human.Bytes(limit))
	return context, nil
}

// refuse says why models do not fit with a context of so many tokens, and what would.
func (a *answering) refuse(s roomSettings, tokens int, limits memoryLimits) error {
	m := plan.Answers(a.models, tokens)
	limit, from := limits.of(m.Need(a.bases...))
	lines := []string{fmt.Sprintf("%s with a context of %s needs about %s of memory; %s: %s", strings.Join(a.names, ", "),
		human.Plural(tokens, "token"), human.Bytes(m.Total()), from, human.Bytes(limit))}
	lines = append(lines, answerParts(m)...)
	best := int64(math.MaxInt64)
	for _, q := range []string{compute.QuantizeInt8, compute.QuantizeNF4} {
		smaller := &answering{models: append([]plan.Answering(nil), a.models...)}
		for i := range smaller.models {
			smaller.models[i].Quantized = q
		}
		if n := plan.Answers(smaller.models, tokens).Total(); n < m.Total() && n < best && best > limit {
			best = n
			lines = append(lines, fmt.Sprintf("--quantization %s: about %s", q, human.Bytes(n)))
		}
	}
	if s.MaxContext > 0 {
		const half = 2
		lines = append(lines, fmt.Sprintf("--max_context %d: about %s", tokens/half,
			human.Bytes(plan.Answers(a.models, tokens/half).Total())))
	}
	if best > limit {
		lines = append(lines, "a smaller model, or one stored in fewer bits (GGUF), needs less")
	}
	lines = append(lines, "--max_memory none continues anyway")
	return refused("%s", strings.Join(lines, "\n"))
}

// answerParts lists the memory of an answer by use.
func answerParts(m plan.Memory) (lines []string) {
	for _, p := range []struct {
		what  string
		bytes int64
	}{
		{"weights", m.Weights}, {"adapters", m.Trainable + m.Modules}, {"keys, values and activations", m.Activations},
		{"scratch of products and attention", m.Scratch}, {"program, memory not yet reused", m.Program},
	} {
		lines = append(lines, fmt.Sprintf("  %-40s %10s", p.what, human.Bytes(p.bytes)))
	}
	return lines
}

// certificateFits refuses a certificate for which there is no memory: it takes the model as a whole, as nothing else
// that merge and export do.
func certificateFits(name string) error {
	const context = 512 // of its sequences, and more
	a := &answering{}
	if err := a.add(source{Model: name, Compute: compute.ModeF32}, map[string]int{}); err != nil {
		return err
	}
	m, limits := plan.Answers(a.models, context), memoryLimits{system: machine.Limits()}
	limit, from := limits.of(m.Need(a.bases...))
	if from == "" || m.Total() <= limit {
		return nil
	}
	return refused("the certificate loads the whole model, which takes about %s of memory; %s: %s. --certificate no "+
		"writes the model without one", human.Bytes(m.Total()), from, human.Bytes(limit))
}
