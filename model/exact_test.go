package model_test

import (
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/compute"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

func bits(x []float32) []uint32 {
	out := make([]uint32, len(x))
	for i, v := range x {
		out[i] = math.Float32bits(v)
	}
	return out
}

func devices(t *testing.T) map[string]compute.Device {
	return map[string]compute.Device{"ref": ref.New(), "cpu": fast(t, 2)}
}

func TestDecodeEqualsForward(t *testing.T) {
	for name, dev := range devices(t) {
		t.Run(name, func(t *testing.T) {
			m := load(t, tinymodel.Config{}, dev)
			tokens, _ := sequences(40, 23)
			rows := make([]int, len(tokens[0]))
			for i := range rows {
				rows[i] = i
			}
			want, err := m.Logits(model.Pack(tokens, nil), rows)
			require.NoError(t, err)
			s := m.NewSession(0)
			for i, cut := range []int{0, 1, 2, 9, 10, 23} {
				if i == 0 {
					continue
				}
				from := []int{0, 0, 1, 2, 9, 10}[i]
				got, err := s.Decode(tokens[0][from:cut])
				require.NoError(t, err)
				require.Equal(t, bits(want[(cut-1)*40:cut*40]), bits(got), "after %d tokens", cut)
			}
			s.Truncate(9)
			got, err := s.Decode(tokens[0][9:10])
			require.NoError(t, err)
			require.Equal(t, bits(want[9*40:10*40]), bits(got), "after going back")
		})
	}
}

func TestT25PackedEqualsOneByOne(t *testing.T) {
	for name, dev := range devices(t) {
		t.Run(name, func(t *testing.T) {
			m, packed := attach(load(t, tinymodel.Config{}, dev), 0, model.QProj, model.Attention, model.DownProj)
			one, single := attach(m.With(nil), 0, model.QProj, model.Attention, model.DownProj)
			tokens, labels := sequences(40, 5, 17, 2, 9)
			want, err := m.Gradients(model.Pack(tokens, labels), model.Uniform(0.25))
			require.NoError(t, err)
			for i := range tokens {
				got, err := one.Gradients(model.Pack(tokens[i:i+1], labels[i:i+1]), model.Uniform(0.25))
				require.NoError(t, err)
				require.Equal(t, want[i], got[0])
			}
			for i := range packed {
				require.Equal(t, bits(packed[i].grad), bits(single[i].grad))
			}
		})
	}
}

func TestKeptEqualsRecomputed(t *testing.T) {
	base := load(t, tinymodel.Config{Layers: 4}, fast(t, 2))
	var want [][]uint32
	for _, keep := range []int64{0, 30000, 60000, 1 << 30} {
		m, all := attach(base, 1, model.QProj, model.UpProj)
		m.Keep(keep)
		for range 2 { // the second time, memory is there already
			_, err := m.Gradients(model.Pack(sequences(40, 8, 13)), model.Uniform(1))
			require.NoError(t, err)
		}
		for i, a := range all {
			if keep == 0 {
				want = append(want, bits(a.grad))
			}
			require.Equal(t, want[i], bits(a.grad), "keeping %d bytes", keep)
		}
	}
}

func TestThreadsDoNotChangeBits(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{Hidden: 64, Intermediate: 96}, 1))
	var want [][]uint32
	for _, threads := range []int{1, 2, 3, 5} {
		base, err := model.Load(dir, fast(t, threads))
		require.NoError(t, err)
		m, all := attach(base, 0, model.Places()...)
		_, err = m.Gradients(model.Pack(sequences(40, 30, 8, 13)), model.Uniform(1))
		require.NoError(t, err)
		for i, a := range all {
			if threads == 1 {
				want = append(want, bits(a.grad))
			}
			require.Equal(t, want[i], bits(a.grad), "%d threads", threads)
		}
	}
}

func TestWeightGradientsDoNotDependOnMicroBatches(t *testing.T) {
	for _, tied := range []bool{false, true} {
		var want [][]uint32
		for _, cuts := range [][]int{{0, 4}, {0, 1, 4}, {0, 2, 3, 4}} {
			m := load(t, tinymodel.Config{Tied: tied}, fast(t, 2))
			u, err := m.Unfreeze(nil)
			require.NoError(t, err)
			tokens, labels := sequences(40, 5, 17, 2, 9)
			for i := 1; i < len(cuts); i++ {
				_, err := m.Gradients(model.Pack(tokens[cuts[i-1]:cuts[i]], labels[cuts[i-1]:cuts[i]]),
					model.Uniform(0.1))
				require.NoError(t, err)
			}
			u.Finish()
			for i, w := range u.Weights() {
				if len(cuts) == 2 {
					want = append(want, bits(w.Grad))
				}
				require.Equal(t, want[i], bits(w.Grad), w.Name)
			}
		}
	}
}

