package main

import (
	"encoding/json"
	"html"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

const unanswered = `{"instruction": "say a", "output": ""}
{"instruction": "say b", "output": "b"}
`

func TestInspectReportsFindings(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	bad := file(t, "bad.jsonl", unanswered)
	code, said, stderr := call("", "inspect", "--model_name_or_path", base, "--dataset", bad)
	require.Equal(t, exitData, code)
	require.Contains(t, said, "error empty-answer: 1\n    "+bad+":1")
	require.Contains(t, stderr, "--allow empty-answer continues anyway")
	must(t, "inspect", "--model_name_or_path", base, "--dataset", bad, "--allow", "empty-answer,no-learned-tokens")
	must(t, "inspect", "--model_name_or_path", base, "--dataset", bad, "--fix")
	code, _, stderr = call("", "inspect", "--model_name_or_path", base, "--dataset", bad, "--allow", "empty-answers")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `did you mean "empty-answer"`)
}

func TestTrainRefusesDataWithErrors(t *testing.T) {
	base, out := tiny(t, tinymodel.Config{}), filepath.Join(t.TempDir(), "run")
	args := []string{"train", "--model_name_or_path", base, "--dataset", file(t, "bad.jsonl", unanswered),
		"--output_dir", out, "--num_train_epochs", "1"}
	code, _, stderr := call("", args...)
	require.Equal(t, exitData, code)
	require.Contains(t, stderr, "data check failed:")
	require.NoDirExists(t, out)
	must(t, append(args, "--fix")...)
	code, _, stderr = call("", "train", "--model_name_or_path", base, "--dataset", rows(t, 4), "--output_dir", out+"2",
		"--adapter_name_or_path", out, "--recipe", "vicuna", "--max_steps", "1")
	require.Equal(t, exitData, code)
	require.Contains(t, stderr, "the adapter was trained with recipe alpaca, this run uses vicuna")
}

func TestInspectWritesJSON(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	lines := strings.Split(strings.TrimSpace(must(t, "inspect", "--model_name_or_path", base, "--dataset", rows(t, 5),
		"--samples", "2", "--json")), "\n")
	require.Len(t, lines, 3)
	var sample struct {
		IDs    []int32 `json:"input_ids"`
		Labels []int32 `json:"labels"`
	}
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &sample))
	require.Len(t, sample.Labels, len(sample.IDs))
	var summary map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[2]), &summary))
	require.Equal(t, 5.0, summary["examples"])
	require.Contains(t, summary, "report")
}

func TestInspectWritesAPage(t *testing.T) {
	base, page := tiny(t, tinymodel.Config{}), filepath.Join(t.TempDir(), "page.html")
	set := file(t, "rows.jsonl",
		`{"instruction": "say <b>", "output": "<script>"}`+"\n"+`{"instruction": "say c", "output": "c"}`)
	must(t, "inspect", "--model_name_or_path", base, "--dataset", set, "--html", page)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(text), "say &lt;b&gt;")
	require.Contains(t, string(text), "<mark>&lt;script&gt;")
	require.Equal(t, 1, strings.Count(string(text), "<script"), "its own")
	require.Equal(t, 1, strings.Count(string(text), "://"), "the name of SVG in the script")
	require.NotContains(t, string(text), " style=")
	require.Contains(t, html.UnescapeString(string(text)), `content="default-src 'none'; style-src 'sha256-`,
		"the page may load nothing")
}

func TestColumnsWeightsAndBadRows(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	set := file(t, "rows.jsonl", `{"q": "say a", "a": "a"}`+"\n{broken\n"+`{"q": "say b", "a": "b"}`)
	inspect := func(more ...string) (int, string, string) {
		return call("", append([]string{"inspect", "--model_name_or_path", base, "--dataset", set, "--columns",
			"instruction=q,output=a"}, more...)...)
	}
	code, _, stderr := inspect()
	require.Equal(t, exitData, code)
	require.Contains(t, stderr, "rows.jsonl:2")
	code, said, stderr := inspect("--on_bad_row", "skip", "--allow", "bad-row", "--dataset_weights", "3")
	require.Zero(t, code, stderr)
	require.Contains(t, said, "── 6 examples")
	require.Contains(t, said, "error bad-row: 1")
	for _, wrong := range [][]string{{"--dataset_weights", "1,2"}, {"--dataset_weights", "x"}, {"--columns", "q"}} {
		code, _, _ := inspect(wrong...)
		require.Equal(t, exitUsage, code, "%v", wrong)
	}
}

