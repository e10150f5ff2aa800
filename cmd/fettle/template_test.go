package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/tinymodel"
	"fettle/model/serve"
)

// chatJinja is a template with three control tokens.
const chatJinja = `{{ bos_token }}{% for m in messages %}{{ '<|head|>' + m.role + '<|/head|>' + ` +
	`m.content | trim + '<|end|>' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|head|>assistant<|/head|>' }}{% endif %}`

// chatty writes a model whose tokenizer has chatJinja's tokens, and config as
// its chat_template, nil: none.
func chatty(t testing.TB, template any) string {
	dir := tiny(t, tinymodel.Config{Vocab: tinymodel.TokenizerSize + 3})
	config := map[string]any{"added_tokens_decoder": map[string]any{}}
	for i, name := range []string{"<|head|>", "<|/head|>", "<|end|>"} {
		config["added_tokens_decoder"].(map[string]any)[string([]byte{'2', '8',
			byte('6' + i)})] = map[string]any{"content": name, "special": true}
	}
	if template != nil {
		config["chat_template"] = template
	}
	text, err := json.Marshal(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), text, 0o644))
	return dir
}

// saying writes conversations with the same answer.
func saying(t testing.TB, answer string, n int) string {
	var b strings.Builder
	for i := range n {
		row, err := json.Marshal(map[string]any{"messages": []map[string]string{{"role": "user",
			"content": "say " + string(rune('a'+i))}, {"role": "assistant", "content": answer}}})
		require.NoError(t, err)
		b.Write(append(row, '\n'))
	}
	return file(t, "rows.jsonl", b.String())
}

// The template that a model was trained with is kept with the adapter, renders its
// prompts, and ends its answers.
func TestTheModelsTemplateTrainsAndAnswers(t *testing.T) {
	base, run := chatty(t, chatJinja), filepath.Join(t.TempDir(), "run")
	must(t, "train", "--model_name_or_path", base, "--dataset", saying(t, "ok", 16), "--output_dir", run, "--recipe",
		"chat_template", "--val_size", "0", "--lora_target_modules", "all-linear",
		"--num_train_epochs", "60", "--learning_rate", "2e-2", "--save_steps", "100", "--allow", "identical-answers")
	for _, dir := range []string{run, filepath.Join(run, "checkpoint-000240")} {
		kept, err := os.ReadFile(filepath.Join(dir, "chat_template.jinja"))
		require.NoError(t, err)
		require.Equal(t, chatJinja, string(kept))
	}
	record, err := adapter.ReadRecord(run)
	require.NoError(t, err)
	require.Equal(t, "chat_template", record.Recipe)
	ask := func(more ...string) (string, string) {
		code, out, errs := call("", append([]string{"generate", "--adapter_name_or_path", run, "--prompt", "say c",
			"--temperature", "0", "--max_new_tokens", "20", "--verbose"}, more...)...)
		require.Zero(t, code, errs)
		return out, errs
	}
	answer, why := ask()
	require.Equal(t, "ok\n", answer)
	require.Contains(t, why, "end of text after 3 tokens")
	_, chat, _ := call("say c\n", "chat", "--adapter_name_or_path", run, "--temperature", "0", "--max_new_tokens", "20")
	require.Contains(t, chat, "Recipe    chat_template: the model sees the earlier turns")
	require.Contains(t, chat, "> ok\n")
	e := served(t, source{Adapter: run, Compute: "f32"})
	said, result := reply(t, e, serve.Request{Model: "run",
		Messages: []serve.Message{{Role: "user", Content: "say c"}}})
	require.Equal(t, "ok", said)
	require.False(t, result.Cut)

	// The adapter keeps its template if the base's changes.
	require.NoError(t, os.WriteFile(filepath.Join(base, "chat_template.jinja"),
		[]byte("{% for m in messages %}other {{ m.content }}{% endfor %}"), 0o644))
	again, _ := ask()
	require.Equal(t, answer, again)
	next := filepath.Join(t.TempDir(), "next")
	more := []string{"train", "--adapter_name_or_path", run, "--dataset", saying(t, "ok", 16), "--val_size", "0",
		"--output_dir", next, "--recipe", "chat_template", "--max_steps", "1", "--allow", "identical-answers"}
	must(t, more...)
	kept, err := os.ReadFile(filepath.Join(next, "chat_template.jinja"))
	require.NoError(t, err)
	require.Equal(t, chatJinja, string(kept), "the adapter goes on with its own template")
	for _, name := range []string{"chat_template.jinja", "tokenizer_config.json"} {
		require.NoError(t, os.Remove(filepath.Join(run, name)))
	}
	code, _, stderr := call("", append(more, "--output_dir", filepath.Join(t.TempDir(), "other"))...)
	require.Equal(t, exitData, code)
	require.Contains(t, stderr, "template-mismatch")
	code, _, stderr = call("", "generate", "--adapter_name_or_path", run, "--prompt", "say c")
	require.Equal(t, exitData, code)
	require.Contains(t, stderr, "is chat_template.jinja missing in "+run)
}

