package settings

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// method is inlined into run, as a method's settings are.
type method struct {
	Rank    int      `yaml:"lora_rank" alias:"lora_r,r" help:"rank of LoRA"`
	Targets []string `yaml:"lora_target_modules" alias:"lora_target"`
}

type run struct {
	Rate    float64  `yaml:"learning_rate" alias:"lr" group:"optimization"`
	Seed    uint64   `yaml:"seed"`
	Shuffle bool     `yaml:"shuffle" group:"data"`
	Compute string   `yaml:"compute" group:"compute"`
	Prompts []string `yaml:"sample_prompts" whole:"true" group:"output" help:"instructions to answer during the run"`
	Method  method   `yaml:",inline" group:"method"`
	Other   any      `yaml:"-"`
}

func defaults() *run {
	return &run{Rate: 3e-4, Seed: 42, Compute: "auto", Method: method{Rank: 8, Targets: []string{"q_proj", "v_proj"}}}
}

var program = Program{
	Configs: []string{"small"},
	Find:    func(name string) ([]byte, bool) { return []byte("lora_r: 2\n"), name == "small" },

	Variables: []string{"FETTLE_DATA"},
}

// load parses the arguments and fills a run.
func load(t testing.TB, args ...string) (*run, *Settings, error) {
	c, flags := defaults(), pflag.NewFlagSet("test", pflag.ContinueOnError)
	s := New(flags, program, c)
	require.NoError(t, flags.Parse(args))
	return c, s, s.Load()
}

