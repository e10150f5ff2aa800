package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
	"fettle/train/checkpoint"
)

func TestDashboardsAreOfThisMachine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	for _, c := range []struct {
		why, value string
		code       int
		says       string
	}{
		{"a port that there is not", "99999", exitUsage, "want a port from 0"},
		{"a word", "host", exitUsage, "want a port from 0"},
		{"no number", "127.0.0.1:x", exitUsage, "want a port from 0"},
		{"no address", "[::1", exitUsage, `dashboard is "[::1"`},
		{"a name that leads nowhere", "nowhere.invalid:1", exitUsage, "nowhere.invalid:1"},
		{"every machine may come", "0.0.0.0:0", exitRefused, "asks for no password"},
		{"a port in use", port, exitUsage, port + " is in use"},
	} {
		out := filepath.Join(t.TempDir(), "run")
		code, _, stderr := call("", training("none", "none", out, "--dashboard", c.value)...)
		require.Equal(t, c.code, code, "%s: %s", c.why, stderr)
		require.Contains(t, stderr, c.says, c.why)
		require.NoDirExists(t, out, c.why)
	}
	for value, want := range map[string]string{
		"": "", "8377": usualDashboard, ":8377": usualDashboard, " 1 ": "127.0.0.1:1", "localhost:2": "localhost:2",
		"[::1]:3": "[::1]:3",
	} {
		at, err := watchSettings{Dashboard: value}.address()
		require.NoError(t, err)
		require.Equal(t, want, at)
	}
}

func TestADashboardStopsItsRunWithTheStateKept(t *testing.T) {
	base, set, out := tiny(t, tinymodel.Config{}), rows(t, 20), filepath.Join(t.TempDir(), "run")
	args := training(base, set, out, "--max_steps", "100000", "--dashboard", "0")
	printed, write := io.Pipe()
	code := make(chan int, 1)
	var stderr bytes.Buffer
	go func() { code <- execute(args, strings.NewReader(""), write, &stderr); write.Close() }()
	var first string
	_, err := fmt.Fscanf(printed, "Dashboard: %s\n", &first)
	require.NoError(t, err)
	go io.Copy(io.Discard, printed)

	events, err := http.Get(first + "events")
	require.NoError(t, err)
	defer events.Body.Close()
	followed := make(chan string, 1)
	begun := make(chan bool)
	go func() {
		var all strings.Builder
		step, once := regexp.MustCompile(`[1-9][0-9,]* of 100,000 steps`), sync.Once{}
		for buffer := make([]byte, 1<<16); ; {
			n, err := events.Body.Read(buffer)
			all.Write(buffer[:n])
			if step.MatchString(all.String()) {
				once.Do(func() { close(begun) })
			}
			if err != nil {
				followed <- all.String()
				return
			}
		}
	}()
	<-begun
	stopBy(t, first)
	require.Equal(t, exitStopped, <-code, stderr.String())
	require.Contains(t, <-followed, `"phase":"stopped"`, "the page learns how the run ended")
	require.NotEmpty(t, checkpoint.List(out))
}

// stopBy asks a dashboard to stop its run.
func stopBy(t *testing.T, url string) {
	page, err := http.Get(url)
	require.NoError(t, err)
	text, err := io.ReadAll(page.Body)
	require.NoError(t, err)
	stop, err := http.NewRequest(http.MethodPost, url+"stop", nil)
	require.NoError(t, err)
	stop.Header.Set("X-Fettle-Token", regexp.MustCompile(`data-token="(\w+)"`).FindStringSubmatch(string(text))[1])
	answer, err := http.DefaultClient.Do(stop)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, answer.StatusCode)
}

func TestADashboardStopsTheDemonstrationBeforeItLearns(t *testing.T) {
	printed, write := io.Pipe()
	code := make(chan int, 1)
	var stderr bytes.Buffer
	args := []string{"demo", "--output_dir", filepath.Join(t.TempDir(), "demo"), "--dashboard", "0"}
	go func() { code <- execute(args, strings.NewReader(""), write, &stderr); write.Close() }()
	var url string
	_, err := fmt.Fscanf(printed, "Dashboard: %s\n", &url)
	require.NoError(t, err)
	stopBy(t, url) // what is printed next waits for its reader
	go io.Copy(io.Discard, printed)
	require.Equal(t, exitStopped, <-code, stderr.String())
	require.Contains(t, stderr.String(), "fettle: demo: stopped")
}
