package bench

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/train/ranks"
)

// member is what a goroutine has of a rank: no library.
type member interface {
	Rank() (rank, size int)
	Gather(mine []byte) ([][]byte, error)
	Sum(cuts []int, parts [][][]float32, into [][]float32) error
}

// goroutine is a rank whose Reduce does nothing.
type goroutine struct{ member }

func (goroutine) Reduce([]float32) error { return nil }

func TestTheFirstRankPrintsALineForEachSize(t *testing.T) {
	var running sync.WaitGroup
	texts := make([]strings.Builder, 3)
	for i, r := range ranks.New(3, time.Minute) {
		running.Go(func() {
			if err := Allreduce(&texts[i], goroutine{r}, []int{1, 2}, 3); err != nil {
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