// nothing is a Delta that adds zero.
type nothing struct{}

func (nothing) Forward(y, x []float32, b *model.Batch) error {
	for i := range y {
		y[i] += 0
	}
	return nil
}

func (nothing) Backward(dx, dy, x, y []float32, b *model.Batch) error { return nil }

func TestDeltaOfZeroChangesNothing(t *testing.T) {
	tokens, labels := sequences(40, 6, 11)
	b := model.Pack(tokens, labels)
	for name, dev := range devices(t) {
		base := load(t, tinymodel.Config{}, dev)
		want, err := base.Logits(b, []int{0, 5, 6, 16})
		require.NoError(t, err)
		losses, err := base.Loss(b)
		require.NoError(t, err)
		for _, p := range model.Places() {
			m := base.With(func(s model.Site) model.Delta {
				if s.At == p {
					return nothing{}
				}
				return nil
			})
			got, err := m.Logits(b, []int{0, 5, 6, 16})
			require.NoError(t, err)
			require.Equal(t, bits(want), bits(got), "%s, %v", name, p)
			again, err := m.Gradients(b, model.Uniform(1))
			require.NoError(t, err)
			require.Equal(t, losses, again, "%s, %v", name, p)
		}
		decoded, err := base.NewSession(0).Decode(tokens[0])
		require.NoError(t, err)
		require.Equal(t, bits(want[40:80]), bits(decoded), "the base is unchanged")
	}
}

func TestWeightCountsATargetThatOften(t *testing.T) {
	tokens, labels := sequences(40, 9)
	once, often := model.Pack(tokens, labels), model.Pack(tokens, labels)
	for i := range often.Targets {
		often.Targets[i].Weight = 4 // a power of two scales without rounding
	}
	one, want := attach(load(t, tinymodel.Config{}, fast(t, 2)), 0, model.VProj)
	four, got := attach(one.With(nil), 0, model.VProj)
	a, err := one.Gradients(once, model.Uniform(0.5))
	require.NoError(t, err)
	b, err := four.Gradients(often, model.Uniform(0.125))
	require.NoError(t, err)
	require.Equal(t, 4*a[0], b[0])
	for i := range want {
		require.Equal(t, bits(want[i].grad), bits(got[i].grad))
	}
	often.Targets[0].Weight = 0
	fewer := model.Pack(tokens, labels)
	fewer.Targets = fewer.Targets[1:]
	a, err = one.Loss(often)
	require.NoError(t, err)
	b, err = one.Loss(fewer)
	require.NoError(t, err)
	require.Equal(t, a[0], 4*b[0])
}

func TestDevicesAgree(t *testing.T) {
	for _, dtype := range []checkpoint.Type{checkpoint.F32, checkpoint.BF16, checkpoint.F16} {
		c := tinymodel.Config{Hidden: 64, Intermediate: 96, DType: dtype}
		plain, want := attach(load(t, c, ref.New()), 0, model.Places()...)
		quick, got := attach(load(t, c, fast(t, 2)), 0, model.Places()...)
		b := model.Pack(sequences(40, 30, 8, 13))
		x, err := plain.Gradients(b, model.Uniform(0.02))
		require.NoError(t, err)
		y, err := quick.Gradients(b, model.Uniform(0.02))
		require.NoError(t, err)
		require.InEpsilonSlice(t, x, y, 1e-5)
		for i := range want {
			require.InDeltaSlice(t, want[i].grad, got[i].grad, 1e-4, "%s, delta %d", dtype, i)
		}
	}
}

func TestStepsReuseMemory(t *testing.T) {
	base := load(t, tinymodel.Config{Hidden: 64, Intermediate: 192, MaxPositions: 128}, fast(t, 2))
	m := base.With(func(model.Site) model.Delta { return nothing{} })
	b := model.Pack(sequences(40, 100, 80))
	inUse := func(steps int) int64 {
		for range steps {
			_, err := m.Gradients(b, model.Uniform(1))
			require.NoError(t, err)
		}
		var s runtime.MemStats
		runtime.GC()
		runtime.GC() // pools release their memory at the second
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	require.Less(t, -inUse(2)+inUse(20), int64(9*180*64*4), "grows by less than half an array of the block in a step")
}
