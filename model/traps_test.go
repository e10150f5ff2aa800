package model_test

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// The first token of every segment attends to itself alone, at position 0: its logits are those of a sequence of one
// token. Laid out as one sequence they are not.
func TestT25SegmentsBeginAnew(t *testing.T) {
	for name, dev := range devices(t) {
		m := load(t, tinymodel.Config{}, dev)
		tokens, _ := sequences(40, 5, 17, 2, 9)
		got, err := m.Logits(model.Pack(tokens, nil), []int{0, 5, 22, 24})
		require.NoError(t, err)
		for i, ids := range tokens {
			want, err := m.NewSession(1).Decode(ids[:1])
			require.NoError(t, err)
			require.Equal(t, bits(want), bits(got[i*40:][:40]), "%s, segment %d", name, i)
		}
		leaking, err := m.Logits(model.Pack([][]int32{slices.Concat(tokens...)}, nil), []int{5})
		require.NoError(t, err)
		require.NotEqual(t, bits(leaking), bits(got[40:80]), "the case that breaks a naive version")
	}
}

// The last token of a sequence has no target, even where the next one's first token has a label.
func TestT26NoLabelCrossesABorder(t *testing.T) {
	tokens := [][]int32{{7, 8, 9}, {1, 2}, {5}, {3, 4, 6}}
	b := model.Pack(tokens, tokens)
	var rows []int
	for _, target := range b.Targets {
		rows = append(rows, target.Row)
		require.Equal(t, b.Tokens[target.Row+1], target.Token)
	}
	require.Equal(t, []int{0, 1, 3, 6, 7}, rows)
}

// Sequences of different lengths, decoded alternately or at once, give the bits that each gives alone. Nothing is
// padded: every sequence has a session.
func TestT27ManyAtOnceEqualOneByOne(t *testing.T) {
	const steps = 12
	m := load(t, tinymodel.Config{}, fast(t, 2))
	tokens, _ := sequences(40, 3, 17, 1, 9)
	next := func(logits []float32) int32 {
		return int32(slices.Index(logits, slices.Max(logits)))
	}
	begin := func(i int) (*model.Session, []float32) {
		s := m.NewSession(0)
		logits, err := s.Decode(tokens[i])
		require.NoError(t, err)
		return s, logits
	}
	var want [][]uint32
	for i := range tokens {
		s, logits := begin(i)
		var all []uint32
		for range steps {
			all = append(all, bits(logits)...)
			var err error
			logits, err = s.Decode([]int32{next(logits)})
			require.NoError(t, err)
		}
		want = append(want, all)
	}
	var sessions []*model.Session
	var logits [][]float32
	for i := range tokens {
		s, l := begin(i)
		sessions, logits = append(sessions, s), append(logits, l)
	}
	got := make([][]uint32, len(tokens))
	for range steps {
		for i, s := range sessions {
			got[i] = append(got[i], bits(logits[i])...)
			var err error
			logits[i], err = s.Decode([]int32{next(logits[i])})
			require.NoError(t, err)
		}
	}
	require.Equal(t, want, got, "in turn")
	var all sync.WaitGroup
	for i, s := range sessions {
		got[i] = nil
		all.Go(func() {
			s.Truncate(0)
			l, err := s.Decode(tokens[i])
			for range steps {
				if err != nil {
					t.Error(err)
					return
				}
				got[i] = append(got[i], bits(l)...)
				l, err = s.Decode([]int32{next(l)})
			}
		})
	}
	all.Wait()
	require.Equal(t, want, got, "at once")
}

// column makes a head whose logits are x times these.
func column(t *testing.T, dev compute.Device, values []float32) *compute.Matrix {
	raw := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
	}
	w, err := compute.NewMatrix("head", len(values), 1, compute.F32, raw)
	require.NoError(t, err)
	require.NoError(t, dev.Prepare(w))
	return w
}

