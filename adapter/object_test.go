package adapter

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestObjectsKeepTheOrderOfTheFile(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"not the alphabet's", `{"z": 1, "a": 2, "m": 3}`, `{"z":1,"a":2,"m":3}`},
		{"a repeated key keeps its place and takes the last value", `{"z": 1, "a": 2, "z": 3}`, `{"z":3,"a":2}`},
		{"escapes", `{"layers\\.1\\..*\"": 5}`, `{"layers\\.1\\..*\"":5}`},
		{"none", `{}`, `{}`},
		{"null", `null`, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o struct{ P Object[int] }
			require.NoError(t, json.Unmarshal([]byte(`{"P": `+c.text+`}`), &o))
			text, err := json.Marshal(o.P)
			require.NoError(t, err)
			require.Equal(t, c.want, string(text))
		})
	}
	for _, text := range []string{`[1]`, `3`, `{"a": "x"}`, `{"a": 1.5}`} {
		require.Error(t, json.Unmarshal([]byte(text), &Object[int]{}), text)
	}
}
