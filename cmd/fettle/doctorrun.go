package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"fettle/adapter"
	"fettle/data"
	"fettle/data/lint"
	"fettle/internal/compute"
	"fettle/internal/compute/ref"
	"fettle/internal/doctor"
	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/model"
	"fettle/train"
	"fettle/train/plan"
)

// run checks the settings, files, data, memory and disk of a run, and then what it computes. It ends at the first
// problem that leaves nothing to check.
func (d *doctoring) run(c train.Config, config string, stated func(key string) bool) {
	r := d.report
	r.Begin("Run")
	if c.OutputDir == "" {
		c.OutputDir = "."
	}
	if err := c.Validate(); err != nil {
		r.Problem("settings", usage(err), "fettle help train explains every setting")
		return
	}
	if err := overwrites(c, config); err != nil {
		r.Problem("settings", err, "")
		return
	}
	m, err := describeData(baseShape, &c)
	switch {
	case err != nil && code(err) == exitUsage:
		r.Problem("settings", err, "fettle help train explains every setting")
		return
	case err != nil:
		r.Problem("files", err, "")
		return
	}
	r.OK("base", "%s, %s parameters, %d layers, width %d", c.ModelName+c.Shape, human.Count(m.shape.Parameters()),
		m.shape.Layers, m.shape.Hidden)
	if m.tok != nil {
		r.OK("tokenizer", "%s tokens; recipe %s", human.Count(m.tok.Size()), c.Recipe)
	}
	if !d.data(&c, m, stated) || !d.fits(c, m) {
		return
	}
	if err := d.proofs(c, m); err != nil && d.cmd.Context().Err() == nil {
		r.Problem("run", err, "")
	}
}

// firstRowsRead is the number of rows that are read of each file where files are larger than smallData together.
const (
	firstRowsRead = 1000
	smallData     = 64 << 20
)

// data reads the data and adds what is wrong with it, and with the settings on it. It returns false where a run would
// be refused.
func (d *doctoring) data(c *train.Config, m *runData, stated func(key string) bool) bool {
	of := ""
	if limitRows(c) {
		of = fmt.Sprintf(" of the first %s rows of each file; fettle inspect and fettle plan read all",
			human.Count(c.MaxSamples))
	}
	d.now("data")
	if err := m.load(c, d.out); err != nil {
		d.report.Problem("data", err, "")
		return false
	}
	misfits, err := m.fit(zerolog.Nop(), *c, stated)
	if err == nil {
		err = m.check(*c)
	}
	if err != nil {
		d.report.Problem("data", err, "")
		return false
	}
	s := m.training
	d.report.OK("data", "%s of %s, %s learned%s", human.Plural(len(s.Examples), "example"),
		human.Plural(s.Tokens, "token"), human.Count(s.Learned), of)
	for _, f := range misfits {
		d.report.Note(f.Key, "", "%s", f.Text)
	}
	report := &m.training.Report
	for _, rule := range lint.Rules() {
		if report.Counts[rule.Name] > 0 && report.Severity(rule) != lint.Note {
			d.report.Note("data", "", "%s", m.finding(rule))
		}
	}
	return true
}

// limitRows limits the rows of large data and reports whether it did.
func limitRows(c *train.Config) bool {
	_, files, err := dataOptions(c)
	size := int64(0)
	for _, f := range files {
		if info, e := os.Stat(f.Path); e == nil {
			size += info.Size()
		}
	}
	if err != nil || size <= smallData || c.MaxSamples > 0 && c.MaxSamples <= firstRowsRead {
		return false
	}
	c.MaxSamples = firstRowsRead
	c.ValSize = min(c.ValSize, firstRowsRead/10)
	return true
}

// fits compares the memory and disk that the run needs with what there is.
func (d *doctoring) fits(c train.Config, m *runData) bool {
	b, err := newEstimate(c, m)
	if err == nil {
		err = b.refusal()
	}
	if err != nil {
		d.report.Problem("memory and disk", err, "fettle plan shows what takes it, and settings that fit")
		return false
	}
	d.report.OK("memory and disk", "the run needs about %s of memory and %s of disk", human.Bytes(b.Total),
		human.Bytes(b.Disk))
	for _, note := range b.notes {
		d.report.Note("base", "", "%s", note)
	}
	return true
}

