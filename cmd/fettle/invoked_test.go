package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/human"
	"fettle/internal/tinymodel"
)

// printed lists the command lines in what the program printed, as a shell splits them.
func printed(t testing.TB, said string) (lines [][]string) {
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "  ") || !strings.HasPrefix(strings.TrimLeft(line, " "), "fettle ") {
			continue
		}
		words, err := exec.Command("sh", "-c", "fettle() { printf '%s\\0' \"$@\"; }; "+line).Output()
		require.NoError(t, err, line)
		lines = append(lines, strings.Split(strings.TrimSuffix(string(words), "\x00"), "\x00"))
	}
	return lines
}

// runPrinted runs them.
func runPrinted(t testing.TB, said string) (commands []string) {
	for _, args := range printed(t, said) {
		commands = append(commands, args[0])
		if args[0] == "serve" { // it would not end
			continue
		}
		code, _, stderr := call("", args...)
		require.Zero(t, code, "%q\n%s", args, stderr)
	}
	return commands
}

func TestPrintedNextStepsRunAsPrinted(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	for _, name := range []string{"run", "with blanks ü 🦙", `it's "$HOME" *`, "a,b;c&d"} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			config := filepath.Join(name, "config.yaml")
			require.Equal(t, []string{"inspect", "train"}, runPrinted(t, must(t, "init", "--model_name_or_path", base,
				"--dataset", set, "--val_size", "2", "--max_steps", "1", "--output_dir", name+"/a", "--output", config)))
			require.Equal(t, []string{"chat", "serve"}, runPrinted(t, must(t, training(base, set, name, "--finetuning_type",
				"full", "--save_steps", "0")...)))
			require.Equal(t, []string{"chat", "serve"}, runPrinted(t, must(t, training(base, set, name+"/b")...)))
			text := file(t, "text.txt", "ab ab ab\n\nba ba ba\n")
			require.Equal(t, []string{"generate"}, runPrinted(t, must(t, "train", "--model_name_or_path", base, "--dataset",
				listed(text),
				"--output_dir", name+"/c", "--max_steps", "1")))
			if !strings.Contains(name, ",") { // adapters to merge are a list
				require.Equal(t, []string{"chat", "serve"}, runPrinted(t, must(t, "merge", "--adapter_name_or_path", name+"/b",
					"--output_dir", name+"/d")))
				for _, form := range []string{"peft", "gguf-lora", "mlx", "litgpt"} {
					out := filepath.Join(name, form) + map[bool]string{true: ".gguf"}[form == "gguf-lora"]
					require.Equal(t, []string{"chat", "serve"}, runPrinted(t, must(t, "export", "--adapter_name_or_path",
						name+"/b", "--format", form, "--output_dir", out)), form)
				}
				require.Equal(t, []string{"generate"}, runPrinted(t, must(t, "export", "--model_name_or_path", base,
					"--output_dir", name+"/base.gguf")), "without a prompt template")
			}
		})
	}
}

func TestNextStepsOfTheDemonstrationRunAsPrinted(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	said := must(t, "demo", "--output_dir", `a "run", of mine`, "--max_steps", "2")
	require.Equal(t, []string{"chat", "generate", "inspect"}, runPrinted(t, said))
	require.Equal(t, 1, strings.Count(said, "fettle chat"), "once")
	ask := printed(t, said)[1]
	require.Equal(t, must(t, ask...), must(t, append(ask, "--temperature", "0")...), "its right answers are not drawn")
	m, err := source{Adapter: `a "run", of mine/checkpoint-000002`, Compute: "f32"}.open()
	require.NoError(t, err)
	require.False(t, *m.Generation.Sample, "nor are its checkpoints'")
}

func TestTheProgramIsCalledAsItsUserCalledIt(t *testing.T) {
	top := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(top, "go.mod"), []byte("module fettle\n\ngo 1.26\n"), 0o644))
	inside := filepath.Join(top, "cmd", "fettle")
	require.NoError(t, os.MkdirAll(inside, 0o755))
	where := filepath.Join(".", "cmd", "fettle")
	for dir, want := range map[string]string{
		top: "./cmd/fettle", inside: ".", filepath.Join(top, "cmd"): "./fettle", t.TempDir(): where,
		filepath.Join(top, "docs", "more"): "../../cmd/fettle",
	} {
		require.Equal(t, filepath.FromSlash(want), packageFrom(dir, "fettle", where), dir)
	}
	require.Equal(t, where, packageFrom(top, "another", where))

	const hash = "0c728ab601e5c32d0caa16c9a04f30004ac4d3d669a945e82729b8e30e2bfa56"
	for name, want := range map[string]bool{
		"/tmp/go-build1204637801/b001/exe/fettle": true, "/root/.cache/go-build/0c/" + hash + "-d/fettle": true,
		"/cache/0c/" + hash + "-d/fettle": true, "fettle": false, "./fettle": false, "/go-build/fettle": false,
		"/usr/exe/fettle": false, "/x/" + hash + "/fettle": false,
	} {
		require.Equal(t, want, byGoRun(name), name)
	}
	require.Equal(t, "./fettle", invoked("./fettle"))
	require.Equal(t, `'my tools/fettle'`, invoked("my tools/fettle"))
	require.Equal(t, `"my tools\fettle.exe"`, quote(`my tools\fettle.exe`, "windows"))
	require.Equal(t, `C:\runs\a`, quote(`C:\runs\a`, "windows"))

	// What a terminal would obey is written so that it is not, and so that a shell reads the same word.
	for _, word := range []string{"a\x1b[31m'\\b\nc ", "\u202eü", "\t"} {
		require.Equal(t, human.Plain(quote(word, "linux")), quote(word, "linux"))
		if bash, err := exec.LookPath("bash"); err == nil {
			said, err := exec.Command(bash, "-c", "printf %s "+quote(word, "linux")).Output()
			require.NoError(t, err)
			require.Equal(t, word, string(said))
		}
	}
	var said strings.Builder
	report(&said, errors.New("read x\x1b]0;y\a\u202e:\nz"))
	require.Equal(t, "fettle: read x?]0;y??:\n  z\n", said.String())

	require.Equal(t, "fettle chat --adapter_name_or_path ./-run", commandLine(newRoot(), "chat",
		"--adapter_name_or_path", "-run"))

	var out strings.Builder
	require.Zero(t, run("go run ./cmd/fettle", []string{"runs", "rm", "--help"}, nil, &out, &out))
	require.Contains(t, out.String(), "\n  go run ./cmd/fettle runs rm first\n")
	out.Reset()
	require.Zero(t, run("go run ./cmd/fettle", []string{"train", "--help"}, nil, &out, &out))
	require.Contains(t, out.String(), "  go run ./cmd/fettle train [flags]")
	require.Contains(t, out.String(), "  go run ./cmd/fettle train --model_name_or_path")
	out.Reset()
	require.Equal(t, exitUsage, run("./fettle", []string{"trian"}, nil, &out, &out))
	require.Contains(t, out.String(), "./fettle --help lists its commands")
}
