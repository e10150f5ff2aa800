package cpu

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/mapped"
)

// TestEveryItemIsDoneOnce shares small and large pieces of work, one right after the other and after pauses, from
// several callers and from within items.
func TestEveryItemIsDoneOnce(t *testing.T) {
	for _, threads := range []int{2, 3, 7} {
		d := &device{threads: threads, crew: &crew{}}
		var callers sync.WaitGroup
		for caller := range 3 {
			callers.Go(func() {
				for round := range 200 {
					n := 1 + (round*7+caller)%23
					done := make([]atomic.Int32, n)
					d.each(n, func(i int) {
						done[i].Add(1)
						if i == 3 {
							d.each(4, func(int) { done[i].Add(10) })
						}
					})
					for i := range done {
						want := int32(1)
						if i == 3 {
							want = 41
						}
						if got := done[i].Load(); got != want {
							t.Errorf("item %d of %d: %d", i, n, got)
						}
					}
					if round%50 == 0 {
						time.Sleep(2 * patience)
					}
				}
			})
		}
		callers.Wait()
	}
}

// TestCallersSleepThroughLongItems: what takes longer than a moment is waited for all the same.
func TestCallersSleepThroughLongItems(t *testing.T) {
	d := &device{threads: 2, crew: &crew{}}
	var sum atomic.Int64
	d.each(2, func(i int) {
		time.Sleep(time.Duration(1-i) * 20 * patience)
		sum.Add(int64(1 + i))
	})
	d.each(2, func(i int) {
		time.Sleep(time.Duration(i) * 20 * patience)
		sum.Add(int64(1 + i))
	})
	require.EqualValues(t, 6, sum.Load())
}

func TestHelpersGoWhenNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	d := &device{threads: 4, crew: &crew{}}
	d.each(4, func(int) {})
	// Not by require.Eventually, whose condition is a goroutine of its own.
	gone := func() bool { return runtime.NumGoroutine() <= before && d.crew.hands.Load() == 0 }
	for deadline := time.Now().Add(time.Minute); !gone() && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	require.True(t, gone())
}

// TestFailedReadsOfItemsAreTheCallers, whoever took the item, and the crew goes on.
func TestFailedReadsOfItemsAreTheCallers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	page := os.Getpagesize()
	require.NoError(t, os.WriteFile(path, make([]byte, 2*page), 0o600))
	data, release, err := checkpoint.Map(path)
	if err != nil || runtime.GOOS == "windows" {
		t.Skip("no mapped files here")
	}
	t.Cleanup(func() { require.NoError(t, release()) })
	require.NoError(t, os.Truncate(path, int64(page)))
	d := &device{threads: 3, crew: &crew{}}
	for range 20 {
		var others atomic.Int32
		err := mapped.Call(func() error {
			d.each(9, func(i int) {
				if i == 4 {
					others.Add(int32(data[page+1]))
				}
				others.Add(1)
			})
			return nil
		})
		require.ErrorIs(t, err, mapped.ErrCut)
		require.EqualValues(t, 8, others.Load())
		d.each(9, func(int) { others.Add(1) })
		require.EqualValues(t, 17, others.Load())
	}
}

// TestStretchesCoverEverythingOnce: they follow one another without gaps, large ones first.
func TestStretchesCoverEverythingOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		for _, least := range []int{1, 3, 7} {
			for n := range 200 {
				s, at, longest := stretches{n, threads, least, 10}, 0, 10
				for i := range s.count() {
					lo, hi := s.at(i)
					require.Equal(t, at, lo, "%+v, item %d", s, i)
					require.Greater(t, hi, lo, "%+v, item %d", s, i)
					require.LessOrEqual(t, hi-lo, longest, "%+v, item %d", s, i)
					at, longest = hi, hi-lo
				}
				require.Equal(t, n, at, "%+v", s)
			}
		}
	}
}

// TestPanelsAreSharedEvenly: runs follow one another, differ by one, and are as many for each thread.
func TestPanelsAreSharedEvenly(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		d := &device{threads: threads}
		for panels := range 400 {
			for _, words := range []int{1000, 1 << 18, 1 << 24} {
				items, at, least, most := d.panelItems(panels, words), 0, panels, 0
				for i := range items {
					from, to := share(panels, items, i)
					require.Equal(t, at, from)
					at, least, most = to, min(least, to-from), max(most, to-from)
				}
				require.Equal(t, panels, at)
				require.LessOrEqual(t, most, least+1)
				require.LessOrEqual(t, most, panelsAtOnce)
				require.True(t, items <= threads || items%threads == 0 || items == panels, "%d items, %d threads", items, threads)
			}
		}
	}
}
