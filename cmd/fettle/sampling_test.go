package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
	"fettle/model/serve"
)

var shownSeed = regexp.MustCompile(`seed (\d+)`)

func TestWithoutASeedAnswersDiffer(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	generate := func(more ...string) (said, seed string) {
		code, out, stderr := call("", append([]string{"generate", "--model_name_or_path", base, "--raw", "--prompt", "ab",
			"--temperature", "1.5", "--max_new_tokens", "12", "--verbose"}, more...)...)
		require.Zero(t, code, stderr)
		return out, shownSeed.FindStringSubmatch(stderr)[1]
	}
	one, seed := generate()
	two, other := generate()
	require.NotEqual(t, one, two)
	require.NotEqual(t, seed, other)
	again, _ := generate("--seed", seed)
	require.Equal(t, one, again, "the seed shown repeats the answer")
	zero, shown := generate("--seed", "0")
	require.Equal(t, "0", shown, "0 is a seed")
	same, _ := generate("--seed", "0")
	require.Equal(t, zero, same)
	t.Setenv("FETTLE_SEED", "0")
	same, _ = generate()
	require.Equal(t, zero, same, "also from the environment")
}

func TestSettingsThatDoNothingInAnAnswerAreNamed(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	generate := func(more ...string) (code int, stderr string) {
		code, _, stderr = call("", append([]string{"generate", "--model_name_or_path", base, "--raw", "--prompt", "ab",
			"--max_new_tokens", "2"}, more...)...)
		return code, stderr
	}
	for want, flags := range map[string][]string{
		`--input: "c" cannot act: with --raw`:     {"--input", "c"},
		"--recipe: vicuna cannot act: with --raw": {"--recipe", "vicuna"},
	} {
		code, stderr := generate(flags...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, want)
	}
	for _, key := range []string{"top_k", "top_p", "min_p", "seed"} {
		_, stderr := generate("--temperature", "0", "--"+key, "1")
		require.Contains(t, stderr, key+" is not used: temperature is 0")
		_, stderr = generate("--temperature", "0.5", "--"+key, "1")
		require.NotContains(t, stderr, "is not used")
	}
	_, stderr := generate("--temperature", "0")
	require.NotContains(t, stderr, "is not used")
}

func TestChatShowsTheSeedsOfItsAnswers(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	chat := func(typed string, more ...string) string {
		code, out, stderr := call(typed, append([]string{"chat", "--model_name_or_path", base, "--recipe", "alpaca",
			"--temperature", "1.5", "--max_new_tokens", "12", "--verbose"}, more...)...)
		require.Zero(t, code, stderr)
		return out
	}
	first := chat("a\na\n")
	seeds := shownSeed.FindAllStringSubmatch(first, -1)
	require.Len(t, seeds, 2)
	require.NotEqual(t, seeds[0], seeds[1])
	answers := strings.Split(first, "\n> ")
	require.NotEqual(t, answers[1], answers[2], "the same question, another answer")
	repeated := strings.Split(chat("a\n", "--seed", seeds[1][1]), "\n> ")[1]
	text, _, _ := strings.Cut(answers[2], "\n(")
	require.True(t, strings.HasPrefix(repeated, text), "%q, %q", repeated, text)
	require.NotEqual(t, answers[1], strings.Split(chat("a\n"), "\n> ")[1], "another conversation")
}

func TestTheAPIReturnsTheSeedOfAnAnswer(t *testing.T) {
	url := overHTTP(t, "--model_name_or_path", tiny(t, tinymodel.Config{}), "--max_tokens", "12")
	temperature := "1.5"
	ask := func(more string) (texts []string, seed uint64) {
		var answer struct {
			Choices []struct{ Text string }
			Seed    uint64
		}
		body := post(t, url+"/v1/completions", `{"prompt": "ab", "top_p": 1, "temperature": `+temperature+more+`}`)
		require.NoError(t, json.Unmarshal([]byte(body), &answer), body)
		for _, c := range answer.Choices {
			texts = append(texts, c.Text)
		}
		return texts, answer.Seed
	}
	one, seed := ask("")
	two, _ := ask("")
	require.NotEqual(t, one, two)
	again, same := ask(`, "seed": ` + strconv.FormatUint(seed, 10))
	require.Equal(t, one, again)
	require.Equal(t, seed, same)
	three, seed := ask(`, "n": 3`)
	require.Len(t, three, 3)
	require.NotEqual(t, three[0], three[1])
	require.NotEqual(t, three[1], three[2])
	third, _ := ask(fmt.Sprintf(`, "seed": %d`, seed+2))
	require.Equal(t, three[2:], third, "choice i has the seed plus i")
	temperature = "0"
	greedy, _ := ask(`, "n": 2`)
	require.Len(t, greedy, 2)
	require.Equal(t, greedy[0], greedy[1])
}

// The tiny model has 40 rows more than its tokenizer has tokens, and a bias towards them.
func TestTokensOfAPaddedVocabularyAreNeverAnswered(t *testing.T) {
	const size = tinymodel.TokenizerSize
	base := tiny(t, tinymodel.Config{Vocab: size + 200})
	e := served(t, source{Model: base, Compute: "f32"})
	hot, many := 5.0, 40
	bias := map[int32]float64{}
	for id := int32(size); id < size+200; id++ {
		bias[id] = 100
	}
	for seed := range uint64(5) {
		for _, r := range []serve.Request{
			{}, {TopK: &many}, {LogitBias: bias}, {LogitBias: bias, TopK: &many}, {LogitBias: bias, Temperature: new(float64)},
		} {
			r.Model, r.Prompt, r.Seed, r.MaxTokens = e.Models()[0], "ab", seed, &many
			if r.Temperature == nil {
				r.Temperature = &hot
			}
			said, _ := reply(t, e, r)
			require.NotContains(t, said, "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd")
		}
	}
}

func TestTheModelsGenerationConfigIsFollowed(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	ask := func(more ...string) (said, noted string) {
		code, out, stderr := call("", append([]string{"generate", "--model_name_or_path", base, "--raw", "--prompt", "ab",
			"--seed", "3", "--verbose"}, more...)...)
		require.Zero(t, code, stderr)
		return out, stderr
	}
	want, _ := ask("--temperature", "1.25", "--top_k", "9", "--top_p", "0.5", "--repetition_penalty", "1.5",
		"--max_new_tokens", "9")
	text := `{"do_sample": true, "temperature": 1.25, "top_k": 9, "top_p": 0.5, "repetition_penalty": 1.5,
		"max_new_tokens": 9, "num_beams": 4}`
	require.NoError(t, os.WriteFile(filepath.Join(base, "generation_config.json"), []byte(text), 0o644))
	got, noted := ask()
	require.Equal(t, want, got)
	require.Contains(t, noted, "temperature 1.25, top_k 9, top_p 0.5, min_p 0, repetition_penalty 1.5, seed 3")
	require.Contains(t, noted, "generation_config.json also asks for num_beams: 4, which fettle does not have")
	_, noted = ask("--temperature", "2", "--top-k", "0")
	require.Contains(t, noted, "temperature 2, top_k 0, top_p 0.5")

	adapter := asPEFT(t, base, base)
	require.NoError(t, os.WriteFile(filepath.Join(adapter, "generation_config.json"), []byte(`{"top_k": 3}`), 0o644))
	code, _, noted := call("", "generate", "--adapter_name_or_path", adapter, "--raw", "--prompt", "a", "--verbose",
		"--max_new_tokens", "2")
	require.Zero(t, code, noted)
	require.Contains(t, noted, "temperature 0.7, top_k 3, top_p 0.95", "the adapter's own comes first")
}
