package foreign

import (
	"fmt"
	"strings"

	"fettle/internal/settings"
)

// fact states what a key means here. It has one of means, idle, refused and turn.
type fact struct {
	means   string                      // the setting here with the same values
	idle    string                      // why it has no effect
	refused string                      // why it cannot be used, and what to do; off values are not refused
	turn    func(*work, settings.Entry) // translates it
	says    string                      // what turn does, for people
}

func (f fact) apply(w *work, e settings.Entry) {
	switch {
	case f.means != "":
		w.set(e, f.means, e.Value)
	case f.idle != "":
		w.note(e, "no effect: "+f.idle)
	case f.turn != nil:
		f.turn(w, e)
	case isOff(e.Value):
		w.note(e, "no effect: it is off")
	default:
		w.refuse(e, "%s", f.refused)
	}
}

// facts returns the table of all keys.
func facts() map[string]fact {
	all := map[string]fact{}
	add := func(keys string, f fact) {
		for key := range strings.FieldsSeq(keys) {
			if _, twice := all[key]; twice {
				panic("foreign: two facts of " + key)
			}
			all[key] = f
		}
	}
	for _, row := range renamed() {
		add(row[0], fact{means: row[1]})
	}
	for _, row := range idle() {
		add(row[1], fact{idle: row[0]})
	}
	for _, row := range refused() {
		add(row[1], fact{refused: row[0]})
	}
	for _, row := range turned() {
		add(row.keys, fact{turn: row.turn, says: row.says})
	}
	return all
}

// sameHere returns the setting that an alias of this program's stands for, of those that the defaults of other programs
// name.
func sameHere(key string) string {
	for _, row := range spelled() {
		for name := range strings.FieldsSeq(row[1]) {
			if name == key {
				return row[0]
			}
		}
	}
	return ""
}

// Table describes every key, as rows of key, kind and text.
func Table() [][3]string {
	var rows [][3]string
	for _, row := range renamed() {
		for key := range strings.FieldsSeq(row[0]) {
			rows = append(rows, [3]string{key, "here", row[1]})
		}
	}
	for _, row := range turned() {
		for key := range strings.FieldsSeq(row.keys) {
			rows = append(rows, [3]string{key, "translated", row.says})
		}
	}
	for _, row := range idle() {
		for key := range strings.FieldsSeq(row[1]) {
			rows = append(rows, [3]string{key, "no effect", row[0]})
		}
	}
	for _, row := range refused() {
		for key := range strings.FieldsSeq(row[1]) {
			rows = append(rows, [3]string{key, "refused", row[0]})
		}
	}
	return rows
}

// Defaults describes what each program's files take for keys that they leave out.
func Defaults() [][2]string {
	var rows [][2]string
	for _, p := range programs() {
		rows = append(rows, [2]string{p.name, strings.Join(strings.Split(strings.TrimSpace(p.defaults), "\n"), ", ")})
	}
	return rows
}

// list returns a value as a list of texts, or an error.
func list(value any) ([]string, error) {
	switch v := value.(type) {
	case string:
		var all []string
		for _, each := range strings.Split(strings.Trim(v, "[] "), ",") {
			if each = strings.Trim(strings.TrimSpace(each), `"'`); each != "" {
				all = append(all, each)
			}
		}
		return all, nil
	case []string:
		return v, nil
	case []any:
		var all []string
		for _, each := range v {
			all = append(all, fmt.Sprint(each))
		}
		return all, nil
	}
	return nil, fmt.Errorf("%v is not a list of names", value)
}
