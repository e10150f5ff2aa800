package block

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// all has the types by their names.
var all = map[string]Type{
	"Q4_0": Q4_0, "Q4_1": Q4_1, "Q5_0": Q5_0, "Q5_1": Q5_1, "Q8_0": Q8_0, "Q2_K": Q2_K, "Q3_K": Q3_K, "Q4_K": Q4_K,
	"Q5_K": Q5_K, "Q6_K": Q6_K, "IQ4_NL": IQ4_NL, "IQ4_XS": IQ4_XS,
}

// encoded has hashes of blocks that llama.cpp made; docs/peers/gguf_encode.py wrote it and says of what numbers.
//
//go:embed testdata/encoded.json
var encoded []byte

// splitmix returns output i of splitmix64 from state 0.
func splitmix(i int) uint64 {
	z := uint64(i+1) * 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func uniform(i int) float32 { return (float32(splitmix(i)>>40) - 1<<23) / (1 << 23) }

// cases are the numbers of docs/peers/gguf_encode.py.
var cases = map[string]func(i int) float32{
	"uniform":        uniform,
	"cubes":          func(i int) float32 { return uniform(i) * uniform(i) * uniform(i) },
	"positive":       func(i int) float32 { return abs(uniform(i)) },
	"negative":       func(i int) float32 { return -abs(uniform(i)) },
	"far from zero":  func(i int) float32 { return uniform(i) + 4 },
	"far below zero": func(i int) float32 { return uniform(i) - 4 },
	"steps":          func(i int) float32 { return float32(math.Floor(float64(uniform(i))*8) / 8) },
	"sparse": func(i int) float32 {
		if splitmix(i)%8 == 0 {
			return uniform(i)
		}
		return 0
	},
	"large":                 func(i int) float32 { return uniform(i) * (1 << 14) },
	"scales":                func(i int) float32 { return scaled(i, -(i / 32 % 64)) },
	"scales of halves":      func(i int) float32 { return scaled(i, -(i / 16 % 30)) },
	"small":                 func(i int) float32 { return scaled(i, -20) },
	"below halves":          func(i int) float32 { return scaled(i, -30) },
	"below 1e-15":           func(i int) float32 { return scaled(i, -52) },
	"subnormal":             func(i int) float32 { return scaled(i, -130) },
	"zeros":                 func(i int) float32 { return 0 * uniform(i) },
	"one number":            func(int) float32 { return 3.25 },
	"one number below zero": func(int) float32 { return -0.375 },
}

func scaled(i, exponent int) float32 { return float32(math.Ldexp(float64(uniform(i)), exponent)) }

func TestEncodeHasTheBytesOfLlamaCpp(t *testing.T) {
	var want map[string]map[string]string
	require.NoError(t, json.Unmarshal(encoded, &want))
	require.Len(t, want, len(all))
	src := make([]float32, 4096)
	for reason, number := range cases {
		for i := range src {
			src[i] = number(i)
		}
		for name, blocks := range all {
			require.Len(t, want[name], len(cases))
			dst := make([]byte, len(src)/blocks.Elements*blocks.Bytes)
			blocks.Encode(dst, src)
			sum := sha256.Sum256(dst)
			require.Equal(t, want[name][reason], hex.EncodeToString(sum[:]), "%s of %s", name, reason)
			require.True(t, blocks.Finite(dst), "%s of %s", name, reason)
		}
	}
}

func TestEncodeErrsByAStep(t *testing.T) {
	// The largest error relative to the largest magnitude of a block, for numbers uniform in [−1, 1]: half a step, or
	// more where the scale is rounded too, or where steps differ.
	for name, bound := range map[string]float64{
		"Q8_0": 0.56 / 127, "Q4_0": 1.01 / 8, "Q4_1": 1.01 / 15, "Q5_0": 1.01 / 16, "Q5_1": 1.01 / 31, "Q2_K": 0.5,
		"Q3_K": 0.3, "Q4_K": 0.1, "Q5_K": 0.05, "Q6_K": 0.04, "IQ4_NL": 0.17, "IQ4_XS": 0.19,
	} {
		blocks := all[name]
		src, got := make([]float32, 4096), make([]float32, 4096)
		for i := range src {
			src[i] = uniform(i)
		}
		dst := make([]byte, len(src)/blocks.Elements*blocks.Bytes)
		blocks.Encode(dst, src)
		blocks.Decode(got, dst)
		worst := 0.0
		for i := range src {
			worst = max(worst, math.Abs(float64(src[i]-got[i])))
		}
		require.Less(t, worst, bound, name)
		require.Greater(t, worst, bound/3, "%s: the bound is no test", name)
	}
}

func TestEncodePanicsOnABufferThatDoesNotFit(t *testing.T) {
	require.Panics(t, func() { Q8_0.Encode(make([]byte, 34), make([]float32, 31)) })
	require.Panics(t, func() { Q8_0.Encode(make([]byte, 33), make([]float32, 32)) })
	require.NotPanics(t, func() { Q8_0.Encode(nil, nil) })
}

// FuzzEncode encodes arbitrary numbers: no panic, and what is finite decodes to finite numbers.
func FuzzEncode(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed, float32(1), float32(0), uint8(seed))
	}
	f.Add(uint64(9), float32(math.Inf(1)), float32(1), uint8(3))
	f.Add(uint64(9), float32(1e-44), float32(0), uint8(0))
	f.Fuzz(func(t *testing.T, seed uint64, scale, offset float32, zeros uint8) {
		src, got := make([]float32, 256), make([]float32, 256)
		for i := range src {
			if splitmix(int(seed>>1)+i)%256 >= uint64(zeros) {
				src[i] = uniform(int(seed>>1)+i)*scale + offset
			}
		}
		for name, blocks := range all {
			dst := make([]byte, 256/blocks.Elements*blocks.Bytes)
			blocks.Encode(dst, src)
			if !blocks.Finite(dst) {
				continue
			}
			blocks.Decode(got, dst)
			for i, x := range got {
				require.Zero(t, x-x, "%s: element %d of %v", name, i, src)
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	for name, blocks := range all {
		b.Run(name, func(b *testing.B) {
			src := make([]float32, 8192)
			for i := range src {
				src[i] = uniform(i) * uniform(i+1<<20)
			}
			dst := make([]byte, len(src)/blocks.Elements*blocks.Bytes)
			b.SetBytes(int64(4 * len(src)))
			for b.Loop() {
				blocks.Encode(dst, src)
			}
		})
	}
}
