package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"fettle/internal/settings"
)

var updateReference = flag.Bool("update_reference", false, "rewrite docs/REFERENCE.md")

func TestTheReferenceHasEverySettingOfEveryCommand(t *testing.T) {
	const path = "../../docs/REFERENCE.md"
	want := reference(newRoot())
	if *updateReference {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "go test ./cmd/fettle -run Reference -update_reference")
}

const referenceHead = "<!-- Written by go test ./cmd/fettle -run Reference -update_reference. DO NOT EDIT. -->\n\n" +
	"# Commands and settings\n\n" +
	"Every setting is a flag (`--learning_rate` or `--learning-rate`), a key of the YAML file that `--config`\n" +
	"names, and an environment variable (`FETTLE_LEARNING_RATE`). Names in small type are other spellings of it.\n" +
	"[SETTINGS.md](SETTINGS.md) tells how values are written, which place wins, and which files of other programs\n" +
	"are read.\n\n"

// reference lists the commands with their settings, as docs/REFERENCE.md has them.
func reference(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(referenceHead)
	commands := withSettings(root)
	for _, c := range commands {
		fmt.Fprintf(&b, "* [%s](#%s): %s\n", c.CommandPath(), strings.ReplaceAll(c.CommandPath(), " ", "-"),
			strings.ToLower(c.Short[:1])+c.Short[1:])
	}
	run := map[string]string{} // the settings of a run, and their meaning
	for _, c := range commands {
		fmt.Fprintf(&b, "\n## %s\n\n%s.", c.CommandPath(), c.Short)
		if len(c.Aliases) > 0 {
			fmt.Fprintf(&b, " Also called `%s`.", strings.Join(c.Aliases, "`, `"))
		}
		b.WriteString("\n")
		if c.CommandPath() == "fettle train" {
			c.Flags().VisitAll(func(f *pflag.Flag) { run[f.Name] = f.Usage })
			writeFlags(&b, c, nil)
		} else if c.Flags().Lookup("learning_rate") != nil {
			b.WriteString("\nAll settings of [fettle train](#fettle-train) that have the same meaning here, and:\n")
			writeFlags(&b, c, run)
		} else {
			writeFlags(&b, c, nil)
		}
	}
	return b.String()
}

// withSettings lists the commands that have flags, train first.
func withSettings(root *cobra.Command) (all []*cobra.Command) {
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if c.IsAvailableCommand() && c.Runnable() && c.Flags().HasAvailableFlags() {
			all = append(all, c)
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root)
	train := slices.IndexFunc(all, func(c *cobra.Command) bool { return c.CommandPath() == "fettle train" })
	return slices.Concat(all[train:train+1], all[:train], all[train+1:])
}

// writeFlags writes a table of flags, without those that are known with the same meaning.
func writeFlags(b *strings.Builder, c *cobra.Command, known map[string]string) {
	for _, section := range settings.Sections(c.Flags()) {
		title := fmt.Sprintf("\n| %s | default | |\n| --- | --- | --- |\n", section.Title)
		for _, f := range section.Flags {
			if meaning, ok := known[f.Name]; f.Name == "help" || ok && meaning == f.Usage {
				continue
			}
			b.WriteString(title)
			title = ""
			name := "`" + f.Name + "`"
			if names := f.Annotations[settings.NamesNote]; len(names) > 1 {
				name += " <sub>" + strings.Join(names[1:], ", ") + "</sub>"
			}
			value := strings.Trim(f.DefValue, "[]")
			if value != "" {
				value = "`" + value + "`"
			}
			fmt.Fprintf(b, "| %s | %s | %s |\n", name, value, strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(f.Usage))
		}
	}
}
