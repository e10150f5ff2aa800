package chattemplate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fettle/data/encode"
	"fettle/data/recipe"
	"fettle/internal/jinja"
)

// Templates are a model's own templates in Jinja, as tokenizers bring them.
type Templates struct {
	Default string
	ToolUse string // for conversations with tools; "": Default is for all
}

// chat lays conversations out by such templates.
type chat struct {
	name           string // of the file
	plain, toolUse *jinja.Template
	vars           map[string]any // what every rendering is given
	controls       []string       // names of control tokens, longest first
	style          callStyle
}

// Recipe makes the recipe of a model's own templates; name is where they
// are from. They say all there is in a sequence, BOS and ends too. Only their
// own words can become control tokens, never those of a conversation.
//
// Learned is what {% generation %} encloses, where a template has that.
// Otherwise it is what the template prints for an assistant's turn: behind the
// words it also prints to ask for an answer, up to the token that ends the turn.
//
// Templates are told no date but one, so that a model is trained and talked to
// in the same words every day.
func Recipe(name string, t Templates, tok encode.Tokenizer) (recipe.Recipe, error) {
	h := &chat{name: name, vars: map[string]any{"tools": nil, "documents": nil, "strftime_now": jinja.Clock(oneDay.Replace)}}
	var err error
	if h.plain, err = jinja.Parse(t.Default); err == nil {
		h.toolUse = h.plain
		if t.ToolUse != "" {
			h.toolUse, err = jinja.Parse(t.ToolUse)
		}
	}
	if err != nil {
		return recipe.Recipe{}, fmt.Errorf("chat template %s: %w", name, err)
	}
	h.controls = encode.ControlTokens(tok).Names
	if s, ok := tok.(encode.Speller); ok {
		for variable, id := range map[string]int32{"bos_token": tok.BOS(), "eos_token": tok.EOS()} {
			if id >= 0 {
				h.vars[variable] = s.Piece(id)
			}
		}
	}
	sum := sha256.Sum256([]byte(t.Default + "\x00" + t.ToolUse))
	r := recipe.Recipe{
		Name: "chat_template", Source: name, Note: "the model's own chat template; what it calls today is 26 July 2024 always", Cutoff: 2048,
		Chat: true, BOS: recipe.NoToken, Render: h.lay, RenderKey: hex.EncodeToString(sum[:]),
	}
	h.probe(&r)
	return r, nil
}

// oneDay writes the only moment that templates know.
var oneDay = strings.NewReplacer("%d", "26", "%e", "26", "%m", "07", "%b", "Jul", "%B", "July", "%Y", "2024", "%y", "24", "%A", "Friday", "%a", "Fri",
	"%H", "12", "%I", "12", "%M", "00", "%S", "00", "%p", "PM", "%j", "208", "%%", "%")

// probe finds out how a template wants calls of tools, whether it offers tools,
// and what ends its answers. What a template refuses to say stays unknown.
func (h *chat) probe(r *recipe.Recipe) {
	const tool, argument = "probing_tool", "probing_argument"
	ask := recipe.Turn{Role: recipe.User, Text: "a"}
	call := recipe.Turn{Role: recipe.Assistant, Calls: `[{"name": "` + tool + `", "arguments": {"b": "` + argument + `"}}]`}
	with := recipe.Conversation{Turns: []recipe.Turn{ask, call, {Role: recipe.Tool, Text: "c"}}, Tools: `[{"name": "` + tool + `", "description": "d", "parameters": {"type": "object", "properties": {}}}]`}
	var costly *jinja.Error
	for _, style := range callStyles {
		h.style = style
		out, err := h.render(with, 2, false)
		if errors.As(err, &costly) && costly.Costly {
			h.style = asText
			return
		}
		if own := ownText(out, turnID(1)); err == nil && strings.Contains(own, tool) && strings.Contains(own, argument) {
			if token, _ := h.closing(out); token != "" {
				r.Ends = []string{token}
			}
			break
		}
		h.style = asText
	}
	offer := with
	offer.Turns = offer.Turns[:1]
	out, err := h.render(offer, 1, true)
	r.Tools = err == nil && strings.Contains(ownText(out, toolsID), tool)
	said := recipe.Conversation{Turns: []recipe.Turn{ask, {Role: recipe.Assistant, Text: "b"}}}
	if out, err = h.render(said, 2, false); err != nil {
		said.Tools = with.Tools // some templates want them
		out, err = h.render(said, 2, false)
	}
	switch token, text := h.closing(out); {
	case err != nil:
	case token != "" && !slices.Contains(r.Ends, token):
		r.Ends = append(r.Ends, token)
	case token == "" && text != "":
		r.Stop = []string{text}
	}
}

// closing is what a template prints behind the words of the second turn: the
// last control token, if there is one, and all of the text.
func (h *chat) closing(out jinja.Text) (token, text string) {
	whole, own, _ := extent(out, turnID(1))
	if own.to == 0 || whole.to <= own.to {
		return "", ""
	}
	text = strings.TrimSpace(out.String()[own.to:whole.to])
	for rest := text; ; {
		at, name := encode.NextControl(rest, h.controls)
		if at < 0 {
			return token, text
		}
		token, rest = name, rest[at+len(name):]
	}
}

// render renders the first n turns of a conversation; open asks for an answer.
func (h *chat) render(c recipe.Conversation, n int, open bool) (jinja.Text, error) {
	c.Turns = c.Turns[:n]
	vars := map[string]any{"add_generation_prompt": open}
	for name, v := range h.vars {
		vars[name] = v
	}
	messages, err := h.messages(c)
	if err != nil {
		return jinja.Text{}, err
	}
	vars["messages"] = messages
	t := h.plain
	if tools, err := toolList(c.Tools); err != nil {
		return jinja.Text{}, err
	} else if tools != nil {
		vars["tools"], t = tools, h.toolUse
	}
	return t.Render(vars)
}

// lay lays a conversation out. It is recipe.Recipe.Render.
func (h *chat) lay(c recipe.Conversation, open bool) ([]recipe.Segment, error) {
	fail := func(err error) ([]recipe.Segment, error) {
		err = fmt.Errorf("chat template %s: %w", h.name, err)
		if c.Source != "" {
			err = fmt.Errorf("read %s: %w", c.Source, err)
		}
		return nil, err
	}
	out, err := h.render(c, len(c.Turns), open)
	if err == nil {
		err = left(c, out)
	}
	if err != nil {
		return fail(err)
	}
	var learned []span
	if !open {
		if learned, err = h.learned(c, out); err != nil {
			return fail(err)
		}
	}
	return segments(out, learned), nil
}

// left refuses a rendering that leaves out what somebody says: a model would
// learn answers to what it is not told.
func left(c recipe.Conversation, out jinja.Text) error {
	said := map[int32]bool{}
	for _, r := range out.Runs() {
		said[r.From] = true
	}
	if strings.TrimSpace(c.System) != "" && !said[systemID] {
		return errors.New("it leaves out the system message here")
	}
	for i, t := range c.Turns {
		if strings.TrimSpace(t.Content()+t.Calls) != "" && !said[turnID(i)] {
			return fmt.Errorf("it leaves out turn %d, the %s's", i+1, t.Role)
		}
	}
	return nil
}
