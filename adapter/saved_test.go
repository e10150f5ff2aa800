package adapter_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// loadAs loads a tiny model of other settings than load's.
func loadAs(t *testing.T, dev compute.Device, c tinymodel.Config) *model.Model {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, c, 7))
	m, err := model.Load(dir, dev)
	require.NoError(t, err)
	return m
}

// beyondProjections picks the methods that touch the embedding, the head or whole modules.
func beyondProjections() map[string]adapter.Method {
	some := map[string]adapter.Method{}
	for name, m := range methods {
		if _, alone := m.(adapter.TrainedTokens); alone {
			some[name] = m
		}
		l, ok := m.(adapter.LoRA)
		if ok && (len(l.Modules)+len(l.Tokens) > 0 || slices.Contains(l.Targets, "lm_head")) {
			some[name] = m
		}
	}
	return some
}

func TestSavedModulesWorkOnATiedBase(t *testing.T) {
	tied := tinymodel.Config{Tied: true}
	for name, method := range beyondProjections() {
		t.Run(name, func(t *testing.T) {
			m := loadAs(t, ref.New(), tied)
			b, rows := batch(7, 12), []int{0, 6, 18}
			want, err := m.Logits(b, rows)
			require.NoError(t, err)
			s, err := adapter.New(method, m, 1)
			require.NoError(t, err)
			got, err := s.Model().Logits(b, rows)
			require.NoError(t, err)
			require.Equal(t, bits(want), bits(got), "a new adapter changes nothing")

			stir(t, s)
			require.Less(t, slope(t, s.Model(), s), 5e-3)
			again, err := m.Logits(b, rows)
			require.NoError(t, err)
			require.Equal(t, bits(want), bits(again), "the base stays as it is")
			for _, without := range []*model.Model{s.Bare(), s.Model().Bare()} {
				bare, err := without.Logits(b, rows)
				require.NoError(t, err)
				require.Equal(t, bits(want), bits(bare))
			}

			dir := t.TempDir()
			require.NoError(t, s.Save(dir))
			loaded, err := adapter.Load(dir, m)
			require.NoError(t, err)
			require.Equal(t, written(t, s), written(t, loaded))
			want, err = s.Model().Logits(b, rows)
			require.NoError(t, err)
			got, err = loaded.Model().Logits(b, rows)
			require.NoError(t, err)
			require.Equal(t, bits(want), bits(got))
		})
	}
}

// Two adapters with modules of their own over one base do not see each other.
func TestAdaptersOverOneBaseKeepTheirOwnModules(t *testing.T) {
	m, b, rows := load(t, fast(t, 2)), batch(9), []int{3, 8}
	var sets []*adapter.Set
	var want [][]uint32
	for name, method := range beyondProjections() {
		s, err := adapter.New(method, m, 1)
		require.NoError(t, err, name)
		stir(t, s)
		got, err := s.Model().Logits(b, rows)
		require.NoError(t, err)
		sets, want = append(sets, s), append(want, bits(got))
	}
	for i, s := range sets {
		got, err := s.Model().Logits(b, rows)
		require.NoError(t, err)
		require.Equal(t, want[i], bits(got))
	}
}

