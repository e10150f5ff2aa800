package selftest

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/builtin"
	"fettle/internal/compute/cpu/kernel"
	"fettle/internal/compute/ref"
	"fettle/model"
	"fettle/model/tokenizer"
)

var update = flag.Bool("update", false, "rewrite golden.json")

// numbers computes those of the model in a directory on the plain device.
func numbers(t *testing.T, dir string) Numbers {
	m, err := model.Load(dir, ref.New())
	require.NoError(t, err)
	tok, err := tokenizer.Load(dir)
	require.NoError(t, err)
	n, err := NumbersOf(m, append([]int32{tok.BOS()}, tok.Encode("Lena lives in a red house and has a dog.")...))
	require.NoError(t, err)
	n.MadeBy = "go test ./internal/selftest -run Golden -update"
	return n
}

func TestGoldenNumbersAreOfTheBuiltInModel(t *testing.T) {
	dir, err := builtin.Dir()
	require.NoError(t, err)
	got := numbers(t, dir)
	if *update {
		text, err := json.Marshal(got)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile("golden.json", append(text, '\n'), 0o644))
		golden = text
	}
	want, err := Golden()
	require.NoError(t, err)
	require.Equal(t, want.MadeBy, got.MadeBy)
	require.Equal(t, want.Tokens, got.Tokens)
	require.NoError(t, want.Compare(got, Tolerance("")))
	require.Less(t, got.LoRA[2], got.LoRA[1])
	require.Less(t, got.LLaMAAdapter[2], got.LLaMAAdapter[1])
}

func TestTheBuiltInModelComputesItsNumbersOnEveryDevice(t *testing.T) {
	var shown []string
	require.NoError(t, Model(t.Context(), func(device string) { shown = append(shown, device) }))
	require.Equal(t, "ref", shown[0])
	require.Len(t, shown, 1+len(kernel.Levels())+2)
}

// copied returns a directory with the built-in model's files.
func copied(t *testing.T) string {
	from, err := builtin.Dir()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
	return dir
}

// flip changes a bit of a file's byte at a place from its end.
func flip(t *testing.T, path string, fromEnd int, bit byte) {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	text[len(text)-fromEnd] ^= 1 << bit
	require.NoError(t, os.WriteFile(path, text, 0o600))
}

// One flipped bit anywhere in the weights is found, by their hash and, where it counts, by what they compute.
func TestAFlippedBitIsFound(t *testing.T) {
	for i, fromEnd := range []int{1, 1_000_000, 4_000_000} {
		dir := copied(t)
		flip(t, filepath.Join(dir, "model.safetensors"), fromEnd, byte(i))
		err := modelAt(t.Context(), dir, func(string) {})
		require.ErrorContains(t, err, "weights are not its own")
	}
	dir := copied(t)
	flip(t, filepath.Join(dir, "model.safetensors"), 1_000_001, 3) // the lower byte of a weight
	want, err := Golden()
	require.NoError(t, err)
	got := numbers(t, dir)
	require.ErrorContains(t, want.Compare(got, Tolerance("")), "logit")
}
