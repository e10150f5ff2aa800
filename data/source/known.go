package source

import (
	"fmt"
	"slices"
	"strings"

	"fettle/internal/suggest"
)

// meaning is the use of a field, with the names that data sets give it. The first is ours; where a row has several,
// the first that holds something counts.
type meaning struct {
	name    string
	aliases []string
}

// rowFields lists the fields of a row by their meaning.
var rowFields = []meaning{
	{"instruction", []string{"prompt", "question", "query", "problem", "question_stem"}},
	{"input", []string{"context", "passage"}},
	{"output", []string{"response", "completion", "solution", "answer", "target", "answerKey"}},
	{"system", []string{"system_prompt", "system_message"}},
	{"history", nil},
	{"choices", []string{"options"}},
	{"tools", []string{"functions"}},
	{"kto_tag", []string{"label"}},
	{"messages", []string{"conversations", "conversation", "items", "dialog", "dialogue", "data"}},
	{"chosen", nil},
	{"rejected", nil},
	{"text", []string{"story", "content"}},
	{"images", []string{"image"}},
	{"videos", []string{"video"}},
	{"audios", []string{"audio"}},
}

// messageFields lists the fields of a message.
var messageFields = []meaning{
	{"role", []string{"from", "speaker", "author", "user"}},
	{"content", []string{"value", "text"}},
	{"tool_calls", []string{"function_call"}},
	{"tool_call_id", nil},
	{"name", nil},
	{"weight", nil},
	{"train", []string{"training", "loss"}},
	{"reasoning_content", []string{"thinking", "reasoning"}},
	{"images", []string{"image"}},
	{"videos", []string{"video"}},
	{"audios", []string{"audio"}},
}

// pairFields lists the fields of an element that holds a question and its answer.
var pairFields = []meaning{
	{"system", nil},
	{"question", []string{"human", "user", "input", "instruction", "prompt", "query", "q"}},
	{"answer", []string{"assistant", "gpt", "bot", "model", "output", "response", "a"}},
}

// wholeFormats lists the fields that a format of its own gives a meaning.
var wholeFormats = []string{
	"input_ids", "labels", "attention_mask", "completion_mask", "assistant_masks", "position_ids",
	"segments", "instances", "fields", "topic",
}

// unreadBecause explains why a field with one of the names is not read.
var unreadBecause = map[string]string{
	"rejected":          "of a pair, the chosen answer alone is learned",
	"reasoning_content": "this recipe does not print it: choose a chat template that does, or put it into the content",
	"reasoning":         "this recipe does not print it: choose a chat template that does, or put it into the content",
	"thinking":          "this recipe does not print it: choose a chat template that does, or put it into the content",
	"kto_tag":           "it is read beside an answer, where it is true or false",
	"label":             "it is read beside an answer, where it is true or false",
}

// verdicts are fields that say how much a row or a message counts, whatever their value.
var verdicts = []string{
	"kto_tag", "label", "weight", "sample_weight", "loss_weight", "loss_mask", "mask", "masked", "ignore", "ignore_loss",
	"train", "trainable", "learn", "calculate_loss", "compute_loss", "completion_mask", "assistant_masks",
}

// harmless reports whether a field only numbers or dates its row.
func harmless(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "id", "_id", "idx", "index", "uuid", "guid", "hash", "sha256", "md5", "timestamp", "created", "created_at",
		"updated_at", "date", "__index_level_0__", "unnamed: 0":
		return true
	}
	for _, end := range []string{"_id", "_ids", "_idx", "_index", "_uuid", "_hash", "_at"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// names returns the names of a meaning in a table, its own first.
func names(table []meaning, name string) []string {
	for _, m := range table {
		if m.name == name {
			return append([]string{name}, m.aliases...)
		}
	}
	return []string{name}
}

// allNames lists the names of a table.
func allNames(table []meaning) (all []string) {
	for _, m := range table {
		all = append(append(all, m.name), m.aliases...)
	}
	return all
}

// roleColumns are the names under which columns and tags map the roles of messages.
var roleColumns = []string{"role:user", "role:assistant", "role:system", "role:tool", "role:call"}

// Canonical returns the meaning that a name on the left side of columns stands for. It fails if no format knows the
// name.
func Canonical(name string) (string, error) {
	for _, table := range [][]meaning{rowFields, messageFields} {
		for _, m := range table {
			if m.name == name {
				return name, nil
			}
		}
	}
	for _, table := range [][]meaning{rowFields, messageFields} {
		for _, m := range table {
			if slices.Contains(m.aliases, name) {
				return m.name, nil
			}
		}
	}
	if slices.Contains(wholeFormats, name) || slices.Contains(roleColumns, name) {
		return name, nil
	}
	if near := suggest.DidYouMean(name, knownFields(), ""); near != "" {
		return "", fmt.Errorf("unknown field %q%s", name, near)
	}
	var own []string
	for _, m := range rowFields {
		own = append(own, m.name)
	}
	return "", fmt.Errorf("unknown field %q, want one of %s, or another name of theirs", name, strings.Join(own, ", "))
}

// knownFields lists the names that Canonical takes.
func knownFields() []string {
	return slices.Concat(allNames(rowFields), allNames(messageFields), wholeFormats, roleColumns)
}
