package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/bench"
	"fettle/internal/fault"
)

// Every program runs once in each round, over the weights and threads of its task, and is compared with fettle.
func TestProgramsRunInTurn(t *testing.T) {
	dir, s := faking(t, nil)
	r, err := compared(t, t.Context(), s)
	require.NoError(t, err)
	require.Empty(t, r.Missing)
	text, err := os.ReadFile(filepath.Join(dir, "calls"))
	require.NoError(t, err)
	var turns []string
	for line := range strings.Lines(string(text)) {
		if who := strings.Fields(line)[0]; who != "convert" && !strings.Contains(line, "versions") {
			turns = append(turns, who)
		}
	}
	require.Equal(t, strings.Fields(strings.Join([]string{
		strings.Repeat("bench python finetune ", 2), strings.Repeat("bench python ", 2),
		strings.Repeat("bench finetune ", 2),
		strings.Repeat(strings.Repeat("bench python ", 2)+strings.Repeat("bench python llama ", 2)+
			strings.Repeat("bench llama ", 4), 2),
	}, "")), turns)
	for _, f := range r.Figures {
		require.Empty(t, f.Failure)
		require.Len(t, f.Runs, 2, f.Program)
		switch f.Program {
		case "fettle":
			require.InDelta(t, 200, f.Tokens, 1e-6)
			require.Equal(t, own().weights[f.Work][f.Bits], f.Weights)
		case "PyTorch", "transformers":
			require.InDelta(t, 2, f.Ratio, 1e-6)
			require.InDelta(t, 2/0.6, f.RatioCPU, 1e-6)
		case "llama.cpp":
			require.InDelta(t, 2, f.Ratio, 1e-6, "the median of its samples")
			require.Equal(t, "9 abc", f.Version)
		case "QVAC Fabric":
			require.Positive(t, f.Ratio)
		}
	}
}

func TestCommandsHaveTheTask(t *testing.T) {
	dir, s := faking(t, nil)
	s.Counts, s.Rounds = []string{"3"}, 1
	_, err := compared(t, t.Context(), s)
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "calls"))
	require.NoError(t, err)
	for _, want := range []string{
		"model.Q8_0.gguf --tokens 100 --threads 3 --compute int8 --json --steps 3 --lora_rank 8 --lora_target_modules " +
			adapted,
		"bench generate --shape ", "model.BF16.gguf --tokens 100 --threads 3 --compute auto --json --steps 100",
		"model.F16.gguf -t 3 -ngl 0 -dev none -o json -p 100 -n 0 -r 3",
		"model.Q4_1.gguf -t 3 -ngl 0 -dev none -o json -p 0 -n 100 -d 100 -r 1",
		"model.Q8_0.gguf -f ", "text.txt -ngl 0 -c 100 -b 100 -ub 100 -fa off -t 3 --lora-rank 8",
		`"rank":8,"rope_theta":10000,"steps":3,"threads":3,"tied":false,"tokens":100,"vocab":40,"weights":"BF16",` +
			`"work":"step"`,
	} {
		require.Contains(t, string(text), want)
	}
	require.Equal(t, 5, strings.Count(string(text), "convert --input"), "each file is made once")
}

// What fails is named with its last words and not run again; the others are measured.
func TestFailuresAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ how, want string }{
		"fails":          {"fails", "exit status 3; its last lines:\n"},
		"prints garbage": {"segmentation fault\n\x80\n", "its output was not understood"},
		"says nothing":   {"\n", "it printed nothing"},
		"floods":         {"floods", "it printed more than 1 MiB"},
		"escapes":        {"\x1b[2J\x1b]0;owned\a\n", "its last lines:\n?[2J?]0;owned?"},
		"two tests":      {"[{}, {}]", "2 tests, want 1"},
		"other threads": {`[{"n_prompt": 100, "n_threads": 2, "samples_ns": [1]}]`,
			"prompt, tokens, depth, threads: [100 0 0 2], want [100 0 0 1]"},
		"no samples":   {`[{"n_prompt": 100, "n_threads": 1}]`, "no samples_ns"},
		"no time":      {`[{"n_prompt": 100, "n_threads": 1, "samples_ns": [0]}]`, "100 tokens in 0s"},
		"negative":     {`[{"n_prompt": 100, "n_threads": 1, "samples_ns": [-5]}]`, "100 tokens in -5ns"},
		"another type": {`[{"n_prompt": "100"}]`, "its output was not understood"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, s := faking(t, map[string]string{"llama": c.how})
			s.Works, s.Widths = []string{prompt}, []string{"16"}
			r, err := compared(t, t.Context(), s)
			require.ErrorContains(t, err, "prompt, 16 bits, threads: 1: llama.cpp: ")
			require.ErrorContains(t, err, c.want)
			require.Equal(t, fault.Input, fault.Of(err))
			require.Len(t, r.Figures, 3)
			require.Contains(t, r.Figures[2].Failure, c.want)
			if c.how == "fails" { // the order of the two streams is not known
				require.Contains(t, r.Figures[2].Failure, "\nfirst words")
				require.Contains(t, r.Figures[2].Failure, "\nerror: unknown tensor type")
			}
			require.InDelta(t, 2, r.Figures[1].Ratio, 1e-6)
			calls, err := os.ReadFile(filepath.Join(dir, "calls"))
			require.NoError(t, err)
			require.Equal(t, 1, strings.Count(string(calls), "llama"))
		})
	}
}