func TestInspectMarksTheSpansOfATemplate(t *testing.T) {
	// SentencePiece puts a space in front of every text, also behind control tokens.
	const want = "<s><|head|>user<|/head|> say a<|end|><|head|> assistant<|/head|>⟦ ok<|end|>⟧\n"
	set := saying(t, "ok", 3)
	look := func(base, recipe string) string {
		return must(t, "inspect", "--model_name_or_path", base, "--dataset", set, "--recipe", recipe, "--allow",
			"end-not-learned")
	}
	named := []map[string]string{{"name": "tool_use", "template": "x"}, {"name": "default", "template": chatJinja}}
	for name, template := range map[string]any{"a text": chatJinja, "a list": named} {
		require.Contains(t, look(chatty(t, template), "chat_template"), want, name)
	}
	beside := chatty(t, "something else")
	require.NoError(t, os.WriteFile(filepath.Join(beside, "chat_template.jinja"), []byte(chatJinja), 0o644))
	shown := look(beside, "chat_template")
	require.Contains(t, shown, want)
	require.NotContains(t, shown, "end-not-learned", "<|end|> ends answers, not </s>")
	require.Contains(t, look(chatty(t, nil), file(t, "own.jinja", chatJinja)), want)
}

func TestChatWithoutARecipeUsesTheModelsTemplate(t *testing.T) {
	base := chatty(t, chatJinja)
	code, chat, _ := call("hi\n", "chat", "--model_name_or_path", base, "--max_new_tokens", "3")
	require.Zero(t, code)
	require.Contains(t, chat, "Recipe    chat_template, the model's own")
	ask := func(more ...string) (string, string) {
		code, out, errs := call("", append([]string{"generate", "--model_name_or_path", base, "--temperature", "0",
			"--max_new_tokens", "9"}, more...)...)
		require.Zero(t, code, errs)
		return out, errs
	}
	own, note := ask("--prompt", "hi")
	require.Contains(t, note, "the model's own chat template")
	asked, note := ask("--prompt", "hi", "--recipe", "chat_template")
	require.Equal(t, own, asked)
	require.Empty(t, note)
	e := served(t, source{Model: base, Compute: "f32"})
	nine := 9
	said, _ := reply(t, e, serve.Request{Model: filepath.Base(base),
		Messages: []serve.Message{{Role: "user", Content: "hi"}}, MaxTokens: &nine})
	require.Equal(t, strings.TrimSuffix(own, "\n"), said)
	require.Contains(t, must(t, "init", "--model_name_or_path", base, "--output", "-"),
		"# The model has a chat template of its own: recipe: chat_template uses it.")
	require.Contains(t, must(t, "init", "--model_name_or_path", base, "--recipe", "chat_template", "--output", "-"),
		"\nrecipe: chat_template ")
}

func TestWrongTemplatesAreExplained(t *testing.T) {
	set := saying(t, "ok", 3)
	for _, c := range []struct {
		name     string
		template any
		args     []string
		code     int
		want     string
	}{
		{"no template", nil, []string{"inspect", "--dataset", set, "--recipe", "chat_template"}, exitData,
			"has no chat template"},
		{"no file", nil, []string{"inspect", "--dataset", set, "--recipe", "missing.jinja"}, exitMissing,
			"missing.jinja"},
		{"no such recipe", nil, []string{"inspect", "--dataset", set, "--recipe", "chat_templat"}, exitUsage,
			"chat_template is the model's own"},
		{"a mistake", "a\n{{ b", []string{"inspect", "--dataset", set, "--recipe", "chat_template"}, exitData,
			"line 2: the tag is never closed"},
		{"a refusal", "{{ raise_exception('never on ' ~ messages[0].content) }}",
			[]string{"inspect", "--dataset", set, "--recipe", "chat_template"}, exitData,
			"rows.jsonl:1: chat template"},
		{"a refused prompt", "{{ raise_exception('not today') }}",
			[]string{"generate", "--prompt", "a", "--recipe", "chat_template"}, exitData,
			"the template says: not today"},
		{"endless", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
			[]string{"generate", "--prompt", "a", "--recipe", "chat_template"}, exitData, "it takes too long"},
		{"a broken template that was not requested", "{% if %}", []string{"generate", "--prompt", "a"}, exitUsage,
			"own chat template cannot be used"},
		{"a strange list", []map[string]string{{"name": "rag", "template": "x"}},
			[]string{"inspect", "--dataset", set, "--recipe", "chat_template"}, exitData, "none named default"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, stderr := call("", append(c.args, "--model_name_or_path", chatty(t, c.template))...)
			require.Equal(t, c.code, code, stderr)
			require.Contains(t, stderr, c.want)
		})
	}
	base := chatty(t, "{{ raise_exception('not today') }}")
	_, chat, _ := call("a\n", "chat", "--model_name_or_path", base)
	require.Contains(t, chat, "the template says: not today")
	e := served(t, source{Model: base, Compute: "f32"})
	_, err := e.Answer(t.Context(), serve.Request{Model: filepath.Base(base),
		Messages: []serve.Message{{Role: "user", Content: "hi"}}}, func(string) error { return nil })
	require.ErrorContains(t, err, "the template says: not today")
}

func TestEndsOfTheGenerationConfigEndAnswers(t *testing.T) {
	base := chatty(t, chatJinja)
	for text, want := range map[string][]int32{`{}`: nil, `{"eos_token_id": 5}`: {5},
		`{"eos_token_id": [5, 7]}`: {5, 7}, `{"eos_token_id": null}`: nil} {
		require.NoError(t, os.WriteFile(filepath.Join(base, "generation_config.json"), []byte(text), 0o644))
		s, err := source{Model: base, Compute: "f32"}.open()
		require.NoError(t, err)
		require.Subset(t, s.Ends(), append(want, 2, 288), text)
	}
}
