package block

import (
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// golden has blocks and their values by the gguf package; docs/peers/gguf_blocks.py made it.
//
//go:embed testdata/blocks.json
var golden []byte

func TestBlocksHaveTheValuesOfTheGGUFPackage(t *testing.T) {
	var want map[string]struct {
		Blocks string
		Values []float32
	}
	require.NoError(t, json.Unmarshal(golden, &want))
	require.Len(t, want, len(all))
	for name, blocks := range all {
		src, err := hex.DecodeString(want[name].Blocks)
		require.NoError(t, err)
		require.Len(t, src, 3*blocks.Bytes, name)
		dst := make([]float32, 3*blocks.Elements)
		blocks.Decode(dst, src)
		require.Equal(t, want[name].Values, dst, name)
		one := make([]float32, blocks.Elements)
		blocks.Decode(one, src[blocks.Bytes:2*blocks.Bytes])
		require.Equal(t, want[name].Values[blocks.Elements:2*blocks.Elements], one, "%s: the second block alone", name)
	}
}

func TestDecodePanicsOnABufferThatDoesNotFit(t *testing.T) {
	require.Panics(t, func() { Q8_0.Decode(make([]float32, 31), make([]byte, 34)) })
	require.Panics(t, func() { Q8_0.Decode(make([]float32, 32), make([]byte, 33)) })
	require.NotPanics(t, func() { Q8_0.Decode(nil, nil) })
}

func BenchmarkDecode(b *testing.B) {
	for name, blocks := range map[string]Type{"Q4_0": Q4_0, "Q4_K": Q4_K, "Q6_K": Q6_K, "Q8_0": Q8_0} {
		b.Run(name, func(b *testing.B) {
			const n = 4096
			src, dst := make([]byte, n/blocks.Elements*blocks.Bytes), make([]float32, n)
			b.SetBytes(4 * n)
			for b.Loop() {
				blocks.Decode(dst, src)
			}
			require.False(b, math.IsNaN(float64(dst[0])))
		})
	}
}
