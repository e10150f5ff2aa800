package main

import (
	"errors"
	"fmt"

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

// addSettings gives a command a flag for every field of the configs, whose values are the defaults. The built-in
// configs are offered to commands with the settings of a run.
func addSettings(cmd *cobra.Command, configs ...any) *settings.Settings {
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
	return usage(s.Load())
}

// flagError explains a flag that could not be read.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		return usage(fmt.Errorf("%w (%s --help lists them)", settings.FlagError(cmd.Flags(), err), cmd.CommandPath()))
	}
	return usage(settings.FlagError(cmd.Flags(), err))
}
