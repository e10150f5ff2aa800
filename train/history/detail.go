package history

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"fettle/adapter"
	"fettle/train/checkpoint"
	"fettle/train/journal"
	"fettle/train/report"
)

// Detail is all that is known of a run.
type Detail struct {
	Run
	EvalBefore  float64         `json:"eval_loss_before,omitempty"`
	BestStep    int             `json:"best_step,omitempty"` // of the best checkpoint
	Skipped     int             `json:"skipped,omitempty"`   // steps that on_nan left out
	NotFinite   int             `json:"not_finite,omitempty"`
	Origin      Origin          `json:"origin"`
	Settings    []Setting       `json:"settings"`
	Journal     []journal.Entry `json:"journal"`
	Checkpoints []Checkpoint    `json:"checkpoints"`
	Result      bool            `json:"result"` // is there
}

// Origin tells what ran on what. What a run of before has not recorded is empty.
type Origin struct {
	BasePath string            `json:"base_path,omitempty"`
	Template string            `json:"template,omitempty"` // the recipe, or where its template is from
	Hashes   journal.Hashes    `json:"hashes"`
	Programs []journal.Program `json:"programs"` // of the attempts, each once
	Machines []journal.Machine `json:"machines"`
}

// Checkpoint is a checkpoint that is kept.
type Checkpoint struct {
	Name    string    `json:"name"`
	Step    int       `json:"step"`
	Bytes   int64     `json:"bytes"`
	At      time.Time `json:"at"`
	Best    bool      `json:"best,omitempty"`
	Trouble string    `json:"trouble,omitempty"`
}

// Open reads all about the run in a directory. With verify it reads the checkpoints whole.
func Open(path string, verify bool) (*Detail, error) {
	d, err := open(path)
	if err != nil {
		return nil, err
	}
	s := d.saved
	all := &Detail{Run: d.run(), EvalBefore: s.EvalBefore, BestStep: s.BestStep, Skipped: s.Skipped,
		NotFinite: s.NotFinite, Journal: d.journal, Origin: d.origin(), Result: d.has(adapter.RecordFile)}
	if end := d.last(journal.Finished); len(d.checkpoints) == 0 && end.Result != nil {
		all.EvalBefore, all.BestStep = end.Result.EvalBefore, end.Result.BestStep
	}
	all.Settings, all.Origin.Hashes.Settings, err = settingsOf(path)
	if err != nil && all.Trouble == "" && d.has(settingsFile) {
		all.Trouble = err.Error()
	}
	best, _ := os.Readlink(filepath.Join(path, bestLink))
	check := checkpoint.Glance
	if verify {
		check = checkpoint.Verify
	}
	for _, name := range d.checkpoints {
		at := filepath.Join(path, name)
		step, _ := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
		c := Checkpoint{Name: name, Step: step, Bytes: size(at), Best: name == best}
		if info, err := os.Stat(at); err == nil {
			c.At = info.ModTime()
		}
		if err := check(at); err != nil {
			c.Trouble = err.Error()
		}
		all.Checkpoints = append(all.Checkpoints, c)
	}
	return all, nil
}

// origin joins what the journal says with what the newest checkpoint does.
func (d *dir) origin() Origin {
	in, r := d.saved.Inputs, d.record
	o := Origin{BasePath: r.Base, Template: cmp.Or(text(d.settings["recipe"]), r.Recipe), Hashes: journal.Hashes{
		Base: cmp.Or(in.Content, r.Content), Tokenizer: cmp.Or(in.Tokenizer, r.Tokenizer), Training: in.Training,
		Evaluation: d.saved.Evaluation, Template: r.Template,
	}}
	for _, e := range d.journal {
		if !e.Event.Begins() {
			continue
		}
		if h := e.Hashes; h != nil {
			o.Hashes = journal.Hashes{
				Base: cmp.Or(h.Base, o.Hashes.Base), Tokenizer: cmp.Or(h.Tokenizer, o.Hashes.Tokenizer),
				Training: cmp.Or(h.Training, o.Hashes.Training), Evaluation: cmp.Or(h.Evaluation, o.Hashes.Evaluation),
				Template: cmp.Or(h.Template, o.Hashes.Template),
			}
		}
		if p := e.Program; p != nil && !slices.Contains(o.Programs, *p) {
			o.Programs = append(o.Programs, *p)
		}
		if m := e.Machine; m != nil && !slices.Contains(o.Machines, *m) {
			o.Machines = append(o.Machines, *m)
		}
	}
	if o.Programs == nil && r.Version != "" {
		o.Programs = []journal.Program{{Version: r.Version}}
	}
	if o.Machines == nil && r.Compute != "" {
		o.Machines = []journal.Machine{{Compute: r.Compute}}
	}
	return o
}

// Log returns the rows of a run's log.
func (d *Detail) Log() report.History {
	h, _ := report.ReadLog(d.Path)
	return h
}