// saved writes an adapter of q_proj with more tensors and settings, as PEFT names them.
func saved(t *testing.T, m *model.Model, settings map[string]any, more ...checkpoint.Tensor) string {
	dir := t.TempDir()
	s, err := adapter.New(adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj"}}, m, 1)
	require.NoError(t, err)
	stir(t, s)
	require.NoError(t, s.Save(dir))
	text, err := os.ReadFile(filepath.Join(dir, adapter.ConfigFile))
	require.NoError(t, err)
	config := map[string]any{}
	require.NoError(t, json.Unmarshal(text, &config))
	for key, value := range settings {
		config[key] = value
	}
	text, err = json.Marshal(config)
	require.NoError(t, err)
	put(t, dir, adapter.ConfigFile, string(text))
	for _, p := range s.Params() {
		more = append(more, checkpoint.FromFloat32s(p.Name, p.Shape, p.Data))
	}
	f, err := os.Create(filepath.Join(dir, adapter.WeightsFile))
	require.NoError(t, err)
	require.NoError(t, safetensors.Encode(f, more, nil))
	require.NoError(t, f.Close())
	return dir
}

// vocabulary returns a tensor of rows that differ from the base's.
func vocabulary(name string, rows, width int, seed float32) checkpoint.Tensor {
	values := make([]float32, rows*width)
	for i := range values {
		values[i] = seed * float32(i%29-14) / 100
	}
	return checkpoint.FromFloat32s("base_model.model."+name, []int{rows, width}, values)
}

// An adapter that brings an embedding and a head has their number of tokens, and computes what the base with them does.
func TestVocabularyFollowsTheAdapter(t *testing.T) {
	modules := func(names ...string) map[string]any { return map[string]any{"modules_to_save": names} }
	for _, x := range []struct {
		name     string
		tied     bool
		settings map[string]any
		rows     int
		head     float32 // seed of the head's values; 0: no head
		suffix   string
		trained  int // parameters beside LoRA's
	}{
		{"more tokens, saved along", false, nil, 45, 2, ".weight", 0},
		{"more tokens, saved along a tied base", true, nil, 45, 1, ".weight", 0},
		{"more tokens, the embedding of a tied base alone", true, nil, 45, 0, ".weight", 0},
		{"fewer tokens", false, nil, 40, 2, ".weight", 0},
		{"as many tokens, another base's", false, nil, 42, 2, ".weight", 0},
		{"more tokens, trained", false, modules("embed_tokens", "lm_head"), 45, 2, ".weight", 2},
		{"more tokens, trained, of a tied base", true, modules("embed_tokens", "lm_head"), 45, 2, ".weight", 2},
		{"the embedding trained, the head along", false, modules("embed_tokens"), 45, 2, ".weight", 1},
		{"names of live modules", false, modules("embed_tokens", "lm_head"), 45, 2, ".modules_to_save.default.weight", 2},
		{"kept tied", true, map[string]any{"modules_to_save": []string{"embed_tokens"}, "ensure_weight_tying": true}, 45, 1,
			".weight", 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			base := loadAs(t, ref.New(), tinymodel.Config{Tied: x.tied, Vocab: 42})
			d := base.Config().Hidden
			more := []checkpoint.Tensor{vocabulary("model.embed_tokens"+x.suffix, x.rows, d, 1)}
			tensors := map[string]checkpoint.Tensor{}
			other := filepath.Join(t.TempDir(), "other")
			require.NoError(t, tinymodel.Write(other, tinymodel.Config{Tied: x.tied, Vocab: 42}, 7))
			f, err := safetensors.Open(filepath.Join(other, "model.safetensors"))
			require.NoError(t, err)
			for _, name := range f.Names() {
				tensors[name], _ = f.Tensor(name)
			}
			tensors["model.embed_tokens.weight"] = more[0]
			if x.head > 0 {
				more = append(more, vocabulary("lm_head"+x.suffix, x.rows, d, x.head))
				tensors["lm_head.weight"] = more[1]
			}
			config := *base.Config()
			config.Vocab, config.Tied = x.rows, x.tied && x.head < 2
			replaced, err := model.New(&config, tensors, ref.New())
			require.NoError(t, err)

			dir := saved(t, base, x.settings, more...)
			s, err := adapter.Load(dir, base)
			require.NoError(t, err)
			adapted := s.Model()
			require.Equal(t, x.rows, adapted.Config().Vocab)
			require.Equal(t, 42, base.Config().Vocab, "the base keeps its own")
			require.Len(t, s.Params(), 2*3+x.trained)
			last := int32(x.rows - 1)
			b := model.Pack([][]int32{{1, 5, last, 7, last}}, [][]int32{{-100, 5, last, 7, last}})
			plain := replaced.With(s.Delta)
			want, err := plain.Logits(b, []int{1, 4})
			require.NoError(t, err)
			got, err := adapted.Logits(b, []int{1, 4})
			require.NoError(t, err)
			require.Equal(t, bits(want), bits(got))
			decoded, err := adapted.NewSession(0).Decode(b.Tokens)
			require.NoError(t, err)
			require.Equal(t, bits(got[x.rows:]), bits(decoded))

			stir(t, s) // as training does
			once := t.TempDir()
			require.NoError(t, s.Save(once))
			again, err := adapter.Load(once, base)
			require.NoError(t, err)
			require.Equal(t, written(t, s), written(t, again))
			require.NoError(t, s.Restore(once))
			want, err = s.Model().Logits(b, []int{1, 4})
			require.NoError(t, err)
			got, err = again.Model().Logits(b, []int{1, 4})
			require.NoError(t, err)
			require.Equal(t, bits(want), bits(got))
			require.Less(t, slope(t, s.Model(), s), 5e-3)
		})
	}
}