func TestPythonAndFabricAreReadStrictly(t *testing.T) {
	for who, hows := range map[string][]string{
		"python": {"nan", `{"seconds": 1}`, `{"seconds": "1", "cpu_seconds": 1}`, `{"seconds": 0, "cpu_seconds": 1}`},
		"finetune": {"train: [ ] data=0000001/0000009 loss=1.2\r",
			"train: [ ] data=1/9 loss=nan\rtrain: [ ] data=2/9 loss=nan\r"},
		"bench": {"limits", `{}`},
	} {
		for _, how := range hows {
			dir, s := faking(t, nil)
			s.Works, s.Widths, s.Rounds = []string{step}, []string{"32"}, 1
			p := map[string]peer{"python": others()[0], "finetune": others()[3], "bench": own()}[who]
			require.NoError(t, os.WriteFile(filepath.Join(dir, who), []byte(how), 0o600))
			i := installed{peer: p, path: os.Args[0]}
			c, err := bench.Settings{Shape: s.Shape}.Config()
			require.NoError(t, err)
			m, err := newModels(Own{Path: os.Args[0]}, s, c, t.TempDir())
			require.NoError(t, err)
			_, err = i.measure(t.Context(), job{task: task{step, 32, 1}, Settings: s, config: m.config, dir: m.dir})
			require.ErrorContains(t, err, "its output was not understood", how)
		}
	}
}

// A step of QVAC Fabric takes from one progress bar to the next; the first warms up.
func TestStepsAreTimedByTheirProgressBars(t *testing.T) {
	began := time.Now()
	o := output{lines: []line{{"build: 7248 (abc) with cc", true, began}}}
	for i, after := range []int{9, 13, 15, 21} {
		text := fmt.Sprintf("train: [█▎] data=000000%d/0000073 loss=3.5±0.1 acc=40.00±0.5%% t=00:00:09 ", i+1)
		o.lines = append(o.lines, line{text, true, began.Add(time.Duration(after) * time.Second)},
			line{"val:   [█] data=0000001/0000004 loss=3.5±0.1", true, began}, line{"", true, began})
	}
	r, err := readFinetuneLoRA(job{Settings: Settings{Tokens: 512, Steps: 3}}, o)
	require.NoError(t, err)
	require.Equal(t, result{tokens: 512, seconds: 4 * time.Second, version: "7248"}, r)
	enough := finetuneLoRA(job{Settings: Settings{Steps: 3}}).enough
	require.True(t, enough(o.lines))
	require.False(t, enough(o.lines[:len(o.lines)-3]))
}

// A program that hangs is stopped with the processes that it started.
func TestAProgramThatHangsIsStopped(t *testing.T) {
	dir, s := faking(t, map[string]string{"llama": "hangs"})
	s.Works, s.Widths, s.Limit, s.Python = []string{decode}, []string{"8"}, 1, ""
	began := time.Now()
	_, err := compared(t, t.Context(), s)
	require.ErrorContains(t, err, "llama.cpp: it was stopped after 1s")
	require.Less(t, time.Since(began), 10*time.Second)
	requireEnded(t, dir)
}

// An interrupt ends the program that runs, and the comparison. What was measured before it is reported.
func TestAnInterruptEndsEverything(t *testing.T) {
	dir, s := faking(t, map[string]string{"llama": "hangs"})
	s.Works, s.Widths = []string{decode}, []string{"8"}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for errors.Is(hanging(dir), os.ErrNotExist) && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
	}()
	r, err := compared(t, ctx, s)
	require.ErrorIs(t, err, context.Canceled)
	requireEnded(t, dir)
	require.True(t, r.Interrupted)
	require.Len(t, r.Figures, 1)
	require.Equal(t, "fettle", r.Figures[0].Program)
	require.Len(t, r.Figures[0].Runs, 1)
	require.Contains(t, r.table(), "Medians of what was measured before the interrupt, 2 runs of a program at most")
}

func hanging(dir string) error {
	_, err := os.Stat(filepath.Join(dir, "hanging"))
	return err
}

