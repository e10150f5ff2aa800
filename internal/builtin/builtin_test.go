package builtin_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/builtin"
	"fettle/internal/compute/cpu"
	"fettle/internal/world"
	"fettle/model"
	"fettle/model/tokenizer"
)

// The loss on new documents about the same facts is as low as the model card says.
func TestBuiltInModelStatesFactsOfItsWorld(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, err := builtin.Dir()
	require.NoError(t, err)
	again, err := builtin.Dir()
	require.NoError(t, err)
	require.Equal(t, dir, again)
	dev, err := cpu.New(cpu.Options{Compute: "f32"})
	require.NoError(t, err)
	m, err := model.Load(dir, dev)
	require.NoError(t, err)
	tok, err := tokenizer.Load(dir)
	require.NoError(t, err)
	loss, tokens := 0.0, 0
	for _, text := range world.Corpus(99, 40) {
		ids := append(append([]int32{tok.BOS()}, tok.Encode(text)...), tok.EOS())
		b := model.Pack([][]int32{ids}, [][]int32{ids})
		losses, err := m.Loss(b)
		require.NoError(t, err)
		loss, tokens = loss+losses[0], tokens+len(b.Targets)
	}
	t.Logf("loss %.3f over %d tokens", loss/float64(tokens), tokens)
	require.Less(t, loss/float64(tokens), 0.65)

	size := int64(0)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		size += info.Size()
	}
	require.Less(t, size, int64(8<<20))
}

func TestDamagedCopiesAreRepaired(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, err := builtin.Dir()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dir+"/config.json", []byte("{}"), 0o644))
	_, err = builtin.Dir()
	require.NoError(t, err)
	_, err = model.ReadConfig(dir)
	require.NoError(t, err)
}

func TestCacheThatCannotBeWritten(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/proc/nowhere")
	t.Setenv("HOME", "/proc/nowhere")
	dir, err := builtin.Dir()
	require.NoError(t, err)
	require.DirExists(t, dir)
}
