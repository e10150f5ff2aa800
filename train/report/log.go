package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"fettle/internal/atomicfile"
	"fettle/internal/readfile"
)

// LogFile is the name of a run's log in its output directory.
const LogFile = "metrics.jsonl"

// StepRow is the log's line of an optimizer step.
type StepRow struct {
	Step            int     `json:"step"`
	Epoch           float64 `json:"epoch"`
	Loss            float64 `json:"loss"`
	GradNorm        float64 `json:"grad_norm"`
	LearningRate    float64 `json:"learning_rate"`
	LearnedTokens   int     `json:"learned_tokens"`
	Tokens          int     `json:"tokens"`
	TokensPerSecond float64 `json:"tokens_per_second"`
	ElapsedSeconds  float64 `json:"elapsed_seconds"`

	// Of a run that several processes share: how long each computed, and how long this one waited for their sum.
	RankSeconds     []float64 `json:"rank_seconds,omitempty"`
	ExchangeSeconds float64   `json:"exchange_seconds,omitempty"`
}

// EvalRow is the log's line of an evaluation.
type EvalRow struct {
	Step           int     `json:"step"`
	EvalLoss       float64 `json:"eval_loss"`
	EvalTokens     int     `json:"eval_learned_tokens"`
	EvalSeconds    float64 `json:"eval_seconds"`
	ElapsedSeconds float64 `json:"elapsed_seconds"`
}

// SampleRow is the log's line of an answer to one of the sample prompts.
type SampleRow struct {
	Step           int     `json:"step"`
	Prompt         string  `json:"prompt"`
	Sample         string  `json:"sample"`
	ElapsedSeconds float64 `json:"elapsed_seconds"`
}

// History holds the rows of a run's log.
type History struct {
	Steps   []StepRow
	Evals   []EvalRow
	Samples []SampleRow
}

// Limits are the last steps whose rows belong to a state, by kind of row.
type Limits struct{ Steps, Evals, Samples int }

var unlimited = Limits{math.MaxInt, math.MaxInt, math.MaxInt}

// add parses a line and appends it if its step is within the limits. It reports whether it did: a line that a
// power failure has cut off is dropped.
func (h *History) add(line []byte, last Limits) bool {
	var kind struct {
		Loss     *float64 `json:"loss"`
		EvalLoss *float64 `json:"eval_loss"`
		Sample   *string  `json:"sample"`
	}
	if len(line) == 0 || line[len(line)-1] != '\n' || json.Unmarshal(line, &kind) != nil {
		return false
	}
	switch {
	case kind.Loss != nil:
		return take(line, &h.Steps, func(r StepRow) bool { return r.Step <= last.Steps })
	case kind.EvalLoss != nil:
		return take(line, &h.Evals, func(r EvalRow) bool { return r.Step <= last.Evals })
	case kind.Sample != nil:
		return take(line, &h.Samples, func(r SampleRow) bool { return r.Step <= last.Samples })
	}
	return false
}

func take[Row any](line []byte, rows *[]Row, counts func(Row) bool) bool {
	var row Row
	if json.Unmarshal(line, &row) != nil || !counts(row) {
		return false
	}
	*rows = append(*rows, row)
	return true
}

// ReadLog returns the rows of a run's log.
func ReadLog(dir string) (History, error) { return readRows(dir, math.MaxInt64) }

// tailSize is more than an evaluation with samples writes.
const tailSize = 64 << 10

// Tail returns the last rows of a run's log: those in its last 64 KiB.
func Tail(dir string) (History, error) { return readRows(dir, tailSize) }

// readRows reads the rows that begin in the last bytes of a log.
func readRows(dir string, last int64) (h History, err error) {
	f, err := readfile.Open(filepath.Join(dir, LogFile))
	if err != nil {
		return h, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return h, err
	}
	from := max(0, info.Size()-last)
	r := bufio.NewReader(io.NewSectionReader(f, from, info.Size()-from))
	for first := from > 0; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return h, nil // the last line has no end yet
		}
		for errors.Is(err, bufio.ErrBufferFull) { // a long answer to a sample prompt
			_, err = r.ReadSlice('\n')
			line = nil
		}
		if !first {
			h.add(line, unlimited)
		}
	}
}

// Log appends rows to metrics.jsonl and keeps them in memory. A row that cannot be written is lost; that never
// stops a run. The zero Log has no file.
type Log struct {
	f atomicfile.File
	History
}

// OpenLog opens a run's log and drops the rows beyond the limits: the run computes them again, to the same values.
func OpenLog(d atomicfile.Disk, dir string, last Limits) (*Log, error) {
	path, l := filepath.Join(dir, LogFile), &Log{}
	var old []byte
	info, err := os.Stat(path)
	if err == nil && info.Mode().IsRegular() { // a pipe or a device holds no earlier rows
		old, err = readfile.Whole(path, readfile.Log)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var kept []byte
	for line := range bytes.Lines(old) {
		if l.add(line, last) {
			kept = append(kept, line...)
		}
	}
	if !bytes.Equal(kept, old) {
		if err := atomicfile.Replace(d, path, atomicfile.Private(atomicfile.Bytes(kept))); err != nil {
			return nil, err
		}
	}
	if l.f, err = d.Append(path); err != nil {
		return nil, err
	}
	if old == nil { // its name is durable before there is a checkpoint
		err = d.SyncDir(dir)
	}
	return l, err
}

// Add appends a StepRow, EvalRow or SampleRow.
func (l *Log) Add(row any) {
	text, err := json.Marshal(row)
	if err == nil {
		text = append(text, '\n')
		l.add(text, unlimited)
		if l.f != nil {
			l.f.Write(text)
		}
	}
}

// Sync makes the rows so far durable.
func (l *Log) Sync() {
	if l.f != nil {
		l.f.Sync()
	}
}

// Close closes the file.
func (l *Log) Close() {
	if l.f != nil {
		l.f.Close()
	}
}
