package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

func TestWordsWithoutAFlagAreToldTheirFlag(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 2)
	adapter := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(adapter, "adapter_config.json"), []byte(`{"peft_type": "LORA"}`),
		0o644))
	for _, c := range []struct {
		reason string
		args   []string
		want   string
	}{
		{"a data set", []string{"train", set}, "write --dataset " + set},
		{"a model", []string{"chat", base}, "write --model_name_or_path " + base},
		{"an adapter", []string{"serve", adapter}, "write --adapter_name_or_path " + adapter},
		{"a model to convert", []string{"convert", base}, "write --input " + base},
		{"settings", []string{"plan", "run.yaml"}, "write --config run.yaml"},
		{"a built-in config", []string{"train", "alpaca-lora-7b"}, "write --config alpaca-lora-7b"},
		{"a question", []string{"generate", "Where", "is Lena's cat?"}, `write --prompt 'Where is Lena'\''s cat?'`},
		{"anything else", []string{"version", "1"}, "a setting is written as --name value"},
		{"a flag of another command", []string{"chat", "--learning_rate", "1"},
			"a flag of fettle demo, doctor, init, inspect, plan, train, not of fettle chat"},
		{"a flag of llama.cpp", []string{"chat", "-ngl", "99"}, "models run on the processor: leave it out"},
		{"a letter", []string{"generate", "-m", base}, "write --model_name_or_path"},
		{"a letter of a command that has another flag for it", []string{"serve", "-p", "80"}, "write --port"},
		{"a flag before its command", []string{"--clean", "train"}, "flags stand after their command"},
		{"a command as a flag", []string{"--train"}, "write fettle train"},
		{"help about nothing", []string{"help", "tran"}, `unknown command "tran", did you mean "train"`},
		{"a command of bench", []string{"bench", "trian"}, `unknown command "trian", did you mean "train"`},
	} {
		t.Run(c.reason, func(t *testing.T) {
			code, _, stderr := call("", c.args...)
			require.Equal(t, exitUsage, code)
			require.Contains(t, stderr, c.want)
		})
	}
}

func TestFlagsMayStandBeforeTheirCommand(t *testing.T) {
	code, _, stderr := call("", "--config", file(t, "c.yaml", "lora_rank: x\n"), "train")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `c.yaml:1: lora_rank: "x" is not a whole number`)
}

func TestTheVersionIsPrintedOnAnyCall(t *testing.T) {
	for _, arg := range []string{"version", "--version", "-v"} {
		require.True(t, strings.HasPrefix(must(t, arg), "fettle "+version), arg)
	}
}

func TestThreadsBoundTheProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	must(t, "generate", "--model_name_or_path", tiny(t, tinymodel.Config{}), "--raw", "--prompt", "a",
		"--max_new_tokens", "1", "--threads", "1")
	require.Equal(t, 1, runtime.GOMAXPROCS(0))
}