// PEFT writes the rows of a tied embedding once more for the head where the vocabulary was resized.
func TestTiedRowsMayStandTwiceInAFile(t *testing.T) {
	tied := loadAs(t, ref.New(), tinymodel.Config{Tied: true})
	rows := func(module string, seed float32) checkpoint.Tensor {
		return vocabulary(module+".token_adapter.trainable_tokens_delta", 2, tied.Config().Hidden, seed)
	}
	tokens := map[string]any{"trainable_token_indices": []int{4, 41}}
	embed := vocabulary("model.embed_tokens.token_adapter.base_layer.weight", 45, tied.Config().Hidden, 3)
	head := vocabulary("lm_head.token_adapter.base_layer.weight", 45, tied.Config().Hidden, 3)
	own := rows("model.embed_tokens", 1)
	s, err := adapter.Load(saved(t, tied, tokens, own, rows("lm_head", 1), embed, head), tied)
	require.NoError(t, err)
	require.Equal(t, 45, s.Model().Config().Vocab)
	_, err = adapter.Load(saved(t, tied, tokens, own, rows("lm_head", 2), embed, head), tied)
	require.ErrorContains(t, err, "are tied and have different values")
}

// The base's own embedding in an adapter's file is not kept.
func TestEmbeddingsEqualToTheBasesAreDropped(t *testing.T) {
	m := loadAs(t, ref.New(), tinymodel.Config{Tied: true})
	c := m.Config()
	values := make([]float32, c.Vocab*c.Hidden)
	for i := range c.Vocab {
		m.Weight(model.EmbedSite()).Row(values[i*c.Hidden:][:c.Hidden], i, 0)
	}
	for _, name := range []string{
		"model.embed_tokens.weight", "model.embed_tokens.base_layer.weight", "lm_head.weight", "lm_head.base_layer.weight",
	} {
		own := checkpoint.FromFloat32s("base_model.model."+name, []int{c.Vocab, c.Hidden}, values)
		s, err := adapter.Load(saved(t, m, nil, own), m)
		require.NoError(t, err, name)
		require.NotContains(t, written(t, s)[adapter.WeightsFile], "embed_tokens")
		require.NotContains(t, written(t, s)[adapter.WeightsFile], "lm_head")
	}
}

func TestSavedFilesHaveTheNamesOfPEFT(t *testing.T) {
	const prefix = "base_model.model."
	m := loadAs(t, ref.New(), tinymodel.Config{Tied: true})
	for _, x := range []struct {
		name  string
		saved adapter.Saved
		more  string // target beside k_proj
		keys  string // of the configuration, as JSON
		names []string
	}{
		{"modules", adapter.Saved{Modules: []string{"embed_tokens", "lm_head"}}, "",
			`{"modules_to_save": ["embed_tokens", "lm_head"]}`, []string{"model.embed_tokens.weight", "lm_head.weight"}},
		{"norms", adapter.Saved{Modules: []string{"norm"}}, "", `{"modules_to_save": ["norm"]}`, []string{
			"model.norm.weight", "model.layers.0.input_layernorm.weight", "model.layers.2.post_attention_layernorm.weight"}},
		{"a module of modules", adapter.Saved{Modules: []string{"0.mlp"}}, "", `{"modules_to_save": ["0.mlp"]}`,
			[]string{"model.layers.0.mlp.gate_proj.weight", "model.layers.0.mlp.down_proj.weight"}},
		{"tied", adapter.Saved{Modules: []string{"embed_tokens"}, Tying: true}, "",
			`{"modules_to_save": ["embed_tokens"], "ensure_weight_tying": true}`,
			[]string{"model.embed_tokens.weight", "lm_head.weight"}},
		{"tokens", adapter.Saved{Tokens: []string{"7", "3"}}, "", `{"trainable_token_indices": [7, 3]}`,
			[]string{"model.embed_tokens.token_adapter.trainable_tokens_delta"}},
		{"tokens of both", adapter.Saved{Tokens: []string{"7", "lm_head:3", "8"}}, "",
			`{"trainable_token_indices": {"embed_tokens": [7, 8], "lm_head": [3]}}`, []string{
				"model.embed_tokens.token_adapter.trainable_tokens_delta", "lm_head.token_adapter.trainable_tokens_delta"}},
		{"LoRA on the embedding", adapter.Saved{}, "embed_tokens", `{"modules_to_save": null}`,
			[]string{"model.embed_tokens.lora_embedding_A", "model.embed_tokens.lora_embedding_B"}},
		{"LoRA on the head", adapter.Saved{}, "lm_head", `{"target_modules": ["k_proj", "lm_head"]}`,
			[]string{"lm_head.lora_A.weight", "lm_head.lora_B.weight"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			l := adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"k_proj"}, Saved: x.saved}
			if x.more != "" {
				l.Targets = append(l.Targets, x.more)
			}
			s, err := adapter.New(l, m, 1)
			require.NoError(t, err)
			files := written(t, s)
			f, err := safetensors.Parse([]byte(files[adapter.WeightsFile]))
			require.NoError(t, err)
			rest := slices.DeleteFunc(f.Names(), func(name string) bool { return strings.Contains(name, "k_proj.lora_") })
			for _, name := range x.names {
				require.Contains(t, rest, prefix+name)
			}
			var have, want map[string]any
			require.NoError(t, json.Unmarshal([]byte(files[adapter.ConfigFile]), &have))
			require.NoError(t, json.Unmarshal([]byte(x.keys), &want))
			for key, value := range want {
				require.Equal(t, value, have[key], key)
			}
		})
	}
}

