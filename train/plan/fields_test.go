package plan

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/compute"
	"fettle/internal/compute/ref"
	"fettle/model"
	"fettle/train"
)

// Every field, written out for a model of four layers and micro-batches of three examples of ten tokens, five of them
// learned. One layer's projections have 2,688 weights, its two norms 32.
func TestEstimateOfEachField(t *testing.T) {
	const (
		d, f, q, kv, vocab, layers = 16, 24, 32, 16, 40, 4
		rows, targets, longest     = 30, 15, 10
		table                      = vocab * d // of the embedding, and of the head
		projections                = layers * (d*(q+kv+kv) + q*d + 3*d*f)
		norms                      = (2*layers + 1) * d
		state, gradients           = 5*d + 2*q + 2*kv + 3*f, d + 3*f + 2*q + 2*kv
		lora                       = layers * 2 * ((d + q) + (d + kv)) // rank 2 on q and v
		prompts                    = 2 * (3*d + 4)                     // of two layers, with a gate for each of four heads
		tokens, beside             = 1000, 5000
		products                   = 8 * (longest*(2*kv+2) + (rows+1)*(d+f+q)) // of the plain device
	)
	kept := func(states, inputs int64) int64 { return 4 * rows * (states*state + inputs*d + gradients) }
	for _, x := range []struct {
		name  string
		tied  bool
		evals bool
		set   func(*train.Config)
		want  Memory
	}{
		{"untied", false, false, nil, Memory{
			Weights: 2 * (projections + 2*table), Trainable: 16 * lora, Activations: kept(1, layers+2),
			Loss: 4*4*targets*d + 8*vocab, Scratch: products,
		}},
		{"tied: one table", true, false, nil, Memory{
			Weights: 2 * (projections + table), Trainable: 16 * lora, Activations: kept(1, layers+2),
			Loss: 4*4*targets*d + 8*vocab, Scratch: products,
		}},
		{"int8: the head as stored", true, false, func(c *train.Config) { c.Quantized = compute.QuantizeInt8 }, Memory{
			Weights:   projections + 4*layers*(q+2*kv+2*d+2*f) + 2*table,
			Trainable: 16 * lora, Activations: kept(1, layers+2),
			Loss: 4*4*targets*d + 8*vocab, Scratch: products,
		}},
		{"a state for each block", true, false, func(c *train.Config) { c.Recompute = "none" }, Memory{
			Weights: 2 * (projections + table), Trainable: 16 * lora, Activations: kept(layers, layers+2),
			Loss: 4*4*targets*d + 8*vocab, Scratch: products,
		}},
		{"and one for evaluations", true, true, func(c *train.Config) { c.Recompute = "none" }, Memory{
			Weights: 2 * (projections + table), Trainable: 16 * lora, Activations: kept(layers+1, layers+2),
			Loss: 4*4*targets*d + 8*vocab, Scratch: products,
		}},
		{"two of four layers", true, false, func(c *train.Config) {
			c.Type, c.Recompute, c.Len, c.Layers = adapter.TypeLLaMAAdapter, "none", 3, 2
		}, Memory{
			Weights: 2 * (projections + table), Trainable: 16 * prompts, Activations: kept(1+2, 1+3+1) + 4*rows*3*q,
			Loss: 4*4*targets*d + 8*vocab, Scratch: products,
		}},
		{"a head of the adapter's own", false, false, func(c *train.Config) { c.Modules = []string{"lm_head"} }, Memory{
			Weights: 2*(projections+2*table) + 4*table, Trainable: 16 * (lora + table), Activations: kept(1, layers+2),
			Loss: 4*4*targets*d + 4*longest*vocab, Scratch: products + 8*(longest+1)*vocab,
		}},
		{"an embedding of its own", true, false, func(c *train.Config) { c.Modules = []string{"embed_tokens"} }, Memory{
			Weights: 2 * (projections + table), Trainable: 16 * (lora + table), Activations: kept(1, layers+2),
			Loss: 4*4*targets*d + 8*vocab, Scratch: products,
		}},
		{"a table of its own, tied", true, false, func(c *train.Config) {
			c.Modules, c.Tying = []string{"embed_tokens"}, true
		}, Memory{
			Weights: 2*(projections+table) + 4*table, Trainable: 16*(lora+table) + 4*table,
			Activations: kept(1, layers+2), Loss: 4*4*targets*d + 4*longest*vocab,
			Scratch: products + 8*(longest+1)*vocab,
		}},
		{"full, untied", false, false, func(c *train.Config) { c.Type = adapter.TypeFull }, Memory{
			Weights: 4 * (projections + table), Trainable: 16 * (projections + norms + 2*table),
			Activations: kept(1, layers+2), Loss: 4*4*targets*d + 4*longest*vocab,
			Scratch: products + 8*(longest+1)*vocab,
		}},
		{"full, tied: the head's own gradient", true, false, func(c *train.Config) { c.Type = adapter.TypeFull }, Memory{
			Weights: 4 * (projections + table), Trainable: 16*(projections+norms+table) + 4*table,
			Activations: kept(1, layers+2), Loss: 4*4*targets*d + 4*longest*vocab,
			Scratch: products + 8*(longest+1)*vocab,
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := train.Defaults()
			c.Recompute, c.BatchSize, c.Rank, c.LoRA.Targets = "all", 3, 2, []string{"q_proj", "v_proj"}
			if x.set != nil {
				x.set(&c)
			}
			b := Base{
				Config: &model.Config{
					Hidden: d, Intermediate: f, Layers: layers, Heads: 4, KVHeads: 2, HeadDim: 8, Vocab: vocab,
					MaxPositions: 64, Tied: x.tied,
				},
				Stored: compute.BF16, Device: ref.New(), Beside: beside,
			}
			set, held := alike(6, longest), alike(1, longest)
			if !x.evals {
				held = nil
			}
			method, err := c.Method()
			require.NoError(t, err)
			x.want.Modules = method.Scratch(b.Config, rows, longest, 1)
			x.want.Data = 8 * tokens // a token and its label
			heap := x.want.Trainable + x.want.Activations + x.want.Modules + x.want.Data + 4*4*targets*d
			if x.want.Loss > 4*4*targets*d+8*vocab {
				heap += 4 * longest * vocab // its logits are on the heap too
			}
			const tokenizer = 200 * vocab
			x.want.Program = program + tokenizer + beside + (program/4+tokenizer+beside+heap)/5
			require.Equal(t, x.want, Estimate(c, b, train.NewWorkload(c, set, held), tokens))
		})
	}
}