func written(t testing.TB, text string) string {
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func TestNothingGivenIsTheDefault(t *testing.T) {
	c, s, err := load(t)
	require.NoError(t, err)
	require.Equal(t, defaults(), c)
	require.False(t, s.Given("lora_rank"))
}

func TestAFlagBeatsAVariableBeatsTheFileBeatsTheDefault(t *testing.T) {
	path := written(t, "lr: 1\nseed: 1\ncompute: f32\nlora_rank: 1\n")
	t.Setenv("FETTLE_SEED", "2")
	t.Setenv("FETTLE_COMPUTE", "bf16")
	c, s, err := load(t, "--config", path, "--compute", "int8")
	require.NoError(t, err)
	require.Equal(t, &run{Rate: 1, Seed: 2, Compute: "int8",
		Method: method{Rank: 1, Targets: []string{"q_proj", "v_proj"}}}, c)
	for key, given := range map[string]bool{"learning_rate": true, "seed": true, "compute": true, "lora_rank": true,
		"shuffle": false} {
		require.Equal(t, given, s.Given(key), key)
	}
}

func TestAliasesWorkEverywhere(t *testing.T) {
	fromFlag, _, err := load(t, "--lora-r", "3", "--lora-target=k_proj,o_proj")
	require.NoError(t, err)
	fromFile, _, err := load(t, "--config", written(t, "lora-r: 3\nlora_target: [k_proj, o_proj]\n"))
	require.NoError(t, err)
	t.Setenv("FETTLE_LORA_R", "3")
	t.Setenv("FETTLE_LORA_TARGET", "k_proj,o_proj")
	fromEnvironment, _, err := load(t)
	require.NoError(t, err)
	want := method{Rank: 3, Targets: []string{"k_proj", "o_proj"}}
	require.Equal(t, []method{want, want, want}, []method{fromFlag.Method, fromFile.Method, fromEnvironment.Method})
}

func TestAWholeTextKeepsItsCommas(t *testing.T) {
	const text = `Name a "color", please`
	fromFlag, _, err := load(t, "--sample_prompts", text)
	require.NoError(t, err)
	fromFile, _, err := load(t, "--config", written(t, "sample_prompts: 'Name a \"color\", please'\n"))
	require.NoError(t, err)
	t.Setenv("FETTLE_SAMPLE_PROMPTS", text)
	fromEnvironment, _, err := load(t)
	require.NoError(t, err)
	want := []string{text}
	require.Equal(t, [][]string{want, want, want},
		[][]string{fromFlag.Prompts, fromFile.Prompts, fromEnvironment.Prompts})
}

func TestPathsAloneBeginAtHome(t *testing.T) {
	t.Setenv("HOME", "/home/one")
	var c struct {
		File  string   `yaml:"file" path:"read"`
		Files []string `yaml:"files" path:"written"`
		Input string   `yaml:"input"`
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	s := New(flags, program, &c)
	require.NoError(t, flags.Parse([]string{"--file=~/a", "--files=~/a,b/~/c,~d", "--input=~/a"}))
	require.NoError(t, s.Load())
	require.Equal(t, "/home/one/a", c.File)
	require.Equal(t, []string{"/home/one/a", "b/~/c", "~d"}, c.Files)
	require.Equal(t, "~/a", c.Input)
}

func TestConfigIsAFileOrABuiltInName(t *testing.T) {
	c, s, err := load(t, "--config", "small")
	require.NoError(t, err)
	require.Equal(t, 2, c.Method.Rank)
	require.Equal(t, "small", s.Config())
	t.Setenv("FETTLE_CONFIG", "small")
	c, s, err = load(t)
	require.NoError(t, err)
	require.Equal(t, 2, c.Method.Rank)
	require.Equal(t, "small", s.Config())
	_, _, err = load(t, "--config", "none")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "the built-in ones are small")
}

func TestAFileReadsWhatYAMLWrites(t *testing.T) {
	c, _, err := load(t, "--config", written(t, `
learning_rate: "1e-4"
seed: null
shuffle: true
compute: true  # a text, too
lora_rank: 1e1
lora_target: k_proj,o_proj
sample_prompts: [yes, 1, 2024-01-01]
`))
	require.NoError(t, err)
	require.Equal(t, &run{
		Rate: 1e-4, Seed: 42, Shuffle: true, Compute: "true", Prompts: []string{"yes", "1", "2024-01-01"},
		Method: method{Rank: 10, Targets: []string{"k_proj", "o_proj"}},
	}, c)
	for _, text := range []string{"", "# nothing\n", "{}", `{"seed": 42}`,
		"%YAML 1.2\n---\nseed: 42\n...\n", "---\nseed: 42\n---\n"} {
		c, _, err := load(t, "--config", written(t, text))
		require.NoError(t, err)
		require.Equal(t, defaults(), c)
	}
	c, _, err = load(t, "--config", written(t, "<<: &base\n  r: 5\nseed: 42\n"))
	require.NoError(t, err)
	require.Equal(t, 5, c.Method.Rank)
}

// YAML 1.1 drops underscores wherever they stand; the syntax of Go has them between two digits only.
func TestUnderscoresInNumbersAreDropped(t *testing.T) {
	want := &run{Rate: 1000.5, Seed: 20_000, Compute: "a_b", Method: method{Rank: 100, Targets: []string{"q_proj"}}}
	fromFile, _, err := load(t, "--config", written(t,
		"lr: 1__000.5_\nseed: 20_000_\ncompute: a_b\nr: 1__0e1\nlora_target: q_proj\n"))
	require.NoError(t, err)
	require.Equal(t, want, fromFile)
	for name, value := range map[string]string{
		"LR": "1__000.5_", "SEED": "20_000_", "COMPUTE": "a_b", "R": "1__0e1", "LORA_TARGET": "q_proj",
	} {
		t.Setenv("FETTLE_"+name, value)
	}
	fromEnvironment, _, err := load(t)
	require.NoError(t, err)
	require.Equal(t, want, fromEnvironment)
}

// Whole numbers have to fit in 32 bits, those with a point or an exponent too.
func TestWholeNumbersInOtherFormsAreBounded(t *testing.T) {
	for text, want := range map[string]int{
		"2147483647.0": 1<<31 - 1, "-2147483647.0": -1<<31 + 1, "2e9": 2_000_000_000,
	} {
		c, _, err := load(t, "--config", written(t, "lora_rank: "+text+"\n"))
		require.NoError(t, err)
		require.Equal(t, want, c.Method.Rank)
	}
	for _, text := range []string{"2147483648.0", "-2147483648.0", "3e9", "2147483648", "-2147483648"} {
		_, _, err := load(t, "--config", written(t, "lora_rank: "+text+"\n"))
		require.ErrorContains(t, err, "c.yaml:1: lora_rank: "+text+" is too large a number")
	}
}

func TestAnAliasOfYAMLStandsForItsAnchor(t *testing.T) {
	c, _, err := load(t, "--config", written(t,
		"lora_rank: &n 4\nseed: *n\nlora_target: &list [a, b]\nsample_prompts: *list\n"))
	require.NoError(t, err)
	require.EqualValues(t, 4, c.Seed)
	require.Equal(t, []string{"a", "b"}, c.Prompts)
	_, _, err = load(t, "--config", written(t, "compute: &x many\nseed: *x\n"))
	require.ErrorContains(t, err, `c.yaml:2: seed: "many" is not a whole number`)
}

func TestThePlaceIsThatOfTheSourceThatWins(t *testing.T) {
	path := written(t, "compute: f32\nlr: 1\nlora_r: 8\nseed: 3\nshuffle: null\n")
	t.Setenv("FETTLE_SEED", "2")
	t.Setenv("FETTLE_LORA_R", "2")
	_, s, err := load(t, "--seed", "1", "--config", path)
	require.NoError(t, err)
	for key, want := range map[string]Place{
		"seed":                {Flag, "", "--seed"},
		"lora_rank":           {Environment, "environment", "FETTLE_LORA_R"},
		"compute":             {File, "config " + path + ":1", "compute"},
		"learning_rate":       {File, "config " + path + ":2", "lr"},
		"shuffle":             {},
		"lora_target_modules": {},
	} {
		require.Equal(t, want, s.Place(key), key)
	}
	require.Equal(t, "config "+path+":2: lr", s.Place("learning_rate").String())
	t.Setenv("FETTLE_LORA_R", "")
	_, s, err = load(t, "--config", "small")
	require.NoError(t, err)
	require.Equal(t, Place{Preset, "config small:1", "lora_r"}, s.Place("lora_rank"))
	require.False(t, s.Place("lora_rank").Explicit())
}

func TestNullBesideAnotherNameOfASettingSaysNothing(t *testing.T) {
	for _, text := range []string{"lora_rank:\nlora_r: 5\n", "lora_r: 5\nlora_rank: null\n"} {
		_, s, err := load(t, "--config", written(t, text))
		require.NoError(t, err, text)
		require.True(t, s.Place("lora_rank").Explicit(), text)
	}
	_, s, err := load(t, "--config", written(t, "lora_rank:\n"))
	require.NoError(t, err)
	require.False(t, s.Place("lora_rank").Explicit())
}

func TestAMistakeInAFileIsNamed(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"misspelled", "seed: 1\nlora_rnak: 2\n", `c.yaml:2: unknown key "lora_rnak", did you mean "lora_rank"`},
		{"nothing like it", "seed: 1\nxyzzyx: 2\n", `c.yaml:2: unknown key "xyzzyx"`},
		{"alias and name", "lora_rank: 2\nseed: 1\nlora_r: 3\n",
			"c.yaml:3: lora_r: it and config "},
		{"one key twice", "seed: 2\nseed: 3\n", "c.yaml:2: seed is set twice; line 1 sets it already"},
		{"text for a number", "lora_rank: many\n", `c.yaml:1: lora_rank: "many" is not a whole number`},
		{"half", "seed: 1\nlora_rank: 1.5\n", "c.yaml:2: lora_rank: 1.5 is not a whole number"},
		{"too large", "lora_rank: 1e99\n", "lora_rank: 1e99 is too large a number"},
		{"negative", "seed: -1\n", "seed: -1 is not a whole number, 0 or more"},
		{"list for a value", "compute: [f32, bf16]\n", "is a list, want one value"},
		{"map for a value", "compute: {a: b}\n", "compute: it has keys of its own"},
		{"null in a list", "lora_target: [q_proj, null]\n", "lora_target: the elements of a list are texts or numbers"},
		{"a list that holds itself", "lora_target: &x [*x]\n",
			"lora_target: anchor 'x' value contains itself"},
		{"nested", "lora:\n  rank: 8\n",
			`unknown key "lora": settings are not nested: write rank at the beginning of a line`},
		{"not a number", "learning_rate: .nan\n", `learning_rate: ".nan" is not a number`},
		{"infinite", "learning_rate: inf\n", "learning_rate: inf is not a finite number"},
		{"a decimal comma", "learning_rate: 0,001\n", `learning_rate: "0,001" is not a number: write 0.001`},
		{"bytes", "\xff\xfe\x00", "not a text with settings"},
		{"no settings", "- seed\n", "c.yaml:1: the file is a list; want settings, one a line"},
		{"a text", "seed\n", "c.yaml:1: want settings, one a line"},
		{"a tab", "seed: 1\nlora_target:\n\t- q_proj\n", "c.yaml:3: the line begins with a tab; YAML indents with spaces"},
		{"two documents", "seed: 1\n---\nseed: 2\n", "c.yaml:3: a second document begins (---)"},
		{"broken YAML", "a: [1\n", "c.yaml:"},
		{"no mapping to merge", "<<: [1]\n", "c.yaml:1: <<: want a mapping to merge"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := load(t, "--config", written(t, c.text))
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestAMistakeInTheEnvironmentIsNamed(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"text for a number", map[string]string{"FETTLE_LORA_R": "many"},
			`environment: FETTLE_LORA_R: "many" is not a whole number`},
		{"alias and name", map[string]string{"FETTLE_LORA_RANK": "1", "FETTLE_R": "1"},
			"environment: FETTLE_R: it and environment: FETTLE_LORA_RANK are one setting, lora_rank, set twice: leave one out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			_, _, err := load(t)
			require.EqualError(t, err, c.want)
		})
	}
}