func TestWrongSavedModulesAreRefused(t *testing.T) {
	tied := loadAs(t, ref.New(), tinymodel.Config{Tied: true})
	both := []string{"embed_tokens", "lm_head"}
	lora := func(s adapter.Saved, targets ...string) adapter.LoRA {
		return adapter.LoRA{Rank: 2, Alpha: 4, Targets: append(targets, "q_proj"), Saved: s}
	}
	for want, method := range map[string]adapter.LoRA{
		`"embed_token" names no module`:        lora(adapter.Saved{Modules: []string{"embed_token"}}),
		"which trains all":                     lora(adapter.Saved{Modules: both, Tokens: []string{"lm_head:1"}}),
		`"40" is not a token of the 40`:        lora(adapter.Saved{Tokens: []string{"40"}}),
		`"norm" is neither`:                    lora(adapter.Saved{Tokens: []string{"norm:1"}}),
		"token 3 is there twice":               lora(adapter.Saved{Tokens: []string{"3", "embed_tokens:3"}}),
		"different tokens":                     lora(adapter.Saved{Tokens: []string{"3", "lm_head:4"}, Tying: true}),
		"a target of LoRA and in trainable":    lora(adapter.Saved{Tokens: []string{"3"}}, "embed_tokens"),
		"ensure_weight_tying is set, and LoRA": lora(adapter.Saved{Tying: true}, "embed_tokens"),
		"and modules_to_save \"_proj\"":        lora(adapter.Saved{Modules: []string{"_proj"}}),
	} {
		_, err := adapter.New(method, tied, 1)
		require.ErrorContains(t, err, want)
	}
	d := tied.Config().Hidden
	embed := func(rows int, seed float32) checkpoint.Tensor {
		return vocabulary("model.embed_tokens.weight", rows, d, seed)
	}
	head := func(rows int, seed float32) checkpoint.Tensor { return vocabulary("lm_head.weight", rows, d, seed) }
	saving := func(names ...string) map[string]any { return map[string]any{"modules_to_save": names} }
	write := func(settings map[string]any, more ...checkpoint.Tensor) string {
		return saved(t, tied, settings, more...)
	}
	for want, dir := range map[string]string{
		"the base are one weight":              write(nil, embed(40, 1), head(40, 2)),
		"has 43 rows, the head 42":             write(saving(both...), embed(43, 1), head(42, 1)),
		"and not both":                         write(saving("embed_tokens"), embed(43, 1)),
		"lm_head.weight is missing":            write(saving("lm_head")),
		"in rows of 16":                        write(nil, vocabulary("model.embed_tokens.weight", 40, 8, 1)),
		"modules_to_save is \"lm_head\"":       write(map[string]any{"modules_to_save": "lm_head"}),
		"trainable_token_indices is \"several": write(map[string]any{"trainable_token_indices": "several"}),
		"trainable_tokens_delta is missing":    write(map[string]any{"trainable_token_indices": []int{4}}),
		"norm.weight has no place":             write(nil, vocabulary("model.norm.weight", 1, d, 1)),
	} {
		_, err := adapter.Load(dir, tied)
		require.ErrorContains(t, err, want)
	}
	untied := loadAs(t, ref.New(), tinymodel.Config{})
	for _, alone := range []checkpoint.Tensor{embed(43, 1), head(39, 1)} {
		_, err := adapter.Load(saved(t, untied, nil, alone), untied)
		require.ErrorContains(t, err, "for another number of tokens than the base's 40, and not both")
	}
}
