package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"fettle/internal/human"
)

// groups lists the headings of help in order. Others follow, flags without a group come last.
func groups() []string {
	return []string{"model", "data", "prompt", "method", "optimization", "sampling", "workload", "compute", "server",
		"output"}
}

// Section is a heading of help with its flags.
type Section struct {
	Title string
	Flags []*pflag.Flag
}

// Sections lists the flags that help shows under the headings of their groups: those of the names, or all if there are
// no names.
func Sections(flags *pflag.FlagSet, names ...string) (all []Section) {
	order, sorted := groups(), map[string][]*pflag.Flag{}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || len(names) > 0 && !slices.Contains(names, f.Name) {
			return
		}
		group := ""
		if note := f.Annotations[groupNote]; len(note) > 0 {
			group = note[0]
		}
		if group != "" && !slices.Contains(order, group) {
			order = append(order, group)
		}
		sorted[group] = append(sorted[group], f)
	})
	for _, group := range append(order, "") {
		if len(sorted[group]) == 0 {
			continue
		}
		title := "General"
		if group != "" {
			title = strings.ToUpper(group[:1]) + group[1:]
		}
		all = append(all, Section{title, sorted[group]})
	}
	return all
}

// Help explains flags under their headings, in lines of at most width columns: those of the names, or all if there are
// no names.
func Help(flags *pflag.FlagSet, width int, names ...string) string {
	var b strings.Builder
	for _, section := range Sections(flags, names...) {
		fmt.Fprintf(&b, "\n%s:\n", section.Title)
		for _, f := range section.Flags {
			b.WriteString(flagHelp(f, width) + "\n")
		}
	}
	return b.String()
}

// flagHelp explains one flag: beside its name where the terminal is wide enough, else below it.
func flagHelp(f *pflag.Flag, width int) string {
	column := 32
	if width < 76 {
		column = 6
	}
	head := "  --" + f.Name
	if f.Shorthand != "" {
		head = fmt.Sprintf("  -%s, --%s", f.Shorthand, f.Name)
	}
	switch f.Value.Type() {
	case "string":
		head += " text"
	case "int", "uint64", "float64":
		head += " number"
	case "stringSlice", "stringArray":
		head += " list"
	}
	text := f.Usage
	switch value := strings.Trim(f.DefValue, "[]"); {
	case value == "", value == "false":
	default:
		text += fmt.Sprintf(" (default\u00a0%s)", value)
	}
	return human.Hang(head, text, column, width)
}
