package convert

import (
	"errors"
	"fmt"
	"strings"
	"text/template"

	"fettle/data/recipe"
)

// Layout is a prompt template as text around the messages of each role: what recipes and most chat templates come to,
// and what Ollama's templates can say.
type Layout struct {
	Begin           string // before a first message that is the user's; a default system message may be in it
	System, User    around
	Assistant       around
	Answer          string // before the answer to come
	Single          bool   // one instruction alone, the last
	SystemInsideAsk bool   // of Single: the system message stands in front of the instruction
	SystemInside    bool   // the user's message behind a system message has no text of its own before it (LLaMA 2)
	NoSystem        bool   // there is no place for a system message (Mistral)
}

// around is the text before and after a message.
type around struct{ before, after string }

// Marks of messages, which templates leave as they are.
const (
	systemMark, userMark, otherMark, answerMark = "MARKSYSTEM", "MARKUSER", "MARKOTHER", "MARKANSWER"
)

// NewLayout finds the layout of a recipe. ends are texts that end an answer, as <|im_end|>; bos is the text of BOS, if
// the tokenizer adds it. A recipe that does more than put text around messages is an error.
func NewLayout(r recipe.Recipe, bos string, ends []string) (*Layout, error) {
	render := func(c recipe.Conversation) (string, error) { return prompt(r, c, bos, ends) }
	if !r.Converses() {
		return singleLayout(render)
	}
	var l Layout
	one, err := render(conversation("", userMark))
	if err != nil {
		return nil, err
	}
	three, err := render(conversation("", userMark, answerMark, otherMark))
	if err != nil {
		return nil, err
	}
	head, open, ok := strings.Cut(one, userMark)
	var middle, back string
	if ok {
		_, middle, ok = strings.Cut(three, userMark)
		middle, back, ok = cutAnd(ok, middle, answerMark)
		back, _, ok = cutAnd(ok, back, otherMark)
	}
	if !ok {
		return nil, errNoLayout
	}
	l.Answer, l.Assistant.before = open, middle
	l.User.before = commonEnd(head, back)
	for _, end := range ends { // belongs to the answer before
		if i := strings.LastIndex(l.User.before, end); end != "" && i >= 0 {
			rest := l.User.before[i+len(end):]
			l.User.before = strings.TrimLeft(rest, "\n ")
		}
	}
	l.Begin = strings.TrimSuffix(head, l.User.before)
	l.Assistant.after = strings.TrimSuffix(back, l.User.before)
	with, err := render(conversation(systemMark, userMark))
	if l.NoSystem = err != nil; !l.NoSystem {
		before, rest, found := strings.Cut(with, systemMark)
		after, _, asks := cutAnd(found, rest, userMark)
		if !asks {
			return nil, errNoLayout
		}
		l.SystemInside = !strings.HasSuffix(after, l.User.before)
		if l.System = (around{before, after}); !l.SystemInside {
			l.System.after = strings.TrimSuffix(after, l.User.before)
		}
	}
	return &l, l.check(render)
}

var errNoLayout = errors.New("the prompt template does more than put text around messages")

func cutAnd(ok bool, text, mark string) (before, after string, found bool) {
	before, after, found = strings.Cut(text, mark)
	return before, after, ok && found
}

// singleLayout is the layout of a recipe for one instruction.
func singleLayout(render func(recipe.Conversation) (string, error)) (*Layout, error) {
	text, err := render(conversation("", userMark))
	if err != nil {
		return nil, err
	}
	before, after, ok := strings.Cut(text, userMark)
	if !ok {
		return nil, errNoLayout
	}
	l := &Layout{Single: true, User: around{before: before}, Answer: after}
	with, err := render(conversation(systemMark, userMark))
	l.SystemInsideAsk = err == nil && with == before+systemMark+"\n\n"+userMark+after
	l.NoSystem = !l.SystemInsideAsk
	return l, nil
}

// conversation makes one of a system message and turns of user and assistant.
func conversation(system string, turns ...string) recipe.Conversation {
	c := recipe.Conversation{System: system}
	for i, text := range turns {
		role := recipe.User
		if i%2 == 1 {
			role = recipe.Assistant
		}
		c.Turns = append(c.Turns, recipe.Turn{Role: role, Text: text})
	}
	return c
}

// prompt renders a conversation up to the next answer, without the BOS that the tokenizer adds.
func prompt(r recipe.Recipe, c recipe.Conversation, bos string, ends []string) (string, error) {
	segments, err := r.PromptSegments(c)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, s := range segments {
		b.WriteString(s.Text)
		if s.End && len(ends) > 0 {
			b.WriteString(ends[0])
		}
	}
	text := b.String()
	if n := len(segments); n > 0 && !segments[n-1].Markup {
		text = strings.TrimSuffix(text, " ")
	}
	if bos != "" {
		text = strings.TrimPrefix(text, bos)
	}
	return text, nil
}

