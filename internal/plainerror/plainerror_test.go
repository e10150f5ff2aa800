package plainerror

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrorsOfTheLibraryAreWordedForPeople(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("alpaca.json", []byte("{}"), 0o644))
	require.NoError(t, os.MkdirAll("models/7b", 0o755))
	open := func(name string) error { _, err := os.Open(name); return err }
	read := func(name string) error { _, err := os.ReadFile(name); return err }
	_, number := strconv.ParseFloat("1e-4x", 64)
	_, large := strconv.Atoi("99999999999999999999")
	var n struct{ N int }
	for _, c := range []struct {
		reason string
		err    error
		want   string
	}{
		{"missing", open("data.json"), "data.json: there is no such file or directory"},
		{"misspelled", fmt.Errorf("read %s: %w", "alpcaa.json", open("alpcaa.json")),
			`read alpcaa.json: there is no such file or directory, did you mean alpaca.json`},
		{"in another case", open("models/7B"), `models/7B: there is no such file or directory, did you mean models/7b`},
		{"no directory either", open("none/data.json"), "none/data.json: there is no such file or directory"},
		{"a file on the way", open("alpaca.json/a"), "alpaca.json/a: alpaca.json is a file, not a directory"},
		{"a file for a directory", os.MkdirAll("alpaca.json", 0o755), "alpaca.json: it is a file, want a directory"},
		{"a directory for a file", read("models"), "models: it is a directory, want a file"},
		{"a full disk", &os.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC}, "a: the disk is full"},
		{"a full disk, on renaming", &os.LinkError{Op: "rename", Old: "b", New: "a", Err: syscall.ENOSPC},
			"a: the disk is full"},
		{"no right to read", &os.PathError{Op: "open", Path: "a", Err: syscall.EACCES},
			"a: it may not be read by this user"},
		{"no right to write", &os.PathError{Op: "mkdir", Path: "a", Err: syscall.EACCES},
			"a: it may not be written by this user"},
		{"no number", fmt.Errorf("learning_rate: %w", number), `learning_rate: "1e-4x" is not a number`},
		{"too large", large, `"99999999999999999999" is too large a number`},
		{"a type of JSON", json.Unmarshal([]byte(`{"N": "x"}`), &n), "N is a text, want a whole number"},
		{"cut JSON", json.Unmarshal([]byte(`{"N": `), &n), "it ends in the middle of a value"},
		{"a cut file", fmt.Errorf("read a: %w", io.ErrUnexpectedEOF), "read a: it ends too early"},
		{"several", errors.Join(open("x"), number),
			"x: there is no such file or directory\n\"1e-4x\" is not a number"},
		{"our own", errors.New("rank is 0"), "rank is 0"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			if runtime.GOOS == "windows" {
				t.Skip("other errors there")
			}
			require.Equal(t, c.want, Text(c.err))
			require.Equal(t, "train: "+c.want+" (1)", Text(fmt.Errorf("train: %w (1)", c.err)))
		})
	}
}

func TestPortsInUseAreNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = net.Listen("tcp", l.Addr().String())
	require.Equal(t, "serve: "+l.Addr().String()+": another program uses this port", Text(fmt.Errorf("serve: %w", err)))
	unknown := &net.OpError{Op: "listen", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "999.1.1.1"}}
	require.Equal(t, "999.1.1.1: there is no machine of this name", Text(unknown))
	_, err = net.Listen("tcp", "203.0.113.9:0")
	require.Contains(t, Text(err), "this machine does not have the address")
}
