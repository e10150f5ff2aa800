package chat_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/chat"
)

// generation writes a generation_config.json and reads it.
func generation(t *testing.T, text string) (chat.Generation, error) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, chat.GenerationFile), []byte(text), 0o644))
	return chat.ReadGeneration("", t.TempDir(), dir)
}

func TestAModelsGenerationConfigGivesTheDefaults(t *testing.T) {
	given := func(keys ...string) func(string) bool {
		return func(key string) bool {
			for _, k := range keys {
				if k == key {
					return true
				}
			}
			return false
		}
	}
	for _, c := range []struct {
		name, text string
		given      func(string) bool
		want       func(s *chat.Sampling)
	}{
		{"nothing", `{"bos_token_id": 1, "transformers_version": "4.31.0"}`, given(), func(*chat.Sampling) {}},
		{"as LLaMA 2's", `{"do_sample": true, "temperature": 0.6, "top_p": 0.9, "max_length": 4096}`, given(),
			func(s *chat.Sampling) { s.Temperature, s.TopP = 0.6, 0.9 }},
		{"everything", `{"temperature": 0.1, "top_k": 20, "top_p": 0.8, "min_p": 0.05, "repetition_penalty": 1.05,
			"max_new_tokens": 99, "stop_strings": ["END"], "suppress_tokens": [7]}`, given(),
			func(s *chat.Sampling) {
				s.Temperature, s.TopK, s.TopP, s.MinP, s.Repetition, s.MaxNewTokens = 0.1, 20, 0.8, 0.05, 1.05, 99
				s.Stop, s.Absent = []string{"END"}, []int32{7}
			}},
		{"what is given stays", `{"temperature": 0.1, "top_k": 20, "repetition_penalty": 1.05}`,
			given("temperature", "repetition_penalty"), func(s *chat.Sampling) { s.TopK = 20 }},
		{"greedy", `{"do_sample": false}`, given(), func(s *chat.Sampling) { s.Temperature = 0 }},
		{"greedy, but a temperature is given", `{"do_sample": false, "temperature": 0.9}`, given("temperature"),
			func(*chat.Sampling) {}},
		{"all tokens", `{"top_k": -1}`, given(), func(*chat.Sampling) {}},
		{"null", `{"temperature": null, "top_k": null, "eos_token_id": null}`, given(), func(*chat.Sampling) {}},
	} {
		g, err := generation(t, c.text)
		require.NoError(t, err, c.name)
		got, want := chat.DefaultSampling(), chat.DefaultSampling()
		c.want(&want)
		require.NoError(t, g.Defaults(&got, c.given), c.name)
		require.Equal(t, want, got, c.name)
		require.Empty(t, g.Unsupported(), c.name)
	}
}

func TestSettingsThatCannotBeFollowedAreNamed(t *testing.T) {
	g, err := generation(t, `{"num_beams": 4, "typical_p": 1.0, "no_repeat_ngram_size": 3, "bad_words_ids": null,
		"penalty_alpha": 0.6, "length_penalty": 1.0, "do_sample": true}`)
	require.NoError(t, err)
	require.Equal(t, []string{"no_repeat_ngram_size: 3", "num_beams: 4", "penalty_alpha: 0.6"}, g.Unsupported())
	g, err = generation(t, `{"temperature": -1}`)
	require.NoError(t, err)
	s := chat.DefaultSampling()
	err = g.Defaults(&s, func(string) bool { return false })
	require.ErrorContains(t, err, "generation_config.json: temperature is -1")
	_, err = generation(t, `{"eos_token_id": "</s>"}`)
	require.ErrorContains(t, err, "neither a token's number nor a list")
	_, err = generation(t, `{`)
	require.ErrorContains(t, err, "generation_config.json")
}