func TestAnUnknownVariableIsAnError(t *testing.T) {
	flags, other := pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
	s := New(flags, program, defaults())
	New(other, program, &struct {
		Top float64 `yaml:"top_p"`
	}{})
	check := func() error { return s.CheckEnvironment(flags, other) }
	for _, name := range []string{"FETTLE_LORA_RANK", "FETTLE_LORA_R", "FETTLE_CONFIG", "FETTLE_TOP_P", "FETTLE_DATA"} {
		t.Setenv(name, "1")
	}
	t.Setenv("FETTLE_LORA_RNAK", "")
	require.NoError(t, check())
	t.Setenv("FETTLE_LORA_RNAK", "8")
	require.EqualError(t, check(), `environment: unknown variable "FETTLE_LORA_RNAK", did you mean "FETTLE_LORA_RANK"`)
	t.Setenv("FETLE_SEED", "1")
	t.Setenv("fettle_shuffle", "1")
	require.EqualError(t, check(), "3 settings cannot be used:\n"+
		`environment  "FETLE_SEED"        unknown variable, did you mean "FETTLE_SEED"`+"\n"+
		`environment  "FETTLE_LORA_RNAK"  unknown variable, did you mean "FETTLE_LORA_RANK"`+"\n"+
		`environment  "fettle_shuffle"    unknown variable, did you mean "FETTLE_SHUFFLE"`)
}