// proofs checks the gradient, and that the run resumes to the same bits.
func (d *doctoring) proofs(c train.Config, m *runData) error {
	defer debug.SetGCPercent(debug.SetGCPercent(plan.GCPercent))
	ctx := d.cmd.Context()
	d.now("speed")
	began := time.Now()
	base, err := openBase(c)
	if err != nil {
		return err
	}
	loading := time.Since(began)
	p := proof{config: c, data: m, base: base}
	p.config.Accumulation = min(c.Accumulation, 2)
	p.few, p.steps = shortest(m.training.Examples, 2), shortest(m.training.Examples, p.config.BatchSize*4)
	job, err := p.job()
	if err != nil {
		return err
	}
	job.Training, job.Evaluation = p.steps, nil
	pace, err := train.Probe(ctx, p.config, job, 1)
	if err != nil {
		return err
	}
	plain, slopes := p.slopesTake(pace, loading, job.Adapter.Params())
	resume := p.resumeTakes(pace, loading)
	d.report.OK("time", "checking the gradient and a stop takes about %s; Ctrl-C ends it", human.Duration(slopes+resume))
	if err := d.slopes(ctx, p, plain); err != nil {
		return err
	}
	return d.resume(ctx, p)
}

// proof is what proofs work on.
type proof struct {
	config     train.Config
	data       *runData
	base       *model.Model
	few, steps []data.Example // for the gradient, and for steps: short ones
}

// shortest returns up to n of the shortest examples with something to learn.
func shortest(all []data.Example, n int) []data.Example {
	learned := slices.DeleteFunc(slices.Clone(all), func(e data.Example) bool { return e.Learned() < 2 })
	if len(learned) == 0 {
		learned = slices.Clone(all)
	}
	slices.SortStableFunc(learned, func(a, b data.Example) int { return a.Len() - b.Len() })
	return learned[:min(n, len(learned))]
}

// job makes a job of the run with a new adapter. Where the run changes the base itself, that is loaded anew.
func (p *proof) job() (train.Job, error) {
	if p.base == nil || p.config.Type == adapter.TypeFull {
		base, err := openBase(p.config)
		if err != nil {
			return train.Job{}, err
		}
		p.base = base
	}
	set, err := newAdapter(p.config, p.base)
	if err != nil {
		return train.Job{}, err
	}
	job := newJob(p.config, p.data, p.base, set)
	job.Model.Keep(p.config.KeptActivations())
	job.Training, job.Evaluation = p.steps, nil
	return job, nil
}

// slopesTake estimates the time of checking the gradient, and says whether the plain device is fast enough for it.
func (p *proof) slopesTake(pace train.Pace, loading time.Duration, params []*adapter.Param) (
	plain bool, d time.Duration,
) {
	const rate, patience = 1e9, 30 * time.Second // operations per second of the plain device, roughly
	tokens := 0
	for _, e := range p.few {
		tokens += e.Len()
	}
	passes := float64(train.SlopePasses(params))
	d = time.Duration(passes * 2 * float64(p.base.Config().Parameters()*tokens) / rate * float64(time.Second))
	if d <= patience {
		return true, d
	}
	return false, loading + time.Duration(passes/3*float64(tokens))*pace.Token
}

// resumeTakes estimates the time of ProveResume.
func (p *proof) resumeTakes(pace train.Pace, loading time.Duration) time.Duration {
	tokens := 0
	for _, e := range p.steps {
		tokens += e.Len()
	}
	step := float64(tokens) / float64(max(len(p.steps), 1)) * float64(p.config.BatchSize*p.config.Accumulation)
	d := time.Duration(train.ProofSteps) * (time.Duration(step)*pace.Token + pace.Step)
	if p.config.Type == adapter.TypeFull {
		d += 3 * loading
	}
	return d
}

