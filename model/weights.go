package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/compute"
)

// weights mirrors the network. All views of a model share it.
type weights struct {
	embed  *compute.Matrix // model.embed_tokens.weight (V, D)
	blocks []blockWeights
	norm   norm            // model.norm.weight (D)
	head   *compute.Matrix // lm_head.weight (V, D); embed itself when tied

	parts       map[*compute.Matrix]checkpoint.Tensor // matrices to join before they are prepared
	fingerprint string
	content     *content
	shared      bool // with other weights, array by array: see Model.Own
}

type blockWeights struct {
	norms [numNorms]norm             // (D), of heads (Dh); zero where the architecture has none
	proj  [Attention]*compute.Matrix // by Place, QProj … DownProj
	bias  [Attention][]float32       // their biases (n); nil for none

	rope *rope // nil: queries and keys are not rotated
	compute.Attention
}

// loader takes tensors out of a checkpoint and records which were taken.
type loader struct {
	tensors map[string]checkpoint.Tensor
	taken   map[string]bool
	release releaser // may be nil
	parts   map[*compute.Matrix]checkpoint.Tensor
	content *content
	err     error
}

// take returns a tensor after checking its shape; the first error is kept.
func (l *loader) take(name string, shape ...int) checkpoint.Tensor {
	t, ok := l.tensors[name]
	l.taken[name] = true
	switch {
	case l.err != nil:
	case !ok:
		l.err = fmt.Errorf("tensor %s is missing", name)
	case !slices.Equal(t.Shape, shape):
		l.err = fmt.Errorf("tensor %s: shape %v, want %v", name, t.Shape, shape)
	}
	t.Name = name
	return t
}

// matrixTypes maps the element types that weights of a linear map may be stored in.
var matrixTypes = map[checkpoint.Type]compute.DType{
	checkpoint.F32: compute.F32, checkpoint.BF16: compute.BF16, checkpoint.F16: compute.F16,
	checkpoint.Q4_0: compute.Q4_0, checkpoint.Q4_1: compute.Q4_1, checkpoint.Q5_0: compute.Q5_0,
	checkpoint.Q5_1: compute.Q5_1, checkpoint.Q8_0: compute.Q8_0, checkpoint.Q2_K: compute.Q2_K,
	checkpoint.Q3_K: compute.Q3_K, checkpoint.Q4_K: compute.Q4_K, checkpoint.Q5_K: compute.Q5_K,
	checkpoint.Q6_K: compute.Q6_K, checkpoint.IQ4_NL: compute.IQ4_NL, checkpoint.IQ4_XS: compute.IQ4_XS,
}

// newMatrix makes a matrix of a tensor without copying, and without Raw where the tensor is in parts.
func newMatrix(t checkpoint.Tensor) (*compute.Matrix, error) {
	dtype, ok := matrixTypes[t.Type]
	if !ok {
		return nil, fmt.Errorf("tensor %s: dtype %s, want F32, BF16, F16 or a quantized type of GGUF", t.Name, t.Type)
	}
	if t.Parts != nil {
		return &compute.Matrix{Name: t.Name, N: t.Shape[0], K: t.Shape[1], Type: dtype, Order: t.Order}, t.Check()
	}
	m, err := compute.NewMatrix(t.Name, t.Shape[0], t.Shape[1], dtype, t.Data)
	if err == nil {
		m.Order = t.Order
	}
	return m, err
}

func (l *loader) matrix(name string, n, k int) *compute.Matrix {
	t := l.take(name, n, k)
	if l.err != nil {
		return nil
	}
	m, err := newMatrix(t)
	if l.err = err; err != nil {
		return nil
	}
	if t.Parts != nil {
		l.parts[m] = t
	}
	if l.release != nil {
		m.Release = l.release.of(t)
	}
	return m
}

func (l *loader) vector(name string, n int) []float32 {
	t := l.take(name, n)
	if l.err != nil {
		return nil
	}
	v, err := checkpoint.Float32s(t)
	if err == nil {
		err = l.content.vector(t.Name, t.Joined().Data, v)
	}
	l.err = err
	return v
}

// newWeights assigns every tensor of a checkpoint to its place, or returns an error naming one that does not fit.
func newWeights(c *Config, tensors map[string]checkpoint.Tensor, release releaser) (*weights, error) {
	if err := c.separate(tensors); err != nil {
		return nil, err
	}
	tie(c, tensors)
	l := &loader{tensors: tensors, taken: map[string]bool{}, release: release}
	l.parts, l.content = map[*compute.Matrix]checkpoint.Tensor{}, &content{sums: map[string][sha256.Size]byte{}}
	w, rotations := &weights{blocks: make([]blockWeights, c.Layers), parts: l.parts}, newRopes(c)
	w.embed = l.matrix(embedName, c.Vocab, c.Hidden)
	for i := range w.blocks {
		b := &w.blocks[i]
		for _, p := range c.Arch.norms() {
			b.norms[p] = c.Arch.newNorm(l.vector(c.normName(i, p), c.normWidth(p)))
		}
		for p := range b.proj {
			n, k := c.Width(Place(p))
			b.proj[p] = l.matrix(Site{i, Place(p)}.WeightName(), n, k)
			if c.Arch.Biases[p] {
				b.bias[p] = l.vector(Site{i, Place(p)}.BiasName(), n)
			}
		}
		b.rope, b.Attention = rotations[c.Rotation(i)], c.attention(i)
	}
	w.norm = c.Arch.newNorm(l.vector(normName, c.Hidden))
	w.head = w.embed
	if _, ok := tensors[headName]; ok {
		if head := l.matrix(headName, c.Vocab, c.Hidden); !c.Tied {
			w.head = head
		}
	}
	if l.err != nil {
		return nil, l.err
	}
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		if !l.taken[name] && !strings.HasSuffix(name, "rotary_emb.inv_freq") {
			return nil, fmt.Errorf("tensor %s has no place in this architecture", name)
		}
	}
	w.fingerprint, w.content = fingerprint(c, l), l.content
	return w, nil
}

