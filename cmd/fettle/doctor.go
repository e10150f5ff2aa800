package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fettle/internal/atomicfile"
	"fettle/internal/builtin"
	"fettle/internal/console"
	"fettle/internal/doctor"
	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/internal/settings"
	"fettle/train"
)

// doctorSettings holds the settings of doctor beside a run's.
type doctorSettings struct {
	SelfTest bool `yaml:"self_test" group:"output" help:"check that this machine computes right, too"`

	OutputFile string `yaml:"output_file" path:"written" help:"write the report to this file, too"`
	JSON       bool   `yaml:"json" help:"print JSON"`
}

func newDoctor() *cobra.Command {
	c, how := train.Defaults(), doctorSettings{SelfTest: true}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine and, given a run's settings, that run",
		Long: `Check this machine: processor, kernels, memory, disks, limits and settings, and
that it computes right: all kernels against plain loops, and the built-in model
against numbers of another machine. It takes some seconds.

Given the settings of a run, as of fettle train, check that run, too: its
settings, files, data, memory and disk; its gradient, against differences of the
loss; and that a run which is stopped continues to the same bits. Large data is
judged by its first rows. Nothing of the run is changed.

Each line is ok, a note, or a problem with what to do. The exit code is 0 without
problems, 70 where the machine computes wrong numbers, 74 where a disk does not
work, 77 where memory or disk do not suffice, else that of fettle train.

The report is made to be pasted into a bug report: it names no home directory,
user or host, and no secret. Paths elsewhere and settings are as you gave them.`,
		Example: `  fettle doctor
  fettle doctor --output_file report.txt
  fettle doctor --config run.yaml`,
		Args: cobra.NoArgs,
	}
	s := addSettings(cmd, &c, &how)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		wrong := loadRun(cmd, s, &c)
		if onCommandLine(wrong) {
			return wrong
		}
		if wrong != nil {
			_ = s.Load() // as far as settings are right
		}
		if err := replaces("output_file", how.OutputFile, append(inputsOf(c), s.Config())...); err != nil {
			return err
		}
		how.JSON = how.JSON || speaksJSON(cmd)
		d := newDoctoring(cmd, how)
		d.machine(c, s.Config())
		switch {
		case wrong != nil:
			d.report.Begin("Run")
			d.report.Problem("settings", wrong, "fettle help train explains every setting")
		case !isDemo(c, s):
			d.run(c, s.Config(), s.Stated)
		}
		return d.end()
	}
	return cmd
}

// onCommandLine reports whether settings are wrong that were given as flags.
func onCommandLine(err error) bool {
	var all settings.Problems
	return errors.As(err, &all) && slices.ContainsFunc(all, func(p settings.Problem) bool {
		return !p.Fine && p.Place.Strength == settings.Flag
	})
}

// doctoring is a report in the making.
type doctoring struct {
	cmd     *cobra.Command
	how     doctorSettings
	out     io.Writer
	report  *doctor.Report
	section string // of the last finding that was shown
}

func newDoctoring(cmd *cobra.Command, how doctorSettings) *doctoring {
	d := &doctoring{cmd: cmd, how: how, out: cmd.OutOrStdout()}
	var secrets []string
	for _, pair := range os.Environ() {
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "FETTLE_") && doctor.Secret(name) {
			secrets = append(secrets, value)
		}
	}
	d.report = doctor.NewReport(doctor.ReadPrivate(secrets...), d.show)
	return d
}

// show prints a finding for people.
func (d *doctoring) show(f doctor.Finding) {
	if d.how.JSON {
		return
	}
	d.clear()
	paint := func(_ doctor.State, text string) string { return text }
	if machine.IsTerminal(d.out) && os.Getenv("NO_COLOR") == "" {
		paint = colored
	}
	text := f.Lines(f.Section != d.section, min(machine.Width(d.out), 120), paint)
	if d.section == "" {
		text = strings.TrimPrefix(text, "\n")
	}
	io.WriteString(d.out, text)
	d.section = f.Section
}

// colored makes notes yellow and problems red.
func colored(s doctor.State, text string) string {
	switch s {
	case doctor.Note:
		return "\x1b[33m" + text + "\x1b[0m"
	case doctor.Problem:
		return "\x1b[31m" + text + "\x1b[0m"
	}
	return text
}

