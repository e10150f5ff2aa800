package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data/recipe"
	"fettle/internal/budget"
)

// FuzzJSON cuts any bytes into records: pieces of the bytes in their order, each on the line that it names. What
// encoding/json reads as an array of rows, or line by line as rows, is cut into these.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`[{"text": "a"}, {"text": "[{\\\"}"}]`, ` [ {"text":"a","b":[1,{"c":null}]}` + "\r\n ,null] ",
		"{\"a\": \"}\\n\"}\n\n{\"a\": {\"b\": []}}\n", `{"version": 1, "data": [{"a": 1}, {"a": 2}], "n": [1]}`,
		"{\"a\n{\"a\": 1}", "[{\"a\":\n1},\n\n{\"b\": 2}]", "\"text\" \"more\"", "1, 2\nNaN\n{\"a\": NaN}",
		`{"data": [{"a": 1}], "b": [{"c": 2}]}`, "[]",
	} {
		f.Add([]byte(seed))
	}
	in := bufio.NewReaderSize(nil, 1<<17)
	f.Fuzz(func(t *testing.T, text []byte) {
		defer budget.Of(t, len(text))()
		in.Reset(bytes.NewReader(text))
		var rows []map[string]json.RawMessage
		broken := false
		line, rest, array := 1, text, bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("["))
		err := cutJSON("a.json", in, func(r Record) bool {
			at := bytes.Index(rest, r.raw)
			require.GreaterOrEqual(t, at, 0, "%q is not in %q", r.raw, rest)
			if begin := len(text) - len(rest) + at; array {
				require.Equal(t, 1+bytes.Count(text[:begin], []byte("\n")), r.line)
			}
			rest = rest[at+len(r.raw):]
			require.GreaterOrEqual(t, r.line, line)
			line = r.line
			r.path = "a.json"
			row, err := r.Row()
			broken = broken || err != nil
			rows = append(rows, row.Fields)
			return true
		})
		require.LessOrEqual(t, line, 1+bytes.Count(text, []byte("\n")))
		if err != nil {
			require.ErrorContains(t, err, "read a.json:")
		}
		if want := plainRows(text); want != nil {
			require.NoError(t, err)
			require.False(t, broken)
			require.Equal(t, want, rows)
		}
	})
}

// plainRows returns the rows of an array or of lines as encoding/json reads them, nil if it does not or there are none.
func plainRows(text []byte) (rows []map[string]json.RawMessage) {
	if bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("[")) {
		if json.Unmarshal(text, &rows) != nil {
			return nil
		}
	} else {
		for line := range bytes.Lines(text) {
			var row map[string]json.RawMessage
			if len(bytes.Trim(line, " \t\r\n")) == 0 {
				continue
			}
			if json.Unmarshal(line, &row) != nil {
				return nil
			}
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	for i, row := range rows {
		if row == nil { // null is no record
			return nil
		}
		for _, key := range containers {
			if _, holds := row[key]; holds && i == 0 {
				return nil
			}
		}
	}
	return rows
}

// FuzzRow reads any row in each format: an error that names it, or a conversation made of the row's own fields.
func FuzzRow(f *testing.F) {
	for _, seed := range []string{
		`{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 0}], "tools": "[]"}`,
		`{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]},
			{"role": "tool", "content": [{"type": "text", "text": "1"}]}]}`,
		`{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "system": "s"}`,
		`{"chosen": "\n\nHuman: q\n\nAssistant: a"}`, `{"prompt": "q", "chosen": [{"role": "assistant", "content": "a"}]}`,
		`{"prompt": [{"role": "user", "content": [{"type": "text", "text": "q"}]}], "completion": {"role": "assistant"}}`,
		`{"instruction": "r", "output": "b", "history": [["q", "a"]]}`, `{"topic": "t", "input": "[|Human|] a [|AI|] b"}`,
		`{"instruction": "r", "instances": [{"input": "", "output": "b"}]}`, `{"text": "a", "label": false}`,
		`{"fields": "[a+b],c,<|eos|>", "marker_user": "", "a": "a", "b": "b", "c": "c"}`, `{"text": ["a", 1]}`,
		`{"segments": [{"text": "a", "label": true}]}`, `{"input_ids": [1, 2], "labels": [-100, 2]}`,
	} {
		f.Add([]byte(seed))
	}
	var readers []*Reader
	for _, format := range formats() {
		r, err := Open(File{Path: "a.json", Format: format.name}, nil)
		require.NoError(f, err)
		readers = append(readers, r)
	}
	alpaca, err := recipe.Find("alpaca")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text []byte) {
		defer budget.Of(t, len(text))()
		if len(text) == 0 {
			return
		}
		row, err := Record{raw: text, path: "a.json", line: 1}.Row()
		if err != nil {
			require.ErrorContains(t, err, "read a.json:")
			return
		}
		for _, r := range readers {
			var use Use
			if r.Format() == "tokenized" {
				e, u, err := r.Example(row)
				if use = u; err == nil {
					require.Equal(t, len(e.Tokens), len(e.Labels))
				}
			} else {
				c, u, err := r.Conversation(row)
				if use = u; err == nil {
					require.Equal(t, row.Source, c.Source)
					segments, err := alpaca.Segments(c)
					require.True(t, err != nil || len(segments) > 0, "%s: nothing to learn, and no error", r.Format())
				} else {
					require.ErrorContains(t, err, "read a.json:1")
				}
			}
			for _, key := range append(use.Read, use.Rest...) {
				require.Contains(t, row.Fields, key)
			}
			for _, key := range use.Unread {
				require.True(t, row.Has(key) || strings.HasPrefix(key, "messages[]."), key)
			}
		}
	})
}
