package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"fettle/internal/atomicfile"
	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/train/history"
	pages "fettle/train/report"
)

// compareSettings holds the settings of runs compare.
type compareSettings struct {
	HTML string `yaml:"html" path:"written" group:"output" alias:"output,output_file" help:"write a page with the curves side by side to this file"`
	JSON bool   `yaml:"json" help:"print JSON"`
}

func newRunsCompare() *cobra.Command {
	how := compareSettings{}
	cmd := &cobra.Command{
		Use:     "compare RUN RUN…",
		Aliases: []string{"diff"},
		Short:   "Compare runs: results, settings, data, programs; curves side by side",
		Long: fmt.Sprintf(`Compare runs: their results, and what differs between them: settings, base,
tokenizer, data, template, program, processor. --html writes a page with their
curves side by side, of at most %d runs.`, pages.MostCompared),
		Example:           "  fettle runs compare first second\n  fettle runs compare first second third --html compare.html",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: runNames,
	}
	s := addSettings(cmd, &how)
	cmd.RunE = func(cmd *cobra.Command, words []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		runs, err := openRuns(cmd, words, false)
		if err != nil {
			return err
		}
		switch n := len(runs); {
		case n < 2:
			return usage(errors.New("compare takes two runs or more, which must not be the same"))
		case n > pages.MostCompared && how.HTML != "":
			return usage(fmt.Errorf("%d runs are named, and a page can tell %d apart: name fewer", n, pages.MostCompared))
		}
		if err := replaces("html", how.HTML, words...); err != nil {
			return err
		}
		c, out := history.Compare(runs), cmd.OutOrStdout()
		if how.HTML != "" {
			if err := writeComparison(how.HTML, c); err != nil {
				return err
			}
		}
		if how.JSON || speaksJSON(cmd) {
			encoder := json.NewEncoder(out)
			if !speaksJSON(cmd) {
				encoder.SetIndent("", "  ")
			}
			return encoder.Encode(c)
		}
		room := 0
		if machine.IsTerminal(out) {
			room = machine.Width(out)
		}
		io.WriteString(out, comparison(c, room))
		if how.HTML != "" {
			fmt.Fprintf(out, "\nWrote %s\n", how.HTML)
		}
		return nil
	}
	return cmd
}

// writeComparison writes the page.
func writeComparison(path string, c pages.Comparison) error {
	text, err := c.HTML()
	if err == nil {
		err = atomicfile.MkdirAll(atomicfile.OS{}, filepath.Dir(path))
	}
	if err == nil {
		err = atomicfile.Write(path, atomicfile.Private(atomicfile.Bytes(text)))
	}
	if err != nil {
		return fmt.Errorf("runs compare: write %s: %w", path, err)
	}
	return nil
}

// comparison writes the tables for people, in lines of at most width columns; 0: in lines of any length. Where the
// names of the runs are too wide, numbers stand for them; where the values are, each has a line of its own.
func comparison(c pages.Comparison, width int) string {
	heads, numbers, legend := make([]string, len(c.Names)), make([]string, len(c.Names)), ""
	for i, name := range c.Names {
		heads[i], numbers[i] = human.Plain(name), fmt.Sprint(i+1)
		legend += fmt.Sprintf("  %d  %s\n", i+1, heads[i])
	}
	text := tables(c, heads, human.Table)
	if width > 0 && wider(text, width) {
		text = legend + "\n" + tables(c, numbers, func(rows [][]string) string {
			if t := human.Table(rows); !wider(t, width) {
				return t
			}
			return stacked(rows, width)
		})
	}
	if same := c.Agrees(); same != "" {
		text += "\nThe same: " + same + ".\n"
	}
	return text
}

// wider reports whether a text has a line of more columns.
func wider(text string, columns int) bool {
	for line := range strings.Lines(text) {
		if human.Columns(strings.TrimSuffix(line, "\n")) > columns {
			return true
		}
	}
	return false
}

// tables writes what differs under the heads of the runs.
func tables(c pages.Comparison, heads []string, write func([][]string) string) string {
	var parts []string
	for _, t := range []struct {
		title string
		rows  []pages.Row
	}{{"Results", c.Results}, {"Settings that differ", c.Settings}, {"Made of", c.Origin}} {
		if len(t.rows) == 0 {
			continue
		}
		table := [][]string{append([]string{t.title}, heads...)}
		for _, r := range t.rows {
			line := []string{"  " + r.Name}
			for _, v := range r.Values {
				line = append(line, human.Plain(cmp.Or(v, "–")))
			}
			table = append(table, line)
		}
		parts = append(parts, write(table))
	}
	return strings.Join(parts, "\n")
}

// stacked writes the values of each row below its name, under the numbers of the runs.
func stacked(table [][]string, width int) string {
	var b strings.Builder
	b.WriteString(table[0][0] + "\n")
	for _, line := range table[1:] {
		b.WriteString(human.Cut(line[0], width) + "\n")
		for i, value := range line[1:] {
			b.WriteString(human.Hang(fmt.Sprintf("    %d", i+1), value, 7, width) + "\n")
		}
	}
	return b.String()
}
