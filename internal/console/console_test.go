package console

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// terminal is a console on a terminal of so many columns, and what it shows.
func terminal(columns int) (*Console, *strings.Builder) {
	var shown strings.Builder
	c := New(&shown, &shown)
	for _, s := range []*Stream{c.out, c.err} {
		s.terminal, s.width = true, func() int { return columns }
	}
	return c, &shown
}

func TestAPipeGetsWhatIsWritten(t *testing.T) {
	var out, errs strings.Builder
	c := New(&out, &errs)
	long := strings.Repeat("word ", 60) + "\n"
	c.Out().Write([]byte(long))
	c.Out().Status("step 1")
	c.Err().Write([]byte("begun"))
	c.FreshLine()
	require.Equal(t, long, out.String())
	require.Equal(t, "begun", errs.String())
}

func TestProseIsWrappedAndCommandsAreNot(t *testing.T) {
	c, shown := terminal(12)
	c.Out().Write([]byte("one two three four\n  fettle chat --model x\n"))
	require.Equal(t, "one two\nthree four\n  fettle chat --model x\n", shown.String())
}

func TestPiecesOfALineAreNotWrapped(t *testing.T) {
	c, shown := terminal(8)
	for _, piece := range []string{"Once upon ", "a time\n", "there was\n"} {
		c.Out().Write([]byte(piece))
	}
	require.Equal(t, "Once upon a time\nthere\nwas\n", shown.String())
}

func TestNothingIsGluedToTheLineOfAnotherStream(t *testing.T) {
	c, shown := terminal(80)
	c.Out().Write([]byte("Once upon"))
	c.Err().Write([]byte("3 tokens/s\n"))
	require.Equal(t, "Once upon\n3 tokens/s\n", shown.String())
}

func TestTheStatusLineFitsTheTerminal(t *testing.T) {
	forms := []string{"step 10/20  loss 1.25  3 s left", "step 10/20  loss 1.25", "step 10/20"}
	for columns, want := range map[int]string{
		40: forms[0], 32: forms[0], 31: forms[1], 12: forms[2], 11: forms[2], 9: "step 10…", 2: "…",
	} {
		c, shown := terminal(columns)
		c.Out().Status(forms...)
		require.Equal(t, "\r\x1b[K"+want, shown.String(), columns)
	}
}

func TestNothingIsGluedToTheStatusLine(t *testing.T) {
	c, shown := terminal(80)
	c.Out().Status("step 1")
	c.Out().Status("step 2")
	c.Err().Write([]byte("stopped\n"))
	require.Equal(t, "\r\x1b[Kstep 1\r\x1b[Kstep 2\nstopped\n", shown.String())
	shown.Reset()
	c.Err().Status("reading")
	c.Err().Clear()
	c.Out().Write([]byte("read\n"))
	require.Equal(t, "\r\x1b[Kreading\r\x1b[Kread\n", shown.String())
}

func TestAnInterruptBeginsALineOfItsOwn(t *testing.T) {
	for name, begin := range map[string]func(*Console){
		"behind ^C":          func(*Console) {},
		"behind the status":  func(c *Console) { c.Out().Status("step 1") },
		"inside an answer":   func(c *Console) { c.Out().Write([]byte("Lena li")) },
		"behind whole lines": func(c *Console) { c.Out().Write([]byte("Lena lives.\n")) },
	} {
		c, shown := terminal(80)
		begin(c)
		shown.WriteString("^C")
		c.Interrupted()
		c.FreshLine()
		require.True(t, strings.HasSuffix(shown.String(), "^C\n"), "%s: %q", name, shown)
	}
}

func TestJSONLinesAreAllThereIs(t *testing.T) {
	var out, errs strings.Builder
	c := New(&out, &errs)
	c.JSON(false)
	c.Out().Write([]byte("Wrote it.\n  to x\n"))
	c.Out().Write([]byte(`{"level":"info","message":"as it is"}` + "\n"))
	c.Out().Write([]byte("\n"))
	c.Err().Write([]byte("warning: of two "))
	c.Err().Write([]byte("pieces"))
	c.Out().Status("step 1")
	c.Flush()
	var messages []string
	for line := range strings.Lines(out.String() + errs.String()) {
		var e entry
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		messages = append(messages, e.Level+" "+e.Message)
	}
	require.Equal(t, []string{"info Wrote it.\n  to x", "info as it is", "warn of two pieces"}, messages)
}

func TestResultsStayAsTheyAreBesideJSON(t *testing.T) {
	var out, errs strings.Builder
	c := New(&out, &errs)
	c.JSON(true)
	c.Out().Write([]byte("Lena lives in Naples.\n"))
	c.Err().Write([]byte("It was warm.\n"))
	require.Equal(t, "Lena lives in Naples.\n", out.String())
	require.True(t, json.Valid([]byte(errs.String())))
}

// full takes nothing, as a full disk does.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestALostTextIsRemembered(t *testing.T) {
	c := New(full{}, &strings.Builder{})
	c.Err().Write([]byte("taken\n"))
	require.NoError(t, c.Lost())
	c.Out().Write([]byte("lost\n"))
	require.ErrorIs(t, c.Lost(), syscall.ENOSPC)
}
