package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
	"fettle/internal/compute/devicetest"
	"fettle/internal/sharedmem"
)

// inCommon returns memory to fill and what reads it; it skips where systems have none.
func inCommon(t *testing.T) (from, to *sharedmem.Memory) {
	from, err := sharedmem.New()
	if err != nil {
		t.Skip(err)
	}
	to, err = sharedmem.Open(from.Ticket())
	require.NoError(t, err)
	return from, to
}

// layouts returns where the panels of a layout lie, and all its arrays.
func layouts(t *testing.T, w *compute.Matrix) (at uintptr, all []any) {
	address := func(data []kernel.Word) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(data))) }
	switch p := w.Packed.(type) {
	case *panels:
		return address(p.data), []any{p.data}
	case *blockPanels:
		return address(p.data), []any{p.data}
	case *bytePanels:
		return address(p.data), []any{p.data, p.scale, p.byRow, p.byColumn, p.one}
	case *nf4Panels:
		return address(p.data), []any{p.data, p.scale, p.magnitude, p.mean}
	}
	require.Fail(t, "no layout")
	return 0, nil
}

// Whatever the type and the arithmetic, layouts that were made by another process are those that this one would make,
// and products of them have the same bits.
func TestSharedLayoutsAreThoseOfOneProcess(t *testing.T) {
	const n, k, rows = 70, 256, 5
	for _, mode := range compute.Modes() {
		for _, kind := range kinds() {
			name := fmt.Sprint(mode, " ", kind)
			from, to := inCommon(t)
			with := func(m *sharedmem.Memory) compute.Device {
				dev, err := New(Options{Compute: mode, Threads: 2, Shared: m})
				require.NoError(t, err)
				for range 2 { // memory that was used before
					words := dev.(*device).free.words(panel * panel * 4)
					defer dev.(*device).free.putWords(words)
					for i := range words {
						words[i] = kernel.Word(rand.Uint32())
					}
				}
				return dev
			}
			alone, first, second := with(nil), with(from), with(to)
			drawn := func() *compute.Matrix {
				w := devicetest.Drawn(3, n, k, kind)
				w.Name = "w"
				return w
			}
			own, filled, read := drawn(), drawn(), drawn()
			require.NoError(t, alone.Prepare(own))
			require.False(t, first.(*device).Lend(&compute.Matrix{Name: "w", N: n, K: k, Type: kind}), name)
			require.NoError(t, first.Prepare(filled))
			require.NoError(t, from.Seal())
			require.NoError(t, to.Read())
			if kind == compute.Int8 || kind == compute.NF4 {
				other := &compute.Matrix{Name: "w", N: n, K: k + 1, Type: kind}
				require.False(t, second.(*device).Lend(other), "of another shape")
				read = &compute.Matrix{Name: "w", N: n, K: k, Type: kind}
				require.True(t, second.(*device).Lend(read), name)
			} else {
				clear(read.Raw) // nothing is laid out anew
			}
			require.NoError(t, second.Prepare(read))
			a, mine := layouts(t, own)
			b, theirs := layouts(t, filled)
			c, lent := layouts(t, read)
			require.Equal(t, mine, theirs, name)
			require.Equal(t, mine, lent, name)
			require.NotEqual(t, a, b, name)
			require.NotEqual(t, b, c, "mapped once more: %s", name)
			x := devicetest.Normal(5, rows*n)
			want, got := make([]float32, rows*k), make([]float32, rows*k)
			alone.MatMulT(want, x, own, rows)
			second.MatMulT(got, x, read, rows)
			require.Equal(t, want, got, name)
			to.Close()
		}
	}
}

// Weights that are trained have the layout of the frozen ones laid out anew; that one must stay as it was.
func TestWeightsThatChangeLeaveSharedLayouts(t *testing.T) {
	from, to := inCommon(t)
	for i, m := range []*sharedmem.Memory{from, to} {
		dev, err := New(Options{Compute: compute.ModeF32, Shared: m})
		require.NoError(t, err)
		w := devicetest.Drawn(3, 40, 64, compute.F32)
		w.Name = "w"
		raw := append([]byte{}, w.Raw...)
		require.NoError(t, dev.Prepare(w))
		if i == 0 {
			require.NoError(t, from.Seal())
			require.NoError(t, to.Read())
		}
		frozen := w.Packed.(*panels)
		require.True(t, frozen.shared)
		before := append([]float32{}, rowAt(frozen, 7)...)
		for range 2 {
			clear(raw)
			w.Raw = raw
			require.NoError(t, dev.Prepare(w))
			require.False(t, w.Packed.(*panels).shared)
			require.Equal(t, make([]float32, 64), rowAt(w.Packed.(*panels), 7))
			require.Equal(t, before, rowAt(frozen, 7))
		}
	}
}

func rowAt(p *panels, i int) []float32 {
	row := make([]float32, p.k)
	p.Row(row, i, 0)
	return row
}