// now shows on a terminal what is being checked.
func (d *doctoring) now(what string) {
	if to := statusOf(d.out); to != nil && !d.how.JSON {
		to("checking "+what+" …", what)
	}
}

// clear erases what now has shown.
func (d *doctoring) clear() {
	if to, ok := d.out.(*console.Stream); ok {
		to.Clear()
	}
}

// machine checks the machine.
func (d *doctoring) machine(c train.Config, config string) {
	r, system := d.report, machine.ReadSystem()
	r.Program(version)
	r.Machine(system)
	r.Memory(system)
	r.Disk(places(c)...)
	r.Environment(config)
	if d.how.SelfTest {
		r.SelfTest(d.cmd.Context(), d.now)
	}
}

// places lists the directories that runs write to.
func places(c train.Config) []doctor.Place {
	all := []doctor.Place{{Name: "output_dir", Dir: c.OutputDir, Must: true, Made: true}}
	if c.OutputDir == "" {
		all[0] = doctor.Place{Name: "this directory", Dir: ".", Must: true}
	}
	if c.DataCache != "" {
		all = append(all, doctor.Place{Name: "data_cache", Dir: c.DataCache, Must: true, Made: true})
	}
	if cache, err := builtin.Cache(); err == nil {
		all = append(all, doctor.Place{Name: "cache", Dir: cache, Made: true})
	}
	return append(all, doctor.Place{Name: "temporary files", Dir: os.TempDir()})
}

// summary counts what was found.
func (d *doctoring) summary() string {
	notes, problems := d.report.Count(doctor.Note), d.report.Count(doctor.Problem)
	if notes+problems == 0 {
		return "Nothing is wrong."
	}
	return fmt.Sprintf("%s, %s.", human.Plural(problems, "problem"), human.Plural(notes, "note"))
}

// end prints or writes the report and returns the error of its problems.
func (d *doctoring) end() error {
	if err := d.cmd.Context().Err(); err != nil {
		return err
	}
	d.clear()
	if d.how.JSON {
		encoder := json.NewEncoder(d.out)
		if !speaksJSON(d.cmd) {
			encoder.SetIndent("", "  ")
		}
		if err := encoder.Encode(d.findings()); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(d.out, "\n%s\n", d.summary())
	}
	if d.how.OutputFile != "" {
		if err := atomicfile.Write(d.how.OutputFile, d.write); err != nil {
			return err
		}
		fmt.Fprintf(d.cmd.ErrOrStderr(), "The report is in %s. It names no home directory, user, host or secret; look at "+
			"paths and settings before you send it.\n", d.how.OutputFile)
	}
	return d.worst()
}

// findings is the report for programs.
func (d *doctoring) findings() any {
	return struct {
		Findings []doctor.Finding `json:"findings"`
		Notes    int              `json:"notes"`
		Problems int              `json:"problems"`
	}{d.report.Findings, d.report.Count(doctor.Note), d.report.Count(doctor.Problem)}
}

// write writes the report to a file.
func (d *doctoring) write(w io.Writer) error {
	if d.how.JSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(d.findings())
	}
	var b strings.Builder
	section := ""
	for _, f := range d.report.Findings {
		b.WriteString(f.Lines(f.Section != section, 100, func(_ doctor.State, text string) string { return text }))
		section = f.Section
	}
	_, err := fmt.Fprintf(w, "%s\n\n%s\n", strings.TrimSpace(b.String()), d.summary())
	return err
}

// worst returns the error whose exit code says most of a report's problems; nil if there are none.
func (d *doctoring) worst() error {
	var worst error
	var names []string
	rank := []int{exitFault, exitIO, exitRefused}
	at := len(rank) + 1
	for _, f := range d.report.Findings {
		if f.State != doctor.Problem {
			continue
		}
		names = append(names, f.Name)
		place := len(rank)
		for i, c := range rank {
			if code(f.Err) == c {
				place = i
			}
		}
		if place < at {
			worst, at = f.Err, place
		}
	}
	if worst == nil {
		return nil
	}
	return &unwell{fmt.Sprintf("doctor: %s: %s", human.Plural(len(names), "problem"), strings.Join(names, ", ")), worst}
}

// unwell is the error of a report with problems, which tells them itself.
type unwell struct {
	text  string
	cause error
}

func (e *unwell) Error() string { return e.text }

func (e *unwell) Unwrap() error { return e.cause }
