package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"fettle/data/recipe"
	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/internal/settings"
	"fettle/internal/suggest"
)

// slash is a command of a chat.
type slash struct {
	names []string // without the /, the first is shown
	takes string   // what stands behind it
	help  string
	do    func(c *chatter, rest string) error
}

// slashes lists the commands.
func slashes() []slash {
	return []slash{
		{[]string{"help", "?"}, "", "list the commands", (*chatter).help},
		{[]string{"system"}, "TEXT", "set the system message and begin anew; without a text take it back",
			(*chatter).setSystem},
		{[]string{"set"}, "KEY VALUE", "change a setting of answers; without a value show it, without a key all",
			(*chatter).set},
		{[]string{"retry", "regenerate"}, "", "answer the last message again", (*chatter).retry},
		{[]string{"undo"}, "", "take back the last message and its answer", (*chatter).undo},
		{[]string{"reset", "new", "clear"}, "", "forget the conversation", (*chatter).reset},
		{[]string{"compare"}, "TEXT", "answer a message, without a text the last one, with the base too; on and off: every " +
			"message", (*chatter).compare},
		{[]string{"save"}, "FILE", "write the conversation to a file, a row of a data set", (*chatter).save},
		{[]string{"load"}, "FILE", "go on with the conversation that a file's first row holds", (*chatter).load},
		{[]string{"info", "show"}, "", "tell what answers: model, adapter, recipe, settings", (*chatter).info},
		{[]string{"quit", "exit", "bye"}, "", "end, as Ctrl-D does", func(*chatter, string) error { return errQuit }},
	}
}

// command carries out a command.
func (c *chatter) command(line string) error {
	name, rest, _ := strings.Cut(line, " ")
	if at := strings.IndexAny(line, " \t\n"); at >= 0 {
		name, rest = line[:at], line[at+1:]
	}
	name = strings.TrimPrefix(name, "/")
	var known []string
	for _, s := range slashes() {
		rest, _ := unquoted(rest)
		switch {
		case !slices.Contains(s.names, strings.ToLower(name)):
			known = append(known, s.names...)
			continue
		case s.takes == "" && rest != "":
			return fmt.Errorf("/%s takes nothing behind it, got %q", name, rest)
		}
		return s.do(c, rest)
	}
	near := ""
	if n := suggest.Nearest(strings.ToLower(name), known); n != "" {
		near = ", did you mean /" + n
	}
	return fmt.Errorf("unknown command /%s%s; /help lists commands, and %s/%s …%s sends it as a message", name, near,
		quotes, name, quotes)
}

func (c *chatter) help(string) error {
	width := machine.Width(c.out)
	for _, s := range slashes() {
		fmt.Fprintln(c.out, human.Hang(strings.TrimSpace("/"+s.names[0]+" "+s.takes), s.help, 17, width))
	}
	c.note("")
	c.note("%s begins and ends a message of several lines, or one that begins with /. A paste of several lines is one "+
		"message; a long one is sent whole, though not shown. Ctrl-C stops an answer or clears the line; twice it ends "+
		"the chat.", quotes)
	return nil
}

func (c *chatter) info(string) error { c.introduce(); return nil }

func (c *chatter) reset(string) error {
	c.dialogue.Turns, c.before = nil, 0
	c.note("The conversation is cleared.")
	return nil
}

func (c *chatter) setSystem(text string) error {
	note, err := systemPlace(*c.Recipe, text)
	if err != nil {
		return err
	}
	c.dialogue.System, c.dialogue.Silent, c.dialogue.Turns, c.before = text, false, nil, 0
	switch {
	case note != "":
		c.note("%s. A new conversation begins.", note)
	case text == "":
		c.note("No system message of yours. A new conversation begins.")
	default:
		c.note("The system message is set. A new conversation begins.")
	}
	return nil
}

// lastQuestion returns the place of the last turn that asks, -1 if there is none.
func lastQuestion(turns []recipe.Turn) int {
	for i, t := range slices.Backward(turns) {
		if t.Asks() {
			return i
		}
	}
	return -1
}

