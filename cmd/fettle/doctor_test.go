package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"fettle/internal/doctor"
	"fettle/internal/tinymodel"
	"fettle/train"
)

// examined are the flags of a check of a short run.
func examined(base, set, out string, more ...string) []string {
	return append(append([]string{"doctor", "--self_test=false"}, training(base, set, out)[1:]...), more...)
}

func TestTheDoctorChecksARunAndLeavesNothing(t *testing.T) {
	base, set, dir := tiny(t, tinymodel.Config{}), rows(t, 24), t.TempDir()
	for _, method := range []string{"lora", "llama-adapter", "full"} {
		said := must(t, examined(base, set, filepath.Join(dir, "run"), "--finetuning_type", method)...)
		for _, want := range []string{"Program\nok       version: fettle " + version, "\nMachine\n", "\nMemory\n", "\nDisk\n",
			"\nok       data: 22 examples", "\nok       time: ", "\nok       gradient: ", "\nok       resume: stopped after"} {
			require.Contains(t, said, want, method)
		}
		require.NotContains(t, said, "problem  ")
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTheDoctorReportsForPeopleProgramsAndFiles(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "report.txt")
	t.Setenv("HOME", "/somewhere/ada")
	t.Setenv("FETTLE_API_KEY", "s3cret")
	code, stdout, stderr := call("", "doctor", "--self_test=false", "--output_file", file)
	require.Zero(t, code, stdout)
	require.Contains(t, stderr, "The report is in "+file)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, said := range []string{stdout, string(text)} {
		require.Contains(t, said, "FETTLE_API_KEY (set)")
		for _, never := range []string{"s3cret", "/somewhere/ada", " " + host + " ", "/" + host} {
			require.NotContains(t, said, never)
		}
	}
	for _, args := range [][]string{{"--json"}, {"--log_format", "json"}} {
		said := must(t, append([]string{"doctor", "--self_test=false"}, args...)...)
		var got struct {
			Findings []doctor.Finding
			Problems int
		}
		require.NoError(t, json.Unmarshal([]byte(said), &got), said)
		require.Equal(t, "Program", got.Findings[0].Section)
		require.Zero(t, got.Problems)
	}
}

// What is wrong with a run is a line of the report, and the exit code is that of fettle train.
func TestTheDoctorFindsWhatIsWrongWithARun(t *testing.T) {
	base, set, dir := tiny(t, tinymodel.Config{}), rows(t, 24), t.TempDir()
	cut := tiny(t, tinymodel.Config{})
	require.NoError(t, os.Truncate(filepath.Join(cut, "model.safetensors"), 9000))
	run := filepath.Join(dir, "run")
	for _, c := range []struct {
		why, want string
		code      int
		args      []string
	}{
		{"no such model", "problem  files: ", exitMissing, examined("none", set, run)},
		{"no such config", "problem  settings: ", exitMissing,
			[]string{"doctor", "--self_test=false", "--config", "none.yaml"}},
		{"a wrong key", `problem  settings: `, exitUsage,
			[]string{"doctor", "--self_test=false", "--config", file(t, "c.yaml", "lerning_rate: 1\n")}},
		{"settings that are wrong together", "problem  settings: ", exitUsage,
			examined(base, set, run, "--lr_scheduler_type", "cosin")},
		{"a setting of the method", "problem  settings: lora_dropout", exitUsage,
			examined(base, set, run, "--lora_dropout", "9")},
		{"broken data", "problem  data: ", exitData, examined(base, file(t, "b.json", "{\"instruction\" 5}\n"), run)},
		{"too little memory", "problem  memory and disk: ", exitRefused, examined(base, set, run, "--max_memory", "1M")},
		{"broken weights", "problem  ", exitData, examined(cut, set, run)},
		{"an output that is its base", "problem  settings: ", exitUsage, examined(base, set, base)},
	} {
		code, stdout, stderr := call("", c.args...)
		require.Equal(t, c.code, code, "%s: %s%s", c.why, stdout, stderr)
		require.Contains(t, stdout, c.want, c.why)
		require.Regexp(t, `fettle: doctor: 1 problem: `, stderr, c.why)
	}
	code, stdout, stderr := call("", "doctor", "--learning_rate", "fast")
	require.Equal(t, exitUsage, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "learning_rate")
}

func TestTheWorstProblemGivesTheExitCode(t *testing.T) {
	refused, disk := fmt.Errorf("a: %w", train.ErrRefused), fmt.Errorf("b: %w", doctor.ErrDisk)
	wrong := fmt.Errorf("c: %w", doctor.ErrComputes)
	for _, c := range []struct {
		errs []error
		code int
	}{
		{nil, 0}, {[]error{input(errors.New("d"))}, exitData}, {[]error{usage(errors.New("d")), refused}, exitRefused},
		{[]error{refused, disk}, exitIO},
		{[]error{disk, refused}, exitIO}, {[]error{refused, disk, wrong}, exitFault}, {[]error{wrong, disk}, exitFault},
		{[]error{errors.New("e")}, exitFault},
	} {
		d := newDoctoring(&cobra.Command{}, doctorSettings{JSON: true})
		for _, err := range c.errs {
			d.report.Problem("x", err, "")
		}
		err := d.worst()
		require.Equal(t, c.code, report(&strings.Builder{}, err), "%v", c.errs)
	}
}

func TestTheDoctorReadsTheFirstRowsOfLargeData(t *testing.T) {
	c := train.Defaults()
	c.Dataset = []string{rows(t, 10)}
	c.ValSize = 5000
	require.False(t, limitRows(&c))
	require.NoError(t, os.Truncate(c.Dataset[0], smallData+1))
	require.True(t, limitRows(&c))
	require.Equal(t, firstRowsRead, c.MaxSamples)
	require.Equal(t, 100.0, c.ValSize)
	c.MaxSamples = 7
	require.False(t, limitRows(&c))
}

// The whole report, with the self-test.
func TestTheDoctorFindsNothingWrongHere(t *testing.T) {
	if os.Getenv("FETTLE_LONG") == "" {
		t.Skip("takes a quarter of a minute; set FETTLE_LONG=1")
	}
	said := must(t, "doctor")
	require.Contains(t, said, "\nok       kernels: ")
	require.Contains(t, said, "\nok       built-in model: ")
	require.Contains(t, said, "\nNothing is wrong.\n")
}
