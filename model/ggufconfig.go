package model

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
)

// keys reads the keys of a file's architecture and keeps the first error.
type keys struct {
	gguf.Metadata
	family ggufFamily
	err    error
}

// config returns the dimensions, with llama.cpp's defaults for keys that are missing.
func (k *keys) config(tensors map[string]checkpoint.Tensor) (*Config, error) {
	c := &Config{
		Type: k.family.modelType, Layers: k.whole("block_count", nil), Hidden: k.whole("embedding_length", nil),
		MaxPositions: k.whole("context_length", nil), BOS: -1,
	}
	c.Intermediate = k.perLayer("feed_forward_length", c.Layers, nil)
	c.Heads = k.perLayer("attention.head_count", c.Layers, nil)
	c.KVHeads = k.perLayer("attention.head_count_kv", c.Layers, &c.Heads)
	usual := 0
	if c.Heads > 0 {
		usual = c.Hidden / c.Heads
	}
	c.HeadDim = k.whole("attention.key_length", &usual)
	k.equal("attention.value_length", c.HeadDim, usual)
	c.Arch = families[c.Type].arch
	c.Arch.EmbedExact = c.Arch.EmbedScale
	if rotated := k.whole("rope.dimension_count", &c.HeadDim); k.family.partial && rotated < c.HeadDim {
		c.Arch.Rotary = rotated
	} else {
		k.equal("rope.dimension_count", c.HeadDim, c.HeadDim)
	}
	for p, name := range ggufProjections {
		_, biased := tensors["blk.0."+name+".bias"]
		c.Arch.Biases[p] = c.Arch.Biases[p] || biased
	}
	k.equal("expert_count", 0, 0)
	c.NormEps = k.number("attention.layer_norm_rms_epsilon", math.NaN())
	c.RopeTheta = k.number("rope.freq_base", 10000)
	if c.RopeScaling = k.scaling(tensors, c); c.RopeScaling != nil && c.RopeScaling.Type == yarnRope {
		c.stretch(c.RopeScaling.Factor)
	}
	if k.family.configure != nil {
		k.family.configure(k, c)
	}
	c.BOS, c.EOS = k.ends()
	embed, ok := tensors["token_embd.weight"]
	_, head := tensors["output.weight"]
	c.Tied = !head
	switch {
	case k.err != nil:
		return nil, k.err
	case !ok || len(embed.Shape) != 2:
		return nil, fmt.Errorf("tensor token_embd.weight is missing or no matrix")
	}
	// The vocabulary may be padded: vocab_size and the number of tokens say less than the embedding.
	c.Vocab = embed.Shape[0]
	return c, c.check()
}

// name returns the whole name of a key of the architecture.
func (k *keys) name(key string) string { return k.family.name + "." + key }

// fail keeps the first error.
func (k *keys) fail(format string, args ...any) {
	if k.err == nil {
		k.err = fmt.Errorf(format, args...)
	}
}

// whole returns a whole number from 0; a key that is missing has the usual value, nil for none.
func (k *keys) whole(key string, usual *int) int {
	name := k.name(key)
	v, given := k.Metadata[name]
	n, ok := k.Int(name)
	switch {
	case !given && usual != nil:
		return *usual
	case !given:
		k.fail("key %s is missing", name)
	case !ok || n < 0 || n > math.MaxInt32:
		k.fail("key %s is %s, want a whole number up to %d", name, show(v), math.MaxInt32)
	}
	return n
}

// perLayer is whole of a key that may also be a list with a number for every layer, which must be the same.
func (k *keys) perLayer(key string, layers int, usual *int) int {
	name := k.name(key)
	var list []uint64
	switch v := k.Metadata[name].(type) {
	case []uint64:
		list = v
	case []int64:
		for _, n := range v {
			list = append(list, uint64(n)) // a negative one becomes too large
		}
	default:
		return k.whole(key, usual)
	}
	switch {
	case len(list) == 0 || len(list) != layers:
		k.fail("key %s has %d values, want one for each of %d layers", name, len(list), layers)
	case slices.ContainsFunc(list, func(n uint64) bool { return n != list[0] }):
		k.fail("key %s is %s: layers that differ are not supported", name, show(k.Metadata[name]))
	case list[0] > math.MaxInt32:
		k.fail("key %s is %s, want whole numbers up to %d", name, show(k.Metadata[name]), math.MaxInt32)
	default:
		return int(list[0])
	}
	return 0
}

// equal refuses a key with another value than want; usual is its value where it is missing.
func (k *keys) equal(key string, want, usual int) {
	if n := k.whole(key, &usual); n != want && k.err == nil {
		k.fail("key %s is %d, want %d", k.name(key), n, want)
	}
}

// number returns a number; a key that is missing has the usual value, NaN for none.
func (k *keys) number(key string, usual float64) float64 {
	name := k.name(key)
	v, given := k.Metadata[name]
	x, ok := k.Float(name)
	switch {
	case !given && !math.IsNaN(usual):
		return usual
	case !given:
		k.fail("key %s is missing", name)
	case !ok || math.IsNaN(x) || math.IsInf(x, 0):
		k.fail("key %s is %s, want a number", name, show(v))
	}
	return shortest(x)
}

// shortest returns the decimal number that a float32 was rounded from: 1e-05, not 9.999999747378752e-06.
func shortest(x float64) float64 {
	if float64(float32(x)) == x {
		x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', -1, 32), 64)
	}
	return x
}

// ends returns the tokens that begin a text and that end an answer.
func (k *keys) ends() (bos int32, eos []int32) {
	token := func(key string) int32 {
		if n, ok := k.Int("tokenizer.ggml." + key); ok && n >= 0 && n < math.MaxInt32 {
			return int32(n)
		}
		return -1
	}
	for _, key := range []string{"eos_token_id", "eot_token_id", "eom_token_id"} {
		if id := token(key); id >= 0 && !slices.Contains(eos, id) {
			eos = append(eos, id)
		}
	}
	return token("bos_token_id"), eos
}

// show formats a value for a message.
func show(v any) string {
	text := fmt.Sprint(v)
	if s, ok := v.(string); ok {
		text = strconv.Quote(s)
	}
	const most = 60
	if len(text) > most {
		text = text[:most] + "…"
	}
	return text
}