func (c *chatter) retry(string) error {
	i := lastQuestion(c.dialogue.Turns)
	if i < 0 {
		return errors.New("there is no message to answer again")
	}
	before := slices.Clone(c.dialogue.Turns)
	c.dialogue.Turns = c.dialogue.Turns[:i+1]
	err := c.answer()
	if err != nil {
		c.dialogue.Turns = before
	}
	return err
}

func (c *chatter) undo(string) error {
	i := lastQuestion(c.dialogue.Turns)
	if i < 0 {
		return errors.New("there is no message to take back")
	}
	c.dialogue.Turns = c.dialogue.Turns[:i]
	c.before = min(c.before, i)
	c.note("Taken back; turns of the conversation: %d.", i)
	return nil
}

// set shows settings or changes one.
func (c *chatter) set(rest string) error {
	rest = strings.TrimLeft(rest, "-")
	key, value, has := strings.Cut(rest, " ")
	if k, v, equals := strings.Cut(key, "="); equals {
		key, value, has = k, v+strings.TrimPrefix(" "+value, " "), true
	}
	sampling, verbose := c.sampling, struct {
		Verbose bool `yaml:"verbose" help:"print the speed and the settings behind each answer"`
	}{c.verbose}
	fields := append(settings.Fields(&sampling), settings.Fields(&verbose)...)
	key = strings.ReplaceAll(strings.ToLower(key), "-", "_")
	if key == "system" {
		return c.setSystem(strings.TrimSpace(value))
	}
	var known []string
	for _, f := range fields {
		known = append(known, f.Key)
		switch {
		case key == "":
			fmt.Fprintln(c.out, human.Hang(f.Key, shown(f), 21, machine.Width(c.out)))
			continue
		case f.Key != key && !slices.Contains(f.Aliases, key):
			continue
		case !has:
			c.note("%s is %s (%s).", f.Key, shown(f), f.Help)
			return nil
		}
		if err := f.Set(strings.TrimSpace(value)); err != nil {
			return fmt.Errorf("%s: %w", f.Key, err)
		}
		if err := sampling.Check(); err != nil {
			return err
		}
		c.sampling, c.verbose = sampling, verbose.Verbose
		c.note("%s is %s.", f.Key, shown(f))
		notSampled(sampling, func(key string) bool { return key == f.Key }, c.out)
		return nil
	}
	if key != "" {
		return suggest.Unknown("setting", key, append(known, "system"))
	}
	return nil
}

// shown writes the value of a setting.
func shown(f settings.Field) string {
	switch v := f.Value.Interface().(type) {
	case []string:
		if len(v) == 0 {
			return "none"
		}
		return fmt.Sprintf("%q", v)
	default:
		return fmt.Sprint(v)
	}
}

// compare lets the base answer too.
func (c *chatter) compare(rest string) error {
	if err := c.openBase(); err != nil {
		return err
	}
	switch rest {
	case "on", "off":
		c.both = rest == "on"
		c.note("%s", map[bool]string{true: "The base answers every message too; /compare off ends that.",
			false: "The tuned model answers alone."}[c.both])
		return nil
	case "":
		if lastQuestion(c.dialogue.Turns) < 0 {
			return errors.New("there is no message to compare answers to: /compare TEXT answers one")
		}
		return c.askBase()
	}
	defer func(both bool) { c.both = both }(c.both)
	c.both = true
	return c.ask(rest)
}

// openBase makes the model without the adapter ready.
func (c *chatter) openBase() error {
	if c.from.Adapter == "" {
		return errors.New("there is nothing to compare: the model has no adapter, it is the base")
	}
	if c.base == nil {
		bare, err := withoutAdapter(c.Model, c.from)
		if err != nil {
			return err
		}
		c.base = bare.Converse()
	}
	return nil
}

// askBase prints the base's answer to the last question, after the turns that the tuned model saw, with the settings
// of the last answer.
func (c *chatter) askBase() error {
	if err := c.openBase(); err != nil {
		return err
	}
	d := c.seen()
	prompt, _, err := c.base.Fit(&d, c.sampling.MaxNewTokens)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out, "base:")
	_, err = c.say(c.base, prompt)
	return err
}