// check renders dialogues with the layout and compares them with the recipe's own text.
func (l *Layout) check(render func(recipe.Conversation) (string, error)) error {
	text, err := l.Ollama()
	if err != nil {
		return err
	}
	t, err := template.New("").Parse(text)
	if err != nil {
		return fmt.Errorf("template for Ollama: %w", err)
	}
	for _, c := range []recipe.Conversation{
		conversation("", "Hi?"), conversation("", "a", "b", "c d"), conversation("s", "u"),
		conversation("Be brief.", "one", "two", "three", "four", "five"),
	} {
		want, err := render(c)
		if err != nil && c.System != "" {
			continue // the recipe has no place for a system message
		}
		if err != nil {
			return err
		}
		type message struct{ Role, Content string }
		var messages []message
		if c.System != "" {
			messages = append(messages, message{"system", c.System})
		}
		for _, turn := range c.Turns {
			messages = append(messages, message{string(turn.Role), turn.Text})
		}
		var b strings.Builder
		if err := t.Execute(&b, map[string]any{"Messages": messages, "System": c.System}); err != nil {
			return err
		}
		if b.String() != want {
			return errNoLayout
		}
	}
	return nil
}

// commonEnd returns the longest common suffix.
func commonEnd(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return a[len(a)-n:]
}

// Ollama returns the template as Ollama has it, in the language of Go's text/template.
func (l *Layout) Ollama() (string, error) {
	for _, text := range []string{l.Begin, l.System.before, l.System.after, l.User.before, l.Answer, l.Assistant.before,
		l.Assistant.after} {
		if strings.Contains(text, "{{") || strings.Contains(text, `"""`) {
			return "", errNoLayout
		}
	}
	if l.Single {
		system := ""
		if l.SystemInsideAsk {
			system = "{{ if .System }}{{ .System }}\n\n{{ end }}"
		}
		return l.User.before + system + "{{ .Prompt }}" + l.Answer + "{{ .Response }}", nil
	}
	var b strings.Builder
	b.WriteString(`{{ range $i, $_ := .Messages }}`)
	b.WriteString(`{{ if eq .Role "system" }}`)
	if !l.NoSystem {
		b.WriteString(l.System.before + `{{ .Content }}` + l.System.after)
	}
	b.WriteString(`{{ else if eq .Role "assistant" }}` + l.Assistant.before + `{{ .Content }}` + l.Assistant.after)
	b.WriteString(`{{ else }}`)
	const behindSystem = `and (eq $i 1) $.System` // where the first message is the system's
	switch {
	case l.SystemInside:
		b.WriteString(`{{ if not (` + behindSystem + `) }}`)
	case l.NoSystem && l.Begin != "":
		b.WriteString(`{{ if ` + behindSystem + ` }}` + l.Begin + `{{ end }}`)
	}
	if l.Begin != "" {
		b.WriteString(`{{ if eq $i 0 }}` + l.Begin + `{{ end }}`)
	}
	b.WriteString(l.User.before)
	if l.SystemInside {
		b.WriteString(`{{ end }}`)
	}
	b.WriteString(`{{ .Content }}{{ end }}{{ end }}` + l.Answer)
	return b.String(), nil
}

// Jinja returns the template as the chat template of a model. With bos it begins with BOS, which programs do not add to
// what a chat template prints.
func (l *Layout) Jinja(bos bool) string {
	if bos {
		return "{{ bos_token }}" + l.Jinja(false)
	}
	quote := func(text string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`).Replace(text) + "'"
	}
	if l.Single {
		system := ""
		if l.SystemInsideAsk {
			system = "(messages[0]['content'] + " + quote("\n\n") + " if messages[0]['role'] == 'system' else '') + "
		}
		return "{% for message in messages %}{% if message['role'] == 'user' and loop.last %}{{ " + quote(l.User.before) +
			" + " + system + "message['content'] + " + quote(l.Answer) + " }}{% endif %}{% endfor %}"
	}
	put := func(a around) string {
		return "{{ " + quote(a.before) + " + message['content'] + " + quote(a.after) + " }}"
	}
	begin := ""
	if l.Begin != "" {
		begin = "{% if loop.first %}{{ " + quote(l.Begin) + " }}{% endif %}"
	}
	system, user := put(l.System), begin+put(l.User)
	switch {
	case l.NoSystem:
		system = "{{ raise_exception('the prompt has no place for a system message') }}"
	case l.SystemInside:
		user = "{% if loop.index0 == 1 and messages[0]['role'] == 'system' %}" + put(around{after: l.User.after}) +
			"{% else %}" + user + "{% endif %}"
	}
	return "{% for message in messages %}{% if message['role'] == 'system' %}" + system +
		"{% elif message['role'] == 'assistant' %}" + put(l.Assistant) + "{% else %}" + user +
		"{% endif %}{% endfor %}{% if add_generation_prompt %}{{ " + quote(l.Answer) + " }}{% endif %}"
}
