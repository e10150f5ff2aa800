package adapter

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model"
)

var threeLayers = &model.Config{
	Hidden: 16, Intermediate: 24, Layers: 3, Heads: 4, KVHeads: 2, HeadDim: 4, Vocab: 40, MaxPositions: 64,
}

// read decodes an adapter_config.json with more keys than its type.
func read(t *testing.T, keys string) LoRA {
	m, _, err := decodeMethod([]byte(`{"peft_type": "LORA", ` + keys + `}`))
	require.NoError(t, err)
	return m.(LoRA)
}

// scales lists rank and scale of the adapted projections by their short paths.
func scales(t *testing.T, l LoRA) map[string][2]float32 {
	sites, err := l.sites(threeLayers)
	require.NoError(t, err)
	all := map[string][2]float32{}
	for _, s := range sites {
		all[s.at.String()] = [2]float32{float32(s.form.r), s.form.s}
	}
	return all
}

// Every expected value is PEFT's: r and alpha of the first key, in the file's order, for which
// re.match(r"(.*\.)?(KEY)$", path) matches.
func TestFirstPatternOfTheFileWins(t *testing.T) {
	for _, c := range []struct {
		name, patterns string
		q0, q1, q2     [2]float32
	}{
		{"special before general", `"alpha_pattern": {"layers.0.self_attn.q_proj": 8, "q_proj": 1}`,
			[2]float32{2, 4}, [2]float32{2, 0.5}, [2]float32{2, 0.5}},
		{"general before special", `"alpha_pattern": {"q_proj": 1, "layers.0.self_attn.q_proj": 8}`,
			[2]float32{2, 0.5}, [2]float32{2, 0.5}, [2]float32{2, 0.5}},
		{"three that overlap", `"alpha_pattern": {"z|layers\\.2.*": 3, ".*layers\\.[12].*": 5, "q_proj": 7}`,
			[2]float32{2, 3.5}, [2]float32{2, 2.5}, [2]float32{2, 1.5}},
		{"ranks", `"rank_pattern": {".*\\.1\\..*": 4, "q_proj": 1, "layers.2.self_attn.q_proj": 8}`,
			[2]float32{1, 2}, [2]float32{4, 0.5}, [2]float32{1, 2}},
		{"both, each by its own order", `"rank_pattern": {"q_proj": 4, ".*": 1}, "alpha_pattern": {".*0.*": 6, "q_proj": 8}`,
			[2]float32{4, 1.5}, [2]float32{4, 2}, [2]float32{4, 2}},
		{"no rank but the patterns'", `"r": 0, "rank_pattern": {".*0.*": 1, ".*": 2}`,
			[2]float32{1, 2}, [2]float32{2, 1}, [2]float32{2, 1}},
		{"look-ahead", `"alpha_pattern": {"layers\\.(?!1).*": 8, "proj": 5}`,
			[2]float32{2, 4}, [2]float32{2, 1}, [2]float32{2, 4}},
		{"part of a name", `"rank_pattern": {"_proj": 4}`, [2]float32{2, 1}, [2]float32{2, 1}, [2]float32{2, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := map[string][2]float32{"layers.0.q_proj": c.q0, "layers.1.q_proj": c.q1, "layers.2.q_proj": c.q2}
			for range 10 {
				l := read(t, `"r": 2, "lora_alpha": 2, "target_modules": ["q_proj"], `+c.patterns)
				require.Equal(t, want, scales(t, l))
				text, err := encodeMethod(l, "")
				require.NoError(t, err)
				again, _, err := decodeMethod(text)
				require.NoError(t, err)
				require.Equal(t, l, again, "written back in the same order")
			}
		})
	}
}

func TestPatternsThatCannotBeMatchedAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ keys, want string }{
		"ranks":     {`"rank_pattern": {"q_proj": 2, "(q": 3}`, `rank_pattern: regular expression "(q"`},
		"alphas":    {`"alpha_pattern": {"[": 3}`, `alpha_pattern: regular expression "["`},
		"targets":   {`"target_modules": "*q_proj"`, `target_modules: regular expression "*q_proj"`},
		"zero rank": {`"rank_pattern": {"q_proj": 0}`, "rank 0 at model.layers.0.self_attn.q_proj, want 1 … 65536"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, `"r": 2, "lora_alpha": 4, `+c.keys).sites(threeLayers)
			require.ErrorContains(t, err, c.want)
		})
	}
}
