package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"fettle/internal/compute"
)

// own is this program, which is measured as the others are.
func own() peer {
	weights := map[int]string{32: "F32", 16: "BF16", 8: "Q8_0", 4: "Q4_1"}
	return peer{
		name: "fettle", weights: map[string]map[int]string{step: weights, prompt: weights, decode: weights},
		command: ownCommand, read: readOwn,
	}
}

// others lists the programs that fettle is compared with.
func others() []peer {
	half, blocks := map[int]string{32: "F32", 16: "BF16"}, map[int]string{16: "F16", 8: "Q8_0", 4: "Q4_1"}
	return []peer{{
		name: "PyTorch", setting: "python", program: "python3", modules: []string{"torch"},
		install: "python3 -m venv venv; venv/bin/pip install torch; --python venv/bin/python",
		weights: map[string]map[int]string{step: half},
		command: torchCommand, read: readTorch,
	}, {
		name: "transformers", setting: "python", program: "python3", modules: []string{"transformers", "torch"},
		install: "venv/bin/pip install torch transformers; --python venv/bin/python",
		weights: map[string]map[int]string{prompt: half, decode: half},
		command: torchCommand, read: readTorch,
	}, {
		name: "llama.cpp", setting: "llama_bench", program: "llama-bench",
		install: "https://github.com/ggml-org/llama.cpp: brew, winget, a release, or cmake's target llama-bench",
		weights: map[string]map[int]string{prompt: blocks, decode: blocks},
		command: llamaBench, read: readLlamaBench,
	}, {
		name: "QVAC Fabric", setting: "llama_finetune_lora", program: "llama-finetune-lora",
		install: "https://github.com/tetherto/qvac-fabric-llm.cpp: cmake's target llama-finetune-lora",
		weights: map[string]map[int]string{step: {32: "F32", 8: "Q8_0"}},
		command: finetuneLoRA, read: readFinetuneLoRA,
	}}
}

// adapted are the projections that the steps adapt: those of attention, which is all that every program can.
const adapted = "q_proj,k_proj,v_proj,o_proj"

// ownCommand measures this program. Weights of 8 and 4 bits are multiplied by activations of 8, as llama.cpp does.
func ownCommand(j job) command {
	arithmetic := map[int]string{
		32: compute.ModeF32, 16: compute.ModeAuto, 8: compute.ModeInt8, 4: compute.ModeInt8,
	}[j.Bits]
	args := []string{"--shape", j.file, "--tokens", strconv.Itoa(j.Tokens), "--threads", strconv.Itoa(j.Threads),
		"--compute", arithmetic, "--json", "--steps"}
	switch j.Work {
	case step:
		args = append(args, strconv.Itoa(j.Steps), "--lora_rank", strconv.Itoa(j.Rank), "--lora_target_modules", adapted)
		return command{path: j.program, env: j.env, args: append([]string{"bench", "train"}, args...)}
	case decode:
		args = append(args, strconv.Itoa(j.Generated))
	default:
		args = append(args, "1")
	}
	return command{path: j.program, env: j.env, args: append([]string{"bench", "generate"}, args...)}
}

