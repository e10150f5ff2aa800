package gguf

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
)

// made has the types that llama.cpp gave the tensors of made-up models; docs/peers/gguf_mixes.py wrote it.
//
//go:embed testdata/mixes.json
var made []byte

func TestMixesChooseTheTypesOfLlamaCpp(t *testing.T) {
	var models []struct {
		Architecture            string
		Layers, Heads, KV, D, F int
		Mixes                   map[string]map[string]string // by mix and types, the matrices that have these
	}
	require.NoError(t, json.Unmarshal(made, &models))
	require.Greater(t, len(models), 10)
	for _, m := range models {
		require.Len(t, m.Mixes, len(Mixes()))
		for _, mix := range Mixes() {
			var tensors []checkpoint.Tensor
			var want []checkpoint.Type
			for runs, kinds := range m.Mixes[mix.Name] {
				types := expand(t, runs)
				for kind := range strings.FieldsSeq(kinds) {
					shape := []int{2, m.D}
					switch {
					case strings.HasSuffix(kind, "_norm"):
						shape = shape[1:]
					case kind == "one":
						shape[0] = 1
					case kind == "ffn_down":
						shape[1] = m.F
					}
					for i, as := range types {
						name := kind + ".weight"
						if len(types) > 1 || m.Layers == 1 && !strings.HasPrefix(kind, "output") && kind != "token_embd" {
							name = fmt.Sprintf("blk.%d.%s", i, name)
						}
						tensors = append(tensors, checkpoint.Tensor{Name: name, Shape: shape})
						want = append(want, as)
					}
				}
			}
			got := mix.Types(Model{m.Architecture, m.Layers, m.Heads, m.KV}, tensors)
			for i, as := range want {
				require.Equal(t, as, got[i], "%s of %s with %d layers, %d heads and %d for keys, D %d, F %d: %s", mix.Name,
					m.Architecture, m.Layers, m.Heads, m.KV, m.D, m.F, tensors[i].Name)
			}
		}
	}
}

// expand reads runs of types, as Q6_K*2 Q4_K.
func expand(t *testing.T, runs string) (types []checkpoint.Type) {
	for run := range strings.FieldsSeq(runs) {
		name, times, _ := strings.Cut(run, "*")
		n := 1
		if times != "" {
			var err error
			n, err = strconv.Atoi(times)
			require.NoError(t, err)
		}
		for range n {
			types = append(types, checkpoint.Type(name))
		}
	}
	return types
}

func TestMixesAreFoundByName(t *testing.T) {
	for name, want := range map[string]string{"q4_k_m": "Q4_K_M", "Q5_K": "Q5_K_M", "bf16": "BF16", "IQ4_xs": "IQ4_XS"} {
		mix, err := MixNamed(name)
		require.NoError(t, err)
		require.Equal(t, want, mix.Name)
	}
	_, err := MixNamed("Q4")
	require.EqualError(t, err, `no quantization "Q4", want F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K_S, `+
		`Q3_K_M, Q3_K_L, Q4_K_S, Q4_K_M, Q5_K_S, Q5_K_M, Q6_K, IQ4_NL, IQ4_XS`)
}