// Characters that a terminal executes or hides are written out.
func TestInspectEscapesControlCharacters(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	set := file(t, "rows.jsonl", `{"instruction": "clear \u001b[2J\r\ufeff", "output": "a\u202eb\u0007"}`)
	said := must(t, "inspect", "--model_name_or_path", base, "--dataset", set)
	require.Contains(t, said, "clear <U+001B>[2J<U+000D><U+FEFF>")
	require.Contains(t, said, "⟦a<U+202E>b<U+0007></s>⟧")
	require.NotContains(t, said, "\x1b")
}

func TestReadingBar(t *testing.T) {
	bars := readingBars(640, 0.5)
	require.Equal(t, "reading data "+strings.Repeat("█", 15)+strings.Repeat("░", 15)+"  50 %, 640 rows", bars[0])
	require.Equal(t, " 50 %", bars[len(bars)-1], "for the narrowest terminal")
}

// A data set can be named as LLaMA-Factory's file describes it.
func TestDatasetInfoNamesDataSets(t *testing.T) {
	base, dir := tiny(t, tinymodel.Config{}), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "talks.json"),
		[]byte(`[{"said": [{"who": "me", "what": "say a"}, {"who": "it", "what": "a"}]}]`), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "dataset_info.json"), []byte(`{"talks": {
		"file_name": "talks.json", "formatting": "sharegpt",
		"columns": {"messages": "said"},
		"tags": {"role_tag": "who", "content_tag": "what", "user_tag": "me", "assistant_tag": "it"}}}`), 0o644))
	info := filepath.Join(dir, "dataset_info.json")
	said := must(t, "inspect", "--model_name_or_path", base, "--dataset", info+":talks", "--recipe", "vicuna")
	require.Contains(t, said, "USER: say a ASSISTANT:⟦ a</s>⟧")
	code, _, stderr := call("", "inspect", "--model_name_or_path", base, "--dataset", info+":walks", "--recipe",
		"vicuna")
	require.Equal(t, exitData, code)
	require.Contains(t, stderr, `did you mean "talks"`)
	code, _, _ = call("", "inspect", "--model_name_or_path", base, "--dataset",
		filepath.Join(dir, "none", "dataset_info.json:talks"))
	require.Equal(t, exitMissing, code)
}

// Shared conversations are pages of HTML. With --clean they become Markdown, as FastChat's clean_sharegpt.py makes of
// them.
func TestCleanShowsTheTextThatFastChatLearnsFrom(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	set := file(t, "shared.json", `[{"id": "x", "conversations": [
		{"from": "human", "value": "How do I say a in Go?"},
		{"from": "gpt", "value":
			"<div class=\"markdown prose\"><p>Say <strong>a</strong>:</p><ul><li>like this</li></ul></div>"}]}]`)
	args := []string{"inspect", "--model_name_or_path", base, "--dataset", set, "--recipe", "vicuna"}
	require.Contains(t, must(t, args...), `<div class="markdown prose">`)
	said := must(t, append(args, "--clean")...)
	require.Contains(t, said, "⟦ Say **a**:\n\n* like this</s>⟧")
	require.NotContains(t, said, "<p>")
	t.Setenv("FETTLE_CLEAN", "true")
	require.Equal(t, said, must(t, args...))
}

func TestInspectTakesATokenizerAlone(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, tinymodel.WriteTokenizer(dir))
	code, stdout, stderr := call("", "inspect", "--model_name_or_path", dir, "--dataset", rows(t, 5))
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "── 5 examples")
	require.Contains(t, stderr, "holds a tokenizer and no model")
	code, _, stderr = call("", "inspect", "--model_name_or_path", t.TempDir(), "--dataset", rows(t, 5))
	require.NotZero(t, code, "an empty directory")
	require.NotContains(t, stderr, "holds a tokenizer")
}

func TestInspectShowsWhyNothingIsLearned(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	for _, more := range [][]string{nil, {"--json"}, {"--html", page}} {
		code, stdout, stderr := call("", append([]string{"inspect", "--model_name_or_path", tiny(t, tinymodel.Config{}),
			"--dataset", rows(t, 2), "--max_seq_length", "8", "--recipe", "alpaca"}, more...)...)
		require.Equal(t, exitData, code)
		require.Contains(t, stderr, "no record has a learned token")
		if more == nil {
			require.Contains(t, stdout, "2 of 2 rows are longer than max_seq_length 8")
			require.Contains(t, stdout, "no-learned-tokens")
		}
	}
	require.FileExists(t, page)
}

func TestInspectSaysWhereThePromptIsLearned(t *testing.T) {
	for recipe, says := range map[string]bool{"alpaca-lora": true, "alpaca": false} {
		stdout := must(t, "inspect", "--model_name_or_path", tiny(t, tinymodel.Config{}), "--dataset", rows(t, 5),
			"--recipe", recipe)
		require.Equal(t, says, strings.Contains(stdout, "those of the prompts too"), recipe)
	}
}
