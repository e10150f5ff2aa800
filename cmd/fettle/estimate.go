package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/adapter"
	"fettle/internal/compute"
	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/internal/readfile"
	"fettle/model"
	"fettle/train"
	"fettle/train/plan"
)

// Names that --allow takes beside the rules of the linter.
const (
	allowMemory = "memory"
	allowDisk   = "disk"
)

// estimate holds the memory and disk that a run needs, and those that are available.
type estimate struct {
	Base     string         `json:"base"`
	Workload train.Workload `json:"load"`
	Shares   bool           `json:"share_prefix"`
	Sharing  *train.Sharing `json:"sharing,omitempty"` // among ranks
	Memory   plan.Memory    `json:"memory"`
	Total    int64          `json:"memory_total"`
	Together int64          `json:"memory_on_one_machine,omitempty"` // of all ranks, if they share the base's pages
	Limit    int64          `json:"memory_limit"`
	From     string         `json:"memory_limit_from"` // "": no limit is known
	Disk     int64          `json:"disk"`
	Free     int64          `json:"disk_free"` // 0: not known
	Fits     bool           `json:"fits"`
	Changes  []plan.Change  `json:"changes,omitempty"` // that make it fit
	Changed  int64          `json:"memory_with_changes,omitempty"`

	allow []string
	out   string
	notes []string // about the base
}

// newEstimate estimates from config.json, the headers of the weights and the
// encoded data: no weight is read.
func newEstimate(c train.Config, m *runData) (*estimate, error) {
	base, from, err := unread(c, m)
	if err != nil {
		return nil, err
	}
	dev := base.Device
	if p := base.Config.AttentionDropout; p > 0 {
		return nil, input(fmt.Errorf("%s: config.json sets attention_dropout to %g, which other programs apply in training "+
			"and fettle does not: set it to 0 to train without", c.ModelName, p))
	}
	method, err := c.Method()
	if err != nil {
		return nil, input(err)
	}
	if c, err = c.ResolveSharePrefix(dev.Name(), base.Config, adapter.Dropout(method)); err != nil {
		return nil, err
	}
	notes := from.notes(c)
	if warning, err := otherCompute(c, base); err != nil {
		return nil, err
	} else if warning != "" {
		notes = append(notes, warning)
	}
	training, held := m.training.Examples, m.evaluation.Examples
	tokens := m.training.Tokens + m.evaluation.Tokens
	b := &estimate{Workload: train.NewWorkload(c, training, held), Shares: c.SharePrefix == "true", allow: c.Allow,
		out: c.OutputDir, Base: from.String(), notes: notes}
	if m.ranks > 1 {
		if err := c.Shareable(m.ranks, len(training), method, base.Config); err != nil {
			return nil, err
		}
		s := train.NewSharing(c, training, m.ranks)
		b.Sharing, b.Workload.Sums = &s, s.Sums
	}
	b.Memory = plan.Estimate(c, base, b.Workload, tokens)
	mapped := int64(0)
	if b.Sharing != nil {
		b.Memory = b.Memory.Share(*b.Sharing, plan.Trainables(c, m.shape))
		b.Together = b.Memory.Together(m.ranks).Total()
		b.Memory, mapped = m.here.takes(b.Memory)
	}
	b.Total, b.Disk = b.Memory.Total(), plan.Storage(c, m.shape, b.Workload.Steps)
	limits, err := newMemoryLimits(c.MaxMemory)
	if err != nil {
		return nil, err
	}
	need := b.Memory.Need(base)
	need.Mapped += mapped
	b.Limit, b.From = limits.of(need)
	if left, ok := machine.AvailableDisk(existing(c.OutputDir)); ok {
		b.Free = left + sizeOf(c.OutputDir)
	}
	b.Fits = b.From == "" || b.Total <= b.Limit
	if !b.Fits {
		b.Changes, b.Changed = plan.Fit(c, base, training, held, tokens, m.here.size(), b.Limit)
	}
	return b, nil
}

// unread describes a run's base without reading its weights, and makes the device it will be on.
func unread(c train.Config, m *runData) (b plan.Base, from described, err error) {
	b.Config, from.config = m.shape, m.shape
	if c.Shape != "" {
		b.Device, err = scratchDevice(c.Compute)
		return b, from, err
	}
	b, from.source, err = unreadBase(c.ModelName, computeOf(c), c.Quantized, false)
	b.Config, b.Beside = m.shape, sizeOfTokenizer(m.tokenizerDir)
	return b, from, err
}

// unreadBase describes a model without reading its weights, and makes the device it will be on: to decode, or to train.
func unreadBase(name, mode, quantization string, decodes bool) (b plan.Base, source *model.Source, err error) {
	where, err := locatedModel(name)
	if err != nil {
		return b, nil, err
	}
	if source, err = model.Describe(where); err != nil {
		return b, nil, input(fmt.Errorf("load model: %w", err))
	}
	b = plan.Base{Config: source.Config, Stored: source.Stored(), Types: source.Types(), Mapped: plan.Mapped(source)}
	b.Device, err = deviceFor(nil, compute.ResolveMode(mode, quantization, b.Stored, decodes))
	return b, source, err
}

// check refuses a run that cannot fit, and says what would.
func (b *estimate) check() error {
	err := b.refusal()
	if err == nil || !b.lacksMemory() {
		return err
	}
	lines := append(parts(b.Memory), b.advice()...)
	lines = append(lines, "--allow memory continues anyway; fettle plan shows more")
	return fmt.Errorf("%w\n%s", err, strings.Join(lines, "\n"))
}

// refusal says in a line why a run cannot fit; nil if it can, or must not be refused.
func (b *estimate) refusal() error {
	if b.lacksMemory() {
		return fmt.Errorf("%w: the run needs about %s of memory; %s: %s", train.ErrRefused, human.Bytes(b.Total), b.From,
			human.Bytes(b.Limit))
	}
	if b.Free > 0 && b.Disk > b.Free && !slices.Contains(b.allow, allowDisk) {
		return fmt.Errorf("%w: the checkpoints of the run need about %s in %s; available: %s. Set save_total_limit, "+
			"choose another output_dir, or --allow disk",
			train.ErrRefused, human.Bytes(b.Disk), b.out, human.Bytes(b.Free))
	}
	return nil
}

func (b *estimate) lacksMemory() bool { return !b.Fits && !slices.Contains(b.allow, allowMemory) }

// advice lists the settings that would make it fit, as lines to paste into a config.
func (b *estimate) advice() []string {
	if len(b.Changes) == 0 {
		return []string{"no setting makes it fit: choose a smaller base"}
	}
	first := fmt.Sprintf("with these settings it needs about %s:", human.Bytes(b.Changed))
	if b.Changed > b.Limit {
		first = fmt.Sprintf("no settings make it fit; with these it needs about %s, a smaller base is needed:",
			human.Bytes(b.Changed))
	}
	lines := []string{first}
	for _, c := range b.Changes {
		lines = append(lines, c.String())
	}
	return lines
}

// existing returns the nearest directory at or above path that exists.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil {
			return path
		}
		up := filepath.Dir(path)
		if up == path {
			return path
		}
		path = up
	}
}

// sizeOf returns the bytes of the checkpoints in a run's directory.
func sizeOf(dir string) (bytes int64) {
	files, _ := readfile.Matches(filepath.Join(dir, "checkpoint-*", "*"))
	for _, path := range files {
		if info, err := os.Stat(path); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}
