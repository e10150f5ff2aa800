package chat

import (
	"errors"
	"fmt"

	"fettle/data/recipe"
	"fettle/model/serve"
)

// wrong returns a mistake in a request, which is about a field unless the error names another.
func wrong(field string, err error) error {
	var known serve.Wrong
	if errors.As(err, &known) {
		return known
	}
	return serve.Wrong{Param: field, Message: err.Error()}
}

// messages renders the chat of a request in the recipe and leaves room tokens for the answer. Only a request with
// Truncate loses messages, the oldest ones; leftOut is their number.
func (c *Conversation) messages(r serve.Request, room int) (prompt []int32, leftOut int, err error) {
	if c.Recipe == nil {
		return nil, 0, errors.New("this model has no prompt for chats: start the server with --recipe, or use " +
			"/v1/completions")
	}
	d, err := c.conversation(r.Messages)
	if err != nil {
		return nil, 0, err
	}
	if n := len(d.Turns); n > 1 && !c.Recipe.Converses() {
		if !r.Truncate {
			return nil, 0, fmt.Errorf("the prompt of recipe %s takes one instruction and knows no history, the chat has %d "+
				"messages: send the last one only; \"truncate\": true leaves out the others", c.Recipe.Name, n)
		}
		leftOut, d.Turns = n-1, d.Turns[n-1:]
	}
	if !r.Truncate {
		prompt, err = c.Render(d)
		return prompt, 0, err
	}
	prompt, forgotten, err := c.Fit(&d, room)
	return prompt, leftOut + forgotten, err
}

// conversation translates messages. It refuses what the recipe would lay out elsewhere or not at all.
func (c *Conversation) conversation(messages []serve.Message) (d recipe.Conversation, err error) {
	at := func(i int, format string, values ...any) error {
		return serve.Wrong{Param: fmt.Sprintf("messages[%d]", i),
			Message: fmt.Sprintf("messages[%d]: ", i) + fmt.Sprintf(format, values...)}
	}
	for i, m := range messages {
		t := recipe.Turn{Role: recipe.Role(m.Role), Text: m.Content, Calls: m.Calls, CallID: m.CallID, Name: m.Name}
		switch {
		case t.Role == recipe.System && i == 0 && (t.Text != "" || c.Recipe.Chat):
			d.System, d.Silent = t.Text, t.Text == ""
			continue
		case t.Text == "" && t.Calls == "" && t.Role != recipe.Tool:
			return d, at(i, "it is empty")
		case c.Recipe.Chat:
		case t.Role == recipe.System:
			return d, at(i, "the prompt of recipe %s has a place for one system message, the first message", c.Recipe.Name)
		case t.Role == recipe.Tool || t.Calls != "":
			return d, at(i, "the prompt of recipe %s has no place for tool calls and their results", c.Recipe.Name)
		}
		d.Turns = append(d.Turns, t)
	}
	switch n := len(d.Turns); {
	case n == 0:
		return d, errors.New("there is no message of the user's")
	case !d.Turns[n-1].Asks():
		return d, at(len(messages)-1, "it is the %s's, but the last message must be the user's", d.Turns[n-1].Role)
	}
	return d, nil
}

// said returns the text of a request's prompt.
func (c *Conversation) said(r serve.Request) string {
	if r.Tokens == nil {
		return r.Prompt
	}
	return c.Tokenizer.Decode(r.Tokens)
}

// text tokenizes a text to continue, or checks the token ids of a request.
func (c *Conversation) text(r serve.Request) ([]int32, error) {
	if r.Tokens == nil {
		return c.Raw(r.Prompt), nil
	}
	for _, id := range r.Tokens {
		if vocab := c.Weights.Config().Vocab; id < 0 || int(id) >= vocab {
			return nil, fmt.Errorf("token %d is outside the vocabulary of %d", id, vocab)
		}
	}
	if len(r.Tokens) == 0 {
		return nil, errors.New("the prompt has no tokens")
	}
	return r.Tokens, nil
}
