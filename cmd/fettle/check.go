package main

import (
	"fmt"
	"slices"
	"strings"

	"fettle/adapter"
	"fettle/data/lint"
	"fettle/model/chat"
	"fettle/train"
)

// check holds a run's data to the rules of the linter. The error lists the findings that stop a run before the weights
// are loaded.
func (m *runData) check(c train.Config) error {
	report := &m.training.Report
	if len(c.EvalDataset) > 0 {
		if kept := report.Leakage(m.training.Examples, m.evaluation.Examples); c.Fix {
			m.training.Examples = kept
		}
	}
	if c.Adapter != "" {
		record, err := adapter.ReadRecord(c.Adapter)
		if err != nil {
			return err
		}
		if record.Recipe != "" {
			report.Template(chat.Recorded{Recipe: record.Recipe, Hash: record.Template}.String(),
				chat.Record(m.recipe).String())
		}
	}
	found, err := report.Errors(slices.DeleteFunc(slices.Clone(c.Allow),
		func(rule string) bool { return rule == allowMemory || rule == allowDisk }))
	if err != nil {
		return usage(err)
	}
	if len(found) == 0 {
		return nil
	}
	lines := []string{"data check failed:"}
	var broken []string
	for _, rule := range lint.Rules() {
		if slices.ContainsFunc(found, func(f lint.Finding) bool { return f.Rule == rule.Name }) {
			broken = append(broken, rule.Name)
			lines = append(lines, m.finding(rule))
		}
	}
	lines = append(lines, fmt.Sprintf("fettle inspect shows more; --allow %s continues anyway",
		strings.Join(broken, ",")))
	return input(fmt.Errorf("%s", strings.Join(lines, "\n")))
}
