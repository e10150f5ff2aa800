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
		`{"names": ["a", "b"}]`: "invalid character '}' after array element",
		`{}`:                    "",
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
