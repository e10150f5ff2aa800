package main

import (
	"os"

	"github.com/spf13/cobra"

	"fettle/internal/bench/peers"
	"fettle/internal/console"
	"fettle/internal/settings"
)

func newBenchPeers() *cobra.Command {
	b := peers.Defaults()
	cmd := &cobra.Command{
		Use:   "peers",
		Short: "Measure other programs on this machine beside fettle",
		Long: `Measure other programs on this machine beside fettle: LoRA steps of PyTorch and
of QVAC Fabric, prompts and decoding of llama.cpp and of transformers, in turn
with fettle's over the same model, with the same weights and threads.

The programs are those that are installed: nothing is fetched, and what is
missing is named with how to get it. They are started with the rights of this
one, so name only programs that you trust. docs/PEERS.md tells what is compared.`,
		Example: `  fettle bench peers --model SmolLM2-135M.gguf --python venv/bin/python
  fettle bench peers --model 1b --layers 4 --work decode --bits 8,4 --threads 2`,
		Args: cobra.NoArgs,
	}
	s := addSettings(cmd, &b)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		if err := b.Check(); err != nil {
			return err
		}
		for _, key := range peers.Programs() {
			if at := s.Place(key); at.Strength == settings.File {
				return refused("%s names a program to start: a file may not, give --%s on the command line", at, key)
			}
		}
		path, err := os.Executable()
		if err != nil {
			return err
		}
		own := peers.Own{Path: path}
		for _, name := range otherVariables() {
			if value := os.Getenv(name); value != "" {
				own.Env = append(own.Env, name+"="+value)
			}
		}
		release := hold(cmd.Context(), "")
		defer release()
		status := func(string) {}
		if line, ok := cmd.ErrOrStderr().(*console.Stream); ok {
			status = func(text string) { line.Status(text) }
			defer line.Clear()
		}
		return peers.Run(cmd.Context(), cmd.OutOrStdout(), own, b, status)
	}
	return cmd
}
