package checkpoint

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEncodedNumbersDecodeToTheNearest(t *testing.T) {
	src := make([]float32, 64)
	for i := range src {
		src[i] = float32(math.Sin(float64(i)))
	}
	for _, c := range []struct {
		as    Type
		error float64 // half a step, of numbers up to 1 in magnitude, and the rounding of the scale
	}{
		{F32, 0}, {F16, 0x1p-12}, {BF16, 0x1p-9}, {Q8_0, 1.01 / 254}, {Q4_0, 1.0 / 8}, {Q4_1, 1.01 / 15}, {Q5_0, 1.0 / 16},
		{Q5_1, 1.01 / 31},
	} {
		size, err := c.as.Bytes([]int{64})
		require.NoError(t, err)
		dst := make([]byte, size)
		require.NoError(t, Encode(c.as, dst, src))
		got, err := Float32s(Tensor{Type: c.as, Shape: []int{64}, Data: dst})
		require.NoError(t, err)
		for i := range src {
			require.InDelta(t, src[i], got[i], c.error, "%s element %d", c.as, i)
		}
	}
}

func TestNumbersThatATypeCannotHoldAreNotEncoded(t *testing.T) {
	with := func(x float32) []float32 {
		src := make([]float32, 32)
		src[7] = x
		return src
	}
	inf := float32(math.Inf(-1))
	for _, c := range []struct {
		as   Type
		src  []float32
		size int
		want string
	}{
		{F32, with(inf), 128, "encode as F32: element 7 is -Inf, want a finite number"},
		{BF16, with(inf - inf), 64, "encode as BF16: element 7 is NaN, want a finite number"},
		{Q8_0, with(inf), 34, "encode as Q8_0: element 7 is -Inf, want a finite number"},
		{F16, with(-65520), 64, "encode as F16: element 7 is -65520, want at most 65504 in magnitude; BF16 and F32 hold it"},
		{BF16, with(math.MaxFloat32), 64,
			"encode as BF16: element 7 is 3.4028235e+38, which rounds to infinity; F32 holds it"},
		{Q8_0, with(1e7), 34,
			"encode as Q8_0: its numbers, up to 1e+07 in magnitude, need a scale beyond 65504; BF16 and F32 hold them"},
		{Q4_1, with(-7e4), 20,
			"encode as Q4_1: its numbers, up to 70000 in magnitude, need a scale beyond 65504; BF16 and F32 hold them"},
		{Q6_K, slices.Repeat(with(1e20), 8), 210,
			"encode as Q6_K: its numbers, up to 1e+20 in magnitude, need a scale beyond 65504; BF16 and F32 hold them"},
		{Q8_0, with(1), 33, "encode as Q8_0: 33 bytes for 32 elements, want 34"},
		{Q4_0, with(1)[:31], 18, "shape [31]: rows of 31 elements, want a multiple of 32 for Q4_0"},
		{I32, with(1), 128, "cannot encode as I32, want F32, F16, BF16 or a quantized type of GGUF"},
	} {
		require.EqualError(t, Encode(c.as, make([]byte, c.size), c.src), c.want)
	}
	require.NoError(t, Encode(F16, make([]byte, 64), with(65519)), "rounds to 65504")
}

func TestWritingRowByRowEqualsEncodingAtOnce(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	for _, shape := range [][]int{{1, 256}, {2, 512}, {7, 256}, {4099, 256}, {3, 5, 256}, {256}, {2, panel + 256}} {
		n := 1
		for _, d := range shape {
			n *= d
		}
		src := make([]float32, n)
		for i := range src {
			src[i] = float32(i%1013) - 500
		}
		tensor := FromFloat32s("w", shape, src)
		for _, as := range []Type{F16, Q8_0, Q6_K} {
			size, err := as.Bytes(shape)
			require.NoError(t, err)
			want := make([]byte, size)
			require.NoError(t, Encode(as, want, src))
			var got bytes.Buffer
			require.NoError(t, Computed{Tensor: tensor}.As(as).Write(&got))
			require.True(t, bytes.Equal(want, got.Bytes()), "%s %v", as, shape)
		}
	}
}

func TestWritingReordersRows(t *testing.T) {
	tensor := FromFloat32s("w", []int{3, 32}, slices.Concat(
		slices.Repeat([]float32{1}, 32), slices.Repeat([]float32{2}, 32), slices.Repeat([]float32{3}, 32)))
	tensor.Order = []int32{2, 0, 1}
	var got bytes.Buffer
	require.NoError(t, Computed{Tensor: tensor}.As(F16).Write(&got))
	x, err := Float32s(Tensor{Type: F16, Shape: []int{3, 32}, Data: got.Bytes()})
	require.NoError(t, err)
	require.Equal(t, []float32{3, 1, 2}, []float32{x[0], x[32], x[64]})
}

func TestTheFirstRowThatCannotBeWrittenIsNamed(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	const rows = panel/32 + 8
	for _, row := range []int{3, rows - 2} { // in the first panel and in the last
		src := make([]float32, rows*32)
		src[row*32], src[(rows-1)*32] = float32(math.Inf(1)), float32(math.Inf(1))
		err := Computed{Tensor: FromFloat32s("w", []int{rows, 32}, src)}.As(Q8_0).Write(&bytes.Buffer{})
		require.EqualError(t, err, fmt.Sprintf("row %d: encode as Q8_0: element 0 is +Inf, want a finite number", row))
	}
}
