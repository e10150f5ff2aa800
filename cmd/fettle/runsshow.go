package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fettle/adapter"
	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/train/history"
	"fettle/train/journal"
)

// showSettings holds the settings of runs show.
type showSettings struct {
	Verify bool `yaml:"verify" group:"output" help:"read the checkpoints whole and compare their hashes; without it only their sizes and small files"`
	JSON   bool `yaml:"json" help:"print JSON, with whole hashes"`
}

func newRunsShow() *cobra.Command {
	how := showSettings{}
	cmd := &cobra.Command{
		Use:   "show RUN…",
		Short: "Explain a run: what ran on what, how it went, what is left",
		Long: `Explain a run: its result; the hashes of base, tokenizer, data, template,
settings and program, and the machine; when it was begun, stopped, continued and
finished; the checkpoints; the commands that go on from there.

Hashes are SHA-256, of which 12 digits are shown; --json has all. That of the
settings is config.yaml's, that of the program its file's, so that sha256sum
prints them too.`,
		Example:           "  fettle runs show first",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: runNames,
	}
	s := addSettings(cmd, &how)
	cmd.RunE = func(cmd *cobra.Command, words []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		all, err := openRuns(cmd, words, how.Verify)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		if how.JSON || speaksJSON(cmd) {
			encoder := json.NewEncoder(out)
			if !speaksJSON(cmd) {
				encoder.SetIndent("", "  ")
			}
			for _, d := range all {
				if err := encoder.Encode(d); err != nil {
					return err
				}
			}
			return nil
		}
		for i, d := range all {
			if i > 0 {
				fmt.Fprintln(out)
			}
			v := runView{cmd: cmd, Detail: d, width: min(machine.Width(out), 120)}
			v.write()
			io.WriteString(out, v.text.String())
		}
		return nil
	}
	return cmd
}

// runView writes what is known of a run for people.
type runView struct {
	*history.Detail
	cmd   *cobra.Command
	width int
	text  strings.Builder
}

// row writes a name and its value, unless there is none.
func (v *runView) row(name, value string) {
	if value != "" {
		v.text.WriteString(human.Hang("  "+name, human.Plain(value), 20, v.width) + "\n")
	}
}

func (v *runView) heading(text string) { v.text.WriteString("\n" + text + "\n") }

func (v *runView) write() {
	state := string(v.State)
	if v.Owner != nil && v.Owner.Process > 0 {
		state += ", " + v.Owner.String()
	}
	v.text.WriteString(shownPath(v.Run) + ": " + state + "\n")
	if v.Trouble != "" {
		v.row("trouble", v.Trouble)
	}
	v.results()
	v.origin()
	v.course()
	v.kept()
	if lines := v.next(); len(lines) > 0 {
		v.heading("Next:")
		for _, line := range lines {
			v.text.WriteString("  " + strings.TrimSpace(line) + "\n")
		}
	}
}

func (v *runView) results() {
	v.row("steps", fmt.Sprintf("%s, %.2f epochs", strings.Replace(v.Progress(), "/", " of ", 1), v.Epoch))
	loss := ""
	if v.Loss != 0 {
		loss = fmt.Sprintf("%.4f in the last step", v.Loss)
	}
	v.row("loss", loss)
	if v.EvalLoss != 0 {
		text := fmt.Sprintf("%.4f before, %.4f now, %.4f at best", v.EvalBefore, v.EvalLoss, cmp.Or(v.BestLoss, v.EvalLoss))
		if v.BestStep > 0 {
			text += fmt.Sprintf("; best checkpoint: step %s", human.Count(v.BestStep))
		}
		v.row("held-out loss", text)
	}
	if v.NotFinite > 0 {
		v.row("not finite", fmt.Sprintf("%s; %s left out", human.Plural(v.NotFinite, "step"),
			human.Plural(v.Skipped, "step")))
	}
	v.row("training time", human.Duration(v.Time()))
	v.row("on disk", human.Bytes(v.Bytes))
}

