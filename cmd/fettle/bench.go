package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"fettle/adapter"
	"fettle/data"
	"fettle/data/encode"
	"fettle/internal/bench"
	"fettle/model"
	"fettle/model/chat"
	"fettle/model/tokenizer"
	"fettle/train"
)

func newBench() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the speed of this machine against its limits",
		Long: `Measure the speed of this machine against its limits: products with frozen
weights, training steps, generation. The limits are measured in the same run.
fettle bench peers measures other programs beside this one.

Work counts the operations of products with frozen weights; attention, norms and
the adapter are not counted. Rates per CPU-second (a second in which one core was
busy with this program) depend less on other programs than rates per second.`,
		Example: `  fettle bench matmul --shape 7b
  fettle bench train --shape 1b --adapter lora
  fettle bench generate --shape models/llama-7b --tokens 512
  fettle bench peers --model models/llama-7b
  mpirun -n 4 fettle-mpi bench allreduce`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBenchMatmul(), newBenchTrain(), newBenchGenerate(), newBenchAllreduce(),
		newBenchPeers())
	return cmd
}

// benchSettings are the defaults of a benchmark of so many repetitions.
func benchSettings(steps int) bench.Settings {
	return bench.Settings{Shape: "1b", DType: "bf16", Compute: "auto", Quantized: "none", Tokens: 512, Steps: steps}
}

func newBenchMatmul() *cobra.Command {
	return newBenchmark("matmul", "Products with frozen weights, both ways", benchSettings(7), bench.Products)
}

func newBenchGenerate() *cobra.Command {
	return newBenchmark("generate", "Reading a prompt and decoding after it", benchSettings(32), bench.Generate)
}

// newBenchmark is a command without settings of its own.
func newBenchmark(use, short string, b bench.Settings, run func(io.Writer, bench.Settings) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs}
	s := addSettings(cmd, &b)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		if err := b.Check(); err != nil {
			return err
		}
		return run(cmd.OutOrStdout(), b)
	}
	return cmd
}

func newBenchTrain() *cobra.Command {
	b := benchSettings(5)
	t := bench.Training{
		Adapter: adapter.TypeLoRA, Rank: 8, Targets: []string{"q_proj", "v_proj"}, Len: 10, Sequences: 1, Learned: 1,
		Recompute: "none", Recipe: "alpaca", Share: "auto",
	}
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Training steps on random tokens, or on a data set",
		Example: `  fettle bench train --shape 7b --tokens 2048 --sequences 4
  fettle bench train --shape 1b --dataset alpaca.json --tokenizer_name models/llama-7b --sequences 4`,
		Args: cobra.NoArgs,
	}
	s := addSettings(cmd, &b, &t)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		if err := b.Check(); err != nil {
			return err
		}
		if err := t.Check(b.Tokens); err != nil {
			return err
		}
		return bench.Train(cmd.OutOrStdout(), b, t, func(c *model.Config) ([]encode.Example, error) {
			return benchExamples(t, c)
		})
	}
	return cmd
}

// benchExamples encodes the data set of a benchmark as training would.
func benchExamples(t bench.Training, c *model.Config) ([]encode.Example, error) {
	tok, err := tokenizer.Load(t.Tokenizer)
	if err != nil {
		return nil, input(err)
	}
	if tok.Size() > c.Vocab {
		return nil, input(fmt.Errorf("load tokenizer: it has %d tokens, the shape only %d", tok.Size(), c.Vocab))
	}
	recipe, _, err := chat.FindRecipe(t.Recipe, tok, t.Tokenizer)
	if err != nil {
		return nil, err
	}
	run := train.Defaults()
	run.Dataset, run.Cutoff = t.Dataset, min(recipe.Cutoff, c.MaxPositions)
	options, files, err := dataOptions(&run)
	if err != nil {
		return nil, err
	}
	set, err := data.Load(tok, recipe, files, options)
	if err != nil {
		return nil, input(err)
	}
	return set.Examples, nil
}
