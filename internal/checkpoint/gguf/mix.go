package gguf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
)

// Mix chooses a type for each tensor of a model by llama.cpp's rules for files without an importance matrix: most have
// the mix's own type, matrices that are sensitive one with more bits.
type Mix struct {
	Name string
	Type checkpoint.Type // of most matrices
	File uint32          // general.file_type

	value, output, down rule // of attn_v, attn_output and ffn_down; nil: the mix's own type
}

// rule chooses a type for a matrix of a layer, "" for the mix's own.
type rule func(at place) checkpoint.Type

// place is where a matrix stands: in layer i of n, and in a model in which so many queries share a key.
type place struct{ i, n, shared int }

// always chooses t.
func always(t checkpoint.Type) rule { return func(place) checkpoint.Type { return t } }

// when chooses t where the condition holds and other elsewhere.
func when(holds func(place) bool, t, other checkpoint.Type) rule {
	return func(at place) checkpoint.Type {
		if holds(at) {
			return t
		}
		return other
	}
}

// firstLayers holds for so many layers.
func firstLayers(n int) func(place) bool { return func(at place) bool { return at.i < n } }

// firstPart holds for an nth of the layers.
func firstPart(n int) func(place) bool { return func(at place) bool { return at.i < at.n/n } }

// fourShare holds where four queries or more share a key.
func fourShare(at place) bool { return at.shared >= 4 }

// spread holds for the first and the last eighth of the layers and for every third of the others.
func spread(at place) bool { return at.i < at.n/8 || at.i >= 7*at.n/8 || (at.i-at.n/8)%3 == 2 }

const (
	q3, q4, q5, q6 = checkpoint.Q3_K, checkpoint.Q4_K, checkpoint.Q5_K, checkpoint.Q6_K
)

// Mixes lists the mixes.
func Mixes() []Mix {
	more := when(spread, q6, "")
	return []Mix{
		{"F32", checkpoint.F32, 0, nil, nil, nil},
		{"F16", checkpoint.F16, 1, nil, nil, nil},
		{"BF16", checkpoint.BF16, 32, nil, nil, nil},
		{"Q8_0", checkpoint.Q8_0, 7, nil, nil, nil},
		{"Q4_0", checkpoint.Q4_0, 2, nil, nil, nil},
		{"Q4_1", checkpoint.Q4_1, 3, nil, nil, nil},
		{"Q5_0", checkpoint.Q5_0, 8, nil, nil, nil},
		{"Q5_1", checkpoint.Q5_1, 9, nil, nil, nil},
		{"Q2_K", checkpoint.Q2_K, 10, when(fourShare, q4, q3), always(q3), always(q3)},
		{"Q3_K_S", q3, 11, nil, nil, nil},
		{"Q3_K_M", q3, 12, when(firstLayers(2), q5, q4), always(q4), when(firstPart(16), q5, q4)},
		{"Q3_K_L", q3, 13, always(q5), always(q5), always(q5)},
		{"Q4_K_S", q4, 14, when(firstLayers(4), q5, ""), nil, when(firstPart(8), q5, "")},
		{"Q4_K_M", q4, 15, more, nil, more},
		{"Q5_K_S", q5, 16, nil, nil, nil},
		{"Q5_K_M", q5, 17, more, nil, more},
		{"Q6_K", q6, 18, nil, nil, nil},
		{"IQ4_NL", checkpoint.IQ4_NL, 25, when(fourShare, q5, ""), nil, when(firstPart(8), q5, "")},
		{"IQ4_XS", checkpoint.IQ4_XS, 30, when(fourShare, q5, ""), nil, when(firstPart(8), q5, "")},
	}
}

