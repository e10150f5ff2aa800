package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

func TestPromptsComeFromWhereTheyAre(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	flags := []string{"generate", "--model_name_or_path", base, "--recipe", "alpaca", "--temperature", "0",
		"--max_new_tokens", "4"}
	want := must(t, append(flags, "--prompt", "say a")...)
	for reason, c := range map[string]struct {
		stdin string
		more  []string
	}{
		"piped":                   {"say a\n", nil},
		"piped without an end":    {"say a", nil},
		"piped with Windows' end": {"say a\r\n", nil},
		"asked for":               {"say a\n", []string{"--prompt", "-"}},
		"in a file":               {"", []string{"--prompt", "@" + file(t, "p.txt", "say a\n")}},
	} {
		code, out, stderr := call(c.stdin, append(flags, c.more...)...)
		require.Zero(t, code, "%s: %s", reason, stderr)
		require.Equal(t, want, out, reason)
	}
	at := generateSettings{Prompt: "@@home"}
	require.NoError(t, at.read(strings.NewReader(""), true))
	require.Equal(t, "@home", at.Prompt)
	lines := generateSettings{}
	require.NoError(t, lines.read(strings.NewReader("one\n\ntwo\n\n"), false))
	require.Equal(t, "one\n\ntwo\n", lines.Prompt)
	for reason, c := range map[string]struct {
		stdin string
		more  []string
		code  int
		want  string
	}{
		"nothing":      {"", nil, exitUsage, "no prompt: give --prompt TEXT"},
		"no such file": {"", []string{"--prompt", "@none.txt"}, exitMissing, "@@ begins a prompt with @"},
		"no text":      {"\xff\xfe\x00", nil, exitData, "standard input: it is not UTF-8"},
	} {
		code, _, stderr := call(c.stdin, append(flags, c.more...)...)
		require.Equal(t, c.code, code, "%s: %s", reason, stderr)
		require.Contains(t, stderr, c.want, reason)
	}
}
