package bench

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/train"
	"fettle/train/ranks"
)

// goroutine is a rank whose Reduce does nothing.
type goroutine struct{ train.Ranks }

func (goroutine) Reduce([]float32) error { return nil }

func TestTheFirstRankPrintsALineForEachSize(t *testing.T) {
	var running sync.WaitGroup
	texts := make([]strings.Builder, 3)
	for i, r := range ranks.New(3, time.Minute) {
		running.Go(func() {
			if err := Allreduce(&texts[i], goroutine{r}, "one", []int{1, 2}, 3); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	lines := strings.Split(strings.TrimSpace(texts[0].String()), "\n")
	require.Len(t, lines, 4)
	require.Contains(t, lines[0], "3 ranks")
	require.Contains(t, lines[1], "tree, 3 parts")
	require.Empty(t, texts[1].String()+texts[2].String())
}

// They would wait for each other's sums until one is taken for dead.
func TestRanksThatWouldAddUpOtherThingsAreRefused(t *testing.T) {
	usual := rounds{"one", []int{1, 2}, 3}
	for want, other := range map[string]rounds{
		"the program (one and two)":                {"two", []int{1, 2}, 3},
		"sizes ([1 2] and [1])":                    {"one", []int{1}, 3},
		"sizes ([1 2] and [2 1]), steps (3 and 2)": {"one", []int{2, 1}, 2},
	} {
		var running sync.WaitGroup
		errs := make([]error, 3)
		for i, r := range ranks.New(3, 5*time.Second) {
			mine := usual
			if i == 2 {
				mine = other
			}
			running.Go(func() { errs[i] = Allreduce(io.Discard, goroutine{r}, mine.Program, mine.Sizes, mine.Steps) })
		}
		running.Wait()
		for _, err := range errs {
			require.ErrorIs(t, err, train.ErrRefused)
			require.EqualError(t, err, "refused: rank 0 and rank 2 differ in "+want)
		}
	}
}
