package compute

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/block"
)

func TestBlocksMustFillRows(t *testing.T) {
	_, err := NewMatrix("w", 2, 288, Q4_K, make([]byte, 2*144))
	require.EqualError(t, err, "matrix w: rows of 288 elements, want whole blocks of 256 for Q4_K")
	_, err = NewMatrix("w", 2, 64, Q8_0, make([]byte, 135))
	require.EqualError(t, err, "matrix w: 135 bytes, want 136 for Q8_0 (2, 64)")
	_, err = NewMatrix("w", 2, 64, NF4, nil)
	require.ErrorContains(t, err, "is made by Quantize")
	require.Equal(t, "IQ4_XS", IQ4_XS.String())
	require.Equal(t, NotQuantized, Q4_0.Quantization())
	require.Len(t, dtypes, int(IQ4_XS)+1)
	for _, typ := range BlockTypes() {
		b, ok := typ.Block()
		require.True(t, ok)
		require.EqualValues(t, 6*b.Bytes, typ.Bytes(3, 2*b.Elements), typ)
		require.Zero(t, typ.Size())
	}
}

// TestRowReadsAnyPartOfBlocks compares parts of rows, in another order than they lie, with whole rows decoded.
func TestRowReadsAnyPartOfBlocks(t *testing.T) {
	const n, blocks = 3, 3
	for _, typ := range BlockTypes() {
		b, _ := typ.Block()
		k := blocks * b.Elements
		raw := make([]byte, typ.Bytes(n, k))
		for i := range raw {
			raw[i] = byte(i * i * 7 % 61)
		}
		w, err := NewMatrix("w", n, k, typ, raw)
		require.NoError(t, err)
		w.Order = []int32{1, 2, 0}
		for i, from := range w.Order {
			want := make([]float32, k)
			b.Decode(want, raw[int(from)*blocks*b.Bytes:][:blocks*b.Bytes])
			for _, k0 := range []int{0, 1, b.Elements - 1, b.Elements, b.Elements + 5, k} {
				for _, count := range []int{0, 1, b.Elements, b.Elements + 3, k} {
					count = min(count, k-k0)
					got := make([]float32, count)
					w.Row(got, i, k0)
					require.Equal(t, want[k0:k0+count], got, "%s: row %d, %d elements from %d", typ, i, count, k0)
				}
			}
		}
		for _, name := range []string{QuantizeInt8, QuantizeNF4} { // coarser copies follow the order too
			q, err := Quantize(w, name)
			require.NoError(t, err)
			want, got, top := make([]float32, k), make([]float32, k), float32(0)
			for i := range n {
				w.Row(want, i, 0)
				q.Packed.(Rows).Row(got, i, 0)
				top = max(top, largest(want))
				for c := range want {
					require.InDelta(t, want[c], got[c], float64(top)/5, "%s %s", typ, name)
				}
			}
		}
	}
	require.Equal(t, 256, block.Q6_K.Elements) // the longest: decode has room for it
}
