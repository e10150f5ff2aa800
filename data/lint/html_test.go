package lint_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
	"fettle/data/lint"
	"fettle/data/recipe"
)

// The text of a page is found in the rows of every format, in questions and in answers.
func TestHTMLIsFoundInEveryFormat(t *testing.T) {
	for name, row := range map[string]string{
		"sharegpt": `{"conversations": [{"from": "human", "value": "q"}, ` +
			`{"from": "gpt", "value": "<p>Yes.</p>"}]}`,
		"sharegpt, question": `{"conversations": [{"from": "human", "value": "a<br>b"}, {"from": "gpt", "value": "Yes."}]}`,
		"messages": `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "<ul><li>a</li>"}]}`,
		"alpaca":              `{"instruction": "q", "input": "<div class=\"x\">c", "output": "a"}`,
		"prompt_completion":   `{"prompt": "q", "completion": "a &amp; b"}`,
		"prompt and messages": `{"prompt": "q", "completion": [{"role": "assistant", "content": "<b>a</b>"}]}`,
		"preference":          `{"prompt": "q", "chosen": "<span style=\"x\">a", "rejected": "b"}`,
		"text":                `{"text": "<td>a</td>"}`,
		"a name of a sign":    `{"prompt": "q", "completion": "a &mdash; b&hellip;"}`,
		"a list left open":    `{"prompt": "q", "completion": "<ul><li>a<li>b"}`,
		"a comment":           `{"prompt": "q", "completion": "a <!-- b --> c"}`,
		"folded text":         `{"prompt": "q", "completion": "<details>a</details>"}`,
		"a stray backtick":    "{\"prompt\": \"q\", \"completion\": \"a ` b <b>c</b>\"}",
		"a button": `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "x\nCopy code\ny"}]}`,
		"a button in a fence": "{\"instruction\": \"q\", \"output\": \"```goCopy code\\nx```\"}",
	} {
		r, err := recipe.Find("vicuna")
		require.NoError(t, err)
		s, err := datatest.Load(datatest.Letters{}, r, datatest.Write(t, "a.jsonl", row), data.Options{})
		require.NoError(t, err, name)
		require.Equal(t, 1, s.Report.Counts["html"], name)
		for _, f := range s.Report.Findings {
			if f.Rule == "html" {
				require.Equal(t, lint.Warning, f.Severity)
			}
		}
		require.Contains(t, s.Report.String(), "--clean turns HTML into Markdown", name)
	}
}

// Code, mathematics and a question about an element are no HTML.
func TestCodeIsNotHTML(t *testing.T) {
	for _, text := range []string{"```html\n<p>Yes.</p>\n```", "write `</div>` there", "if a<b and c>d", "what is <p>?",
		"List<String> x", "vector<int> v; a && b", "x <- 3", "<think>hm</think>", "R&D", "Copy code to the server",
		"~~~html\n<p>Yes.</p>\n~~~", "``a ` <b>b</b>``", "prog <input> <output>", "a <td> or a <tr>?", "<path>/usr</path>",
		"?a=1&copy=2"} {
		row := `{"instruction": "q", "output": ` + strconv.Quote(text) + `}`
		s, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", row), data.Options{})
		require.NoError(t, err)
		require.Zero(t, s.Report.Counts["html"], text)
	}
}