// setting returns a setting that the run has recorded.
func (v *runView) setting(key string) string {
	for _, s := range v.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// hashed joins a name and a hash.
func hashed(name, hash string) string {
	if hash == "" {
		return cmp.Or(name, "not recorded")
	}
	return strings.TrimPrefix(name+", sha256 "+history.Short(hash), ", ")
}

func (v *runView) origin() {
	o := v.Origin
	h := o.Hashes
	v.heading("Made of")
	method := v.Method
	if v.Method == adapter.TypeLoRA {
		method = strings.TrimSpace(fmt.Sprintf("%s rank %s alpha %s", v.Method, v.setting("lora_rank"),
			v.setting("lora_alpha")))
	}
	v.row("method", method)
	v.row("base", hashed(cmp.Or(v.setting("model_name_or_path"), o.BasePath, v.Base), h.Base))
	v.row("adapter", v.setting("adapter_name_or_path"))
	v.row("tokenizer", hashed("", h.Tokenizer))
	v.row("training data", hashed(v.setting("dataset"), h.Training))
	evaluation := v.setting("eval_dataset")
	if size := v.setting("val_size"); evaluation == "" && size != "" && size != "0" {
		evaluation = size + " of the training data"
	}
	if evaluation+h.Evaluation != "" {
		v.row("evaluation data", hashed(evaluation, h.Evaluation))
	}
	template := ""
	if h.Template != "" || o.Template != "" {
		template = hashed(o.Template, h.Template)
	}
	v.row("template", template)
	v.row("settings", hashed(filepath.Join(v.Path, "config.yaml"), h.Settings))
	for _, p := range o.Programs {
		v.row("program", "fettle "+history.ProgramName(p)+" "+p.Go)
	}
	for _, m := range o.Machines {
		text := strings.Join(strings.Fields(m.Host+" "+m.System+" "+m.Processor), " ")
		if m.Threads > 0 {
			text += ", " + human.Plural(m.Threads, "thread")
		}
		v.row("machine", text)
		v.row("arithmetic", m.Compute)
	}
}

// course tells how the run went.
func (v *runView) course() {
	if len(v.Journal) == 0 {
		return
	}
	v.heading("How it went")
	var before journal.Entry // the last beginning
	for i, e := range v.Journal {
		text := string(e.Event)
		switch e.Event {
		case journal.Begun:
			text += v.place(e, journal.Entry{})
		case journal.Continued:
			text += " from " + e.From + v.place(e, before)
		case journal.Skipped:
			text += fmt.Sprintf(" step %s: %s", human.Count(e.Step), e.Reason)
		case journal.Stopped, journal.Finished:
			text += fmt.Sprintf(" after step %s", human.Count(e.Step))
		case journal.Failed:
			text += fmt.Sprintf(" after step %s: %s", human.Count(e.Step), firstLine(e.Reason))
		}
		if e.Event.Begins() {
			before = e
			if i+1 < len(v.Journal) && v.Journal[i+1].Event.Begins() || i+1 == len(v.Journal) && v.State != history.Running {
				text += "; it was killed, or lost its power"
			}
		}
		v.row(e.Time.Local().Format("2006-01-02 15:04"), text)
	}
}

// place says where an attempt ran, as far as that differs from the attempt before.
func (v *runView) place(e, before journal.Entry) string {
	m, p := cmp.Or(e.Machine, &journal.Machine{}), cmp.Or(e.Program, &journal.Program{})
	if before.Machine == nil || before.Program == nil {
		return " on " + cmp.Or(m.Host, "?") + fmt.Sprintf(", process %d", e.Process)
	}
	text := ""
	if m.Host != before.Machine.Host {
		text += " on " + m.Host
	}
	if m.Processor != before.Machine.Processor || m.Compute != before.Machine.Compute {
		text += fmt.Sprintf(" with another processor or arithmetic (%s, %s), so bits may differ", m.Processor, m.Compute)
	}
	if *p != *before.Program {
		text += " by another program (" + history.ProgramName(*p) + ")"
	}
	return text
}

func (v *runView) kept() {
	if len(v.Checkpoints) == 0 {
		return
	}
	v.heading("Checkpoints")
	rows := [][]string{}
	for _, c := range v.Checkpoints {
		note := ""
		if c.Best {
			note = "best"
		}
		if c.Trouble != "" {
			note = strings.TrimSpace(note + " damaged: " + human.Plain(c.Trouble))
		}
		rows = append(rows, []string{"  " + c.Name, human.Bytes(c.Bytes), c.At.Local().Format(time.DateTime), note})
	}
	v.text.WriteString(human.Table(rows))
}

// next lists the commands that go on from here.
func (v *runView) next() (lines []string) {
	if v.State == history.Running {
		return nil
	}
	flag := "--adapter_name_or_path"
	if v.Method == adapter.TypeFull {
		flag = "--model_name_or_path"
	}
	if v.State != history.Finished {
		lines = strings.Split(finishing(v.cmd, v.Path), "\n")
		if lines[0] == "" {
			lines = nil
		}
	}
	if v.Result || len(v.Checkpoints) > 0 {
		lines = append(lines, usesOf(v.cmd, v.setting("recipe") != "", flag, v.Path)[0])
	}
	if v.State == history.Finished && (v.Method == adapter.TypeLoRA || v.Method == adapter.TypeFull) {
		lines = append(lines, commandLine(v.cmd, "export", flag, v.Path, "--output", filepath.Base(v.Path)+".gguf"))
	}
	return append(lines, commandLine(v.cmd, "runs", "rm", v.Path))
}
