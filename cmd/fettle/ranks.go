package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fettle/internal/machine"
	"fettle/internal/mpi"
	"fettle/train"
)

// ranksSettings say whether a command is one process of several.
type ranksSettings struct {
	Ranks   string `yaml:"ranks" group:"compute" help:"processes that share the run: auto (all that mpirun or srun has started), mpi (those, or it is an error) or none (each runs by itself)"`
	Library string `yaml:"mpi_library" path:"named" help:"MPI library, such as libmpi.so.40 or its path; empty: the one that fits the launcher"`
	Timeout int    `yaml:"ranks_timeout" most:"86400" help:"seconds after which a rank that is not heard of is taken for dead, which ends the run"`
}

func defaultRanks() ranksSettings { return ranksSettings{Ranks: "auto", Timeout: 40} }

// joined is this process as one of those that share a run; nil: it is the only one.
type joined struct {
	world *mpi.World
	rank  int
	err   io.Writer // the standard error, where others are silent
	told  bool      // the others know how the run ended
}

// join waits for the processes that share the command. Those that do not lead are silent.
func (s ranksSettings) join(cmd *cobra.Command) (*joined, error) {
	n, by := mpi.Launched(os.Getenv)
	switch {
	case s.Ranks != "auto" && s.Ranks != "mpi" && s.Ranks != "none":
		return nil, usage(fmt.Errorf("ranks is %q, want auto, mpi or none", s.Ranks))
	case s.Timeout < 1:
		return nil, usage(fmt.Errorf("ranks_timeout is %d, want 1 or more seconds", s.Timeout))
	case s.Ranks == "none", s.Ranks == "auto" && n < 2:
		return nil, nil
	case by == "":
		return nil, usage(errors.New("ranks is mpi, but no mpirun or srun has started this process"))
	}
	j := &joined{err: cmd.ErrOrStderr()}
	world, err := mpi.Join(mpi.Options{
		Library: s.Library, Deadline: time.Duration(s.Timeout) * time.Second, Getenv: os.Getenv,
		Say: func(text string) { fmt.Fprintf(j.err, "fettle: %s\n", text) },
	})
	if errors.Is(err, mpi.ErrAbsent) {
		err = fmt.Errorf("%s has started %d processes for one run, and %w; --ranks none has each run by itself", by, n, err)
	}
	if err != nil {
		return nil, usage(err)
	}
	rank, size := world.Rank()
	if j.world, j.rank = world, rank; rank > 0 {
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
	}
	log := newLog(cmd.ErrOrStderr())
	log.Info().Int("ranks", size).Str("mpi", world.Version()).Msgf("%d processes share the run (%s).", size,
		world.Library())
	if mine, all := runtime.NumCPU(), machine.Processors(); mine < all && strings.Contains(by, "Open MPI") {
		fmt.Fprintf(j.err, "fettle: warning: %s may use %d of the %d processors here. mpirun binds ranks to cores unless it "+
			"is given --bind-to none.\n", world.Name(rank), mine, all)
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	cmd.SetContext(ctx)
	go func() {
		<-world.Lost()
		cancel()
		time.Sleep(graceOfLost)
		world.Abort(exitStopped)
	}()
	return j, nil
}

// graceOfLost is the time that the process that leads has to save after another is gone.
const graceOfLost = 15 * time.Second

// size returns how many processes share the run.
func (j *joined) size() int {
	if j == nil {
		return 1
	}
	_, size := j.world.Rank()
	return size
}

// ranks returns the other processes for a run.
func (j *joined) ranks() train.Ranks {
	if j == nil {
		return nil
	}
	return j.world
}

// decide has the process that leads find out what all must know.
func (j *joined) decide(find func() (bool, error)) (bool, error) {
	if j == nil {
		return find()
	}
	var mine []byte
	if j.rank == 0 {
		yes, err := find()
		if err != nil {
			return false, err
		}
		mine = fmt.Append(mine, yes)
	}
	all, err := j.world.Gather(mine)
	return err == nil && string(all[0]) == "true", err
}

// quiet is an error that another process reports.
type quiet struct{ error }

func (q quiet) Unwrap() error { return q.error }

// end leaves the other processes as the command ends with an error, or none. Where they do not know of it, they are
// ended, too.
func (j *joined) end(cmd *cobra.Command, err error) error {
	switch {
	case j == nil:
		return err
	case errors.Is(err, train.ErrLost):
		if j.rank > 0 { // the first saves, and then ends all
			time.Sleep(graceOfLost)
		}
		j.world.Abort(report(j.err, inWords(err, cmd.Name())))
	case err != nil && !j.told:
		err = fmt.Errorf("%s: %w", j.world.Name(j.rank), err)
		j.world.Abort(report(j.err, inWords(err, cmd.Name())))
	}
	if closed := j.world.Close(); err == nil {
		err = closed
	}
	if err != nil && j.rank > 0 {
		err = quiet{err}
	}
	return err
}
