package peers

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"fettle/internal/human"
)

// script is what Python runs.
//
//go:embed torch.py
var script string

// python runs the script with a task.
func python(path string, task any, threads int) command {
	text, _ := json.Marshal(task) // of maps, numbers and texts
	n := strconv.Itoa(threads)
	return command{
		path: path, args: []string{"-", string(text)}, stdin: script,
		env: []string{"OMP_NUM_THREADS=" + n, "MKL_NUM_THREADS=" + n, "OPENBLAS_NUM_THREADS=" + n, "HF_HUB_OFFLINE=1",
			"PYTHONWARNINGS=ignore"},
	}
}

// versions asks a Python for the version of the first of some modules; it is an error if one is missing.
func versions(ctx context.Context, path string, modules []string, limit time.Duration) (string, error) {
	out, err := execute(ctx, python(path, map[string]any{"work": "versions", "modules": modules}, 1), limit)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	has := map[string]string{}
	if err := json.Unmarshal([]byte(lastLine(out)), &has); err != nil {
		return "", fmt.Errorf("%s: its output was not understood: %w; %s", path, err, out.last())
	}
	var lacks []string
	for _, name := range modules {
		if has[name] == "" {
			lacks = append(lacks, name)
		}
	}
	if lacks != nil {
		return "", fmt.Errorf("%s has no module %s", path, strings.Join(lacks, ", "))
	}
	return human.Plain(has[modules[0]]), nil
}

func torchCommand(j job) command {
	c := j.config
	return python(j.program, map[string]any{
		"work": j.Work, "weights": j.weights, "threads": j.Threads, "tokens": j.Tokens, "steps": j.Steps,
		"generated": j.Generated, "rank": j.Rank, "hidden": c.Hidden, "intermediate": c.Intermediate, "layers": c.Layers,
		"heads": c.Heads, "kv_heads": c.KVHeads, "head_dim": c.HeadDim, "vocab": c.Vocab, "tied": c.Tied,
		"rope_theta": c.RopeTheta,
	}, j.Threads)
}

func readTorch(j job, o output) (result, error) {
	var said struct {
		Seconds   float64 `json:"seconds"`
		Processor float64 `json:"cpu_seconds"`
	}
	if err := json.Unmarshal([]byte(lastLine(o)), &said); err != nil {
		return result{}, err
	}
	if said.Processor <= 0 {
		return result{}, errors.New("no cpu_seconds")
	}
	r := result{tokens: j.Tokens, seconds: seconds(said.Seconds), cpu: seconds(said.Processor)}
	if j.Work == decode {
		r.tokens = j.Generated
	}
	return r, nil
}

// lastLine returns the last line of the standard output.
func lastLine(o output) string {
	lines := strings.Split(strings.TrimSpace(o.text()), "\n")
	return lines[len(lines)-1]
}
