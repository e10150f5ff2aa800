package convert

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
)

// GGUFOptions holds the choices of GGUF.
type GGUFOptions struct {
	Mix       *gguf.Mix  // nil: matrices of blocks and halves as they are stored, others in halves
	Name      string     // general.name; that of a GGUF source whose weights are not changed stays
	Tokenizer []gguf.Key // its keys and those of generation and the chat template
	More      []gguf.Key // others
}

// GGUF writes a file that llama.cpp reads, whole or not at all.
func (m Model) GGUF(path string, o GGUFOptions) error {
	keys, tensors, err := m.Config.GGUF(m.releasing())
	if err != nil {
		return err
	}
	arch := keys[0].Value.(string)
	elements := 0
	for _, t := range tensors {
		elements += count(t.Shape)
	}
	name, own := m.Source.Metadata.Text("general.name")
	if !own || m.changed() {
		name = o.Name
	}
	keys = slices.Insert(keys, 1, gguf.Key{Name: "general.type", Value: "model"},
		gguf.Key{Name: "general.name", Value: name}, gguf.Key{Name: "general.size_label", Value: sizeLabel(elements)})
	given := slices.Concat(o.Tokenizer, o.More, []gguf.Key{{Name: "general.quantization_version", Value: uint32(2)}})
	keys = slices.Concat(keys, m.provenance(slices.Concat(keys, given)), given)
	var lazy []checkpoint.Lazy
	if o.Mix != nil {
		c := m.Config
		lazy = o.Mix.Apply(gguf.Model{Architecture: arch, Layers: c.Layers, Heads: c.Heads, KVHeads: c.KVHeads}, tensors)
		keys = append(keys, gguf.Key{Name: fileType, Value: o.Mix.File})
	} else {
		lazy = stored(tensors)
		if n, ok := m.fileType(tensors, lazy); ok {
			keys = append(keys, gguf.Key{Name: fileType, Value: n})
		}
	}
	if err := room(filepath.Dir(path), lazy); err != nil {
		return err
	}
	return gguf.Write(path, keys, m.stoppable(lazy))
}

const fileType = "general.file_type"

// provenance returns what a GGUF source says about its origin beside the keys that are written anew: author, license,
// languages and the like.
func (m Model) provenance(keys []gguf.Key) (more []gguf.Key) {
	for _, name := range slices.Sorted(maps.Keys(m.Source.Metadata)) {
		written := slices.ContainsFunc(keys, func(k gguf.Key) bool { return k.Name == name })
		if !strings.HasPrefix(name, "general.") || written {
			continue
		}
		switch v := m.Source.Metadata[name].(type) {
		case string, []string, bool:
			more = append(more, gguf.Key{Name: name, Value: v})
		case uint64: // general.base_model.count and the like
			if strings.HasSuffix(name, ".count") && v <= math.MaxUint32 {
				more = append(more, gguf.Key{Name: name, Value: uint32(v)})
			}
		}
	}
	return more
}

// fileType returns general.file_type of matrices that are stored as they are: the number of their type where all are
// floats of one, else that of the source where none has another type than there; false if there is none.
func (m Model) fileType(tensors []checkpoint.Computed, written []checkpoint.Lazy) (uint32, bool) {
	types := map[checkpoint.Type]bool{}
	n, ok := m.Source.Metadata.Int(fileType)
	for i, t := range tensors {
		if len(t.Shape) > 1 {
			types[written[i].Type] = true
			ok = ok && t.Type == written[i].Type
		}
	}
	for _, mix := range gguf.Mixes() {
		if mix.Type.Block() == 1 && len(types) == 1 && types[mix.Type] {
			return mix.File, true
		}
	}
	return uint32(n), ok && !m.changed()
}

// stored returns tensors in types that lose little: vectors in F32, unchanged blocks and halves as they are, other
// matrices in BF16 if some are stored so, else F16.
func stored(tensors []checkpoint.Computed) []checkpoint.Lazy {
	float := checkpoint.F16
	for _, t := range tensors {
		if t.Type == checkpoint.BF16 && len(t.Shape) > 1 {
			float = checkpoint.BF16
		}
	}
	out := make([]checkpoint.Lazy, len(tensors))
	for i, t := range tensors {
		switch half := t.Type == checkpoint.BF16 || t.Type == checkpoint.F16; {
		case len(t.Shape) < 2:
			out[i] = t.As(checkpoint.F32)
		case half || t.Type.Block() > 1 && t.Stored():
			out[i] = t.As(t.Type)
		default:
			out[i] = t.As(float)
		}
	}
	return out
}

// changed reports whether a tensor is not the source's own.
func (m Model) changed() bool {
	return slices.ContainsFunc(m.Tensors, func(t checkpoint.Computed) bool { return t.Rows != nil })
}

func count(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// sizeLabel names a number of weights as llama.cpp's converter does: 853K, 1.2B, 135M.
func sizeLabel(n int) string {
	x, unit := float64(n)/1e3, "K"
	for _, u := range []string{"M", "B", "T", "Q"} {
		if n <= 0 || x < 1e3 {
			break
		}
		x, unit = x/1e3, u
	}
	digits := 0
	if math.Round(x) < 10 {
		digits = 1
	}
	return fmt.Sprintf("%.*f%s", digits, x, unit)
}

// Title makes a model's name of a file's or directory's: llama-3.2-1b and llama-3.2-1b.q4_k_m become Llama 3.2 1B.
func Title(name string) string {
	words := strings.FieldsFunc(withoutMix(name), func(r rune) bool { return r == '-' || r == '_' || r == ' ' })
	for i, w := range words {
		letters := []rune(w)
		switch {
		case strings.ToLower(w) != w: // it has capitals of its own
		case unicode.IsDigit(letters[0]):
			words[i] = strings.ToUpper(w)
		default:
			letters[0] = unicode.ToUpper(letters[0])
			words[i] = string(letters)
		}
	}
	return strings.Join(words, " ")
}

// withoutMix cuts the name of a mix off the end of a file's.
func withoutMix(name string) string {
	for _, m := range gguf.Mixes() {
		at := len(name) - len(m.Name)
		if at > 1 && strings.EqualFold(name[at:], m.Name) && strings.ContainsRune("-._ ", rune(name[at-1])) {
			return name[:at-1]
		}
	}
	return name
}
