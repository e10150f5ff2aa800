package safetensors

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
)

// sample holds one tensor of every kind a model or an adapter brings, the
// empty and the scalar one included.
func sample() []checkpoint.Tensor {
	return []checkpoint.Tensor{
		checkpoint.FromFloat32s("b.weight", []int{2, 3}, []float32{1, -2, 3.5, 0, 1e-30, 6}),
		checkpoint.FromFloat32s("a<&>\u2028", []int{}, []float32{7}),
		checkpoint.FromFloat32s("empty", []int{0, 5}, nil),
		{Name: "half", Type: "F16", Shape: []int{3}, Data: []byte{0, 0x3c, 0, 0xc0, 1, 0}},
		{Name: "brain", Type: "BF16", Shape: []int{1, 1}, Data: []byte{0x80, 0x3f}},
	}
}

func encode(t testing.TB, tensors []checkpoint.Tensor, meta map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Encode(&b, tensors, meta))
	return b.Bytes()
}

func TestOpenReadsWhatEncodeWrote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	raw := encode(t, sample(), map[string]string{"format": "pt", "z": "<&>"})
	require.NoError(t, os.WriteFile(path, raw, 0o644))

	f, err := Open(path)
	require.NoError(t, err)
	require.Equal(t, []string{"a<&>\u2028", "b.weight", "brain", "empty", "half"}, f.Names())
	require.Equal(t, map[string]string{"format": "pt", "z": "<&>"}, f.Metadata())
	for _, want := range sample() {
		got, ok := f.Tensor(want.Name)
		require.True(t, ok)
		require.Equal(t, want.Shape, got.Shape)
		require.Equal(t, want.Type, got.Type)
		require.True(t, bytes.Equal(want.Data, got.Data))
	}
	_, ok := f.Tensor("other")
	require.False(t, ok)
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
}

func TestOpenNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Open(dir)
	require.ErrorContains(t, err, "is a directory, want a file")
	path := filepath.Join(dir, "short")
	for text, want := range map[string]string{
		"abc":                  "safetensors: 3 bytes, want at least 8",
		"":                     "it is an empty file: download it again",
		"GGUF\x03\x00\x00\x00": "it is a GGUF file, want a safetensors file",
		"version https://git-lfs.github.com/spec/v1\noid": "it is a git-lfs pointer, not the file itself: run git lfs pull",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err = Open(path)
		require.ErrorContains(t, err, path+": "+want)
	}
}

func TestEncodeWritesTheSameBytesInAnyOrder(t *testing.T) {
	tensors := sample()
	want := encode(t, tensors, map[string]string{"a": "1", "b": "2"})
	tensors[0], tensors[4] = tensors[4], tensors[0]
	require.Equal(t, want, encode(t, tensors, map[string]string{"b": "2", "a": "1"}))
	require.Equal(t, "b.weight", tensors[4].Name, "the caller's slice stays in its order")
}

func TestEncodeRefuses(t *testing.T) {
	one := checkpoint.FromFloat32s("a", []int{1}, []float32{1})
	for _, c := range []struct {
		reason string
		list   []checkpoint.Tensor
	}{
		{"occurs twice", []checkpoint.Tensor{one, one}},
		{"4 bytes of data, want 8", []checkpoint.Tensor{checkpoint.FromFloat32s("a", []int{2}, []float32{1})}},
		{`unknown dtype "Q9"`, []checkpoint.Tensor{{Name: "a", Type: "Q9"}}},
		{`unknown dtype "Q8_0"`, []checkpoint.Tensor{{Name: "a", Type: checkpoint.Q8_0, Shape: []int{0}}}},
		{"shape [-1 -1]", []checkpoint.Tensor{{Name: "a", Type: "F32", Shape: []int{-1, -1}, Data: make([]byte, 4)}}},
		{"not a name", []checkpoint.Tensor{checkpoint.FromFloat32s("__metadata__", []int{1}, []float32{1})}},
		{"not a name", []checkpoint.Tensor{checkpoint.FromFloat32s("\xff", []int{1}, []float32{1})}},
	} {
		t.Run(c.reason, func(t *testing.T) { require.ErrorContains(t, Encode(&bytes.Buffer{}, c.list, nil), c.reason) })
	}
}

// The library's own Python writer made these files; re-encoding what was read
// must give their bytes back.
func TestEncodeEqualsTheReferenceWriter(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(shared(t), "golden/training/*/*/init/adapter_model.safetensors"))
	require.NotEmpty(t, files)
	for _, path := range files {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		f, err := Parse(raw)
		require.NoError(t, err)
		var list []checkpoint.Tensor
		for _, name := range f.Names() {
			tensor, _ := f.Tensor(name)
			list = append(list, tensor)
		}
		require.Equal(t, raw, encode(t, list, f.Metadata()), path)
	}
}

// shared is the folder of reference material, or the test is skipped.
func shared(t *testing.T) string {
	dir := os.Getenv("FETTLE_DATA")
	if dir == "" {
		dir = "../../../../shared"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no reference material at %s: set FETTLE_DATA", dir)
	}
	return dir
}

func TestDataOfAnotherLengthAreRefused(t *testing.T) {
	short := checkpoint.Lazy{Name: "w", Type: checkpoint.F32, Shape: []int{2}, Write: func(w io.Writer) error {
		_, err := w.Write(make([]byte, 4))
		return err
	}}
	err := Write(io.Discard, []checkpoint.Lazy{short}, nil)
	require.EqualError(t, err, "write tensor w: 4 bytes of data, want 8 for F32 [2]")
}

func TestRowsAreWrittenInTheirOrder(t *testing.T) {
	data := []float32{1, 2, 3, 4, 5, 6}
	in := checkpoint.FromFloat32s("q", []int{3, 2}, data)
	in.Order = []int32{2, 0, 1}
	want := checkpoint.FromFloat32s("q", []int{3, 2}, []float32{5, 6, 1, 2, 3, 4})
	require.Equal(t, encode(t, []checkpoint.Tensor{want}, nil), encode(t, []checkpoint.Tensor{in}, nil))
}
