package bench

import (
	"fmt"
	"io"
	"time"

	"fettle/internal/machine"
	"fettle/model"
)

// Generate measures reading a prompt and decoding after it.
func Generate(out io.Writer, b Settings) error {
	c, err := b.Config()
	if err != nil {
		return err
	}
	if b.Tokens+b.Steps+1 > c.MaxPositions {
		return wrong("%d tokens and %d steps are more than the model's %d positions", b.Tokens, b.Steps, c.MaxPositions)
	}
	w, done, err := b.open(true)
	defer done()
	if err != nil {
		return err
	}
	m, err := b.model(w.dev)
	if err != nil {
		return err
	}
	prompt := make([]int32, b.Tokens)
	for i := range prompt {
		prompt[i] = int32((i*104729 + 3) % c.Vocab)
	}
	s := m.NewSession(0)
	const readings = 3
	took, err := clock(readings, func() error {
		s.Truncate(0)
		_, err := s.Decode(prompt)
		return err
	})
	if err != nil {
		return err
	}
	blocks, head := matrices(c)
	work := 2 * (float64(b.Tokens)*blocks - float64(b.Tokens-1)*spared(c) + head)
	reading := rated(took, readings, b.Tokens, work, w.top)
	each, err := clock(b.Steps, func() error {
		_, err := s.Decode(prompt[:1])
		return err
	})
	if err != nil {
		return err
	}
	decoding := rated(each, b.Steps, 1, w.reads(m), w.peak.Memory)
	return w.generated(out, b, m, reading, decoding)
}

// reads returns the bytes of weights that are read for a decoded token.
func (w *bench) reads(m *model.Model) (sum float64) {
	c := m.Config()
	sites := []model.Site{c.HeadSite()}
	for l := range c.Layers {
		for _, p := range model.Projections() {
			sites = append(sites, model.Site{Layer: l, At: p})
		}
	}
	for _, s := range sites {
		weight := m.Weight(s)
		sum += float64(w.dev.Kept(weight.N, weight.K, weight.Type))
	}
	return sum
}

// generated prints the report.
func (w *bench) generated(out io.Writer, b Settings, m *model.Model, reading, decoding rate) error {
	memory := machine.PeakMemory()
	if b.JSON {
		return emit(out, map[string]any{
			"machine": w.setup(), "shape": b.Shape, "tokens": b.Tokens, "prompt": reading, "decode": decoding,
			"peak_memory_bytes": memory,
		})
	}
	w.setup().print(out)
	fmt.Fprintf(out, "model    %s\n", Describe(b.Shape, m.Config()))
	fmt.Fprintf(out, "prompt   %d tokens: %.1f tokens/s, %.1f per CPU-second; %.1f GFLOP per CPU-second, %.1f %% of "+
		"the %s limit\n",
		b.Tokens, reading.Tokens, reading.TokensCPU, reading.Work/1e9, 100*reading.Share, w.mode)
	each := "one thread reads"
	if n := w.peak.Readers; n > 1 {
		each = fmt.Sprintf("each of %d threads reads at once", n)
	}
	fmt.Fprintf(out, "decode   %.2f tokens/s, %.2f per CPU-second; %s a token; %.1f GB per CPU-second, %.0f %% of "+
		"what %s\n",
		decoding.Tokens, decoding.TokensCPU, time.Duration(decoding.Seconds*1e9).Round(10*time.Microsecond),
		decoding.Work/1e9, 100*decoding.Share, each)
	fmt.Fprintf(out, "memory   %s at most\n", gib(memory))
	return nil
}