func TestVariablesOfOtherProgramsAreNone(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	s := New(flags, program, defaults())
	for _, name := range []string{"KETTLE_SEED", "METTLE_SEED", "FETTLE", "FETLE", "FETLE_HOME", "SEED", "FTL_SEED"} {
		t.Setenv(name, "1")
	}
	require.NoError(t, s.CheckEnvironment(flags))
}

func TestAMistakeInAFlagIsNamed(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"text for a number", []string{"--lora_rank=many"}, `--lora_rank: "many" is not a whole number`},
		{"negative", []string{"--seed=-1"}, "--seed: -1 is not a whole number, 0 or more"},
		{"alias and name", []string{"--lora_rank=8", "--lora-r=4"},
			"--lora_r: it and --lora_rank are one setting, lora_rank, set twice: leave one out"},
		{"an open quote", []string{"--lora_target", `"a,b`}, `--lora_target: "\"a,b" is not a list: a quote " is not closed`},
		{"several", []string{"--lora_rank=many", "--seed=-1"},
			"2 settings cannot be used:\n" + `"--seed"       -1 is not a whole number, 0 or more` + "\n" +
				`"--lora_rank"  "many" is not a whole number`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := load(t, c.args...)
			require.EqualError(t, err, c.want)
		})
	}
	c, _, err := load(t, "--lora_rank=8", "--lora-rank=4", "--lora_target", "a", "--lora_target", "b,c")
	require.NoError(t, err)
	require.Equal(t, method{Rank: 4, Targets: []string{"a", "b", "c"}}, c.Method, "the last counts, lists accumulate")
}

func TestListsAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string][]string{
		"q_proj,v_proj": {"q_proj", "v_proj"}, "q_proj, v_proj": {"q_proj", "v_proj"},
		"[q_proj, v_proj]":    {"q_proj", "v_proj"},
		"['q_proj','v_proj']": {"q_proj", "v_proj"}, `["q_proj", "v_proj"]`: {"q_proj", "v_proj"}, "[]": {}, "": {},
		`"a,b.json",c.json`: {"a,b.json", "c.json"}, `'a,b.json'`: {"a,b.json"}, `"say ""a"""`: {`say "a"`}, "[a": {"[a"},
		"a.json, ,b.json,": {"a.json", "b.json"}, ",": {}, "don't.json": {"don't.json"}, "[q_proj]": {"q_proj"},
	} {
		c, _, err := load(t, "--lora_target", text)
		require.NoError(t, err, text)
		require.Equal(t, want, c.Method.Targets, text)
	}
	c, _, err := load(t, "--config", written(t, "lora_target: \"['q_proj','v_proj']\"\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"q_proj", "v_proj"}, c.Method.Targets)
	_, _, err = load(t, "--lora_target", `"a"b,c`)
	require.ErrorContains(t, err, `"b" stands between a quote and a comma`)
}

func TestTruthIsReadInEverySpelling(t *testing.T) {
	for text, want := range map[string]bool{"True": true, "yes": true, "on": true, "1": true, "T": true, "False": false,
		"NO": false, "off": false, "0": false} {
		c, _, err := load(t, "--shuffle="+text)
		require.NoError(t, err)
		require.Equal(t, want, c.Shuffle, text)
		c, _, err = load(t, "--config", written(t, "shuffle: "+text+"\n"))
		require.NoError(t, err)
		require.Equal(t, want, c.Shuffle, text)
	}
}

func TestWordsStandForValues(t *testing.T) {
	for text, want := range map[string]string{"": "auto", "=true": "all", "=Yes": "all", "=off": "none", "=Last": "auto",
		"=path/True": "path/True"} {
		c, flags := struct {
			Mode string `yaml:"mode" bare:"auto" words:"true=all,false=none,last=auto"`
		}{}, pflag.NewFlagSet("", pflag.ContinueOnError)
		s := New(flags, program, &c)
		require.NoError(t, flags.Parse([]string{"--mode" + text}))
		require.NoError(t, s.Load())
		require.Equal(t, want, c.Mode, text)
	}
}

func TestAMappingIsAListOfPairs(t *testing.T) {
	for text, want := range map[string][]string{
		"columns: {output: answer, input: context}\n":     {"input=context", "output=answer"},
		"columns:\n  output: 3\n  input: null\n":          {"output=3"},
		"columns: [output=answer]\n":                      {"output=answer"},
		"columns: output=answer,input=context\n":          {"output=answer", "input=context"},
		"columns: '{\"output\": \"1-sqrt\", \"n\": 2}'\n": {"n=2", "output=1-sqrt"},
		"columns: \"{'output': 'a', 'n': 0.5}\"\n":        {"n=0.5", "output=a"},
		`{"columns": {"rate": 0.25, "power": 1e-7}}`:      {"power=1e-07", "rate=0.25"},
	} {
		c, flags := struct {
			Columns []string `yaml:"columns" pairs:"true"`
		}{}, pflag.NewFlagSet("", pflag.ContinueOnError)
		s := New(flags, program, &c)
		require.NoError(t, flags.Parse([]string{"--config", written(t, text)}))
		require.NoError(t, s.Load())
		require.Equal(t, want, c.Columns, text)
	}
}

func TestAMappingInAFlagIsAListOfPairsToo(t *testing.T) {
	for text, want := range map[string][]string{
		`{"num_cycles": 2, "kind": "1-sqrt"}`: {"kind=1-sqrt", "num_cycles=2"}, "{}": {}, "a=1,b=2": {"a=1", "b=2"},
	} {
		c, flags := struct {
			Columns []string `yaml:"columns" pairs:"true"`
		}{}, pflag.NewFlagSet("", pflag.ContinueOnError)
		s := New(flags, program, &c)
		require.NoError(t, flags.Parse([]string{"--columns", text}))
		require.NoError(t, s.Load())
		require.Equal(t, want, c.Columns, text)
	}
	c, flags := struct {
		Columns []string `yaml:"columns" pairs:"true"`
	}{}, pflag.NewFlagSet("", pflag.ContinueOnError)
	s := New(flags, program, &c)
	require.NoError(t, flags.Parse([]string{"--columns", "{a: [1}"}))
	require.ErrorContains(t, s.Load(), "is not a mapping such as {key: value}")
}

func TestJSONIsASettingsFileToo(t *testing.T) {
	text := `{"seed": 7,` + "\n\t" + `"lora_target": ["a", "b"],` + "\n\t" + `"shuffle": true}`
	c, _, err := load(t, "--config", written(t, text))
	require.NoError(t, err)
	require.EqualValues(t, 7, c.Seed)
	require.Equal(t, []string{"a", "b"}, c.Method.Targets)
}

func TestAGroupHoldsUntilTheNextOne(t *testing.T) {
	var got [][2]string
	for _, f := range Fields(defaults()) {
		got = append(got, [2]string{f.Key, f.Group})
	}
	require.Equal(t, [][2]string{
		{"learning_rate", "optimization"}, {"seed", "optimization"}, {"shuffle", "data"}, {"compute", "compute"},
		{"sample_prompts", "output"}, {"lora_rank", "method"}, {"lora_target_modules", "method"},
	}, got)
}

func TestHelpIsGroupedAndShowsDefaults(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	New(flags, program, defaults())
	help := Help(flags, 60)
	require.Equal(t, `
Data:
  --shuffle

Method:
  --lora_rank number
      rank of LoRA (default 8)
  --lora_target_modules list
      (default q_proj,v_proj)

Optimization:
  --learning_rate number
      (default 0.0003)
  --seed number
      (default 42)

Compute:
  --compute text
      (default auto)

Output:
  --sample_prompts list
      instructions to answer during the run

General:
  --config text
      YAML file with settings, or the name of a built-in
      one: small
`, help)
	require.Contains(t, Help(flags, 80), "\n  --lora_rank number            rank of LoRA (default 8)\n")
}

func TestAnotherVariableOfTheProgramIsNoSetting(t *testing.T) {
	t.Setenv("FETTLE_DATA", "the directory of reference data")
	c := struct {
		Dataset []string `yaml:"dataset" alias:"data"`
	}{}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	require.NoError(t, New(flags, program, &c).Load())
	require.Empty(t, c.Dataset)
}
