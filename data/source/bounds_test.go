package source_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
)

// A file may be one endless record: reading ends long before memory does.
func TestRecordsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("files of 33 MiB")
	}
	long := bytes.Repeat([]byte("abcdefg "), 33<<17)
	for name, around := range map[string][2]string{
		"x.jsonl": {`{"instruction": "`, `", "output": "x"}` + "\n"},
		"x.json":  {`[{"instruction": "`, `", "output": "x"}]`},
		"x.csv":   {"instruction,output\na,b\nc,\"", "\"\n"},
		"x.txt":   {"a\n", "\n"},
	} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, bytes.Join([][]byte{[]byte(around[0]), []byte(around[1])}, long), 0o600))
		_, err := datatest.LoadAlpaca(path, data.Options{Cutoff: 100, OnBadRow: "skip"})
		require.ErrorContains(t, err, "longer than 32 MiB", name)
	}
}

func TestPipesAreNoDataSets(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "x.jsonl")
	if err := exec.Command("mkfifo", pipe).Run(); err != nil {
		t.Skip(err)
	}
	_, err := datatest.LoadAlpaca(pipe, data.Options{Cutoff: 100})
	require.ErrorContains(t, err, "is a pipe, want a file")
}

// Each column was compared with all before it: a file of 3 MB took minutes.
func TestHeadersOfManyColumnsTakeLinearTime(t *testing.T) {
	var header strings.Builder
	header.WriteString("instruction,output")
	const n = 1 << 17
	for i := range n {
		fmt.Fprintf(&header, ",c%d", i)
	}
	cells := "\na,b" + strings.Repeat(",", n) + "\n"
	path := datatest.Write(t, "x.csv", header.String()+cells)
	ended := make(chan error, 1)
	go func() {
		_, err := datatest.LoadAlpaca(path, data.Options{Cutoff: 1000})
		ended <- err
	}()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(15 * time.Second):
		require.Fail(t, "it takes the square of the columns")
	}
}