// The log of a sum of 128,256 exponentials, LLaMA 3's vocabulary, against float64: logits too large for exp,
// differences in the last bits, and a sum that is wrong in float32, term by term.
func TestT33LogSumExpIsExactEnough(t *testing.T) {
	const vocab = 128256
	for name, logit := range map[string]func(i int) float32{
		"all alike":      func(int) float32 { return 0.1 },
		"far too large":  func(i int) float32 { return 300 + float32(i%97)/97 },
		"far too small":  func(i int) float32 { return -300 - float32(i%89)/89 },
		"one and dust":   func(i int) float32 { return float32(17*(1-min(i, 1))) - float32(i%13)/13 },
		"wide and mixed": func(i int) float32 { return float32(math.Sin(float64(i))) * 40 },
	} {
		z, naive := make([]float32, vocab), float32(0)
		for i := range z {
			z[i] = logit(i)
			naive += float32(math.Exp(float64(z[i] - z[0])))
		}
		sum, top := 0.0, float64(slices.Max(z))
		for _, v := range z {
			sum += math.Exp(float64(v) - top)
		}
		if name == "one and dust" {
			require.Greater(t, math.Abs(math.Log(float64(naive))-math.Log(sum)), 1e-3,
				"the case that breaks a naive version")
		}
		for kind, dev := range devices(t) {
			loss := make([]float64, 2)
			dev.CrossEntropy(loss, nil, []float32{1, 1}, column(t, dev, z), []int32{0, vocab - 1}, nil, 2)
			for i, target := range []int{0, vocab - 1} {
				want := math.Log(sum) + top - float64(z[target])
				require.InDelta(t, want, loss[i], 2e-7*max(1, want), "%s, %s, target %d", name, kind, target)
			}
		}
	}
}

// The head runs on learned rows only and gives the loss of all rows' logits. BenchmarkHead measures the time saved.
func TestT34LearnedRowsAloneGiveThePlainLoss(t *testing.T) {
	for name, dev := range devices(t) {
		m := load(t, tinymodel.Config{}, dev)
		tokens, labels := sequences(40, 9, 14, 3)
		b := model.Pack(tokens, labels)
		require.Less(t, len(b.Targets), len(b.Tokens)-3)
		losses, err := m.Loss(b)
		require.NoError(t, err)
		rows := make([]int, len(b.Tokens))
		for i := range rows {
			rows[i] = i
		}
		logits, err := m.Logits(b, rows)
		require.NoError(t, err)
		at := 0
		for i, ids := range tokens {
			want := 0.0
			for k := range len(ids) - 1 {
				if labels[i][k+1] == model.Ignore {
					continue
				}
				sum, z := 0.0, logits[(at+k)*40:][:40]
				for _, v := range z {
					sum += math.Exp(float64(v))
				}
				want += math.Log(sum) - float64(z[labels[i][k+1]])
			}
			require.InDelta(t, want, losses[i], 1e-5*want, "%s, sequence %d", name, i)
			at += len(ids)
		}
	}
}

// BenchmarkHead learns an eighth of the rows, or all.
func BenchmarkHead(b *testing.B) {
	dir := b.TempDir()
	c := tinymodel.Config{Hidden: 64, Intermediate: 96, Layers: 2, Vocab: 32000, MaxPositions: 512}
	require.NoError(b, tinymodel.Write(dir, c, 7))
	for _, part := range []int{8, 1} {
		b.Run(map[int]string{8: "eighth", 1: "all"}[part], func(b *testing.B) {
			m, err := model.Load(dir, fast(b, 2))
			require.NoError(b, err)
			tokens, labels := sequences(32000, 512)
			for i := range labels[0] {
				labels[0][i] = tokens[0][i]
				if i < 512-512/part {
					labels[0][i] = model.Ignore
				}
			}
			batch := model.Pack(tokens, labels)
			for b.Loop() {
				_, err := m.Loss(batch)
				require.NoError(b, err)
			}
		})
	}
}