// slopes adds whether the gradient is that of the loss: in float32, or on the plain device.
func (d *doctoring) slopes(ctx context.Context, p proof, plain bool) error {
	c := p.config
	c.Compute = compute.ModeF32
	p.base = nil
	debug.FreeOSMemory()
	var err error
	if plain {
		if p.base, err = plainBase(p.config); err != nil {
			return err
		}
	} else if p.base, err = openBase(c); err != nil {
		return err
	}
	set, err := newAdapter(c, p.base)
	if err != nil {
		return err
	}
	began, done := time.Now(), 0
	all, err := train.Slopes(ctx, c, newJob(c, p.data, p.base, set), p.few, func(kind string, of int) {
		done++
		d.now(fmt.Sprintf("gradient, %d of %d: %s", done, of, kind))
	})
	if err != nil {
		return err
	}
	worst, told := train.Slope{}, 0
	for _, s := range all {
		if s.Tells() {
			told++
		}
		if s.Error() >= worst.Error() {
			worst = s
		}
	}
	on := p.base.Device().Name()
	switch {
	case !worst.Right():
		d.report.Problem("gradient", fmt.Errorf("%w: the derivative of the loss along some of %s is %.6g, differences on %s "+
			"say %.6g: %.2g of its size apart, at most %.2g is right", doctor.ErrComputes, worst.Kind, worst.Gradient, on,
			worst.Difference, worst.Error(), train.SlopeTolerance), "report it, with this report")
	case told == 0:
		d.report.Note("gradient", "", "too small here for differences to tell whether it is right")
	default:
		apart := "equal to rounding"
		if worst.Error() > 0 {
			apart = fmt.Sprintf("%.1g of its size apart at most (%.1g is right)", worst.Error(), train.SlopeTolerance)
		}
		d.report.OK("gradient", "against differences of the loss along %d of %d directions, for %s of parameters, on %s: "+
			"%s, %s", told, len(all), human.Plural(done, "kind"), on, apart, doctor.Brief(time.Since(began)))
	}
	return nil
}

// plainBase loads the base of a run on the plain device, as the run keeps it.
func plainBase(c train.Config) (*model.Model, error) {
	if c.Shape != "" {
		shape, _, err := baseShape(c)
		if err != nil {
			return nil, err
		}
		return model.Drawn(shape, c.Seed, c.Spread, ref.New())
	}
	dir, err := locatedModel(c.ModelName)
	if err != nil {
		return nil, err
	}
	stored, err := model.StoredType(dir)
	if err != nil {
		return nil, input(err)
	}
	return model.LoadAs(dir, ref.New(), compute.ResolveQuantization(c.Compute, c.Quantized, stored))
}

// resume adds whether a run that is stopped continues to the same bits.
func (d *doctoring) resume(ctx context.Context, p proof) error {
	where := existing(p.config.OutputDir)
	need := 4 * plan.Storage(p.config, p.data.shape, 1)
	if free, ok := machine.AvailableDisk(where); ok && need > free {
		d.report.Note("resume", "make room, and run this again", "not checked: it needs about %s of disk in %s",
			human.Bytes(need), where)
		return nil
	}
	dir, err := os.MkdirTemp(where, doctor.TemporaryPattern)
	if err != nil {
		return err
	}
	remove := func() { os.RemoveAll(dir) }
	defer remove()
	defer context.AfterFunc(ctx, remove)() // a step that is long does not keep the program from ending
	began := time.Now()
	d.now("a stop")
	p.base = nil
	debug.FreeOSMemory()
	shown := func(steps int) { d.now(fmt.Sprintf("a stop, %d of %d steps", steps, train.ProofSteps)) }
	switch err := train.ProveResume(ctx, p.config, filepath.Join(dir, "run"), p.job, shown); {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		d.report.Problem("resume", fmt.Errorf("a run that is stopped does not continue to the same bits: %w", err),
			"report it, with this report")
	default:
		d.report.OK("resume", "stopped after a step and continued, the run saves the same bits, %s",
			doctor.Brief(time.Since(began)))
	}
	return nil
}
