package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"fettle/adapter"
	"fettle/internal/builtin"
	"fettle/internal/compute"
	"fettle/internal/human"
	"fettle/internal/mpi"
	"fettle/internal/sharedmem"
	"fettle/model"
	"fettle/model/chat"
	"fettle/train"
	"fettle/train/plan"
	pages "fettle/train/report"
)

func newTrain() *cobra.Command {
	c := train.Defaults()
	cmd := &cobra.Command{
		Use:     "train",
		Aliases: []string{"finetune", "sft"},
		Short:   "Learn an adapter from instruction data",
		Long: `Learn an adapter from instruction data.

A run can be stopped at any moment, by Ctrl-C or a power cut, and continues with
the same command where its last checkpoint is, to the same bits.

Without a model and data it tunes the built-in model, as fettle demo does.`,
		Example: `  fettle train --model_name_or_path models/llama-7b --dataset alpaca.json --output_dir runs/first
  fettle train --config alpaca-lora-7b --model_name_or_path models/llama-7b --dataset alpaca.json`,
		Args: cobra.NoArgs,
	}
	watch, shared := watchSettings{}, defaultRanks()
	s := addSettings(cmd, &c, &watch, &shared)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := loadRun(cmd, s, &c); err != nil {
			return err
		}
		if n, by := mpi.Launched(os.Getenv); isDemo(c, s) && n != 1 && shared.Ranks != "none" {
			return usage(fmt.Errorf("%s has started %s: give them a model and data", by, mpi.Processes(n)))
		}
		if isDemo(c, s) {
			return demonstrate(cmd, c, s.Given, watch)
		}
		if err := c.Validate(); err != nil {
			return usage(err)
		}
		if err := overwrites(c, s.Config()); err != nil {
			return err
		}
		j, err := shared.join(cmd)
		if err != nil {
			return err
		}
		return j.end(cmd, trainAndShow(cmd, c, s.Stated, watch, j))
	}
	return cmd
}

// trainAndShow runs a run, with its dashboard, and says what can be done with its result.
func trainAndShow(
	cmd *cobra.Command, c train.Config, stated func(key string) bool, watch watchSettings, j *joined,
) error {
	board, end := &pages.Board{}, func() {}
	if j == nil || j.rank == 0 {
		var err error
		if end, err = watch.start(cmd, c, board); err != nil {
			return err
		}
	}
	defer end()
	if err := runTraining(cmd, c, stated, board, j); err != nil {
		return err
	}
	if j == nil || j.rank == 0 {
		debug.FreeOSMemory() // of the run
		tryRun(cmd, c)
	}
	return nil
}

// runTraining puts a run together and runs it: data first, because most mistakes are there, then the weights. made
// names files that the command has written to the run's directory.
func runTraining(
	cmd *cobra.Command, c train.Config, stated func(key string) bool, board *pages.Board, j *joined, made ...string,
) error {
	log := newLog(cmd.ErrOrStderr())
	m, err := describeData(baseShape, &c)
	if err != nil {
		return err
	}
	if over, err := j.decide(func() (bool, error) { return m.finished(cmd, c, nil) }); over || err != nil {
		return err
	}
	if err := m.load(&c, cmd.ErrOrStderr()); err != nil {
		return err
	}
	inputs := train.Inputs{Tokenizer: m.hash, Training: m.training.Hash, Evaluation: m.evaluation.Hash}
	if over, err := j.decide(func() (bool, error) { return m.finished(cmd, c, &inputs) }); over || err != nil {
		return err
	}
	m.ranks = j.size()
	m.log(log, c)
	if _, err := m.fit(log, c, stated); err != nil {
		return err
	}
	if err := m.check(c); err != nil {
		return err
	}
	m.warn(log)
	if m.here, err = j.neighbours(c); err != nil {
		return err
	}
	b, err := newEstimate(c, m)
	if err != nil {
		return err
	}
	if err := b.check(); err != nil {
		return err
	}
	for _, note := range b.notes {
		log.Warn().Msg(note)
	}
	b.log(log)
	m.here.log(log)
	defer debug.SetGCPercent(debug.SetGCPercent(plan.GCPercent))
	base, err := m.here.load(func(shared *sharedmem.Memory) (*model.Model, error) { return openBaseIn(shared, c) })
	if err != nil {
		return err
	}
	set, err := newAdapter(c, base)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // garbage of reading data and weights
	logModel(log, c, base, set)
	job := newJob(c, m, base, set)
	job.Board, job.Program, job.Machine, job.Made = board, thisProgram(), thisMachine(), made
	job.Model.Keep(c.KeptActivations())
	if job.Beside, err = m.beside(c, base); err != nil {
		return err
	}
	if err := m.keepConfig(&job, c); err != nil {
		return err
	}
	job.Log, job.Steps, job.Status = log, newLog(cmd.OutOrStdout()), statusOf(cmd.OutOrStdout())
	if job.Sample, err = sampler(&c, m, job.Model); err != nil {
		return err
	}
	if job.Settings, err = ranSettings(c); err != nil {
		return err
	}
	word := "Stopping after this micro-batch; Ctrl-C again ends at once."
	if j != nil && j.rank > 0 {
		word = ""
	}
	defer hold(cmd.Context(), word)()
	debug.SetGCPercent(b.Memory.GCPercent())
	job.Ranks = j.ranks()
	result, err := train.Run(cmd.Context(), c, job)
	if j != nil {
		j.told = true
	}
	if err != nil {
		return err
	}
	summarize(cmd.OutOrStdout(), c, base.Config(), result)
	return nil
}

