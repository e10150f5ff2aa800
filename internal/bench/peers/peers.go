// Package peers runs other programs beside fettle, on the same work and in turn, and compares their speed.
//
// A peer is a program that was found on this machine; nothing is fetched. A task is a piece of work, such as a LoRA
// step over weights of 8 bits with two threads. All programs that can do it run one after another, round after round,
// each as a process of its own; the medians of the rounds are compared.
package peers

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"fettle/internal/bench"
	"fettle/internal/fault"
)

// Settings are the settings of the comparison.
type Settings struct {
	Shape     string   `yaml:"model_name_or_path" path:"named" alias:"model,shape" group:"model" help:"a model, of which files with the other types of weights are made; or tiny, 1b, 7b, 13b: random weights. The files are temporary: TMPDIR tells where"`
	Layers    int      `yaml:"layers" most:"4096" help:"layers of a model of random weights; 0: all"`
	Works     []string `yaml:"work" group:"workload" help:"what to compare: step (a LoRA step), prompt, decode"`
	Widths    []string `yaml:"bits" help:"bits of the weights: 32, 16, 8, 4"`
	Counts    []string `yaml:"threads" help:"numbers of threads"`
	Tokens    int      `yaml:"tokens" most:"1048576" help:"tokens of a step or of a prompt"`
	Generated int      `yaml:"generated" most:"1048576" help:"tokens decoded after a prompt"`
	Rank      int      `yaml:"lora_rank" most:"512" alias:"lora_r,r" help:"rank of LoRA, on the projections of attention"`
	Steps     int      `yaml:"steps" most:"1000" help:"measured steps or prompts of each process, after one or two to warm up"`
	Rounds    int      `yaml:"rounds" most:"1000" help:"processes of each program, in turn with the others'"`
	Limit     int      `yaml:"time_limit" most:"86400" help:"seconds after which a process is stopped"`
	Python    string   `yaml:"python" path:"named" group:"programs" help:"a Python with torch, and transformers for prompts and decoding; default: python3 in PATH"`
	Llama     string   `yaml:"llama_bench" path:"named" help:"llama.cpp's llama-bench; default: that in PATH"`
	Finetune  string   `yaml:"llama_finetune_lora" path:"named" help:"QVAC Fabric's llama-finetune-lora; default: that in PATH"`
	JSON      bool     `yaml:"json" group:"output" help:"write one JSON object"`
}

// Defaults returns the settings that nobody gave.
func Defaults() Settings {
	return Settings{
		Works: []string{step, prompt, decode}, Widths: []string{"32", "16", "8", "4"}, Counts: []string{"1", "2"},
		Tokens: 512, Generated: 64, Rank: 8, Steps: 3, Rounds: 3, Limit: 600,
	}
}

// Check returns an error if a setting is out of range.
func (s Settings) Check() error {
	for _, v := range []struct {
		key  string
		n    int
		from int
	}{
		{"layers", s.Layers, 0}, {"tokens", s.Tokens, 2}, {"generated", s.Generated, 1}, {"lora_rank", s.Rank, 1},
		{"steps", s.Steps, 1}, {"rounds", s.Rounds, 1}, {"time_limit", s.Limit, 1},
	} {
		if v.n < v.from {
			return wrong("%s is %d, want %d or more", v.key, v.n, v.from)
		}
	}
	if s.Shape == "" {
		return wrong("model_name_or_path is missing: a model, or a shape such as 1b")
	}
	if s.Layers > 0 && !(bench.Settings{Shape: s.Shape}).Named() {
		return wrong("layers %d cannot act: %s is a model; named shapes alone have layers to leave out", s.Layers, s.Shape)
	}
	_, err := s.tasks()
	return err
}

// wrong marks an error in a setting.
func wrong(format string, args ...any) error {
	return fault.Mark(fmt.Errorf(format, args...), fault.Usage)
}

