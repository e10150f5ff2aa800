// Package history reads the directories of runs: which there are and how they stand, what each was made of, what
// differs between them. And it removes them.
package history

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fettle/adapter"
	"fettle/internal/identify"
	"fettle/train"
	"fettle/train/checkpoint"
	"fettle/train/journal"
	"fettle/train/report"
)

// ErrNoRun reports a directory that is none of a run.
var ErrNoRun = errors.New("no run of fettle")

// State is how a run stands.
type State string

// The states.
const (
	Running  State = "running" // a process holds its lock
	Stopped  State = "stopped" // or killed: the same command continues it
	Finished State = "finished"
	Failed   State = "failed"
	Damaged  State = "damaged" // Trouble says what
)

// Run is a run as a listing shows it. Losses are 0 where there are none.
type Run struct {
	Path     string       `json:"path"`
	Link     string       `json:"link,omitempty"` // where Path leads, if it is a link
	State    State        `json:"state"`
	Owner    *train.Owner `json:"owner,omitempty"`   // of a run that is running
	Trouble  string       `json:"trouble,omitempty"` // of one that failed or is damaged
	Step     int          `json:"step"`              // that is kept; of a run that is running, done
	Steps    int          `json:"steps,omitempty"`   // of the whole run
	Epoch    float64      `json:"epoch,omitempty"`
	Method   string       `json:"finetuning_type,omitempty"`
	Base     string       `json:"base,omitempty"`
	Recipe   string       `json:"recipe,omitempty"`
	Loss     float64      `json:"loss,omitempty"`
	EvalLoss float64      `json:"eval_loss,omitempty"` // the last
	BestLoss float64      `json:"best_eval_loss,omitempty"`
	Changed  time.Time    `json:"changed"`
	Seconds  float64      `json:"elapsed_seconds,omitempty"` // of training
	Bytes    int64        `json:"bytes"`                     // on disk
}

// The files of a run that no other package names.
const (
	settingsFile = "config.yaml"
	bestLink     = "best"
)

// dir is what the directory of a run holds.
type dir struct {
	path        string
	names       []string
	checkpoints []string
	saved       train.Saved // of the newest checkpoint
	unsaved     error       // why saved is empty
	journal     []journal.Entry
	tail        report.History
	record      adapter.Record
	settings    map[string]any
}

// open reads the small files of a directory.
func open(path string) (*dir, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	d := &dir{path: path, checkpoints: checkpoint.List(path)}
	for _, e := range entries {
		d.names = append(d.names, e.Name())
	}
	if !d.isRun() {
		return nil, fmt.Errorf("%s: %w", path, ErrNoRun)
	}
	if newest := d.newest(); newest != "" {
		d.saved, d.unsaved = train.ReadSaved(newest)
		d.record, _ = adapter.ReadRecord(newest)
	}
	if r, err := adapter.ReadRecord(path); err == nil && d.has(adapter.RecordFile) {
		d.record = r
	}
	d.journal, _ = journal.Read(path)
	d.tail, _ = report.Tail(path)
	d.settings, _ = readSettings(path)
	return d, nil
}

func (d *dir) has(name string) bool { return slices.Contains(d.names, name) }

func (d *dir) newest() string {
	if len(d.checkpoints) == 0 {
		return ""
	}
	return filepath.Join(d.path, d.checkpoints[len(d.checkpoints)-1])
}

// isRun reports whether the directory is a run's, or what is left of one whose removal was interrupted.
func (d *dir) isRun() bool {
	if d.has(journal.File) || d.has(settingsFile) && d.has(report.LogFile) || d.bare() || d.halfRemoved() {
		return true
	}
	return slices.ContainsFunc(d.checkpoints, func(name string) bool {
		return identify.Of(filepath.Join(d.path, name)).Kind == identify.Checkpoint
	})
}

// bare reports whether there is nothing but a lock file and what interrupted runs and removals leave.
func (d *dir) bare() bool {
	return len(d.names) > 0 && !slices.ContainsFunc(d.names, func(name string) bool {
		return name != train.LockFile && name != train.OwnerFile && !checkpoint.IsLitter(name)
	})
}

// halfRemoved reports whether a removal was interrupted.
func (d *dir) halfRemoved() bool {
	return d.bare() && len(d.names) > 1 || slices.ContainsFunc(lastToGo(), func(name string) bool {
		return d.has(checkpoint.Removed(name))
	})
}

// last returns the last entry of the journal that is an event of kinds, or of any kind.
func (d *dir) last(kinds ...journal.Event) (e journal.Entry) {
	for _, e := range slices.Backward(d.journal) {
		if len(kinds) == 0 || slices.Contains(kinds, e.Event) {
			return e
		}
	}
	return e
}

// Read describes the run in a directory.
func Read(path string) (Run, error) {
	d, err := open(path)
	if err != nil {
		return Run{}, err
	}
	return d.run(), nil
}

