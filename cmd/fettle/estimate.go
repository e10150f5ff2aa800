package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/adapter"
	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/model"
	"fettle/train"
	"fettle/train/plan"
)

// Names that --allow takes beside the rules of the linter.
const (
	allowMemory = "memory"
	allowDisk   = "disk"
)

// Origins of the memory limit.
const (
	maxMemory = "max_memory"
	available = "available"
)

// estimate holds the memory and disk that a run needs, and those that are available.
type estimate struct {
	Base     string         `json:"base"`
	Workload train.Workload `json:"load"`
	Shares   bool           `json:"share_prefix"`
	Memory   plan.Memory    `json:"memory"`
	Total    int64          `json:"memory_total"`
	Limit    int64          `json:"memory_limit"` // 0: not known
	From     string         `json:"memory_limit_from"`
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
	training, held := m.training.Examples, m.evaluation.Examples
	tokens := m.training.Tokens + m.evaluation.Tokens
	b := &estimate{Workload: train.NewWorkload(c, training, held), Shares: c.SharePrefix == "true", allow: c.Allow,
		out: c.OutputDir, Base: from.String(), notes: from.notes(c)}
	b.Memory = plan.Estimate(c, base, b.Workload, tokens)
	b.Total, b.Disk = b.Memory.Total(), plan.Storage(c, m.shape, b.Workload.Steps)
	if c.MaxMemory != "auto" {
		if b.Limit, err = train.Bytes(c.MaxMemory); err != nil {
			return nil, usage(err)
		}
		b.From = maxMemory
	} else if left, ok := machine.AvailableMemory(); ok {
		b.Limit, b.From = left, available
	}
	if left, ok := machine.AvailableDisk(existing(c.OutputDir)); ok {
		b.Free = left + sizeOf(c.OutputDir)
	}
	b.Fits = b.Limit == 0 || b.Total <= b.Limit
	if !b.Fits {
		b.Changes, b.Changed = plan.Fit(c, base, training, held, tokens, b.Limit)
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
	where, err := locatedModel(c.ModelName)
	if err != nil {
		return b, from, err
	}
	source, err := model.Describe(where)
	if err != nil {
		return b, from, input(fmt.Errorf("load model: %w", err))
	}
	from.source, b.Stored, b.Types = source, source.Stored(), source.Types()
	b.Device, err = deviceFor(b.Stored, c.Compute)
	return b, from, err
}

// check refuses a run that cannot fit, and says what would.
func (b *estimate) check() error {
	err := b.refusal()
	if err == nil || !b.lacksMemory() {
		return err
	}
	lines := append(b.parts(), b.advice()...)
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

// parts lists the memory by use.
func (b *estimate) parts() []string {
	var lines []string
	for _, p := range []struct {
		what  string
		bytes int64
	}{
		{"base weights", b.Memory.Weights}, {"trainable parameters, gradients, moments", b.Memory.Trainable},
		{"activations", b.Memory.Activations},
		{"logits", b.Memory.Loss}, {"graphs and scratch of the adapter", b.Memory.Modules}, {"data", b.Memory.Data},
		{"scratch of products", b.Memory.Scratch},
		{"program, memory not yet reused", b.Memory.Program},
	} {
		lines = append(lines, fmt.Sprintf("  %-40s %10s", p.what, human.Bytes(p.bytes)))
	}
	return lines
}

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
	files, _ := filepath.Glob(filepath.Join(dir, "checkpoint-*", "*"))
	for _, path := range files {
		if info, err := os.Stat(path); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}
