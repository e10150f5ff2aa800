package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/train"
	"fettle/train/plan"
)

// planSettings holds the settings of plan beside a run's.
type planSettings struct {
	Probe int  `yaml:"probe" most:"1000000" group:"output" help:"micro-batches to run for an estimate of time, which loads the weights; 0: none"`
	Ranks int  `yaml:"for_ranks" most:"65536" help:"processes that share the run, for the memory of one of them and what they exchange; 0 or 1: one"`
	JSON  bool `yaml:"json" help:"print JSON"`
}

func newPlan() *cobra.Command {
	c, how := train.Defaults(), planSettings{Probe: 3}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Estimate memory, disk, steps and time of a run",
		Long: `Estimate memory, disk, steps and time of a training run with the same settings,
and find the settings with which it fits into --max_memory. Memory, disk and
steps come from config.json, the headers of the weights and the encoded data: no
weight is read. For the time, the weights are loaded and some micro-batches are
run; --probe 0 skips this. The exit code is 77 if the run does not fit, as it is
of fettle train.`,
		Example: `  fettle plan --model_name_or_path models/llama-7b --dataset alpaca.json --max_memory 8G
  fettle plan --config alpaca-lora-7b --model_name_or_path models/llama-7b --dataset alpaca.json --probe 0`,
		Args: cobra.NoArgs,
	}
	s := addSettings(cmd, &c, &how)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := loadRun(cmd, s, &c); err != nil {
			return err
		}
		if isDemo(c, s) && how.Ranks > 1 {
			return usage(fmt.Errorf("for_ranks is %d: give the ranks a model and data, as fettle train wants it", how.Ranks))
		}
		planDemo(cmd, &c, s)
		if c.OutputDir == "" {
			c.OutputDir = "."
		}
		if err := c.Validate(); err != nil {
			return usage(err)
		}
		how.JSON = how.JSON || speaksJSON(cmd)
		if how.Probe < 0 {
			return usage(fmt.Errorf("probe is %d, want 0 or more", how.Probe))
		}
		if how.Ranks < 0 {
			return usage(fmt.Errorf("for_ranks is %d, want 0 or more", how.Ranks))
		}
		return planRun(cmd, c, how, s.Stated)
	}
	return cmd
}

// planReport holds the report of plan.
type planReport struct {
	*estimate
	Trainable int            `json:"trainable"`
	Warnings  []train.Misfit `json:"warnings,omitempty"`
	Pace      *train.Pace    `json:"pace,omitempty"`
	Seconds   float64        `json:"seconds,omitempty"`
}

func planRun(cmd *cobra.Command, c train.Config, how planSettings, stated func(key string) bool) error {
	m, err := readRunData(&c, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	m.ranks = how.Ranks
	log := newLog(cmd.ErrOrStderr())
	m.log(log, c)
	warnings, err := m.fit(log, c, stated)
	if err != nil {
		return err
	}
	m.warn(log)
	b, err := newEstimate(c, m)
	if err != nil {
		return err
	}
	p := planReport{estimate: b, Trainable: plan.Trainables(c, m.shape), Warnings: warnings}
	out := cmd.OutOrStdout()
	if !how.JSON {
		p.print(out, c)
	}
	if how.Probe > 0 && b.Fits {
		if !how.JSON {
			fmt.Fprintf(out, "\nLoading the weights to time %d micro-batches (--probe 0 skips this) …\n", how.Probe)
		}
		pace, err := probe(cmd, c, m, how.Probe)
		if err != nil {
			return err
		}
		took := pace.Time(b.Workload)
		if s := b.Sharing; s != nil { // the optimizer's steps are each rank's own
			alone := train.Pace{Step: pace.Step}.Time(b.Workload)
			took = alone + time.Duration(float64(took-alone)*s.Busiest)
		}
		p.Pace, p.Seconds = &pace, took.Seconds()
		if !how.JSON {
			fmt.Fprintf(out, "time: about %s, %s tokens/s\n", roughly(took),
				human.Count(int(1/max(pace.Token.Seconds(), 1e-9))))
		}
	}
	if how.JSON {
		encoder := json.NewEncoder(out)
		if !speaksJSON(cmd) {
			encoder.SetIndent("", "  ")
		}
		if err := encoder.Encode(p); err != nil {
			return err
		}
	}
	return b.refusal()
}

// probe runs some micro-batches and times them.
func probe(cmd *cobra.Command, c train.Config, m *runData, n int) (train.Pace, error) {
	base, err := openBase(c)
	if err != nil {
		return train.Pace{}, err
	}
	set, err := newAdapter(c, base)
	if err != nil {
		return train.Pace{}, err
	}
	base.Keep(c.KeptActivations())
	return train.Probe(cmd.Context(), c, newJob(c, m, base, set), n)
}

// print writes the report for people.
func (p planReport) print(out io.Writer, c train.Config) {
	l := p.Workload
	fmt.Fprintf(out, "base: %s\n", p.Base)
	for _, note := range p.notes {
		fmt.Fprintf(out, "note: %s\n", note)
	}
	fmt.Fprintf(out, "steps: %s (%s in an epoch, %.2f epochs)\n", human.Count(l.Steps), human.Count(l.PerEpoch),
		l.Epochs)
	fmt.Fprintf(out, "tokens: %s (%.0f in a step on average, %s in the longest sequence)\n",
		human.Count(l.All), float64(l.All)/float64(max(l.Steps, 1)), human.Count(l.Longest))
	if p.Shares {
		fewer := 100 * (1 - float64(l.Rows)/float64(max(l.All, 1)))
		fmt.Fprintf(out, "computed rows: %s (%.1f %% fewer than tokens: share_prefix)\n", human.Count(l.Rows), fewer)
	}
	if s := p.Sharing; s != nil {
		fmt.Fprintf(out, "ranks: %d; the busiest of a step computes %.1f %% of its tokens (%.1f %% if shared evenly), and "+
			"each sends %s a step on average\n", s.Ranks, 100*s.Busiest, 100/float64(s.Ranks),
			human.Bytes(int64(s.Sent(p.Trainable))))
	}
	fmt.Fprintf(out, "trainable parameters: %s (%s)\n", human.Count(p.Trainable), c.Type)
	fmt.Fprintf(out, "disk: %s for checkpoints and result", human.Bytes(p.Disk))
	if p.Free > 0 {
		fmt.Fprintf(out, "; available: %s", human.Bytes(p.Free))
	}
	of := ""
	if p.Sharing != nil {
		of = " of a rank"
	}
	fmt.Fprintf(out, "\nmemory%s: %s", of, human.Bytes(p.Total))
	if p.From != "" {
		fmt.Fprintf(out, "; %s: %s", p.From, human.Bytes(p.Limit))
	}
	fmt.Fprintln(out)
	for _, line := range parts(p.Memory) {
		if human.Columns(line) > machine.Width(out) { // a narrow terminal has no room for columns
			line = human.Wrap("  "+strings.Join(strings.Fields(line), " "), machine.Width(out))
		}
		fmt.Fprintln(out, line)
	}
	if s := p.Sharing; s != nil {
		fmt.Fprintf(out, "on one machine all %d ranks take %s, as they share the pages of the base weights\n", s.Ranks,
			human.Bytes(p.Together))
	}
	if p.Fits {
		return
	}
	fmt.Fprintln(out, "\nIt does not fit.")
	for _, line := range p.advice() {
		fmt.Fprintln(out, line)
	}
}

// roughly rounds a duration to the accuracy of an estimate.
func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		return d.Round(10 * time.Second).String()
	}
	return d.Round(time.Minute).String()
}
