// Package journal keeps what happened to a run, as lines of JSON in its directory: when, where and by which program it
// was begun, continued, stopped, failed or finished, and what it was made of. Only people and fettle runs read it: a
// run continues without it, to the same bits.
package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"fettle/internal/readfile"
)

// File is the name of a run's journal in its output directory.
const File = "journal.jsonl"

// Event is what happened.
type Event string

// The events. A run that was killed, or lost its power, has no end after its last beginning.
const (
	Begun     Event = "begun"
	Continued Event = "continued"
	Skipped   Event = "skipped" // a step that was not finite
	Stopped   Event = "stopped"
	Failed    Event = "failed"
	Finished  Event = "finished"
	Pruned    Event = "checkpoints removed"
)

// Begins reports whether the event begins an attempt.
func (e Event) Begins() bool { return e == Begun || e == Continued }

// Entry is a line of the journal.
type Entry struct {
	Time   time.Time `json:"time"`
	Event  Event     `json:"event"`
	Step   int       `json:"step"`             // steps done by then; the step that was skipped
	Steps  int       `json:"steps,omitempty"`  // of the whole run
	From   string    `json:"from,omitempty"`   // the checkpoint that the run continued from
	Reason string    `json:"reason,omitempty"` // why it failed, or skipped a step

	// What a run is made of, where it begins or continues.
	Process int      `json:"process,omitempty"`
	Program *Program `json:"program,omitempty"`
	Machine *Machine `json:"machine,omitempty"`
	Hashes  *Hashes  `json:"hashes,omitempty"`

	Result *Result  `json:"result,omitempty"` // of a finished run
	Files  []string `json:"files,omitempty"`  // that were written to the directory, beside those that every run writes
}

// Program identifies the program that ran.
type Program struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // the commit was not all of its source
	Go       string `json:"go"`
	SHA256   string `json:"sha256,omitempty"` // of the program's file
}

// Text names the program.
func (p Program) Text() string {
	text := p.Version
	if p.Commit != "" {
		text += " " + p.Commit[:min(12, len(p.Commit))]
	}
	if p.SHA256 != "" {
		text += " sha256 " + p.SHA256[:min(12, len(p.SHA256))]
	}
	return text
}

// Machine describes where a run went on.
type Machine struct {
	Host      string `json:"host"`
	System    string `json:"system"`    // linux/amd64
	Processor string `json:"processor"` // its name
	Threads   int    `json:"threads"`
	Compute   string `json:"compute"`         // the device: arithmetic and kernels
	Ranks     int    `json:"ranks,omitempty"` // processes that shared the run, if more than one
}

// Hashes are SHA-256 sums of what a run is made of.
type Hashes struct {
	Base       string `json:"base,omitempty"` // of all weights
	Tokenizer  string `json:"tokenizer,omitempty"`
	Training   string `json:"training,omitempty"`
	Evaluation string `json:"evaluation,omitempty"`
	Template   string `json:"template,omitempty"` // of a chat template that is a file
	Settings   string `json:"settings,omitempty"` // of config.yaml
}

// Result summarizes a finished run.
type Result struct {
	Loss       float64 `json:"loss"` // of the last step
	EvalBefore float64 `json:"eval_loss_before,omitempty"`
	EvalAfter  float64 `json:"eval_loss_after,omitempty"`
	BestLoss   float64 `json:"best_eval_loss,omitempty"`
	BestStep   int     `json:"best_step,omitempty"`
	Seconds    float64 `json:"elapsed_seconds"`
	Epoch      float64 `json:"epoch"`
}

// Append adds an entry to the journal of a run's directory, durably.
func Append(dir string, e Entry) error {
	path := filepath.Join(dir, File)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", path)
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if cut(f) {
		line = append([]byte("\n"), line...)
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		return err
	}
	return f.Sync()
}

// cut reports whether a loss of power has cut the last line off.
func cut(f *os.File) bool {
	info, err := f.Stat()
	last := make([]byte, 1)
	if err != nil || info.Size() == 0 {
		return false
	}
	_, err = f.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}

// Read returns the entries of a run's journal, the oldest first, without lines that are damaged. Runs of before have
// none.
func Read(dir string) ([]Entry, error) {
	text, err := readfile.Whole(filepath.Join(dir, File), readfile.Settings)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []Entry
	for line := range bytes.Lines(text) {
		var e Entry
		if json.Unmarshal(line, &e) == nil && e.Event != "" {
			all = append(all, e)
		}
	}
	return all, err
}
