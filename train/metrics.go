package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

// StepRow is the line of metrics.jsonl that an optimizer step leaves.
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
}

// EvalRow is the line that an evaluation leaves.
type EvalRow struct {
	Step           int     `json:"step"`
	EvalLoss       float64 `json:"eval_loss"`
	EvalTokens     int     `json:"eval_learned_tokens"`
	EvalSeconds    float64 `json:"eval_seconds"`
	ElapsedSeconds float64 `json:"elapsed_seconds"`
}

// SampleRow is the line that an answer during the run leaves.
type SampleRow struct {
	Step           int     `json:"step"`
	Prompt         string  `json:"prompt"`
	Sample         string  `json:"sample"`
	ElapsedSeconds float64 `json:"elapsed_seconds"`
}

// MetricsFile is the name of a run's log in its output directory.
const MetricsFile = "metrics.jsonl"

// history is a run's log, read back.
type history struct {
	Steps   []StepRow
	Evals   []EvalRow
	Samples []SampleRow
}

// read adds a line to the history if its step is within the limit for lines of
// its kind, and reports whether it did. A line that was cut off by a power
// failure never is.
func (h *history) read(line []byte, steps, evals, samples int) bool {
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
		return take(line, &h.Steps, func(r StepRow) bool { return r.Step <= steps })
	case kind.EvalLoss != nil:
		return take(line, &h.Evals, func(r EvalRow) bool { return r.Step <= evals })
	case kind.Sample != nil:
		return take(line, &h.Samples, func(r SampleRow) bool { return r.Step <= samples })
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

// metrics appends rows to a run's log and remembers them. What cannot be
// written is lost; that never stops a run.
type metrics struct {
	f *os.File
	history
}

// openMetrics opens the log and drops the rows that come after a state: they
// are computed again, to the same values.
func openMetrics(d disk, dir string, s state) (*metrics, error) {
	path, m := filepath.Join(dir, MetricsFile), &metrics{}
	old, err := readAll(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var kept []byte
	for line := range bytes.Lines(old) {
		if m.read(line, s.Step, s.Evaluated, s.Sampled) {
			kept = append(kept, line...)
		}
	}
	if !bytes.Equal(kept, old) {
		if err := replaceFile(d, path, bytesOf(kept)); err != nil {
			return nil, err
		}
	}
	m.f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	return m, err
}

func (m *metrics) add(row any) {
	text, err := json.Marshal(row)
	if err == nil {
		text = append(text, '\n')
		m.read(text, math.MaxInt, math.MaxInt, math.MaxInt)
		m.f.Write(text)
	}
}

// sync makes the rows so far durable.
func (m *metrics) sync() { m.f.Sync() }

func (m *metrics) close() { m.f.Close() }