func TestMissingProgramsAreNamed(t *testing.T) {
	_, s := faking(t, map[string]string{"python": `{"torch": "2.15.0", "transformers": ""}`})
	t.Setenv("PATH", t.TempDir())
	s.Finetune, s.Works, s.Widths = "", []string{step, prompt}, []string{"8", "16"}
	r, err := compared(t, t.Context(), s)
	require.ErrorContains(t, err, "PyTorch: its output", "the fake Python gives no times")
	require.Len(t, r.Missing, 2)
	require.Equal(t, os.Args[0]+" has no module transformers", r.Missing[0].Lacks)
	require.Equal(t, "no llama-finetune-lora in PATH, and --llama_finetune_lora names none", r.Missing[1].Lacks)

	s.Python, s.Llama = "", filepath.Join(t.TempDir(), "llama-bench")
	_, err = compared(t, t.Context(), s)
	require.ErrorContains(t, err, "no program to compare with:\nPyTorch: no python3 in PATH, and --python names none")
	require.ErrorContains(t, err, "llama.cpp: llama_bench: "+s.Llama+": ")
	require.ErrorContains(t, err, "pip install torch")
	require.Equal(t, fault.Input, fault.Of(err))
}

func TestTheTableNamesRatios(t *testing.T) {
	_, s := faking(t, map[string]string{"finetune": "fails"})
	s.Works, s.Widths, s.JSON = []string{step}, []string{"32"}, false
	var out strings.Builder
	err := Run(t.Context(), &out, Own{Path: os.Args[0]}, s, func(string) {})
	require.ErrorContains(t, err, "not all programs could be measured")
	require.Regexp(t, `(?m)^machine  .+, \d+ cores?, `, out.String())
	require.Regexp(t, `(?m)^  LoRA step of 100 tokens  1        F32      fettle       200\.0     166\.7 `, out.String())
	require.Regexp(t, `(?m)^ +F32      PyTorch      100\.0     50\.0 .*  2\.00 × +3\.33 ×$`, out.String())
	require.Regexp(t, `(?m)^ +F32      QVAC Fabric  failed$`, out.String())
	require.Contains(t, out.String(), "Medians of 2 runs of each program, in turn. Versions: PyTorch 2.15.0.")
	require.NotContains(t, out.String(), "busy")
}

func TestABusyMachineIsNamed(t *testing.T) {
	_, s := faking(t, map[string]string{"bench": `{"step": {"seconds": 0.5, "cpu_seconds": 0.3}}`})
	s.Works, s.Widths, s.JSON = []string{step}, []string{"32"}, false
	var out strings.Builder
	require.NoError(t, Run(t.Context(), &out, Own{Path: os.Args[0]}, s, func(string) {}))
	require.Contains(t, out.String(), "The machine was busy: a thread of fettle got 60 % of a core.")
}

func TestShapesAreWrittenAsModels(t *testing.T) {
	_, s := faking(t, nil)
	s.Shape, s.Layers, s.Works, s.Widths, s.Rounds = "tiny", 1, []string{prompt}, []string{"16"}, 1
	r, err := compared(t, t.Context(), s)
	require.NoError(t, err)
	require.Contains(t, r.Model, "tiny: 1 layers of width 288")
}

func TestSettingsAreChecked(t *testing.T) {
	good := Defaults()
	good.Shape = "1b"
	require.NoError(t, good.Check())
	for want, spoil := range map[string]func(*Settings){
		"work is":               func(s *Settings) { s.Works = []string{"chat"} },
		"bits is":               func(s *Settings) { s.Widths = []string{"5"} },
		"threads is":            func(s *Settings) { s.Counts = []string{"0"} },
		"want one value":        func(s *Settings) { s.Counts = nil },
		"rounds is 0":           func(s *Settings) { s.Rounds = 0 },
		"layers 2 cannot act":   func(s *Settings) { s.Shape, s.Layers = "/models/x", 2 },
		"model_name_or_path is": func(s *Settings) { s.Shape = "" },
	} {
		s := good
		spoil(&s)
		err := s.Check()
		require.ErrorContains(t, err, want)
		require.Equal(t, fault.Usage, fault.Of(err))
	}
}

func TestProgramsOfTheWorkingDirectoryAreNotStarted(t *testing.T) {
	t.Chdir(t.TempDir())
	name := others()[2].program
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	require.NoError(t, os.WriteFile(name, []byte("#!/bin/sh\n"), 0o700))
	t.Setenv("PATH", ".")
	for _, named := range []string{"", others()[2].program} {
		_, err := others()[2].find(t.Context(), named, time.Second)
		require.Error(t, err)
	}
	_, err := others()[2].find(t.Context(), "."+string(filepath.Separator)+name, time.Second)
	require.NoError(t, err)
}