// MixNamed returns the mix of a name, in letters of either case. Q3_K, Q4_K and Q5_K stand for those with _M.
func MixNamed(name string) (Mix, error) {
	var names []string
	for _, m := range Mixes() {
		if strings.EqualFold(name, m.Name) || strings.EqualFold(name+"_M", m.Name) {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Mix{}, fmt.Errorf("no quantization %q, want %s", name, strings.Join(names, ", "))
}

// Model tells what the mixes need to know about a model.
type Model struct {
	Architecture           string // general.architecture
	Layers, Heads, KVHeads int
}

// Types returns the type for each tensor, whose names are GGUF's.
//
// Vectors and norms are F32. The output matrix, or the embeddings if they are the output, has Q6_K or more. A matrix
// whose rows the blocks do not divide gets the next type with smaller blocks, or F16.
func (m Mix) Types(model Model, tensors []checkpoint.Tensor) []checkpoint.Type {
	order := make([]int, len(tensors)) // by layer, then name
	head := "token_embd.weight"        // the output matrix
	for i, t := range tensors {
		order[i] = i
		if t.Name == outputName {
			head = outputName
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := tensors[a].Name, tensors[b].Name
		return cmp.Or(cmp.Compare(LayerOf(x), LayerOf(y)), strings.Compare(x, y))
	})
	shared := model.Heads / max(1, model.KVHeads)
	seen := map[string]int{} // layers by role
	types := make([]checkpoint.Type, len(tensors))
	for _, i := range order {
		t := tensors[i]
		if !isMatrix(t) {
			types[i] = checkpoint.F32
			continue
		}
		if m.Type.Block() == 1 {
			types[i] = m.Type
			continue
		}
		as, what := m.Type, role(t.Name)
		at := place{seen[what], model.Layers, shared}
		seen[what]++
		row := t.Shape[len(t.Shape)-1]
		switch {
		case t.Name == head && (row%as.Block() != 0 || as == checkpoint.Q8_0):
			as = checkpoint.Q8_0
		case t.Name == head:
			as = q6
		case what == "attn_v":
			as = m.value.or(at, as)
			if model.eightShare() && (as == q3 || as == q4) {
				as = q5
			}
		case what == "attn_output":
			as = m.output.or(at, as)
		case what == "ffn_down":
			as = m.down.or(at, as)
		}
		types[i] = fitting(as, row)
	}
	return types
}

// Apply returns the tensors in the types that the mix has for them, to be written.
func (m Mix) Apply(model Model, tensors []checkpoint.Computed) []checkpoint.Lazy {
	plain := make([]checkpoint.Tensor, len(tensors))
	for i, t := range tensors {
		plain[i] = t.Tensor
	}
	out := make([]checkpoint.Lazy, len(tensors))
	for i, as := range m.Types(model, plain) {
		out[i] = tensors[i].As(as)
	}
	return out
}

// or returns the rule's type, or the one given.
func (r rule) or(at place, own checkpoint.Type) checkpoint.Type {
	if r == nil {
		return own
	}
	return cmp.Or(r(at), own)
}

// eightShare reports whether the model is one of the 70 B kind, whose attn_v is small beside the rest.
func (m Model) eightShare() bool {
	return m.Layers == 80 && (m.Architecture == "qwen2" || m.Architecture == "llama" && m.Heads != m.KVHeads)
}

const outputName = "output.weight"

// role names the kind of a matrix for which a mix may have a type of its own, "" for the others.
func role(name string) string {
	for _, r := range [][2]string{
		{"attn_v.weight", "attn_v"}, {"attn_qkv.weight", "attn_v"}, {"attn_output.weight", "attn_output"},
		{"ffn_down", "ffn_down"},
	} {
		if strings.Contains(name, r[0]) {
			return r[1]
		}
	}
	return ""
}

// isMatrix reports whether a tensor is quantized: weights with two dimensions and more, other than norms.
func isMatrix(t checkpoint.Tensor) bool {
	extents := t.Shape
	for len(extents) > 0 && extents[0] == 1 {
		extents = extents[1:]
	}
	return len(extents) > 1 && strings.HasSuffix(t.Name, "weight") && !strings.Contains(t.Name, "_norm.weight") &&
		!strings.Contains(t.Name, "ffn_gate_inp.weight")
}

// LayerOf returns the number in a name such as blk.3.attn_q.weight, −1 for others.
func LayerOf(name string) int {
	layer := -1
	fmt.Sscanf(name, "blk.%d.", &layer)
	return layer
}

// fitting returns as, or the type in its place where its blocks do not divide a row of this length.
func fitting(as checkpoint.Type, row int) checkpoint.Type {
	smaller := map[checkpoint.Type]checkpoint.Type{
		checkpoint.Q2_K: checkpoint.Q4_0, q3: checkpoint.Q4_0, q4: checkpoint.Q5_0, q5: checkpoint.Q5_1,
		q6: checkpoint.Q8_0, checkpoint.IQ4_XS: checkpoint.IQ4_NL,
	}
	if other, ok := smaller[as]; ok && row%as.Block() != 0 {
		as = other
	}
	if row%as.Block() != 0 {
		return checkpoint.F16
	}
	return as
}
