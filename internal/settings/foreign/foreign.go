// Package foreign reads the settings of other programs: LLaMA-Factory, axolotl, transformers' Trainer, TRL, Alpaca-LoRA
// and mlx-lm. Each of their keys is the same here, the same under another name, without effect here, or refused, which
// the tables of this package state with the reason. A file that has keys of one program alone takes that program's
// defaults for what it leaves out.
package foreign

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/internal/settings"
)

// Reader translates entries. It implements settings.Others.
type Reader struct {
	Own     []string // names and aliases of this program's settings
	Recipes []string // values of recipe

	LoRA, Full string // values of finetuning_type
	NF4        string // the value of quantization for 4 bits
}

// Keys lists the keys of other programs.
func (r Reader) Keys() []string { return slices.Sorted(maps.Keys(facts())) }

// work is a translation under way.
type work struct {
	Reader
	program program
	given   map[string]settings.Entry // the strongest of each key
	out     settings.Translation
}

// Translate replaces other programs' keys. Entries of this program's own keys pass as they are, but for the few that
// have other values in other programs.
func (r Reader) Translate(entries []settings.Entry) settings.Translation {
	w := &work{Reader: r, given: map[string]settings.Entry{}}
	for _, e := range entries {
		if old, ok := w.given[e.Key]; !ok || old.Place.Strength <= e.Place.Strength {
			w.given[e.Key] = e
		}
	}
	w.program = r.recognized(entries)
	w.out.Program = w.program.name
	known := facts()
	for _, e := range entries {
		if w.component(e) {
			continue
		}
		f, ok := known[e.Key]
		switch own := slices.Contains(r.Own, e.Key); {
		case !ok || own && f.turn == nil, e.Place.Strength == settings.Preset:
			w.out.Entries = append(w.out.Entries, e)
		case e.Value == nil, f.idle != "" && e.Place.Strength == settings.Environment: // another command's
		default:
			f.apply(w, e)
		}
	}
	w.fillIn()
	return w.out
}

// instead lists settings that take the place of others.
var instead = map[string]string{
	"save_steps": "saves_per_epoch", "saves_per_epoch": "save_steps", "eval_steps": "evals_per_epoch",
	"warmup_ratio": "warmup_steps", "warmup_steps": "warmup_ratio", "num_train_epochs": "max_steps",
	"max_steps": "num_train_epochs", "val_size": "eval_dataset", "finetuning_type": "adapter_name_or_path",
}

// fillIn adds the defaults of the program whose file it is.
func (w *work) fillIn() {
	set := map[string]bool{}
	for _, e := range w.out.Entries {
		set[e.Key] = set[e.Key] || e.Value != nil
		if own := sameHere(e.Key); own != "" {
			set[own] = set[own] || e.Value != nil
		}
	}
	for line := range strings.Lines(w.program.defaults) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || set[key] || set[instead[key]] {
			continue
		}
		if key == "lora_alpha" && value == "2·lora_rank" {
			value = twice(w.text("lora_rank", "8"))
		}
		from := "default of " + w.program.name
		place := settings.Place{Strength: settings.Preset, Source: from, Name: key}
		w.out.Entries = append(w.out.Entries, settings.Entry{Key: key, Value: value, Place: place})
		w.out.Notes = append(w.out.Notes, settings.Note{Place: place, Text: value})
	}
	key, text := w.program.differs[0], w.program.differs[1]
	if _, given := w.given[key]; key != "" && !given {
		w.out.Notes = append(w.out.Notes, settings.Note{Text: text,
			Place: settings.Place{Strength: settings.Preset, Source: "default of " + w.program.name, Name: key}})
	}
}

// set gives a setting of this program a value, where e was written.
func (w *work) set(e settings.Entry, key string, value any) {
	w.out.Entries = append(w.out.Entries, settings.Entry{Key: key, Value: value, Place: e.Place})
	w.note(e, fmt.Sprintf("%s: %v", key, value))
}

// note says what became of an entry.
func (w *work) note(e settings.Entry, text string) {
	w.out.Notes = append(w.out.Notes, settings.Note{Place: e.Place, Text: text})
}

// refuse says why an entry cannot be used.
func (w *work) refuse(e settings.Entry, format string, args ...any) {
	w.out.Problems = append(w.out.Problems, settings.Problem{Place: e.Place, Text: fmt.Sprintf(format, args...)})
}

// text returns the value of the first of these keys that has a text, or else a default.
func (w *work) text(keys, otherwise string) string {
	for key := range strings.FieldsSeq(keys) {
		if text, ok := w.given[key].Value.(string); ok {
			return text
		}
	}
	return otherwise
}

// entry returns the strongest entry of the first of these keys that is given.
func (w *work) entry(keys string) (settings.Entry, bool) {
	for key := range strings.FieldsSeq(keys) {
		if e, ok := w.given[key]; ok && e.Value != nil {
			return e, true
		}
	}
	return settings.Entry{}, false
}

// on reports whether a key is set to something that is not off.
func (w *work) on(key string) bool {
	e, ok := w.given[key]
	return ok && !isOff(e.Value)
}

// isOff reports whether a value asks for nothing.
func isOff(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return slices.Contains([]string{"", "false", "no", "off", "none", "null", "0", "0.0"}, strings.ToLower(v))
	case []string:
		return len(v) == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// isTrue reports whether a value is a truth value and true.
func isTrue(value any) bool {
	text, _ := value.(string)
	return slices.Contains([]string{"true", "yes", "on", "1"}, strings.ToLower(text))
}

// twice doubles a whole number.
func twice(text string) string {
	n := 0
	if _, err := fmt.Sscan(text, &n); err != nil {
		return text
	}
	return fmt.Sprint(2 * n)
}
