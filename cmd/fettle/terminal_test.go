//go:build unix

package main

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// terminal is the program on a terminal, which shows and never answers.
type terminal struct {
	t    *testing.T
	tty  *os.File
	cmd  *exec.Cmd
	over chan struct{} // closed when the program has ended

	lock  sync.Mutex
	shown strings.Builder
	seen  int // bytes of shown that see has passed
}

// onTerminal starts the program on a terminal of so many columns.
func onTerminal(t *testing.T, columns uint16, args ...string) *terminal {
	s := &terminal{t: t, cmd: exec.Command(os.Args[0], args...), over: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), "FETTLE_TEST_RUN=1", "TERM=xterm", "INPUTRC=/dev/null", "HOME="+t.TempDir())
	var err error
	s.tty, err = pty.StartWithSize(s.cmd, &pty.Winsize{Rows: 24, Cols: columns})
	require.NoError(t, err)
	go func() {
		defer close(s.over)
		part := make([]byte, 4096)
		for {
			n, err := s.tty.Read(part)
			s.lock.Lock()
			s.shown.Write(part[:n])
			s.lock.Unlock()
			if err != nil { // Linux: an error of reading ends the terminal
				return
			}
		}
	}()
	t.Cleanup(func() { s.cmd.Process.Kill(); s.tty.Close() })
	return s
}

// send types.
func (s *terminal) send(keys string) {
	_, err := s.tty.WriteString(keys)
	require.NoError(s.t, err)
}

// see waits until the terminal shows a text, behind the text seen last, and returns what it has shown up to there.
func (s *terminal) see(text string) string {
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		s.lock.Lock()
		rest := s.shown.String()[s.seen:]
		at := strings.Index(rest, text)
		if at >= 0 {
			at += len(text)
			s.seen += at
			s.lock.Unlock()
			return rest[:at]
		}
		s.lock.Unlock()
		require.True(s.t, time.Now().Before(end), "%q is not shown:\n%s", text, rest)
	}
}

// end waits until the program has ended and returns its exit code and what it showed at last.
func (s *terminal) end() (code int, rest string) {
	select {
	case <-s.over:
	case <-time.After(time.Minute):
		require.Fail(s.t, "the program goes on", s.shown.String())
	}
	s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode(), s.shown.String()[s.seen:]
}
