//go:build unix

package mapped_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/mapped"
)

// cut returns the memory of a file of four pages, of which one is left.
func cut(t *testing.T) []byte {
	path := filepath.Join(t.TempDir(), "x")
	page := os.Getpagesize()
	require.NoError(t, os.WriteFile(path, make([]byte, 4*page), 0o600))
	data, release, err := checkpoint.Map(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, release()) })
	require.NoError(t, os.Truncate(path, int64(page)))
	return data
}

//go:noinline
func sum(data []byte) (n int) {
	for _, b := range data {
		n += int(b)
	}
	return n
}

func TestReadsBehindAFilesEndAreErrors(t *testing.T) {
	data := cut(t)
	for range 2 {
		require.ErrorIs(t, mapped.Call(func() error { sum(data); return nil }), mapped.ErrCut)
	}
	require.NoError(t, mapped.Call(func() error { sum(data[:100]); return nil }))
}

func TestReadsOfOthersAreErrorsOfWhoWaits(t *testing.T) {
	data, ended := cut(t), make([]bool, 4)
	for _, which := range []int{0, 3} {
		err := mapped.Call(func() error {
			var all mapped.Group
			part := func(i int) func() {
				return func() {
					if i == which {
						sum(data)
					}
					ended[i] = true
				}
			}
			for i := range 3 {
				all.Go(part(i))
			}
			all.Do(part(3))
			all.Wait()
			t.Error("waited without a fault")
			return nil
		})
		require.ErrorIs(t, err, mapped.ErrCut)
		for i, e := range ended {
			require.Equal(t, i != which, e, "%d", i)
			ended[i] = false
		}
	}
}

func TestOtherErrorsAndPanicsStayWhatTheyAre(t *testing.T) {
	own := errors.New("own")
	require.Equal(t, own, mapped.Call(func() error { return own }))
	require.PanicsWithValue(t, "own", func() { _ = mapped.Call(func() error { panic("own") }) })
	var none *int
	require.Panics(t, func() { _ = mapped.Call(func() error { *none = 1; return nil }) })
	require.Panics(t, func() {
		_ = mapped.Call(func() error {
			var g mapped.Group
			g.Do(func() { _ = make([]int, 1)[len(os.Args)+1:] })
			g.Wait()
			return nil
		})
	})
}

func TestPanicsOfOthersArePanicsOfWhoWaits(t *testing.T) {
	defer func() {
		p, ok := recover().(*mapped.Panic)
		require.True(t, ok, "with the stack of where it happened")
		require.Equal(t, "own", p.Value)
		require.Contains(t, p.Trace(), "TestPanicsOfOthersArePanicsOfWhoWaits.func")
		require.Contains(t, p.Error(), p.Trace())
	}()
	var g mapped.Group
	g.Go(func() { panic("own") })
	g.Do(func() {})
	g.Wait()
}
