package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/sharedmem"
	"fettle/internal/tinymodel"
	"fettle/model"
	"fettle/train"
	"fettle/train/plan"
	"fettle/train/ranks"
)

// among runs what each of n ranks does at the same time, and returns what they say.
func among(n int, do func(r *ranks.Rank, say func(text string))) (said string) {
	var all sync.WaitGroup
	var lock sync.Mutex
	for _, r := range ranks.New(n, time.Minute) {
		all.Go(func() {
			do(r, func(text string) {
				lock.Lock()
				defer lock.Unlock()
				said += text + "\n"
			})
		})
	}
	all.Wait()
	return said
}

// opens returns a function that opens a base for a rank.
func opens(base, quantization string) func(*sharedmem.Memory) (*model.Model, error) {
	return func(shared *sharedmem.Memory) (*model.Model, error) {
		return loadModelFor(false, shared, base, compute.ModeF32, quantization)
	}
}

// logits computes the last row of a few tokens.
func logits(t *testing.T, m *model.Model) []float32 {
	s := m.NewSession(8)
	out, err := s.Decode([]int32{1, 5, 9, 3})
	require.NoError(t, err)
	return append([]float32{}, out...)
}

func TestNeighboursReadTheBaseThatTheFirstLaysOut(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	for _, quantization := range compute.Quantizations() {
		alone, err := opens(base, quantization)(nil)
		require.NoError(t, err)
		want, shared := logits(t, alone), 0
		var lock sync.Mutex
		said := among(3, func(r *ranks.Rank, say func(string)) {
			n, err := meetNeighbours(r, true, say)
			require.NoError(t, err)
			rank, _ := r.Rank()
			require.Equal(t, 3, n.count)
			require.Equal(t, rank > 0, n.reads())
			m, err := n.load(opens(base, quantization))
			require.NoError(t, err)
			require.Equal(t, want, logits(t, m))
			require.Equal(t, alone.Content(), m.Content())
			lock.Lock()
			defer lock.Unlock()
			shared++
		})
		require.Empty(t, said)
		require.Equal(t, 3, shared)
	}
}

// The memory of a machine counts the base once.
func TestNeighboursCountTheBaseOnce(t *testing.T) {
	one := plan.Memory{Weights: 1000, Activations: 70, Exchange: 7}
	totals := make([]int64, 3)
	among(3, func(r *ranks.Rank, say func(string)) {
		n, err := meetNeighbours(r, true, say)
		require.NoError(t, err)
		rank, _ := r.Rank()
		counts, mapped := n.takes(one)
		totals[rank] = counts.Total()
		require.Equal(t, map[bool]int64{false: 0, true: 1000}[n.reads()], mapped)
	})
	require.Equal(t, []int64{1000 + 3*77, 77, 77}, totals)
	counts, _ := (*neighbours)(nil).takes(one)
	require.Equal(t, one, counts)
	among(1, func(r *ranks.Rank, say func(string)) {
		n, err := meetNeighbours(r, true, say)
		require.NoError(t, err)
		counts, _ := n.takes(one)
		require.Equal(t, one, counts)
		require.Nil(t, n.memory)
	})
}

func TestRanksThatCannotShareLayTheBaseOutForThemselves(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	alone, err := opens(base, "none")(nil)
	require.NoError(t, err)
	want := logits(t, alone)
	for name, c := range map[string]struct {
		shares func(rank int) bool
		offers func(all []offer)
		counts [3]int
		says   string
	}{
		"one does not want to": {func(rank int) bool { return rank != 1 }, nil, [3]int{2, 1, 2}, ""},
		"the first has no memory": {nil, func(all []offer) { all[0].Why = "memfd_create: denied" }, [3]int{1, 1, 1},
			"rank 2 does not share the base's pages with other ranks of its machine: memfd_create: denied\n"},
		"its memory is out of reach": {nil, func(all []offer) { all[0].Ticket.Process = 1 << 30 }, [3]int{1, 1, 1},
			"rank 1 does not share the base's pages with other ranks of its machine: open /proc/1073741824/fd/"},
		"another machine": {nil, func(all []offer) { all[1].Machine = "elsewhere" }, [3]int{2, 1, 2}, ""},
		"another container": {nil, func(all []offer) { all[1].Within = "elsewhere" }, [3]int{2, 1, 2},
			"rank 1 does not share the base's pages with other ranks of its machine: that of rank 0 is in another container"},
	} {
		t.Run(name, func(t *testing.T) {
			said := among(3, func(r *ranks.Rank, say func(string)) {
				rank, _ := r.Rank()
				n, err := meetNeighbours(&telling{Ranks: r, change: c.offers}, c.shares == nil || c.shares(rank), say)
				require.NoError(t, err)
				require.Equal(t, c.counts[rank], n.count, "rank %d", rank)
				m, err := n.load(opens(base, "none"))
				require.NoError(t, err)
				require.Equal(t, want, logits(t, m))
			})
			require.Contains(t, said, c.says)
			require.Equal(t, c.says == "", said == "")
		})
	}
}

