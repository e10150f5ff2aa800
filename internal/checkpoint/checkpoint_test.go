package checkpoint

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDataIsCheckedByBlocks(t *testing.T) {
	for _, c := range []struct {
		reason string
		tensor Tensor
		want   string // empty: accepted
	}{
		{"plain", Tensor{Type: F32, Shape: []int{2, 3}, Data: make([]byte, 24)}, ""},
		{"scalar", Tensor{Type: F16, Data: make([]byte, 2)}, ""},
		{"nothing", Tensor{Type: I64, Shape: []int{0, 5}}, ""},
		{"short", Tensor{Type: BF16, Shape: []int{4}, Data: make([]byte, 7)}, "7 bytes of data, want 8 for BF16 [4]"},
		{"blocks", Tensor{Type: Q8_0, Shape: []int{3, 64}, Data: make([]byte, 3*2*34)}, ""},
		{"no rows of blocks", Tensor{Type: Q8_0, Shape: []int{0, 32}}, ""},
		{"an element a byte", Tensor{Type: Q8_0, Shape: []int{3, 64}, Data: make([]byte, 3*64)},
			"192 bytes of data, want 204 for Q8_0 [3 64]"},
		{"half a block", Tensor{Type: Q8_0, Shape: []int{32, 48}, Data: make([]byte, 48*34)},
			"rows of 48 elements, want a multiple of 32 for Q8_0"},
		{"a scalar of blocks", Tensor{Type: Q8_0, Data: make([]byte, 34)}, "a scalar"},
		{"unknown", Tensor{Type: "Q9", Shape: []int{0}}, `unknown dtype "Q9"`},
		{"negative", Tensor{Type: U8, Shape: []int{-1, -1}, Data: make([]byte, 1)}, "negative dimension"},
		{"overflow", Tensor{Type: F64, Shape: []int{math.MaxInt, 2}}, "overflows"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			err := c.tensor.Check()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestFloat32s(t *testing.T) {
	block := make([]byte, 2*34) // two blocks, of scales 0.5 and -2
	block[1], block[2], block[33], block[35], block[36] = 0x38, 3, 0xff, 0xc0, 0x80
	blocks := make([]float32, 64)
	blocks[0], blocks[31], blocks[32] = 1.5, -0.5, 256
	for i := 33; i < 64; i++ {
		blocks[i] = float32(math.Copysign(0, -1))
	}
	for _, c := range []struct {
		dtype Type
		raw   []byte
		want  []float32
	}{
		{F64, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x3f}, []float32{1.5}},
		{F32, []byte{0, 0, 0xc0, 0x3f}, []float32{1.5}},
		{F16, []byte{0, 0x3e, 1, 0, 0, 0xfc}, []float32{1.5, 0x1p-24, float32(-1 / zero)}},
		{BF16, []byte{0xc0, 0x3f, 0x80, 0xff}, []float32{1.5, float32(-1 / zero)}},
		{Q8_0, block, blocks},
	} {
		got, err := Float32s(Tensor{Type: c.dtype, Data: c.raw})
		require.NoError(t, err)
		require.Equal(t, c.want, got, c.dtype)
	}
	_, err := Float32s(Tensor{Name: "ids", Type: I64, Data: make([]byte, 8)})
	require.EqualError(t, err, "tensor ids: dtype I64, want F64, F32, F16, BF16 or a quantized type of GGUF")
}

var zero = 0.0

func TestRoundingIsToNearestEven(t *testing.T) {
	for _, c := range []struct {
		as   Type
		x    float32
		want float32
	}{
		{F32, 0.1, 0.1},
		{F16, 1 + 0x1p-11, 1},                     // a tie
		{F16, 1 + 0x3p-11, 1 + 0x1p-9},            // a tie
		{F16, 1 + 0x1p-11 + 0x1p-20, 1 + 0x1p-10}, // above the tie
		{BF16, 1 + 0x1p-8, 1},
		{BF16, 1 + 0x3p-8, 1 + 0x1p-6},
	} {
		tensor, err := Rounded("x", c.as, []int{1}, []float32{c.x})
		require.NoError(t, err)
		require.NoError(t, tensor.Check())
		got, err := Float32s(tensor)
		require.NoError(t, err)
		require.Equal(t, []float32{c.want}, got, "%s %v", c.as, c.x)
	}
	_, err := Rounded("x", Q8_0, []int{32}, make([]float32, 32))
	require.EqualError(t, err, "tensor x: cannot round to Q8_0, want F32, F16 or BF16")
}

func TestReadingEqualsMapping(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	raw := []byte("some bytes")
	require.NoError(t, os.WriteFile(path, raw, 0o644))
	mapped, unmap, err := Map(path)
	require.NoError(t, err)
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	data, release, err := read(f)
	require.NoError(t, err)
	require.Equal(t, raw, data)
	require.Equal(t, raw, mapped)
	require.Nil(t, release)
	require.NoError(t, unmap())
}

func TestTensorsOfAFileThatWasReadOwnTheirMemory(t *testing.T) {
	one := &Tensors{ByName: map[string]Tensor{"w": {Type: U8, Shape: []int{1}, Data: []byte{7}}}}
	one.Hold(func() error { return nil })
	require.False(t, one.ByName["w"].Own)
	one.Hold(nil)
	require.True(t, one.ByName["w"].Own, "pages given back would be zeros")
	require.NoError(t, one.Close())
}

func TestRowsComeInTheirOrder(t *testing.T) {
	in := Tensor{Name: "q", Type: F32, Shape: []int{4, 2}, Order: []int32{2, 0, 3, 1}}
	in.Data = FromFloat32s("", nil, []float32{10, 11, 20, 21, 30, 31, 40, 41}).Data
	want := []float32{30, 31, 10, 11, 40, 41, 20, 21}
	require.NoError(t, in.Check())
	got, err := Float32s(in)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, FromFloat32s("", nil, want[4:6]).Data, in.Row(2))
	var all []byte
	for raw := range in.Runs() {
		all = append(all, raw...)
	}
	require.Equal(t, FromFloat32s("", nil, want).Data, all)

	in.Order = in.Order[:3]
	require.EqualError(t, in.Check(), "an order of 3 rows for shape [4 2]")
	in.Order = []int32{0, 1, 2, 4}
	require.EqualError(t, in.Check(), "an order with row 4 of 4")
}

func TestMatricesAreJoined(t *testing.T) {
	a := FromFloat32s("w", []int{2, 2}, []float32{1, 2, 3, 4})
	b := FromFloat32s("w", []int{2, 2}, []float32{5, 6, 7, 8})
	b.Order = []int32{1, 0}
	for _, c := range []struct {
		got   Tensor
		shape []int
		want  []float32
	}{
		{JoinRows([]Tensor{a, b}), []int{4, 2}, []float32{1, 2, 3, 4, 7, 8, 5, 6}},
		{JoinColumns([]Tensor{a, b}), []int{2, 4}, []float32{1, 2, 7, 8, 3, 4, 5, 6}},
	} {
		require.NoError(t, c.got.Check())
		require.Equal(t, c.shape, c.got.Shape)
		require.Nil(t, c.got.Data, "joined when it is needed")
		x, err := Float32s(c.got)
		require.NoError(t, err)
		require.Equal(t, c.want, x)
		x = make([]float32, 8)
		require.NoError(t, Computed{Tensor: c.got}.decodeRows(x, 0, c.shape[1]))
		require.Equal(t, c.want, x)

		c.got.Order = []int32{1, 0, 3, 2}[:c.shape[0]]
		require.NoError(t, c.got.Check())
		whole := c.got.Joined()
		require.True(t, whole.Own)
		require.NoError(t, whole.Check())
		want, err := Float32s(whole)
		require.NoError(t, err)
		got, err := Float32s(c.got)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, c.want[c.shape[1]:][:c.shape[1]], got[:c.shape[1]])
		for _, n := range []int{5, 20, 99} {
			first, last := whole.Ends(n)
			first2, last2 := c.got.Ends(n)
			require.Equal(t, first, first2)
			require.Equal(t, last, last2)
		}
	}
	a.Data = nil
	none := JoinColumns([]Tensor{a, a})
	require.Equal(t, []int{2, 4}, none.Shape)
	require.Zero(t, none.Size())
}
