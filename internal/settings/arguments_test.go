package settings

import (
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

var words = Words{
	Known:     func(name string) string { return map[string]string{"ngl": ": leave it out"}[name] },
	Elsewhere: func(name string) string { return map[string]string{"topp": " of another command"}[name] },
	Stray:     func(text string) string { return ": what is " + text },
}

func arguments(args ...string) ([]string, error) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	New(flags, program, defaults(), &struct {
		Mode string `yaml:"mode" bare:"auto"`
	}{})
	return Arguments(flags, args, words)
}

func TestAFlagMayStandBeforeItsValueOrAlone(t *testing.T) {
	for _, c := range []struct {
		args, want []string
	}{
		{[]string{"--shuffle", "False", "--seed", "3"}, []string{"--shuffle=False", "--seed", "3"}},
		{[]string{"--shuffle", "--seed", "3"}, []string{"--shuffle", "--seed", "3"}},
		{[]string{"--shuffle"}, []string{"--shuffle"}},
		{[]string{"--mode", "fast"}, []string{"--mode=fast"}},
		{[]string{"--lora_target", "a", "b", "--seed", "1"},
			[]string{"--lora_target", "a", "--lora_target", "b", "--seed", "1"}},
		{[]string{"--mode", "--shuffle", "no"}, []string{"--mode", "--shuffle=no"}},
		{[]string{"--seed", "-1"}, []string{"--seed", "-1"}},
		{[]string{"--sample_prompts", "- an item"}, []string{"--sample_prompts", "- an item"}},
		{[]string{"--sample_prompts", "-"}, []string{"--sample_prompts", "-"}},
		{[]string{"--sample_prompts=--shuffle"}, []string{"--sample_prompts=--shuffle"}},
		{[]string{"--seed", "3", "-h", "--nonsense"}, []string{"--help"}},
		{[]string{"--sample_prompts", "a=b"}, []string{"--sample_prompts", "a=b"}},
	} {
		said, err := arguments(c.args...)
		require.NoError(t, err, c.args)
		require.Equal(t, c.want, said)
	}
}

func TestAllMistakesOfALineAreNamedAtOnce(t *testing.T) {
	for _, c := range []struct {
		reason string
		args   []string
		want   string
	}{
		{"misspelled", []string{"--lora-rnak=1"}, `unknown flag "--lora-rnak", did you mean "--lora_rank"`},
		{"misspelled alias", []string{"--lora_targte=1"}, `unknown flag "--lora_targte", did you mean "--lora_target"`},
		{"another word", []string{"--max_seeds", "1"}, `unknown flag "--max_seeds"`},
		{"a short word", []string{"--mr", "1"}, `unknown flag "--mr"`},
		{"one dash", []string{"-seed", "1"}, `unknown flag "-seed": write --seed`},
		{"one letter", []string{"-r", "1"}, `unknown flag "-r": write --r`},
		{"another program's", []string{"-ngl", "99"}, `unknown flag "-ngl": leave it out`},
		{"another command's", []string{"--topp", "1"}, `unknown flag "--topp" of another command`},
		{"no value", []string{"--seed"}, `--seed: it needs a whole number after it`},
		{"a flag instead of a value", []string{"--compute", "--shuffle", "true"}, "--compute: it needs a value after it, " +
			"and --shuffle is the next flag; --compute=--shuffle if that is the value"},
		{"no truth value", []string{"--shuffle", "word"}, `--shuffle: "word" after it is neither true nor false`},
		{"words of no flag", []string{"--seed", "1", "tell", "me"}, `unexpected argument "tell me": what is tell me`},
		{"words after a text", []string{"--sample_prompts", "a", "b"}, `unexpected argument "b": what is b`},
		{"words after the flags", []string{"--", "--shuffle"}, `unexpected argument "--shuffle": what is --shuffle`},
		{"several", []string{"--lerning_rate", "1", "--sed", "2", "--seed"}, "3 settings cannot be used:\n" +
			`"--lerning_rate"  unknown flag, did you mean "--learning_rate"` + "\n" +
			`"--sed"           unknown flag, did you mean "--seed"` + "\n" +
			`"--seed"          it needs a whole number after it`},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, err := arguments(c.args...)
			require.EqualError(t, err, c.want)
		})
	}
}
