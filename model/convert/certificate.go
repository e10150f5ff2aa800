package convert

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/rng"
	"fettle/model"
)

// BuiltinText is the text that certificates are made on where none is given.
//
//go:embed certificate.txt
var BuiltinText string

// CertificateFile names the file of a Certificate.
const CertificateFile = "certificate.json"

// Certificate states how far the logits of a written model are from those of the model that it was made of, over the
// tokens of a text.
type Certificate struct {
	Before string `json:"before"`
	After  string `json:"after"`
	Text   string `json:"text"`
	SHA256 string `json:"text_sha256"`
	Tokens int    `json:"tokens"` // with a next one to predict

	MaxDifference    float64 `json:"max_logit_difference"`
	KL               float64 `json:"mean_kl_divergence"` // of the probabilities before from those after, in nats
	Top1             float64 `json:"top1_agreement"`     // share of the tokens
	PerplexityBefore float64 `json:"perplexity_before"`
	PerplexityAfter  float64 `json:"perplexity_after"`
}

// Sample holds the tokens of a text, in sequences.
type Sample struct {
	Name      string
	Text      string
	Sequences [][]int32
}

// Bounds of a certificate's sample.
const (
	sequence  = 128      // tokens
	positions = 1024     // of all sequences
	logits    = 64 << 20 // numbers that are kept
)

// NewSample cuts the tokens of a text into sequences, each of which begins with the tokens before. For large
// vocabularies it takes fewer of them, so that their logits take at most 256 MiB.
func NewSample(name, text string, before, tokens []int32, c *model.Config) Sample {
	s := Sample{Name: name, Text: text}
	most := min(positions, max(32, logits/c.Vocab))
	length := max(2, min(sequence, c.MaxPositions, most)-len(before))
	for part := range slices.Chunk(tokens, length) {
		if most -= len(part); most < 0 || len(part)+len(before) < 2 {
			break
		}
		s.Sequences = append(s.Sequences, slices.Concat(before, part))
	}
	return s
}

// RandomSample draws tokens, always the same, for a model whose tokenizer is unknown. Its text lists them.
func RandomSample(c *model.Config) Sample {
	ids, words, key := make([]int32, positions), make([]string, positions), rng.Stream(rng.Name("certificate"))
	for i := range ids {
		ids[i] = int32(key.Uniform(i) * float64(c.Vocab))
		words[i] = strconv.Itoa(int(ids[i]))
	}
	return NewSample("random tokens", strings.Join(words, " "), nil, ids, c)
}

// Certify compares two models on a sample. They are opened one after the other, so that one is in memory at a time.
func Certify(s Sample, before, after func() (*model.Model, error)) (Certificate, error) {
	sum := sha256.Sum256([]byte(s.Text))
	c := Certificate{Text: s.Name, SHA256: hex.EncodeToString(sum[:])}
	var kept [][]float32
	if err := s.each(before, func(_ int, logits []float32, _ []int32) { kept = append(kept, logits) }); err != nil {
		return c, err
	}
	agree, nll, nllAfter := 0, 0.0, 0.0
	err := s.each(after, func(i int, logits []float32, next []int32) {
		was := kept[i]
		kept[i] = nil
		v, w := len(was)/len(next), len(logits)/len(next)
		for row, token := range next {
			p, q := was[row*v:][:v], logits[row*w:][:w]
			n := min(v, w)
			for j := range n {
				c.MaxDifference = math.Max(c.MaxDifference, math.Abs(float64(p[j])-float64(q[j]))) // NaN stays
			}
			if argmax(p) == argmax(q) {
				agree++
			}
			logP, logQ := logSum(p), logSum(q)
			for j := range n {
				lp, lq := float64(p[j])-logP, float64(q[j])-logQ
				c.KL += math.Exp(lp) * (lp - lq)
			}
			nll += logP - float64(p[token])
			nllAfter += logQ - float64(q[token])
			c.Tokens++
		}
	})
	if err != nil {
		return c, err
	}
	n := float64(max(1, c.Tokens))
	c.KL, c.Top1 = c.KL/n, float64(agree)/n
	c.PerplexityBefore, c.PerplexityAfter = math.Exp(nll/n), math.Exp(nllAfter/n)
	for _, x := range []float64{c.MaxDifference, c.KL, c.PerplexityAfter} {
		if before := c.PerplexityBefore; math.IsNaN(before) || math.IsInf(before, 0) {
			return c, checkpoint.RangeError("the logits of the model that was written are not finite, nor were they before")
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return c, fmt.Errorf("the written model's logits are not finite (perplexity %v before, %v after)",
				c.PerplexityBefore, c.PerplexityAfter)
		}
	}
	return c, nil
}

// each calls f with the logits of every sequence's tokens but the last, and the tokens that follow them.
func (s Sample) each(open func() (*model.Model, error), f func(i int, logits []float32, next []int32)) error {
	m, err := open()
	if err != nil {
		return err
	}
	for i, ids := range s.Sequences {
		for _, id := range ids {
			if int(id) >= m.Config().Vocab {
				return fmt.Errorf("token %d of the certificate's text is outside the model's vocabulary of %d", id,
					m.Config().Vocab)
			}
		}
		rows := make([]int, len(ids)-1)
		for r := range rows {
			rows[r] = r
		}
		logits, err := m.Logits(model.Pack([][]int32{ids}, nil), rows)
		if err != nil {
			return err
		}
		f(i, logits, ids[1:])
	}
	return nil
}

func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// logSum returns log Σ exp(x).
func logSum(x []float32) float64 {
	top, sum := float64(slices.Max(x)), 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}

// JSON returns the bytes of a certificate's file.
func (c Certificate) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(c, "", "  ")
	return append(text, '\n'), err
}

// String says what the certificate says, in two lines.
func (c Certificate) String() string {
	return fmt.Sprintf("certificate on %d tokens of %s: logits differ by at most %.3g, mean KL divergence %.3g,\n"+
		"the same best token at %.2f %%, perplexity %.4g before and %.4g after", c.Tokens, c.Text, c.MaxDifference, c.KL,
		100*c.Top1, c.PerplexityBefore, c.PerplexityAfter)
}
