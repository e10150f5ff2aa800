package convert_test

import (
	"errors"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"fettle/data/recipe"
	"fettle/internal/jinja"
	"fettle/model/convert"
)

func TestRecipesBecomeTemplatesOfOllama(t *testing.T) {
	translated := 0
	for _, r := range recipe.All() {
		l, err := convert.NewLayout(r, "<s>", []string{"</s>"})
		if err != nil {
			require.ErrorContains(t, err, "does more than put text around messages", r.Name)
			continue
		}
		translated++
		text, err := l.Ollama()
		require.NoError(t, err)
		require.NotContains(t, text, "MARK")
		require.NotContains(t, l.Jinja(true), "MARK")
		_, err = jinja.Parse(l.Jinja(true))
		require.NoError(t, err, r.Name)
	}
	require.Greater(t, translated, len(recipe.All())/2)

	alpaca, err := recipe.Find("alpaca-lora-short")
	require.NoError(t, err)
	l, err := convert.NewLayout(alpaca, "", nil)
	require.NoError(t, err)
	text, err := l.Ollama()
	require.NoError(t, err)
	require.Equal(t, "### Instruction:\n{{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }}\n\n### Response:\n"+
		"{{ .Response }}", text)
}

// chatML lays conversations out as ChatML, with a default system message.
func chatML(c recipe.Conversation, open bool) ([]recipe.Segment, error) {
	var b strings.Builder
	say := func(role, text string) { b.WriteString("<|im_start|>" + role + "\n" + text + "<|im_end|>\n") }
	if c.System == "" {
		c.System = "You are kind."
	}
	say("system", c.System)
	for _, turn := range c.Turns {
		say(string(turn.Role), turn.Text)
	}
	if open {
		b.WriteString("<|im_start|>assistant\n")
	}
	return []recipe.Segment{{Text: b.String(), Markup: true}}, nil
}

func TestAChatTemplateWithADefaultSystemMessageIsTranslated(t *testing.T) {
	r := recipe.Recipe{Name: "chat_template", Chat: true, Render: chatML}
	l, err := convert.NewLayout(r, "<|im_start|>x", []string{"<|im_end|>"})
	require.NoError(t, err)
	require.Equal(t, "<|im_start|>user\n", trim(l))
	text, err := l.Ollama()
	require.NoError(t, err)
	require.Contains(t, text, "{{ if eq $i 0 }}<|im_start|>system\nYou are kind.<|im_end|>\n{{ end }}<|im_start|>user\n"+
		"{{ .Content }}")

	r.Render = func(c recipe.Conversation, open bool) ([]recipe.Segment, error) {
		c.Turns = c.Turns[len(c.Turns)-1:] // forgets
		return chatML(c, open)
	}
	_, err = convert.NewLayout(r, "", nil)
	require.ErrorContains(t, err, "does more than put text around messages")
}

// trim returns the text before a user's message.
func trim(l *convert.Layout) string {
	text := l.Jinja(true)
	text = text[strings.LastIndex(text, "{% else %}"):]
	text = text[strings.LastIndex(text[:strings.LastIndex(text, " + message")], "'<")+1:]
	return strings.ReplaceAll(text[:strings.Index(text, "'")], `\n`, "\n")
}

func TestModelfilesQuoteTheirTexts(t *testing.T) {
	o := convert.Ollama{Template: "{{ .Prompt }}\n", Stop: []string{"### \"x\"\n"}, Parameters: [][2]string{
		{"temperature", "0.7"}}}
	require.Equal(t, "FROM ./model.gguf\n\nTEMPLATE \"\"\"{{ .Prompt }}\n\"\"\"\n\nPARAMETER stop \"\"\"### \"x\"\n"+
		"\"\"\"\nPARAMETER temperature 0.7\n", o.Modelfile())
	// Ollama knows no escapes: what stands between the quotes is the text.
	require.Contains(t, convert.Ollama{Stop: []string{"\n\\n"}}.Modelfile(), "PARAMETER stop \"\n\\n\"\n")
	require.Contains(t, convert.Ollama{Stop: []string{"\u00a0"}}.Modelfile(), "# No stop \"\\u00a0\"")
	require.Contains(t, convert.Ollama{Note: "it is strange"}.Modelfile(), "# No TEMPLATE: it is strange.\n")
}

func TestPlacesOfSystemMessagesAreTranslated(t *testing.T) {
	for _, c := range []struct {
		reason string
		system func(system, user string) (string, error)
		ollama string
		want   string // of Jinja; "": refused
	}{
		{"inside the user's message",
			func(system, user string) (string, error) {
				return "<<SYS>>\n" + system + "\n<</SYS>>\n\n" + user, nil
			},
			"{{ if not (and (eq $i 1) $.System) }}[INST] {{ end }}{{ .Content }}",
			"<s>[INST] <<SYS>>\ns\n<</SYS>>\n\nu [/INST]"},
		{"none", func(_, _ string) (string, error) { return "", errors.New("no place") },
			`{{ if eq .Role "system" }}{{ else if`, ""},
	} {
		r := recipe.Recipe{Name: "chat_template", Chat: true}
		r.Render = func(said recipe.Conversation, _ bool) (_ []recipe.Segment, err error) {
			text := ""
			for i, turn := range said.Turns {
				content := turn.Text
				if i == 0 && said.System != "" {
					if content, err = c.system(said.System, content); err != nil {
						return nil, err
					}
				}
				if i%2 == 0 {
					text += "<s>[INST] " + content + " [/INST]"
				} else {
					text += " " + content + " </s>"
				}
			}
			return []recipe.Segment{{Text: text, Markup: true}}, nil
		}
		l, err := convert.NewLayout(r, "<s>", []string{"</s>"})
		require.NoError(t, err, c.reason)
		text, err := l.Ollama()
		require.NoError(t, err)
		require.Contains(t, text, c.ollama, c.reason)
		parsed, err := jinja.Parse(l.Jinja(true))
		require.NoError(t, err)
		messages, err := jinja.FromJSON(`[{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]`, 0)
		require.NoError(t, err)
		vars := map[string]any{"bos_token": "<s>", "add_generation_prompt": true, "messages": messages}
		got, err := parsed.Render(vars)
		if c.want == "" {
			require.ErrorContains(t, err, "no place for a system message")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, got.String())
	}
}

func TestTemplatesOfOllamaAndOfGGUFSayTheSame(t *testing.T) {
	type message struct{ Role, Content string }
	for _, r := range recipe.All() {
		l, err := convert.NewLayout(r, "", []string{"</s>"})
		if err != nil {
			continue
		}
		for _, system := range []string{"", "Be brief."} {
			if system != "" && l.NoSystem {
				continue
			}
			text := `[{"role": "user", "content": "Hi?"}]`
			said := map[string]any{"System": system, "Prompt": "Hi?", "Response": "", "Messages": []message{{"user", "Hi?"}}}
			if system != "" {
				text = `[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]`
				said["Messages"] = []message{{"system", system}, {"user", "Hi?"}}
			}
			ours, err := l.Ollama()
			require.NoError(t, err)
			var want strings.Builder
			require.NoError(t, template.Must(template.New("").Parse(ours)).Execute(&want, said))
			messages, err := jinja.FromJSON(text, 0)
			require.NoError(t, err)
			parsed, err := jinja.Parse(l.Jinja(false))
			require.NoError(t, err)
			got, err := parsed.Render(map[string]any{"messages": messages, "add_generation_prompt": true})
			require.NoError(t, err)
			require.Equal(t, want.String(), got.String(), r.Name)
		}
	}
}