func (d *dir) run() Run {
	r := Run{Path: d.path, Method: text(d.settings["finetuning_type"]), Recipe: text(d.settings["recipe"])}
	r.Method, r.Recipe = cmp.Or(r.Method, d.record.Type, d.saved.Config.Type), cmp.Or(r.Recipe, d.record.Recipe)
	r.Base = base(d.settings, d.record)
	r.Link, _ = os.Readlink(d.path)
	target, _ := filepath.EvalSymlinks(d.path)
	s := d.saved
	r.Step, r.Steps, r.Epoch, r.Loss = s.Step, cmp.Or(s.Steps, d.last().Steps), s.Epochs, s.Loss
	r.EvalLoss, r.BestLoss, r.Seconds = s.EvalAfter, s.Lowest, s.Elapsed.Seconds()
	if d.unsaved != nil {
		r.Step = d.last().Step
	}
	if end := d.last(journal.Finished); (len(d.checkpoints) == 0 || d.unsaved != nil) && end.Result != nil {
		r.Step, r.Epoch, r.Loss, r.Seconds = end.Step, end.Result.Epoch, end.Result.Loss, end.Result.Seconds
		r.EvalLoss, r.BestLoss = end.Result.EvalAfter, end.Result.BestLoss
	}
	d.judge(&r)
	if r.State == Running {
		d.follow(&r)
	}
	r.Changed, r.Bytes = d.changed(r.State), size(cmp.Or(target, d.path))
	return r
}

// judge finds the state of a run.
func (d *dir) judge(r *Run) {
	owner, held, err := train.Held(d.path)
	result := d.has(adapter.RecordFile)
	switch trouble := d.trouble(); {
	case held:
		r.State, r.Owner = Running, &owner
	case trouble != nil:
		r.State, r.Trouble = Damaged, trouble.Error()
	case result && (len(d.checkpoints) == 0 || d.saved.Ended || d.saved.Steps == 0):
		r.State = Finished
	case d.last().Event == journal.Failed:
		r.State, r.Trouble = Failed, d.last().Reason
	default:
		r.State = Stopped
		if errors.Is(err, fs.ErrPermission) && d.last().Event.Begins() {
			r.Trouble = "its lock cannot be read, so it may be running"
		}
	}
}

// trouble says what is damaged, as far as small files and sizes tell.
func (d *dir) trouble() error {
	if d.halfRemoved() {
		return errors.New("its removal was interrupted")
	}
	if newest := d.newest(); newest != "" {
		err := checkpoint.Glance(newest)
		if err == nil {
			err = d.unsaved
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(newest), err)
		}
	}
	if d.has(adapter.RecordFile) && adapter.FormOf(d.path) == "" && !identify.Holds(d.path, identify.Model) {
		return errors.New("the result has no weights")
	}
	return nil
}

// follow takes what a run that goes on has logged since its last checkpoint.
func (d *dir) follow(r *Run) {
	if steps := d.tail.Steps; len(steps) > 0 && steps[len(steps)-1].Step > r.Step {
		s := steps[len(steps)-1]
		r.Step, r.Epoch, r.Loss, r.Seconds = s.Step, s.Epoch, s.Loss, s.ElapsedSeconds
	}
	for _, e := range d.tail.Evals {
		if e.Step >= d.saved.Step {
			r.EvalLoss = e.EvalLoss
			if e.Step > 0 && (r.BestLoss == 0 || e.EvalLoss < r.BestLoss) {
				r.BestLoss = e.EvalLoss
			}
		}
	}
}

// changed returns when a run last did something. Copies of a run have files that are newer.
func (d *dir) changed(state State) (at time.Time) {
	if e := d.last(journal.Stopped, journal.Failed, journal.Finished); state != Running && !d.last().Event.Begins() {
		at = e.Time
	}
	if at.IsZero() {
		at = d.saved.At
		for _, name := range []string{report.LogFile, journal.File} {
			if info, err := os.Stat(filepath.Join(d.path, name)); err == nil && info.ModTime().After(at) {
				at = info.ModTime()
			}
		}
	}
	if info, err := os.Stat(d.path); err == nil && at.IsZero() {
		at = info.ModTime()
	}
	return at.Local()
}

// base names the base of a run, or the adapter or the shape that it began with.
func base(settings map[string]any, r adapter.Record) string {
	name := cmp.Or(text(settings["model_name_or_path"]), r.Base, text(settings["adapter_name_or_path"]))
	if shape := text(settings["config_name"]); name == "" && shape != "" {
		return filepath.Base(shape) + " (random)"
	}
	if name == "" {
		return ""
	}
	return filepath.Base(name)
}

// text returns a setting that is a text.
func text(v any) string {
	s, _ := v.(string)
	return s
}

// size adds up the files below a path. It follows no links.
func size(path string) (bytes int64) {
	filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read has no size
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}
