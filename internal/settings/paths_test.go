package settings

import (
	"os"
	"os/user"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

type places struct {
	In     string   `yaml:"in" path:"read"`
	Ins    []string `yaml:"ins" path:"read"`
	Named  string   `yaml:"named" path:"named"`
	Out    string   `yaml:"out" path:"written"`
	Prompt string   `yaml:"prompt"`
}

func loadPlaces(t testing.TB, args ...string) (places, error) {
	var c places
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	s := New(flags, program, &c)
	require.NoError(t, flags.Parse(args))
	return c, s.Load()
}

func TestAnInputThatIsNotHereIsTakenFromBesideTheFile(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"here/both.json", "exp/both.json", "exp/a.json", "exp/b.json", "exp/data/info.json",
		"exp/auto", "exp/own.jinja", "exp/out/x"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	t.Chdir(filepath.Join(dir, "here"))
	config := filepath.Join("..", "exp", "c.yaml")
	file := func(text string) places {
		require.NoError(t, os.WriteFile(config, []byte(text), 0o644))
		c, err := loadPlaces(t, "--config", config)
		require.NoError(t, err)
		return c
	}
	beside := func(name string) string { return filepath.Join("..", "exp", name) }
	for in, want := range map[string]string{
		"a.json": beside("a.json"), "both.json": "both.json", "none.json": "none.json", "./a.json": beside("a.json"),
		"*.json": "*.json", "[ab].json": beside("[ab].json"), "data/info.json:one": beside("data/info.json:one"),
		"owner/name":                     "owner/name",
		filepath.Join(dir, "exp/a.json"): filepath.Join(dir, "exp/a.json"),
		"auto":                           beside("auto"),
	} {
		require.Equal(t, places{In: want, Ins: []string{want, "x"}}, file("in: '"+in+"'\nins: ['"+in+"', x]\n"), in)
	}
	require.Equal(t, places{Named: "auto", Out: "out"}, file("named: auto\nout: out\n"), "a word; an output")
	require.Equal(t, beside("own.jinja"), file("named: own.jinja\n").Named)
	c, err := loadPlaces(t, "--config", config, "--in", "a.json")
	require.NoError(t, err)
	require.Equal(t, "a.json", c.In, "a flag's path is from here")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "exp", "config.yaml"), []byte("in: a.json\n"), 0o644))
	c, err = loadPlaces(t, "--config", filepath.Join(dir, "exp"))
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "exp", "a.json"), c.In, "a directory stands for its config.yaml")
}

func TestPathsOfFilesHaveVariablesAsAShellDoes(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("HOME", "/home/one")
	t.Setenv("DATA", "/data")
	for text, want := range map[string]string{
		"$HOME/a": "/home/one/a", "${DATA}/a-$DATA": "/data/a-/data", "price$5": "price$5", "~": "/home/one",
		"~/a b": "/home/one/a b", "a/~/b": "a/~/b", "~nobody-has-this-name/x": "~nobody-has-this-name/x",
	} {
		c, err := loadPlaces(t, "--config", written(t, "out: '"+text+"'\nprompt: '"+text+"'\n"))
		require.NoError(t, err)
		require.Equal(t, places{Out: want, Prompt: text}, c)
	}
	t.Setenv("FETTLE_OUT", "$DATA/out")
	c, err := loadPlaces(t)
	require.NoError(t, err)
	require.Equal(t, "/data/out", c.Out)
	c, err = loadPlaces(t, "--out", "$DATA/out")
	require.NoError(t, err)
	require.Equal(t, "$DATA/out", c.Out, "the shell has read a flag")
	require.NoError(t, os.Mkdir("$DATA", 0o755))
	c, err = loadPlaces(t, "--config", written(t, "in: $DATA\n"))
	require.NoError(t, err)
	require.Equal(t, "$DATA", c.In, "it is there")
	_, err = loadPlaces(t, "--config", written(t, "\nin: a/$NOT_SET_HERE/b\n"))
	require.ErrorContains(t, err, "c.yaml:2: in: \"a/$NOT_SET_HERE/b\" has the variable $NOT_SET_HERE, which is not set")
	if me, err := user.Current(); err == nil && me.HomeDir != "" {
		c, err := loadPlaces(t, "--out=~"+me.Username+"/x")
		require.NoError(t, err)
		require.Equal(t, filepath.Join(me.HomeDir, "x"), c.Out)
	}
}