func readOwn(j job, o output) (result, error) {
	type times struct {
		Seconds   float64 `json:"seconds"`
		Processor float64 `json:"cpu_seconds"`
		Mean      float64 `json:"mean_seconds"`
		MeanCPU   float64 `json:"mean_cpu_seconds"`
	}
	var said struct {
		Machine              struct{ Device string }
		Step, Prompt, Decode times
	}
	if err := json.Unmarshal([]byte(o.text()), &said); err != nil {
		return result{}, err
	}
	r := result{tokens: j.Tokens, version: said.Machine.Device}
	t := said.Step
	switch j.Work {
	case prompt:
		t = said.Prompt
	case decode: // the others tell what all tokens took
		t, r.tokens = said.Decode, 1
		t.Seconds, t.Processor = t.Mean, t.MeanCPU
	}
	r.seconds, r.cpu = seconds(t.Seconds), seconds(t.Processor)
	return r, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// llamaBench measures llama.cpp: a prompt at once, or decoding after a prompt.
func llamaBench(j job) command {
	args := []string{"-m", j.file, "-t", strconv.Itoa(j.Threads), "-ngl", "0", "-dev", "none", "-o", "json"}
	if j.Work == prompt {
		args = append(args, "-p", strconv.Itoa(j.Tokens), "-n", "0", "-r", strconv.Itoa(j.Steps))
	} else {
		args = append(args, "-p", "0", "-n", strconv.Itoa(j.Generated), "-d", strconv.Itoa(j.Tokens), "-r", "1")
	}
	return command{path: j.program, args: args}
}

func readLlamaBench(j job, o output) (result, error) {
	var tests []struct {
		Commit  string  `json:"build_commit"`
		Number  int     `json:"build_number"`
		Prompt  int     `json:"n_prompt"`
		Gen     int     `json:"n_gen"`
		Depth   int     `json:"n_depth"`
		Threads int     `json:"n_threads"`
		Samples []int64 `json:"samples_ns"`
	}
	if err := json.Unmarshal([]byte(o.text()), &tests); err != nil {
		return result{}, err
	}
	if len(tests) != 1 {
		return result{}, fmt.Errorf("%d tests, want 1", len(tests))
	}
	t, want := tests[0], [4]int{j.Tokens, 0, 0, j.Threads}
	if j.Work == decode {
		want = [4]int{0, j.Generated, j.Tokens, j.Threads}
	}
	if got := [4]int{t.Prompt, t.Gen, t.Depth, t.Threads}; got != want {
		return result{}, fmt.Errorf("prompt, tokens, depth, threads: %v, want %v", got, want)
	}
	if len(t.Samples) == 0 {
		return result{}, errors.New("no samples_ns")
	}
	r := result{tokens: t.Prompt + t.Gen, seconds: time.Duration(median(t.Samples))}
	if t.Number > 0 {
		r.version = fmt.Sprintf("%d %s", t.Number, t.Commit)
	}
	return r, nil
}

// finetuneLoRA measures QVAC Fabric's LoRA steps until there are enough. It learns from windows of a text.
func finetuneLoRA(j job) command {
	n := strconv.Itoa(j.Tokens)
	return command{
		path: j.program, dir: j.dir,
		args: []string{"-m", j.file, "-f", textFile(j.dir), "-ngl", "0", "-c", n, "-b", n, "-ub", n, "-fa", "off",
			"-t", strconv.Itoa(j.Threads), "--lora-rank", strconv.Itoa(j.Rank), "--num-epochs", "1",
			"--checkpoint-save-steps", "0", "--output-adapter", "adapter.gguf"},
		enough: func(lines []line) bool { return len(stepsOf(lines)) > j.Steps },
	}
}

// progress matches the progress bar behind a step, build the version.
var (
	progress = regexp.MustCompile(`^train: \[.*\] data=0*([0-9]+)/[0-9]+ loss=[0-9.]+`)
	build    = regexp.MustCompile(`^build: ([1-9][0-9]*) \(`)
)

// stepsOf returns when steps ended.
func stepsOf(lines []line) (ends []time.Time) {
	for _, l := range lines {
		if progress.MatchString(l.text) {
			ends = append(ends, l.at)
		}
	}
	return ends
}

func readFinetuneLoRA(j job, o output) (result, error) {
	ends := stepsOf(o.lines)
	if len(ends) < 2 {
		return result{}, fmt.Errorf("%d steps, want %d: is the text too short for this tokenizer?", len(ends), j.Steps+1)
	}
	var took []time.Duration
	for i := 1; i < len(ends); i++ { // the first step warms up
		took = append(took, ends[i].Sub(ends[i-1]))
	}
	r := result{tokens: j.Tokens, seconds: median(took)}
	for _, l := range o.lines {
		if m := build.FindStringSubmatch(l.text); m != nil {
			r.version = m[1]
		}
	}
	return r, nil
}

// median returns the middle value, the upper one of two.
func median[T int64 | float64 | time.Duration](x []T) T {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}
