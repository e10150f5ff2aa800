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

	"fettle/adapter"
	"fettle/internal/machine"
	"fettle/internal/mpi"
	"fettle/train"
)

// ranksSettings say whether a command is one process of several.
type ranksSettings struct {
	Ranks   string `yaml:"ranks" group:"compute" help:"processes that share the run: auto (all that mpirun or srun has started), mpi (those, or it is an error) or none (each runs by itself)"`
	Library string `yaml:"mpi_library" path:"named" help:"MPI library, such as libmpi.so.40 or its path; empty: the one that fits the launcher"`
	Share   bool   `yaml:"share_base" help:"ranks on one machine share the pages of the base: one lays it out, the others read it; false: each has a copy, near its own processor where memory lies in several nodes"`
	Timeout int    `yaml:"ranks_timeout" most:"86400" help:"seconds after which a rank that is not heard of is taken for dead, which ends the run"`
}

func defaultRanks() ranksSettings { return ranksSettings{Ranks: "auto", Share: true, Timeout: 40} }

// joined is this process as one of those that share a run; nil: it is the only one.
type joined struct {
	world *mpi.World
	rank  int
	share bool      // the base's pages, with ranks of this machine
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
	case s.Ranks == "none", s.Ranks == "auto" && n == 1:
		return nil, nil
	case by == "":
		return nil, usage(errors.New("ranks is mpi, but no mpirun or srun has started this process"))
	}
	j := &joined{err: cmd.ErrOrStderr(), share: s.Share}
	world, err := mpi.Join(mpi.Options{
		Library: s.Library, Deadline: time.Duration(s.Timeout) * time.Second, Getenv: os.Getenv,
		Say: j.say,
	})
	if errors.Is(err, mpi.ErrAbsent) {
		err = fmt.Errorf("%s has started %s for one run, and %w; --ranks none has each run by itself", by,
			mpi.Processes(n), err)
	}
	if errors.Is(err, mpi.ErrLate) {
		return nil, fmt.Errorf("%w: %w", train.ErrLost, err)
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
	log.Info().Int("ranks", size).Str("mpi", world.Version()).Str("library", world.Path()).Msgf(
		"%d processes share the run (%s).", size, world.Library())
	if mine, all := runtime.NumCPU(), machine.Processors(); mine < all && binds(by) != "" {
		fmt.Fprintf(j.err, "fettle: warning: %s may use %d of the %d processors here. %s.\n", world.Name(rank), mine, all,
			binds(by))
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

// binds returns how a launcher that binds ranks to cores by itself is told not to; "": it does not bind them.
func binds(by string) string {
	switch {
	case strings.Contains(by, "Open MPI"):
		return "mpirun binds ranks to cores unless it is given --bind-to none"
	case os.Getenv("I_MPI_PIN_INFO") != "":
		return "Intel MPI pins ranks to cores unless I_MPI_PIN is 0"
	}
	return ""
}

// graceOfLost is the time that the process that leads has to save after another is gone.
const graceOfLost = 15 * time.Second

// say says something that people should know, whichever process has noticed it.
func (j *joined) say(text string) { fmt.Fprintf(j.err, "fettle: %s\n", text) }

// neighbours finds the processes of this machine that share the base's pages in a run.
func (j *joined) neighbours(c train.Config) (*neighbours, error) {
	if j == nil {
		return nil, nil
	}
	return meetNeighbours(j.world, j.share && c.Shape == "" && c.Type != adapter.TypeFull, j.say)
}

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

// lost marks an error that a rank's being gone has caused.
func (j *joined) lost(err error) error {
	select {
	case <-j.world.Lost():
		if err != nil && !errors.Is(err, train.ErrLost) {
			return fmt.Errorf("%w: %w", train.ErrLost, err)
		}
	default:
	}
	return err
}

// exit is an error with the exit code of another process.
type exit struct {
	error
	code int
}

func (e exit) Unwrap() error { return e.error }

// quiet is an error that another process reports.
type quiet struct{ error }

func (q quiet) Unwrap() error { return q.error }

// end leaves the other processes as the command ends with an error, or none. Where they do not know of it, they are
// ended, too.
func (j *joined) end(cmd *cobra.Command, err error) error {
	if j == nil {
		return err
	}
	err = j.lost(err)
	switch {
	case errors.Is(err, train.ErrLost):
		if j.rank > 0 { // the first saves, and then ends all
			time.Sleep(graceOfLost)
		}
		if !strings.Contains(err.Error(), "same command") {
			err = fmt.Errorf("%w; the same command continues from the last checkpoint, or begins anew", err)
		}
		j.world.Abort(report(j.err, inWords(err, cmd.Name())))
	case err != nil && !j.told:
		err = fmt.Errorf("%s: %w", j.world.Name(j.rank), err)
		j.world.Abort(report(j.err, inWords(err, cmd.Name())))
	}
	defer hold(cmd.Context(), "")() // an interrupt does not keep MPI from ending
	mine := byte(code(err))
	if train.OthersFault(err) {
		mine = 0
	}
	codes, closed := j.world.Close([]byte{mine})
	if err == nil {
		err = j.lost(closed)
	}
	for _, c := range codes {
		if err != nil && c[0] != 0 { // that of the rank that failed, from all, as launchers return any or a mixture
			err = exit{err, int(c[0])}
			break
		}
	}
	if err != nil && j.rank > 0 {
		err = quiet{err}
	}
	return err
}
