package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// The test program stands for fettle and for every peer. How one behaves is in the environment: FAKE_PEERS is a
// directory with a file for each that does not do well; there they also leave what they were called with.
func TestMain(m *testing.M) {
	if dir := os.Getenv("FAKE_PEERS"); dir != "" {
		os.Exit(fake(dir, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// role tells by its arguments which program a process stands for.
func role(args []string) string {
	switch {
	case slices.Contains(args, "--lora-rank"):
		return "finetune"
	case slices.Contains(args, "-o"):
		return "llama"
	case args[0] == "-":
		return "python"
	}
	return args[0] // fettle bench, fettle convert
}

func fake(dir string, args []string) int {
	who := role(args)
	log, _ := os.OpenFile(filepath.Join(dir, "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	fmt.Fprintln(log, who, strings.Join(args, " "))
	log.Close()
	how, _ := os.ReadFile(filepath.Join(dir, who))
	switch text := string(how); {
	case text == "hangs":
		child := exec.Command("sleep", "600")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			fmt.Println(err)
			return 1
		}
		os.WriteFile(filepath.Join(dir, "child"), []byte(fmt.Sprint(child.Process.Pid)), 0o600)
		os.Rename(filepath.Join(dir, "child"), filepath.Join(dir, "hanging"))
		select {}
	case text == "fails":
		fmt.Println("first words")
		fmt.Fprintln(os.Stderr, "error: unknown tensor type")
		return 3
	case text == "floods":
		for {
			fmt.Println(strings.Repeat("no news ", 1000))
		}
	case text != "":
		fmt.Print(text)
		return 0
	}
	fmt.Println(answer(who, args))
	return 0
}

// answer is what a program prints: of fettle 100 tokens in half a second, of all others in a whole.
func answer(who string, args []string) string {
	value := func(key string) string { return args[slices.Index(args, key)+1] }
	switch who {
	case "convert":
		os.WriteFile(value("--output"), nil, 0o600)
		return "converted"
	case "bench":
		times := `{"seconds": 0.5, "cpu_seconds": 0.6, "mean_seconds": 0.005, "mean_cpu_seconds": 0.006}`
		return fmt.Sprintf(`{"machine": {"device": "cpu"}, "step": %s, "prompt": %s, "decode": %s}`, times, times, times)
	case "llama":
		depth := "0"
		if slices.Contains(args, "-d") {
			depth = value("-d")
		}
		return fmt.Sprintf(`[{"build_commit": "abc", "build_number": 9, "n_prompt": %s, "n_gen": %s, "n_depth": %s,
			"n_threads": %s, "samples_ns": [2000000000, 1000000000, 100]}]`, value("-p"), value("-n"), depth, value("-t"))
	case "finetune":
		text, _ := os.ReadFile(value("-f"))
		for i := range len(strings.Fields(string(text))) { // it does not end by itself
			fmt.Fprintf(os.Stderr, "train: [█       ] data=%07d/0000099 loss=1.25±0.1 acc=1.00±0.10%% t=00:00:01 \r", i+1)
			time.Sleep(10 * time.Millisecond)
		}
		return ""
	}
	if strings.Contains(args[1], "versions") {
		return "warning: about something\n" + `{"torch": "2.15.0", "transformers": "5.0"}`
	}
	return `{"seconds": 1, "cpu_seconds": 2}`
}

// faking makes a directory for the behaviour of fake programs, and settings with which they are found.
func faking(t *testing.T, behaviour map[string]string) (dir string, s Settings) {
	dir = t.TempDir()
	for who, how := range behaviour {
		require.NoError(t, os.WriteFile(filepath.Join(dir, who), []byte(how), 0o600))
	}
	t.Setenv("FAKE_PEERS", dir)
	t.Setenv("TMPDIR", t.TempDir())
	base := t.TempDir()
	require.NoError(t, tinymodel.Write(base, tinymodel.Config{Hidden: 32, Intermediate: 32, MaxPositions: 256}, 1))
	s = Defaults()
	s.Shape, s.Python, s.Llama, s.Finetune = base, os.Args[0], os.Args[0], os.Args[0]
	s.Tokens, s.Generated, s.Counts, s.Rounds, s.Limit, s.JSON = 100, 100, []string{"1"}, 2, 60, true
	require.NoError(t, s.Check())
	return dir, s
}

// compared runs the comparison and reads its report.
func compared(t *testing.T, ctx context.Context, s Settings) (report, error) {
	var out bytes.Buffer
	err := Run(ctx, &out, Own{Path: os.Args[0]}, s, func(string) {})
	var r report
	if out.Len() > 0 {
		require.NoError(t, json.Unmarshal(out.Bytes(), &r), out.String())
	}
	left, e := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, e)
	require.Empty(t, left, "temporary files were left")
	return r, err
}
