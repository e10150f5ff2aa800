package history

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fettle/internal/human"
	"fettle/train/journal"
	"fettle/train/report"
)

// Compare compares runs.
func Compare(runs []*Detail) (c report.Comparison) {
	different := map[string]bool{}
	for _, r := range runs {
		name := filepath.Base(r.Path)
		c.Runs, c.Names, c.Logs = append(c.Runs, r.Path), append(c.Names, name), append(c.Logs, r.Log())
		different[name] = true
	}
	if len(different) < len(runs) {
		c.Names = c.Runs
	}
	c.Settings, c.Equal = settings(runs)
	c.Origin, c.Same = origin(runs)
	c.Results = results(runs, c.Logs)
	return c
}

// differs reports whether not all values are the same.
func differs(r report.Row) bool {
	return slices.ContainsFunc(r.Values, func(v string) bool { return v != r.Values[0] })
}

// settings lists the settings that differ, in the order of the runs' files, and counts the others.
func settings(runs []*Detail) (rows []report.Row, equal int) {
	var keys []string
	values := make([]map[string]string, len(runs))
	for i, r := range runs {
		values[i] = map[string]string{}
		for _, s := range r.Settings {
			values[i][s.Key] = s.Value
			if !slices.Contains(keys, s.Key) && s.Key != "output_dir" {
				keys = append(keys, s.Key)
			}
		}
	}
	for _, key := range keys {
		row := report.Row{Name: key}
		for i := range runs {
			row.Values = append(row.Values, values[i][key])
		}
		if differs(row) {
			rows = append(rows, row)
		} else {
			equal++
		}
	}
	return rows, equal
}

// origin compares what ran on what: the rows that differ, and the names of those that are the same.
func origin(runs []*Detail) (rows []report.Row, same []string) {
	for _, p := range []struct {
		name string
		of   func(*Detail) string
	}{
		{"base", func(d *Detail) string { return named(d.Base, d.Origin.Hashes.Base) }},
		{"tokenizer", func(d *Detail) string { return Short(d.Origin.Hashes.Tokenizer) }},
		{"training data", func(d *Detail) string { return Short(d.Origin.Hashes.Training) }},
		{"evaluation data", func(d *Detail) string { return Short(d.Origin.Hashes.Evaluation) }},
		{"template", func(d *Detail) string { return named(d.Origin.Template, d.Origin.Hashes.Template) }},
		{"program", func(d *Detail) string { return each(d.Origin.Programs, ProgramName) }},
		{"built with", func(d *Detail) string {
			return each(d.Origin.Programs, func(p journal.Program) string { return p.Go })
		}},
		{"host", func(d *Detail) string {
			return each(d.Origin.Machines, func(m journal.Machine) string { return m.Host })
		}},
		{"processor", func(d *Detail) string {
			return each(d.Origin.Machines, func(m journal.Machine) string { return m.Processor })
		}},
		{"arithmetic", func(d *Detail) string {
			return each(d.Origin.Machines, func(m journal.Machine) string { return m.Compute })
		}},
		{"threads", func(d *Detail) string {
			return each(d.Origin.Machines, func(m journal.Machine) string {
				if m.Threads == 0 {
					return ""
				}
				return human.Count(m.Threads)
			})
		}},
	} {
		row := report.Row{Name: p.name}
		for _, r := range runs {
			row.Values = append(row.Values, p.of(r))
		}
		switch {
		case differs(row):
			rows = append(rows, row)
		case row.Values[0] != "":
			same = append(same, p.name)
		}
	}
	return rows, same
}

// results compares what came out.
func results(runs []*Detail, logs []report.History) (rows []report.Row) {
	loss := func(v float64) string {
		if v == 0 {
			return ""
		}
		return fmt.Sprintf("%.4f", v)
	}
	for _, p := range []struct {
		name string
		of   func(*Detail, report.History) string
	}{
		{"state", func(d *Detail, _ report.History) string { return string(d.State) }},
		{"steps", func(d *Detail, _ report.History) string { return d.Progress() }},
		{"epochs", func(d *Detail, _ report.History) string { return fmt.Sprintf("%.2f", d.Epoch) }},
		{"loss of the last step", func(d *Detail, _ report.History) string { return loss(d.Loss) }},
		{"held-out loss before", func(d *Detail, _ report.History) string { return loss(d.EvalBefore) }},
		{"held-out loss, last", func(d *Detail, _ report.History) string { return loss(d.EvalLoss) }},
		{"held-out loss, best", func(d *Detail, _ report.History) string { return loss(d.BestLoss) }},
		{"training time", func(d *Detail, _ report.History) string { return human.Duration(d.Time()) }},
		{"tokens a second", func(_ *Detail, h report.History) string { return pace(h) }},
		{"on disk", func(d *Detail, _ report.History) string { return human.Bytes(d.Bytes) }},
	} {
		row := report.Row{Name: p.name}
		for i, r := range runs {
			row.Values = append(row.Values, p.of(r, logs[i]))
		}
		if strings.Join(row.Values, "") != "" {
			rows = append(rows, row)
		}
	}
	return rows
}

// pace is the mean over the steps.
func pace(h report.History) string {
	var tokens, seconds float64
	for _, s := range h.Steps {
		if s.TokensPerSecond > 0 {
			tokens, seconds = tokens+float64(s.Tokens), seconds+float64(s.Tokens)/s.TokensPerSecond
		}
	}
	if seconds == 0 {
		return ""
	}
	return human.Count(int(tokens / seconds))
}

// Progress writes the steps that are done, and their number if it is known.
func (r Run) Progress() string {
	if r.Steps == 0 {
		return human.Count(r.Step)
	}
	return human.Count(r.Step) + "/" + human.Count(r.Steps)
}

// Time returns the time of training.
func (r Run) Time() time.Duration { return time.Duration(r.Seconds * float64(time.Second)) }

// Short is the beginning of a hash, which tells it from others.
func Short(hash string) string { return hash[:min(12, len(hash))] }

// named is a name and the beginning of a hash.
func named(name, hash string) string {
	if name != "" {
		name = filepath.Base(name)
	}
	return strings.TrimSpace(name + " " + Short(hash))
}

// ProgramName names a program by its version, commit and hash, as far as they are known.
func ProgramName(p journal.Program) string {
	commit := Short(p.Commit)
	if commit != "" && p.Modified {
		commit += "+changes"
	}
	return strings.Join(strings.Fields(cmp.Or(p.Version, "?")+" "+commit+" "+Short(p.SHA256)), " ")
}

// each joins the different texts of the attempts at a run, in order.
func each[T any](attempts []T, text func(T) string) string {
	var all []string
	for _, a := range attempts {
		if s := text(a); s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return strings.Join(all, ", then ")
}