// tasks lists the tasks: work by work, weights by weights.
func (s Settings) tasks() (all []task, err error) {
	for _, work := range s.Works {
		if !slices.Contains([]string{step, prompt, decode}, work) {
			return nil, wrong("work is %q, want step, prompt or decode", work)
		}
		for _, bits := range s.Widths {
			b, err := strconv.Atoi(bits)
			if err != nil || own().weights[work][b] == "" {
				return nil, wrong("bits is %q, want 32, 16, 8 or 4", bits)
			}
			for _, threads := range s.Counts {
				n, err := strconv.Atoi(threads)
				if err != nil || n < 1 || n > 1<<12 {
					return nil, wrong("threads is %q, want numbers from 1 to %d", threads, 1<<12)
				}
				all = append(all, task{work, b, n})
			}
		}
	}
	if len(all) == 0 {
		return nil, wrong("work, bits and threads want one value or more each")
	}
	return all, nil
}

// setting returns the program that a setting names.
func (s Settings) setting(name string) string {
	return map[string]string{"python": s.Python, "llama_bench": s.Llama, "llama_finetune_lora": s.Finetune}[name]
}

// Programs lists the settings that name programs.
func Programs() (keys []string) {
	for _, p := range others() {
		keys = append(keys, p.setting)
	}
	return slices.Compact(keys)
}

// Own is this program.
type Own struct {
	Path string
	Env  []string // KEY=value, beside the environment without FETTLE_…
}

// Run compares this program with its peers. status tells what goes on.
func Run(ctx context.Context, out io.Writer, self Own, s Settings, status func(string)) error {
	tasks, err := s.tasks()
	if err != nil {
		return err
	}
	c, err := bench.Settings{Shape: s.Shape}.Config()
	if err != nil {
		return err
	}
	if most := s.Tokens + s.Generated + 1; most > c.MaxPositions {
		return wrong("tokens %d and generated %d are more than the model's %d positions", s.Tokens, s.Generated,
			c.MaxPositions)
	}
	r := newReport(s)
	all := []*installed{{peer: own(), path: self.Path}}
	for _, p := range others() {
		if !slices.ContainsFunc(tasks, p.can) {
			continue
		}
		status("looking for " + p.name)
		found, err := p.find(ctx, s.setting(p.setting), seconds(float64(s.Limit)))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			r.Missing = append(r.Missing, missing{p.name, err.Error(), p.install})
		default:
			all = append(all, &found)
		}
	}
	if len(all) == 1 {
		return fault.Mark(fmt.Errorf("no program to compare with:\n%s", strings.Join(r.lacking(), "\n")), fault.Input)
	}
	dir, err := os.MkdirTemp("", "fettle-peers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeText(dir, (s.Steps+16)*s.Tokens); err != nil {
		return err
	}
	status("making a model")
	m, err := newModels(self, s, c, dir)
	if err != nil {
		return err
	}
	r.Model = bench.Describe(s.Shape, m.config)
	for _, t := range tasks {
		if err := r.compare(ctx, t, all, m, status); err != nil {
			if r.Interrupted = ctx.Err() != nil; r.Interrupted && len(r.Figures) > 0 {
				_ = r.print(out) // the interrupt is the error
			}
			return err
		}
	}
	return r.print(out)
}

// can reports whether a program does a task.
func (p peer) can(t task) bool { return p.weights[t.Work][t.Bits] != "" }

// compare runs the programs in turn. What fails once is not run again. What was measured before an interrupt counts.
func (r *report) compare(ctx context.Context, t task, all []*installed, m *models, status func(string)) error {
	able := slices.DeleteFunc(slices.Clone(all), func(p *installed) bool { return !p.can(t) })
	if len(able) == 1 {
		return nil
	}
	j := job{task: t, Settings: r.settings, dir: m.dir, config: m.config, env: m.own.Env}
	runs, failed := make([][]measured, len(able)), make([]error, len(able))
	defer func() {
		for i, p := range able {
			if failed[i] != nil || len(runs[i]) > 0 {
				r.add(t, *p, runs[i], failed[i])
			}
		}
	}()
	for round := range r.Rounds {
		for i, p := range able {
			if failed[i] != nil {
				continue
			}
			var err error
			if j.file, err = m.file(ctx, p.weights[t.Work][t.Bits]); err != nil {
				return err
			}
			status(fmt.Sprintf("%s: %s, %d of %d", t, p.name, round+1, r.Rounds))
			one, err := p.measure(ctx, j)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			failed[i], runs[i] = err, append(runs[i], one)
		}
	}
	return nil
}