// telling is a rank whose first meeting is told otherwise.
type telling struct {
	train.Ranks
	change func(all []offer)
}

func (r *telling) Gather(mine []byte) ([][]byte, error) {
	all, err := r.Ranks.Gather(mine)
	if r.change == nil || err != nil {
		return all, err
	}
	said := make([]offer, len(all))
	for i, text := range all {
		if err := json.Unmarshal(text, &said[i]); err != nil {
			return nil, err
		}
	}
	r.change(said)
	r.change = nil
	for i, o := range said {
		if all[i], err = json.Marshal(o); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// A rank that does not find matrices lays out those for itself.
func TestMatricesThatAreNotSharedAreLaidOut(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	for _, quantization := range compute.Quantizations() {
		alone, err := opens(base, quantization)(nil)
		require.NoError(t, err)
		want := logits(t, alone)
		said := among(2, func(r *ranks.Rank, say func(string)) {
			n, err := meetNeighbours(r, true, say)
			require.NoError(t, err)
			m, err := n.load(func(shared *sharedmem.Memory) (*model.Model, error) {
				if !n.reads() {
					shared = nil // it has had no memory for any of them
				}
				return opens(base, quantization)(shared)
			})
			require.NoError(t, err)
			require.Equal(t, want, logits(t, m))
		})
		require.Equal(t, said, "rank 1 does not share the base's pages with other ranks of its machine: some matrices were "+
			"not there, or there was no more memory to share\n")
	}
}

func TestMemoryThatWasNotSealedIsNotRead(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	alone, err := opens(base, "none")(nil)
	require.NoError(t, err)
	want := logits(t, alone)
	said := among(2, func(r *ranks.Rank, say func(string)) {
		n, err := meetNeighbours(r, true, say)
		require.NoError(t, err)
		m, err := n.load(func(shared *sharedmem.Memory) (*model.Model, error) {
			m, err := opens(base, "none")(shared)
			if !n.reads() {
				shared.Close()
			}
			return m, err
		})
		require.NoError(t, err)
		require.Equal(t, want, logits(t, m))
	})
	require.Contains(t, said, "rank 1 does not share the base's pages with other ranks of its machine: "+
		"read shared memory: it has not been sealed")
}

// The first rank goes while the other waits for it: killed, or with an error of the base.
func TestARankThatLaysTheBaseOutAndGoesEndsTheWait(t *testing.T) {
	for _, why := range []error{nil, errors.New("tensor is missing")} {
		among(2, func(r *ranks.Rank, say func(string)) {
			n, err := meetNeighbours(r, true, say)
			require.NoError(t, err)
			_, err = n.load(func(*sharedmem.Memory) (*model.Model, error) {
				require.False(t, n.reads(), "it reads before the other is done")
				r.Leave()
				return nil, why
			})
			if !n.reads() && why != nil {
				require.ErrorIs(t, err, why)
				return
			}
			require.ErrorIs(t, err, train.ErrLost)
			require.ErrorContains(t, err, "rank 0 is gone")
		})
	}
}

// A base that is changed after the first rank has laid it out is another base, as each rank hashes its own files.
func TestABaseThatChangesMeanwhileHasAnotherHash(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	contents := make([]string, 2)
	among(2, func(r *ranks.Rank, say func(string)) {
		n, err := meetNeighbours(r, true, say)
		require.NoError(t, err)
		rank, _ := r.Rank()
		m, err := n.load(func(shared *sharedmem.Memory) (*model.Model, error) {
			m, err := opens(base, "none")(shared)
			if err == nil {
				contents[rank] = m.Content()
			}
			if rank == 0 && err == nil {
				err = tinymodel.Write(filepath.Join(filepath.Dir(base), "other"),
					tinymodel.Config{Vocab: tinymodel.TokenizerSize, MaxPositions: 512}, 77)
				require.NoError(t, err)
				other := filepath.Join(filepath.Dir(base), "other", "model.safetensors")
				err = os.Rename(other, filepath.Join(base, "model.safetensors"))
			}
			return m, err
		})
		require.NoError(t, err)
		require.NotNil(t, m)
	})
	require.NotEqual(t, contents[0], contents[1])
}
