package pth

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/budget"
	"fettle/internal/checkpoint"
)

// FuzzArchive changes the zip layer of a checkpoint: the bytes of what is accepted are those of entries that
// archive/zip reads too.
func FuzzArchive(f *testing.F) {
	data := state().text("w").tensor("FloatStorage", "0", 6, 0, []int32{3, 2}, []int32{1, 3})
	both := data.text("b").tensor("ByteStorage", "1", 3, 0, []int32{3}, []int32{1}).end()
	file := archive(f, both, map[string]string{"0": floats(1, 2, 3, 4, 5, 6), "1": "abc"})
	f.Add(file)
	f.Add(file[:len(file)-30])
	f.Add(bytes.Replace(file, []byte("data/1"), []byte("data/0"), 2))
	f.Add(append([]byte("polyglot"), file...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		defer budget.Of(t, len(raw))()
		file, err := Parse(raw)
		if err != nil || !bytes.HasPrefix(raw, []byte("PK")) {
			return
		}
		var entries bytes.Buffer
		z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
		require.NoError(t, err)
		for _, e := range z.File {
			if !strings.Contains(e.Name, "data/") {
				continue
			}
			if r, err := e.Open(); err == nil {
				_, _ = io.Copy(&entries, io.LimitReader(r, int64(len(raw))))
			}
		}
		size := 0
		for _, name := range file.Names() {
			tensor, _ := file.Tensor(name)
			require.NoError(t, tensor.Check())
			if size += len(tensor.Data); tensor.Type == checkpoint.U8 {
				require.True(t, bytes.Contains(entries.Bytes(), tensor.Data), name)
			}
		}
	})
}
