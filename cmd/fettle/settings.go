package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fettle/adapter"
	ready "fettle/configs"
	"fettle/data/recipe"
	"fettle/internal/compute"
	"fettle/internal/settings"
	"fettle/internal/settings/foreign"
	"fettle/train"
)

// otherVariables lists the variables FETTLE_… that are no settings.
func otherVariables() []string {
	return []string{
		"FETTLE_API_KEY",  // the API key of serve's clients
		"FETTLE_CPU",      // the instruction set of internal/compute/cpu
		"FETTLE_DATA",     // tests: the directory of reference data
		"FETTLE_LONG",     // tests: take minutes
		"FETTLE_SMOLLM2",  // tests: SmolLM2-135M-Instruct as GGUF
		"FETTLE_VOCAB",    // tests: the directory of llama.cpp's vocabularies
		"FETTLE_TEST_RUN", // tests: be the program
	}
}

// processor holds the settings that all commands have.
type processor struct {
	Threads int `yaml:"threads" most:"65536" group:"compute" alias:"num_threads" help:"cores to use; 0: all. Results do not depend on it"`
}

// addSettings gives a command a flag for every field of the configs, whose values are the defaults. The built-in
// configs are offered to commands with the settings of a run.
func addSettings(cmd *cobra.Command, configs ...any) *settings.Settings {
	if !slices.Contains(namesOf(configs), threadsKey) {
		configs = append(configs, &processor{})
	}
	configs = append(configs, &voice{Format: "text"})
	program := settings.Program{Variables: otherVariables()}
	if _, ok := configs[0].(*train.Config); ok {
		program.Configs, program.Find = ready.Names(), ready.Find
		var recipes []string
		for _, r := range recipe.All() {
			recipes = append(recipes, r.Name)
		}
		program.Others = foreign.Reader{Own: namesOf(configs), Recipes: recipes, LoRA: adapter.TypeLoRA,
			Full: adapter.TypeFull, NF4: compute.QuantizeNF4}
	}
	return settings.New(cmd.Flags(), program, configs...)
}

// namesOf lists the names and aliases of the settings of structs.
func namesOf(configs []any) (names []string) {
	for _, c := range configs {
		for _, f := range settings.Fields(c) {
			names = append(append(names, f.Key), f.Aliases...)
		}
	}
	return names
}

// threadsKey is the setting of processor.
const threadsKey = "threads"

// load fills the configs of a command. Variables for settings of other commands are no mistake.
func load(cmd *cobra.Command, s *settings.Settings) error {
	var flags []*pflag.FlagSet
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		flags = append(flags, c.Flags())
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(cmd.Root())
	if err := s.CheckEnvironment(flags...); err != nil {
		return usage(err)
	}
	if err := s.Load(); err != nil {
		return usage(err)
	}
	if err := speak(cmd, s); err != nil {
		return usage(err)
	}
	switch n, _ := s.Value(threadsKey).(int); { // a list is the command's own
	case n < 0:
		return usage(fmt.Errorf("threads is %d, want 0 (all cores) or more", n))
	case n > 0:
		runtime.GOMAXPROCS(n)
	}
	return nil
}

// flagError explains a flag that the program without a command does not have.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usage(err)
	}
	name, dashes, said := unknown.GetSpecifiedName(), "--", ""
	if unknown.GetSpecifiedShortnames() != "" {
		dashes = "-"
	}
	if c, _, err := cmd.Root().Find([]string{name}); err == nil {
		said = ": write " + c.CommandPath()
	} else if otherCommands(cmd, name) != "" {
		said = ": flags stand after their command, such as fettle train --" + name
	}
	return usage(fmt.Errorf("unknown flag %q%s\n%s --help lists its commands", dashes+name, said, cmd.CommandPath()))
}