// newJob joins data, base and adapter for train. The record makes the result usable without the run's settings.
func newJob(c train.Config, m *runData, base *model.Model, set *adapter.Set) train.Job {
	recorded := chat.Record(m.recipe)
	job := train.Job{
		Model: set.Model(), Adapter: set, Training: m.training.Examples, Evaluation: m.evaluation.Examples,
		Inputs: train.Inputs{
			Base: base.Fingerprint(), Content: base.Content(), Tokenizer: m.hash,
			Training: m.training.Hash, Evaluation: m.evaluation.Hash,
		},
		Record: adapter.Record{
			Version: version, Base: lasting(c.ModelName), Fingerprint: base.Fingerprint(), Content: base.Content(),
			Tokenizer: m.hash, Compute: base.Device().Name(), Recipe: recorded.Recipe, Template: recorded.Hash,
			Quantization: strings.TrimPrefix(quantization(base), compute.NotQuantized),
		},
	}
	set.Complete(&job.Record)
	return job
}

// quantization returns how a model's projections are kept.
func quantization(m *model.Model) string {
	return m.Weight(model.Site{At: model.QProj}).Type.Quantization()
}

// summarize prints the result of a run.
func summarize(to io.Writer, c train.Config, base *model.Config, r train.Result) {
	out := &strings.Builder{} // one text, so that a terminal wraps it as one
	defer func() { io.WriteString(to, out.String()) }()
	fmt.Fprintf(out, "\n%s done.", human.Plural(r.Steps, "step"))
	if r.EvalAfter > 0 {
		fmt.Fprintf(out, " Held-out loss: %.4f before, %.4f after.", r.EvalBefore, r.EvalAfter)
	}
	if r.Still {
		fmt.Fprint(out, " Nothing was learned: every learning rate was 0.")
	}
	if r.Best > 0 {
		fmt.Fprintf(out, " The result is the checkpoint of step %d, the best one.", r.Best)
	}
	fmt.Fprintln(out)
	if method, err := c.Method(); err == nil && adapter.Readers(method, base, c.OutputDir) != "" {
		fmt.Fprintln(out, adapter.Readers(method, base, c.OutputDir))
	}
}

// newAdapter makes the parameters that a run trains: a new adapter, one that is continued, or the weights themselves.
func newAdapter(c train.Config, base *model.Model) (*adapter.Set, error) {
	method, err := c.Methods.Find(c.Type)
	if err != nil {
		return nil, err
	}
	if c.Adapter != "" && c.Type != adapter.TypeFull {
		set, err := loadAdapter(c.Adapter, method, base, c.OtherBase)
		if err == nil && c.OtherBase {
			set.Base = c.ModelName
		}
		return set, input(err)
	}
	set, err := adapter.New(method, base, c.Seed)
	if err == nil {
		set.Base = c.ModelName
	}
	return set, usage(err)
}

// lasting returns a model's name so that it holds in other directories too.
func lasting(name string) string {
	if name == builtin.Name && !isDir(name) {
		return name
	}
	if full, err := filepath.Abs(name); err == nil {
		return full
	}
	return name
}
