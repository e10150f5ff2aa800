package pth_test

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/pth"
)

// samples has a tensor of each kind of shape and of several types.
func samples() []checkpoint.Tensor {
	return []checkpoint.Tensor{
		checkpoint.FromFloat32s("layers.0.attention.gate", []int{1, 3, 1, 1}, []float32{0.5, -1, 0}),
		checkpoint.FromFloat32s("b", []int{2, 3}, []float32{1, 2, 3, 4, 5, 6}),
		{Name: "half", Type: checkpoint.F16, Shape: []int{2}, Data: []byte{0, 0x3c, 0, 0xc0}},
		{Name: "brain", Type: checkpoint.BF16, Shape: []int{1}, Data: []byte{0x80, 0x3f}},
		{Name: "scalar", Type: checkpoint.I64, Data: []byte{7, 0, 0, 0, 0, 0, 0, 0}},
		{Name: "nothing", Type: checkpoint.F32, Shape: []int{0, 4}},
	}
}

func TestAWrittenFileReadsBack(t *testing.T) {
	var b, again bytes.Buffer
	require.NoError(t, pth.Encode(&b, samples()))
	require.NoError(t, pth.Encode(&again, samples()))
	require.Equal(t, b.Bytes(), again.Bytes(), "the same tensors give the same bytes")
	f, err := pth.Parse(b.Bytes())
	require.NoError(t, err)
	require.Len(t, f.ByName, len(samples()))
	for _, want := range samples() {
		got, ok := f.Tensor(want.Name)
		require.True(t, ok, want.Name)
		require.Equal(t, want.Type, got.Type)
		require.Equal(t, append([]int{}, want.Shape...), append([]int{}, got.Shape...))
		require.Equal(t, append([]byte{}, want.Data...), append([]byte{}, got.Data...))
	}
}

func TestStoragesBeginAtMultiplesOf64(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, pth.Encode(&b, samples()))
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	for _, e := range z.File {
		at, err := e.DataOffset()
		require.NoError(t, err)
		require.Zero(t, at%64, e.Name)
	}
}

func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	one := samples()[:1]
	for _, c := range []struct {
		reason  string
		tensors []checkpoint.Tensor
		want    string
	}{
		{"twice", append(one, one...), `tensor "layers.0.attention.gate" occurs twice`},
		{"another length", []checkpoint.Tensor{{Name: "x", Type: checkpoint.F32, Shape: []int{2}, Data: make([]byte, 4)}},
			"want 8 for F32"},
		{"blocks", []checkpoint.Tensor{{Name: "x", Type: checkpoint.Q8_0, Shape: []int{32}, Data: make([]byte, 34)}},
			"PyTorch has no storage of type Q8_0"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			require.ErrorContains(t, pth.Encode(&bytes.Buffer{}, c.tensors), c.want)
		})
	}
}

// FETTLE_PYTHON names a Python with PyTorch.
func TestPyTorchReadsAWrittenFile(t *testing.T) {
	python := os.Getenv("FETTLE_PYTHON")
	if python == "" {
		t.Skip("set FETTLE_PYTHON to a Python with PyTorch")
	}
	path := filepath.Join(t.TempDir(), "x.pth")
	var b bytes.Buffer
	require.NoError(t, pth.Encode(&b, samples()))
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
	const program = `
import sys, torch
for mmap in (False, True):
    for name, x in torch.load(sys.argv[1], weights_only=True, mmap=mmap).items():
        print(name, x.dtype, list(x.shape), x.flatten().tolist())
`
	out, err := exec.Command(python, "-c", program, path).CombinedOutput()
	require.NoError(t, err, string(out))
	const one = `layers.0.attention.gate torch.float32 [1, 3, 1, 1] [0.5, -1.0, 0.0]
b torch.float32 [2, 3] [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
half torch.float16 [2] [1.0, -2.0]
brain torch.bfloat16 [1] [1.0]
scalar torch.int64 [] [7]
nothing torch.float32 [0, 4] []
`
	require.Equal(t, one+one, string(out))
}
