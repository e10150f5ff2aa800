package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	ready "fettle/configs"
	"fettle/train"
)

// A built-in config fits the data it is for: the numbers of rows that its publication trained on.
func TestBuiltInConfigsFitTheirData(t *testing.T) {
	rows := map[string]int{
		"alpaca-7b": 52002, "alpaca-13b": 52002, "alpaca-lora-7b": 51760, "alpaca-lora-official-7b": 51760,
		"baize-7b": 111502, "chatdoctor-7b": 112165, "chatdoctor-full-7b": 112165, "gpt4all-lora": 437605,
		"koala-13b": 411000, "llama-adapter-7b": 52002, "vicuna-7b": 70000, "vicuna-lora-7b": 70000, "pretrain-tiny": 18000,
	}
	for _, name := range ready.Names() {
		n, known := rows[name]
		require.True(t, known, "%s: state the rows of its data", name)
		c := readConfig(t, name)
		held := int(c.ValSize)
		if c.ValSize < 1 {
			held = int(c.ValSize * float64(n))
		}
		require.Empty(t, c.Misfits(train.Counts{Training: n - held, Held: held}), name)
	}
}

// train, plan and inspect say the same about settings that do not fit the data.
func TestMisfitsAreSaidEverywhere(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, `{"instruction": "Say %d", "input": "", "output": "It is %d."}`+"\n", i, i)
	}
	set := file(t, "few.jsonl", b.String())
	run := func(command string, more ...string) (said string, code int) {
		args := []string{command, "--model_name_or_path", "fettle-tiny", "--dataset", set, "--recipe", "gpt4all"}
		if command != "inspect" {
			args = append(args, "--output_dir", filepath.Join(t.TempDir(), "run"))
		}
		if command == "plan" {
			args = append(args, "--probe", "0")
		}
		code, stdout, stderr := call("", append(args[:len(args):len(args)], more...)...)
		return stdout + stderr, code
	}
	for _, command := range []string{"train", "plan", "inspect"} {
		said, code := run(command, "--val_size", "30", "--max_steps", "2", "--warmup_steps", "3", "--eval_steps", "50",
			"--save_steps", "200")
		require.Zero(t, code, "%s: %s", command, said)
		for _, want := range []string{
			"val_size is 30: 30 of 100 examples are held out, more than a quarter: set it to 10",
			"warmup_steps is 3: the warm-up takes 3 steps and the run has 2", "eval_steps is 50 and the run has 2 steps",
			"save_steps is 200 and the run has 2 steps", // which is the default
		} {
			require.Equal(t, 1, strings.Count(said, want), "%s: %s", command, said)
		}
		said, code = run(command, "--val_size", "99")
		require.Equal(t, exitUsage, code, command)
		require.Contains(t, said, "val_size is 99, which leaves 1 of 100 examples to learn from: set it to 10", command)
		said, code = run(command, "--val_size", "10", "--max_steps", "2", "--warmup_steps", "0")
		require.Zero(t, code)
		require.NotContains(t, said, "warn", "%s: no warm-up without warmup_ratio", command)
	}
	stdout := must(t, "plan", "--model_name_or_path", "fettle-tiny", "--dataset", set, "--json", "--probe", "0",
		"--val_size", "30")
	var report struct{ Warnings []train.Misfit }
	require.NoError(t, json.Unmarshal([]byte(stdout), &report))
	require.Equal(t, "val_size", report.Warnings[0].Key)
}
