package peers

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"

	"fettle/internal/fault"
	"fettle/internal/human"
	"fettle/internal/machine"
)

// report is the outcome of a comparison.
type report struct {
	Machine struct {
		CPU    string `json:"cpu"`
		Cores  int    `json:"cores"`
		System string `json:"system"`
	} `json:"machine"`
	Model   string    `json:"model"`
	Rounds  int       `json:"rounds"`
	Missing []missing `json:"missing"`
	Figures []figure  `json:"figures"`

	Interrupted bool `json:"interrupted,omitempty"` // before all were measured

	settings Settings
}

// figure is the speed of a program at a task: the medians of its runs.
type figure struct {
	task
	Weights   string     `json:"weights"`
	Program   string     `json:"program"`
	Version   string     `json:"version"`
	Tokens    float64    `json:"tokens_per_second"`
	TokensCPU float64    `json:"tokens_per_cpu_second"`
	Memory    int64      `json:"peak_memory_bytes"`
	Ratio     float64    `json:"fettle_ratio"`     // fettle's tokens per second by this program's
	RatioCPU  float64    `json:"fettle_cpu_ratio"` // likewise per CPU-second
	Runs      []measured `json:"runs"`
	Failure   string     `json:"failure,omitempty"`
}

func newReport(s Settings) *report {
	r := &report{settings: s, Rounds: s.Rounds, Missing: []missing{}, Figures: []figure{}}
	r.Machine.CPU, r.Machine.Cores = machine.Processor(), runtime.NumCPU()
	r.Machine.System = runtime.GOOS + "/" + runtime.GOARCH
	return r
}

// add adds the figure of a program. This program's, to which the others are compared, comes first.
func (r *report) add(t task, p installed, runs []measured, failed error) {
	f := figure{task: t, Weights: p.weights[t.Work][t.Bits], Program: p.name, Version: p.version, Runs: runs}
	if failed != nil {
		f.Failure, f.Runs = failed.Error(), []measured{}
		r.Figures = append(r.Figures, f)
		return
	}
	of := func(value func(measured) float64) float64 {
		var all []float64
		for _, one := range runs {
			all = append(all, value(one))
		}
		return median(all)
	}
	f.Tokens = of(func(m measured) float64 { return m.Tokens })
	f.TokensCPU = of(func(m measured) float64 { return m.TokensCPU })
	f.Memory = int64(of(func(m measured) float64 { return float64(m.Memory) }))
	if p.name == own().name {
		f.Ratio, f.RatioCPU = 1, 1
	}
	for _, ours := range r.Figures {
		if ours.task == t && ours.Program == own().name && ours.Failure == "" {
			f.Ratio, f.RatioCPU = ours.Tokens/f.Tokens, ours.TokensCPU/f.TokensCPU
		}
	}
	r.Figures = append(r.Figures, f)
}

// lacking lists what is missing, a line each.
func (r *report) lacking() (lines []string) {
	for _, m := range r.Missing {
		lines = append(lines, human.Plain(fmt.Sprintf("%s: %s (%s)", m.Program,
			strings.ReplaceAll(m.Lacks, "\n", " / "), m.Install)))
	}
	return lines
}

// print writes the table, or JSON. It returns an error if a program failed.
func (r *report) print(out io.Writer) error {
	var failures []string
	for _, f := range r.Figures {
		if f.Failure != "" {
			failures = append(failures, fmt.Sprintf("%s: %s: %s", f.task, f.Program, f.Failure))
		}
	}
	if r.settings.JSON {
		if err := json.NewEncoder(out).Encode(r); err != nil {
			return err
		}
	} else {
		io.WriteString(out, r.table())
	}
	if failures != nil {
		return fault.Mark(fmt.Errorf("not all programs could be measured:\n%s", strings.Join(failures, "\n")), fault.Input)
	}
	return nil
}

// table formats the report for people.
func (r *report) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "machine  %s, %s, %s\n", r.Machine.CPU, human.Plural(r.Machine.Cores, "core"), r.Machine.System)
	fmt.Fprintf(&b, "model    %s\n", r.Model)
	for _, line := range r.lacking() {
		fmt.Fprintf(&b, "missing  %s\n", line)
	}
	fmt.Fprintf(&b, "\n")
	rows := [][]string{{"", "work", "threads", "weights", "program", "tokens/s", "per CPU-s", "memory",
		"fettle is", "by CPU-s"}}
	var before task
	for _, f := range r.Figures {
		work, threads := f.named(r.settings), fmt.Sprint(f.Threads)
		if f.task == before {
			work, threads = "", ""
		} else if before.Work != "" {
			rows = append(rows, []string{""})
		}
		before = f.task
		row := []string{"", work, threads, f.Weights, f.Program}
		switch {
		case f.Failure != "":
			row = append(row, "failed")
		default:
			row = append(row, fmt.Sprintf("%.1f", f.Tokens), fmt.Sprintf("%.1f", f.TokensCPU), human.Bytes(f.Memory))
			if f.Ratio > 0 && f.Program != own().name {
				row = append(row, fmt.Sprintf("%.2f ×", f.Ratio), fmt.Sprintf("%.2f ×", f.RatioCPU))
			}
		}
		rows = append(rows, row)
	}
	b.WriteString(human.Table(rows))
	of := human.Plural(r.Rounds, "run") + " of each program"
	if r.Interrupted {
		of = "what was measured before the interrupt, " + human.Plural(r.Rounds, "run") + " of a program at most"
	}
	fmt.Fprintf(&b, "\nMedians of %s, in turn.%s\n", of, r.versions())
	if share := r.share(); share < 0.9 {
		fmt.Fprintf(&b, "The machine was busy: a thread of fettle got %.0f %% of a core. Programs whose threads wait for "+
			"each other, as llama.cpp's do, suffer most: measure again when it is not.\n", 100*share)
	}
	return b.String()
}

// named describes a task's work.
func (f figure) named(s Settings) string {
	return map[string]string{
		step:   fmt.Sprintf("LoRA step of %d tokens", s.Tokens),
		prompt: fmt.Sprintf("prompt of %d", s.Tokens),
		decode: fmt.Sprintf("%d tokens after %d", s.Generated, s.Tokens),
	}[f.Work]
}

// share returns the part of a core that fettle got at the least, where it had one thread; 1 where it never had.
func (r *report) share() float64 {
	least := 1.0
	for _, f := range r.Figures {
		if f.Program == own().name && f.Threads == 1 && f.TokensCPU > 0 {
			least = min(least, f.Tokens/f.TokensCPU)
		}
	}
	return least
}

// versions names the programs.
func (r *report) versions() string {
	var all []string
	seen := map[string]bool{own().name: true}
	for _, f := range r.Figures {
		if !seen[f.Program] && f.Version != "" {
			all = append(all, f.Program+" "+f.Version)
			seen[f.Program] = true
		}
	}
	if all == nil {
		return ""
	}
	return " Versions: " + strings.Join(all, ", ") + "."
}
