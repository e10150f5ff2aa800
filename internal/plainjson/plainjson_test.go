package plainjson

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWrongTypesAreExplainedWithoutGo(t *testing.T) {
	type inner struct {
		Rate float64 `json:"rate"`
	}
	for text, want := range map[string]string{
		`{"n": "x"}`:            "n is a text, want a whole number",
		`{"n": 1.5}`:            "n is 1.5, want a whole number",
		`{"on": 1}`:             "on is a number, want true or false",
		`{"names": {}}`:         "names is an object, want a list",
		`{"in": {"rate": []}}`:  "in.rate is a list, want a number",
		`{"in": true}`:          "in is true or false, want an object",
		`[]`:                    "it is a list, want an object",
		`{"names": ["a", "b"}]`: "'}' stands where a comma or ] must follow an element",
		`{}`:                    "",
		`{"n": }`:               "'}' stands where a value must begin",
		`{n: 1}`:                "'n' stands where a key in double quotes must begin",
		`{"n": 1,}`:             "'}' stands where a key in double quotes must begin",
		`{"n" 1}`:               "'1' stands where a colon must follow a key",
		`{"n": 1 "on": true}`:   "'\"' stands where a comma or } must follow a value",
		`{"n": 1} x`:            "'x' follows the end of the value",
		`{"names": ["a\q"]}`:    "'q' follows a backslash that is no escape of JSON: double the backslash",
		`{"names": ["a` + "\n":  `'\n' stands in a text, which may hold it only as an escape`,
		`{"on": True}`:          "'T' stands where a value must begin",
		`{"on": tru}`:           "'}' stands in a word that is neither true, false nor null",
		`{"n": 1.}`:             "'}' stands in a number",
		`{"n": `:                "it ends in the middle of a value",
	} {
		var into struct {
			N     int      `json:"n"`
			On    bool     `json:"on"`
			Names []string `json:"names"`
			In    inner    `json:"in"`
		}
		err := Explain(errors.Join(json.Unmarshal([]byte(text), &into)))
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, want, text)
	}
}

func TestTheLineOfAnErrorIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"{\n\"a\": 1,\n}\n":           "line 3: '}' stands where a key in double quotes must begin",
		"{\n\"a\": 1,\n\"n\": \"x\"}": "line 3: N is a text, want a whole number",
		"{\n":                         "line 1: it ends in the middle of a value",
		"{}":                          "",
	} {
		var into struct{ N int }
		err := In([]byte(text), json.Unmarshal([]byte(text), &into))
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, want)
	}
}