// tie settles from a checkpoint's tensors whether embedding and head are one, as transformers 5 does: a tied pair of
// which the file keeps either one is that one; a pair that differs is not tied, whatever the config says. A head that
// is missing is the embedding: files of small models leave it out.
func tie(c *Config, tensors map[string]checkpoint.Tensor) {
	embed, hasEmbed := tensors[embedName]
	head, hasHead := tensors[headName]
	switch {
	case !hasHead:
		c.Tied = true
	case c.Tied && !hasEmbed:
		head.Name = embedName
		tensors[embedName] = head
	case c.Tied:
		c.Tied = head.Type == embed.Type && bytes.Equal(head.Joined().Data, embed.Joined().Data)
	}
}

// prepare quantizes the projections, unless quantization is none, and lets the device lay out the factors of products.
func (w *weights) prepare(dev compute.Device, quantization string) error {
	var errs []error
	for i := range w.blocks {
		for p, m := range w.blocks[i].proj {
			if err := w.content.add(m, w.join(m)); err != nil {
				return err
			}
			if quantization != "none" {
				q, err := quantized(m, quantization, dev)
				if err != nil {
					return err
				}
				if m.Release != nil {
					m.Release()
				}
				w.blocks[i].proj[p], m = q, q
			}
			errs = append(errs, dev.Prepare(m))
		}
	}
	for _, m := range slices.Compact([]*compute.Matrix{w.embed, w.head}) {
		errs = append(errs, w.content.add(m, w.join(m)))
	}
	return errors.Join(append(errs, dev.Prepare(w.head))...)
}

// lender is a device that may have layouts of quantized matrices from another process.
type lender interface {
	// Lend gives w, which has a name, a shape and a type, the layout of its weights, and reports whether there is one.
	Lend(w *compute.Matrix) bool
}

// quantized returns a coarser copy of a matrix, which is computed unless the device has it from another process.
func quantized(m *compute.Matrix, quantization string, dev compute.Device) (*compute.Matrix, error) {
	if from, ok := dev.(lender); ok {
		t, err := compute.ParseQuantization(quantization, m.Type)
		if q := (&compute.Matrix{Name: m.Name, N: m.N, K: m.K, Type: t}); err == nil && from.Lend(q) {
			return q, nil
		}
	}
	return compute.Quantize(m, quantization)
}

// join puts a matrix together whose files hold it in parts: one after another, so that the joined model need never be
// in memory as a whole. It reports whether the matrix lies in a mapped file instead.
func (w *weights) join(m *compute.Matrix) (inFile bool) {
	t, ok := w.parts[m]
	if ok {
		m.Raw = t.Joined().Data
		delete(w.parts, m)
	}
	return !ok && m.Release != nil
}

// fingerprint computes Model.Fingerprint from the tensors that were taken.
func fingerprint(c *Config, l *loader) string {
	const end = 4096
	h := sha256.New()
	fmt.Fprintf(h, "%d %d %d %d %d %d %d ", c.Hidden, c.Intermediate, c.Layers, c.Heads, c.KVHeads, c.HeadDim, c.Vocab)
	fmt.Fprintf(h, "%g %g %s\n%s", c.NormEps, c.RopeTheta, c.RopeScaling.identity(), c.Arch.identity())
	for _, name := range slices.Sorted(maps.Keys(l.taken)) {
		t := l.tensors[name]
		fmt.Fprintf(h, "%s %s %v\n", name, t.Type, t.Shape)
		if t.Order != nil {
			binary.Write(h, binary.LittleEndian, t.Order)
		}
		binary.Write(h, binary.LittleEndian, uint64(t.Size()))
		first, last := t.Ends(end)
		h.Write(first)
		h.Write(last)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// identity writes the scaling for the fingerprint. What adapters are recorded with must not change: new fields follow
// behind the old ones where they are set.
func (s *RopeScaling) identity() string {
	if s == nil {
		return "<nil>"
	}
	text := fmt.Sprintf("&{Type:%s Factor:%v LowFreq:%v HighFreq:%v OriginalMaxPositions:%d}", s.Type, s.Factor,
		s.LowFreq, s.HighFreq, s.OriginalMaxPositions)
	if s.Divisors != nil {
		text += fmt.Sprint(s.Divisors)
	}
	if s.Attention != 0 {
		text += fmt.Sprint(s.Attention, s.BetaFast, s.BetaSlow, s.Whole, s.Short)
	}
	return text
}
