package bench

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"fettle/internal/tree"
	"fettle/train"
)

// Ranks are processes that add up gradients. Reduce is the library's own sum.
type Ranks interface {
	train.Ranks
	Reduce(x []float32) error
}

// Exchange holds the settings of a benchmark of sums over ranks.
type Exchange struct {
	Sizes  []string `yaml:"sizes" group:"compute" help:"MiB to add up, such as 4,16,80,160; a LoRA of rank 16 on all projections has 160 MB at 7B"`
	Rounds int      `yaml:"steps" most:"1000000" help:"rounds of each"`
}

// An aligned range of sequences is one node of the tree of sums, any other several.
const (
	wholeLeaves = 16
	oddLeaves   = 7
)

// rounds is what ranks that add up together must have in common.
type rounds struct {
	Program string
	Sizes   []int
	Steps   int
}

// differs lists what two ranks do not have in common.
func (a rounds) differs(b rounds) (all []string) {
	if a.Program != b.Program {
		all = append(all, fmt.Sprintf("the program (%s and %s)", a.Program, b.Program))
	}
	if !slices.Equal(a.Sizes, b.Sizes) {
		all = append(all, fmt.Sprintf("sizes (%v and %v)", a.Sizes, b.Sizes))
	}
	if a.Steps != b.Steps {
		all = append(all, fmt.Sprintf("steps (%d and %d)", a.Steps, b.Steps))
	}
	return all
}

// Allreduce measures sums over ranks, by the tree and by the library's own operation, for each number of MiB. The first
// rank prints, in milliseconds, the median of the rounds, each as long as it took the slowest. Ranks that do not have
// the same program, sizes and number of rounds are refused: some would wait for sums that others do not take.
func Allreduce(out io.Writer, r Ranks, program string, sizes []int, steps int) error {
	if err := train.Same(r, rounds{program, sizes, steps}, rounds.differs); err != nil {
		return err
	}
	rank, size := r.Rank()
	wait, err := timed(r, max(steps, 20), func() error { _, err := r.Gather(make([]byte, 100)); return err })
	if err != nil {
		return err
	}
	if rank == 0 {
		fmt.Fprintf(out, "%d ranks; a meeting takes %.3f ms\n", size, wait)
		fmt.Fprintf(out, "%8s %14s %14s %14s %16s\n", "MiB", "the library's", "tree, 1 part", fmt.Sprintf("tree, %d parts",
			len(tree.Nodes(oddLeaves, 2*oddLeaves))), "GB/s sent, 1 part")
	}
	for _, mib := range sizes {
		x := make([]float32, mib<<20/4)
		for i := range x {
			x[i] = float32(rank + i%7)
		}
		plain, err := timed(r, steps, func() error { return r.Reduce(x) })
		if err != nil {
			return err
		}
		one, err := timedTree(r, steps, wholeLeaves, x)
		if err != nil {
			return err
		}
		odd, err := timedTree(r, steps, oddLeaves, x)
		if err != nil {
			return err
		}
		if rank == 0 {
			sent := 2 * float64(mib<<20) * float64(size-1) / float64(size) / one / 1e6
			fmt.Fprintf(out, "%8d %14.2f %14.2f %14.2f %16.2f\n", mib, plain, one, odd, sent)
		}
	}
	return nil
}

// timedTree times sums of which each rank has so many sequences, all with the same memory.
func timedTree(r Ranks, rounds, leaves int, x []float32) (float64, error) {
	rank, size := r.Rank()
	cuts := make([]int, size+1)
	for i := range cuts {
		cuts[i] = leaves * i
	}
	var parts [][][]float32
	for range tree.Nodes(cuts[rank], cuts[rank+1]) {
		parts = append(parts, [][]float32{x})
	}
	into := [][]float32{make([]float32, len(x))}
	return timed(r, rounds, func() error { return r.Sum(cuts, parts, into) })
}

// timed returns the median of the milliseconds that the slowest rank takes, after one round that warms up. All begin
// together.
func timed(r Ranks, rounds int, do func() error) (float64, error) {
	var all []float64
	for i := range rounds + 1 {
		if _, err := r.Gather(nil); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := do(); err != nil {
			return 0, err
		}
		mine := binary.LittleEndian.AppendUint64(nil, math.Float64bits(time.Since(began).Seconds()*1e3))
		texts, err := r.Gather(mine)
		if err != nil {
			return 0, err
		}
		if i == 0 {
			continue
		}
		slowest := 0.0
		for _, text := range texts {
			slowest = max(slowest, math.Float64frombits(binary.LittleEndian.Uint64(text)))
		}
		all = append(all, slowest)
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}
