package generate

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/rng"
)

func TestJSONReadsObjectsAndNothingElse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		begins     bool // of an object
		done       bool
	}{
		{"empty", `{}`, true, true},
		{"everything", " {\"a\\\"\\u00e9é\": [1, -0.5e+1, 20, true, false, null, {}, [], \"\"], \n\"b\" : {\"c\":0}}",
			true, true},
		{"half a character", "{\"a\": \"\xc3", true, false},
		{"an open string", `{"a": "b`, true, false},
		{"a key alone", `{"a"`, true, false},
		{"an array", `[1]`, false, false},
		{"a text", `Sure: {`, false, false},
		{"two objects", `{}{}`, false, false},
		{"a space behind it", `{} `, false, false},
		{"a comma at the end", `{"a": 1,}`, false, false},
		{"a comma in an array", `{"a": [1,]}`, false, false},
		{"a key without quotes", `{a`, false, false},
		{"a value without a key", `{1`, false, false},
		{"another bracket", `{"a": [1}`, false, false},
		{"a line break in a string", "{\"a\": \"\n", false, false},
		{"an unknown escape", `{"a": "\x`, false, false},
		{"three hexadecimal digits", `{"a": "\u00e"`, false, false},
		{"a zero before digits", `{"a": 01`, false, false},
		{"a point without digits", `{"a": 1.}`, false, false},
		{"a minus alone", `{"a": -}`, false, false},
		{"an exponent without digits", `{"a": 1e}`, false, false},
		{"a plus", `{"a": +1`, false, false},
		{"not a number", `{"a": NaN`, false, false},
		{"half a word", `{"a": tru}`, false, false},
		{"spaces without end", `{` + strings.Repeat(" ", 21), false, false},
		{"a number without end", `{"a": ` + strings.Repeat("1", 40), false, false},
		{"a number that is too large", `{"a": 1e999`, false, false},
		{"too deep", `{"a": ` + strings.Repeat("[", 64), false, false},
	} {
		j := &JSON{}
		require.Equal(t, c.begins, j.at.push(c.text), c.name)
		require.Equal(t, c.done, c.begins && j.Done(), c.name)
		if c.done {
			require.True(t, json.Valid([]byte(c.text)), c.name)
		}
	}
}

// bytesAsTokens has a token for each byte, a few longer ones, and an end.
func bytesAsTokens(token int32) string {
	if token < 256 {
		return string([]byte{byte(token)})
	}
	return []string{`{"`, `": `, `", "`, `"}`, "true", " [", "]}", "1.5", "</s>"}[token-256]
}

const tokensWithBytes, endToken = 265, int32(264)

func TestSampledJSONIsAnObjectOrTheBeginningOfOne(t *testing.T) {
	complete := 0
	for seed := range uint64(300) {
		grammar, err := NewJSON(tokensWithBytes, bytesAsTokens, []int32{endToken})
		require.NoError(t, err)
		s := &Sampler{Temperature: float64(seed % 2), TopP: 1, RepetitionPenalty: 1, Seed: seed, Grammar: grammar}
		var text strings.Builder
		for step := 0; step < 400 && !grammar.Done(); step++ {
			logits := make([]float32, tokensWithBytes)
			for i := range logits {
				logits[i] = float32(6 * rng.Key(seed+1).Uniform(step*tokensWithBytes+i))
			}
			for _, c := range `}]"` { // a wish to come to an end
				logits[c] += float32(step) / 20
			}
			token := s.Next(logits, nil)
			require.NotEqual(t, endToken, token)
			text.WriteString(bytesAsTokens(token))
		}
		var again jsonState
		require.True(t, again.push(text.String()), text.String())
		if grammar.Done() {
			complete++
			var object map[string]any
			valid := strings.ToValidUTF8(text.String(), "\ufffd")
			require.NoError(t, json.Unmarshal([]byte(valid), &object), valid)
		}
	}
	require.Greater(t, complete, 200)
}

func TestWhateverIsOpenCanBeClosed(t *testing.T) {
	grammar, err := NewJSON(tokensWithBytes, bytesAsTokens, []int32{endToken})
	require.NoError(t, err)
	key := rng.Key(3)
	for step := range 20000 {
		var possible, closing []int32
		z := make([]float64, tokensWithBytes)
		grammar.restrict(z)
		for token, v := range z {
			if !math.IsInf(v, -1) {
				possible = append(possible, int32(token))
				if text := bytesAsTokens(int32(token)); len(text) == 1 && strings.Contains(needed, text) {
					closing = append(closing, int32(token))
				}
			}
		}
		if grammar.Done() {
			require.Empty(t, possible)
			grammar.at = jsonState{}
			continue
		}
		require.NotEmpty(t, closing, "%+v", grammar.at)
		from := possible
		if step%3 == 0 {
			from = closing
		}
		grammar.took(from[int(key.Uniform(step)*float64(len(from)))])
	}
}

func TestAVocabularyWithoutBracketsCannotWriteJSON(t *testing.T) {
	_, err := NewJSON(26, func(token int32) string { return string(rune('a' + token)) }, nil)
	require.ErrorContains(t, err, `no token for '{'`)
}
