package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"fettle/internal/bench"
	"fettle/train"
)

func newBenchAllreduce() *cobra.Command {
	e, shared := bench.Exchange{Sizes: []string{"4", "16", "80", "160"}, Rounds: 7}, defaultRanks()
	cmd := &cobra.Command{
		Use:   "allreduce",
		Short: "Sums of gradients over the ranks that mpirun or srun has started",
		Long: `Measure sums of gradients over the ranks that mpirun or srun has started: by the
library's own operation, whose bits depend on the ranks, and by the tree that
training uses, whose bits do not. A rank with a range of sequences that is no
node of the tree has several parts to send.`,
		Example: `  mpirun -n 4 --bind-to none fettle-mpi bench allreduce
  srun --mpi=pmix fettle-mpi bench allreduce --sizes 160`,
		Args: cobra.NoArgs,
	}
	s := addSettings(cmd, &e, &shared)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		var sizes []int
		for _, text := range e.Sizes {
			n, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil || n < 1 || n > 4096 {
				return usage(fmt.Errorf("sizes has %q, want MiB from 1 to 4096", text))
			}
			sizes = append(sizes, n)
		}
		if e.Rounds < 1 {
			return usage(fmt.Errorf("steps is %d, want 1 or more", e.Rounds))
		}
		j, err := shared.join(cmd)
		if err == nil && j == nil {
			err = usage(errors.New("there is one process: start several, by mpirun -n 4 --bind-to none fettle-mpi bench " +
				"allreduce"))
		}
		if err != nil {
			return err
		}
		err = bench.Allreduce(cmd.OutOrStdout(), j.world, thisProgram().Text(), sizes, e.Rounds)
		j.told = errors.Is(err, train.ErrRefused)
		return j.end(cmd, err)
	}
	return cmd
}
