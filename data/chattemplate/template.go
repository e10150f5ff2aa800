package chattemplate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/data/encode"
	"fettle/data/recipe"
	"fettle/internal/jinja"
)

// Templates holds a model's chat templates in Jinja.
type Templates struct {
	Default string
	ToolUse string // for conversations with tools; "": Default
}

// layout lays conversations out by templates.
type layout struct {
	name           string // of the file
	plain, toolUse *jinja.Template
	vars           map[string]any // given to every rendering
	controls       []string       // names of control tokens, longest first
	style          callStyle
}

// Recipe returns the recipe of a model's chat templates; name is their file. The
// templates print the whole sequence, BOS and ends too. Only their own text can
// become control tokens, never that of a conversation.
//
// The learned spans are those inside {% generation %} if a template has it.
// Otherwise they are the assistant's turns as printed, from the end of the
// generation prompt to the token that ends the turn.
//
// The date is always the same for templates, so that training and every later
// conversation have the same text.
func Recipe(name string, t Templates, tok encode.Tokenizer) (recipe.Recipe, error) {
	l := &layout{name: name, vars: map[string]any{
		"tools": nil, "documents": nil, "strftime_now": jinja.Clock(oneDay.Replace),
	}}
	var err error
	if l.plain, err = jinja.Parse(t.Default); err == nil {
		l.toolUse = l.plain
		if t.ToolUse != "" {
			l.toolUse, err = jinja.Parse(t.ToolUse)
		}
	}
	if err != nil {
		return recipe.Recipe{}, fmt.Errorf("chat template %s: %w", name, err)
	}
	l.controls = encode.ControlTokens(tok).Names
	if s, ok := tok.(encode.Speller); ok {
		for variable, id := range map[string]int32{"bos_token": tok.BOS(), "eos_token": tok.EOS()} {
			if id >= 0 {
				l.vars[variable] = s.Piece(id)
			}
		}
	}
	sum := sha256.Sum256([]byte(t.Default + "\x00" + t.ToolUse))
	r := recipe.Recipe{
		Name: "chat_template", Source: name, Cutoff: 2048,
		Note: "the model's own chat template; its date of today is always 26 July 2024",
		Chat: true, BOS: recipe.NoToken, Render: l.segments, RenderKey: hex.EncodeToString(sum[:]),
	}
	l.probe(&r)
	return r, nil
}

// oneDay formats the one moment that templates are given.
var oneDay = strings.NewReplacer(
	"%Y", "2024", "%y", "24", "%m", "07", "%b", "Jul", "%B", "July", "%d", "26", "%e", "26", "%j", "208",
	"%A", "Friday", "%a", "Fri", "%H", "12", "%I", "12", "%M", "00", "%S", "00", "%p", "PM", "%%", "%",
)

// probe renders small conversations to find out how the templates take tool calls,
// whether they print the tools, and what ends an answer. It sets l.style and the
// recipe's Tools, Ends and Stop, as far as the templates render.
func (l *layout) probe(r *recipe.Recipe) {
	const tool, argument = "probing_tool", "probing_argument"
	ask := recipe.Turn{Role: recipe.User, Text: "a"}
	call := recipe.Turn{
		Role: recipe.Assistant, Calls: `[{"name": "` + tool + `", "arguments": {"b": "` + argument + `"}}]`,
	}
	with := recipe.Conversation{
		Turns: []recipe.Turn{ask, call, {Role: recipe.Tool, Text: "c"}},
		Tools: `[{"name": "` + tool + `", "description": "d", "parameters": {"type": "object", "properties": {}}}]`,
	}
	var costly *jinja.Error
	for _, style := range callStyles {
		l.style = style
		out, err := l.render(with, 2, false)
		if errors.As(err, &costly) && costly.Costly {
			l.style = asText
			return
		}
		own := ownText(out, turnID(1))
		if err == nil && strings.Contains(own, tool) && strings.Contains(own, argument) {
			if token, _ := l.closing(out); token != "" {
				r.Ends = []string{token}
			}
			break
		}
		l.style = asText
	}
	offer := with
	offer.Turns = offer.Turns[:1]
	out, err := l.render(offer, 1, true)
	r.Tools = err == nil && strings.Contains(ownText(out, toolsID), tool)
	shown := recipe.Conversation{Turns: []recipe.Turn{ask, {Role: recipe.Assistant, Text: "b"}}}
	if out, err = l.render(shown, 2, false); err != nil {
		shown.Tools = with.Tools // some templates require them
		out, err = l.render(shown, 2, false)
	}
	switch token, text := l.closing(out); {
	case err != nil:
	case token != "" && !slices.Contains(r.Ends, token):
		r.Ends = append(r.Ends, token)
	case token == "" && text != "":
		r.Stop = []string{text}
	}
}

// closing returns the text that a template prints behind the second turn: the
// last control token, "" if there is none, and all of it.
func (l *layout) closing(out jinja.Text) (token, text string) {
	whole, own, _ := extent(out, turnID(1))
	if own.to == 0 || whole.to <= own.to {
		return "", ""
	}
	text = strings.TrimSpace(out.String()[own.to:whole.to])
	for rest := text; ; {
		at, name := encode.NextControl(rest, l.controls)
		if at < 0 {
			return token, text
		}
		token, rest = name, rest[at+len(name):]
	}
}

// render renders the first n turns of a conversation; open: with the generation
// prompt.
func (l *layout) render(c recipe.Conversation, n int, open bool) (jinja.Text, error) {
	c.Turns = c.Turns[:n]
	vars := map[string]any{"add_generation_prompt": open}
	maps.Copy(vars, l.vars)
	messages, err := l.messages(c)
	if err != nil {
		return jinja.Text{}, err
	}
	vars["messages"] = messages
	t := l.plain
	if tools, err := toolList(c.Tools); err != nil {
		return jinja.Text{}, err
	} else if tools != nil {
		vars["tools"], t = tools, l.toolUse
	}
	return t.Render(vars)
}

// segments lays a conversation out. It is a recipe.Render.
func (l *layout) segments(c recipe.Conversation, open bool) ([]recipe.Segment, error) {
	fail := func(err error) ([]recipe.Segment, error) {
		err = fmt.Errorf("chat template %s: %w", l.name, err)
		if c.Source != "" {
			err = fmt.Errorf("read %s: %w", c.Source, err)
		}
		return nil, err
	}
	out, err := l.render(c, len(c.Turns), open)
	if err == nil {
		err = complete(c, out)
	}
	if err != nil {
		return fail(err)
	}
	var learned []span
	if !open {
		if learned, err = l.learned(c, out); err != nil {
			return fail(err)
		}
	}
	return cut(out, learned), nil
}

// complete refuses a rendering without the text of a turn or of the system message:
// the model would learn answers to text that it does not see.
func complete(c recipe.Conversation, out jinja.Text) error {
	shown := map[int32]bool{}
	for _, r := range out.Runs() {
		shown[r.From] = true
	}
	if strings.TrimSpace(c.System) != "" && !shown[systemID] {
		return errors.New("it omits the system message")
	}
	for i, t := range c.Turns {
		if strings.TrimSpace(t.Content()+t.Calls) != "" && !shown[turnID(i)] {
			return fmt.Errorf("it omits turn %d, the %s's", i+1, t.Role)
		}
	}
	return nil
}
