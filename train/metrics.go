package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
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
	ElapsedSeconds float64 `json:"elapsed_seconds"`
}

// MetricsFile is the name of a run's log in its output directory.
const MetricsFile = "metrics.jsonl"

// metrics appends rows to a run's log. What cannot be written is lost; that
// never stops a run.
type metrics struct{ f *os.File }

// openMetrics opens the log and drops the rows after step: they are computed
// again, to the same values.
func openMetrics(d disk, dir string, step int) (*metrics, error) {
	path := filepath.Join(dir, MetricsFile)
	old, err := readAll(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var kept []byte
	for line := range bytes.Lines(old) {
		var row struct{ Step int }
		if line[len(line)-1] == '\n' && json.Unmarshal(line, &row) == nil && row.Step <= step {
			kept = append(kept, line...)
		}
	}
	if step < 0 {
		kept = nil
	}
	if !bytes.Equal(kept, old) {
		if err := replaceFile(d, path, kept); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	return &metrics{f}, err
}

func (m *metrics) add(row any) {
	text, err := json.Marshal(row)
	if err == nil {
		m.f.Write(append(text, '\n'))
	}
}

// sync makes the rows so far durable.
func (m *metrics) sync() { m.f.Sync() }

func (m *metrics) close() { m.f.Close() }
