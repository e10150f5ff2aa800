package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"fettle/internal/human"
)

// command is a program to run.
type command struct {
	path   string
	args   []string
	stdin  string
	env    []string // beside this process's own, of which FETTLE_… are not passed on: settings, and keys
	dir    string
	enough func(lines []line) bool // ends the program when it has printed enough; nil: it ends by itself
}

// line is one line that a program printed, and when. A carriage return ends a line too, as in progress bars.
type line struct {
	text  string
	error bool // on the standard error
	at    time.Time
}

// output is what a program printed and used.
type output struct {
	lines     []line
	wall, cpu time.Duration // of the whole process
	memory    int64         // at most, in bytes; 0: not known
}

// text joins the lines of the standard output.
func (o output) text() string {
	var b strings.Builder
	for _, l := range o.lines {
		if !l.error {
			b.WriteString(l.text + "\n")
		}
	}
	return b.String()
}

// last returns the last lines that are not empty, as an error shows them.
func (o output) last() string {
	const shown = 8
	var all []string
	for _, l := range o.lines {
		if text := strings.TrimSpace(strings.ToValidUTF8(l.text, "\uFFFD")); text != "" {
			all = append(all, human.Plain(fmt.Sprintf("%.200s", text)))
		}
	}
	if len(all) == 0 {
		return "it printed nothing"
	}
	return "its last lines:\n" + strings.Join(all[max(0, len(all)-shown):], "\n")
}

// mostPrinted bounds what is kept of a program's output.
const mostPrinted = 1 << 20

var (
	errEnough  = errors.New("enough was printed")
	errTooMuch = errors.New("it printed more than 1 MiB")
)

// transcript collects the lines of both streams.
type transcript struct {
	mu    sync.Mutex
	lines []line
	size  int
	check func(lines []line) bool
	end   context.CancelCauseFunc
}

// stream is one of the two.
type stream struct {
	to    *transcript
	error bool
	begun []byte
}

func (s *stream) Write(p []byte) (int, error) {
	t := s.to
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.size += len(p); t.size > mostPrinted {
		t.end(errTooMuch)
		return len(p), nil
	}
	s.begun = append(s.begun, p...)
	for {
		i := bytes.IndexAny(s.begun, "\n\r")
		if i < 0 {
			return len(p), nil
		}
		t.add(line{string(s.begun[:i]), s.error, time.Now()})
		s.begun = s.begun[i+1:]
	}
}

func (t *transcript) add(l line) {
	t.lines = append(t.lines, l)
	if t.check != nil && t.check(t.lines) {
		t.end(errEnough)
	}
}

func settingOrKey(variable string) bool {
	return strings.HasPrefix(strings.ToUpper(variable), "FETTLE_")
}

// execute runs a program with a limit of time and kills it, with the processes that it started, when that is over, when
// ctx ends, or when it has printed enough.
func execute(ctx context.Context, c command, limit time.Duration) (output, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	ctx, release := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it was stopped after %s", limit))
	defer release()
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Dir, cmd.Env = c.dir, append(slices.DeleteFunc(os.Environ(), settingOrKey), c.env...)
	cmd.Stdin = strings.NewReader(c.stdin)
	cmd.WaitDelay = 5 * time.Second // for pipes that a process which escaped holds open
	alone(cmd)
	cmd.Cancel = func() error { return killAll(cmd.Process) }
	t := &transcript{check: c.enough, end: end}
	out, errs := &stream{to: t}, &stream{to: t, error: true}
	cmd.Stdout, cmd.Stderr = out, errs
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return output{}, err
	}
	err := cmd.Wait()
	killAll(cmd.Process) //nolint:errcheck // those that it left behind, mostly none
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range []*stream{out, errs} {
		if len(s.begun) > 0 {
			t.lines = append(t.lines, line{string(s.begun), s.error, time.Now()})
		}
	}
	o := output{
		lines: t.lines, wall: time.Since(began), memory: peakMemory(cmd.ProcessState),
		cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
	}
	if cause := context.Cause(ctx); cause == errEnough {
		return o, nil
	} else if cause != nil {
		err = cause
	}
	if err != nil {
		return o, fmt.Errorf("%w; %s", err, o.last())
	}
	return o, nil
}
