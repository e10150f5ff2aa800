package train

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"slices"
)

// Ranks joins the processes that share the steps of a run. All of them make the same calls in the same order, and a
// call returns when all have made it. Its error means that one of them is gone.
type Ranks interface {
	// Rank returns the number of this process, from 0 on, and how many there are.
	Rank() (rank, size int)

	// Name returns what people know a rank by.
	Name(rank int) string

	// Gather returns what every rank gives, by rank.
	Gather(mine []byte) ([][]byte, error)

	// Sum adds up arrays over the sequences of a step, in the tree of internal/tree: rank r has sequences cuts[r] …
	// cuts[r+1]-1, as one part for each of tree.Nodes, which holds all the arrays. It leaves the sums in into, which may
	// be the memory of a part.
	Sum(cuts []int, parts [][][]float32, into [][]float32) error
}

// ErrLost ends a run of which a process is gone.
var ErrLost = errors.New("the run has lost a rank")

// company is the processes that share a run; without Ranks there is one.
type company struct {
	ranks Ranks
	over  bool // all know that this process ends
}

// rank returns the number of this process.
func (c *company) rank() int {
	if c.ranks == nil {
		return 0
	}
	rank, _ := c.ranks.Rank()
	return rank
}

// size returns the number of processes.
func (c *company) size() int {
	if c.ranks == nil {
		return 1
	}
	_, size := c.ranks.Rank()
	return size
}

// leads reports whether this process writes the run's files and talks to people.
func (c *company) leads() bool { return c.rank() == 0 }

// word is what a process says where all meet.
type word struct {
	Err    string // why it cannot go on
	Failed bool   // it does not, for that or as it was asked to stop
	Stop   bool   // it was asked to stop
	Save   bool   // it was asked for a checkpoint

	Losses  []float64
	Seconds float64 // of computing since the last meeting

	Where string // numbers stop being finite
	Which []string
}

// errAsked is the error of a run that another process was asked to stop.
var errAsked = errors.New("another rank was asked to stop")

// othersError is an error of another rank, which tells it too.
type othersError string

func (e othersError) Error() string { return string(e) }

// OthersFault reports whether the run ends for what another process says, or does not say.
func OthersFault(err error) bool {
	var of othersError
	return errors.As(err, &of) || errors.Is(err, ErrLost)
}

// meet exchanges words. err is why this process cannot go on. Where any cannot, or is asked to stop, all get an error:
// their own, or that of the first.
func (c *company) meet(ctx context.Context, mine word, err error) ([]word, error) {
	if c.ranks == nil {
		return []word{mine}, err
	}
	all, failed := c.exchange(ctx, mine, err)
	if failed == nil && slices.ContainsFunc(all, func(w word) bool { return w.Stop }) {
		failed = errAsked
	}
	c.over = failed != nil || err != nil
	switch {
	case failed != nil && (err == nil || ctx.Err() != nil):
		return nil, failed
	case err != nil:
		return nil, errors.Join(err, failed)
	}
	return all, nil
}

// together has the process that leads do what one does for all; the others wait, and learn how it went.
func (c *company) together(ctx context.Context, do func() error) error {
	if c.ranks == nil {
		return do()
	}
	var err error
	if c.leads() {
		err = do()
	}
	all, failed := c.exchange(ctx, word{}, err)
	if failed == nil && all[0].Failed && all[0].Stop {
		failed = errAsked
	}
	c.over = failed != nil || err != nil
	return errors.Join(err, failed)
}

// tell lets the others know why this process ends, at their next meeting, unless they do.
func (c *company) tell(ctx context.Context, err error) {
	if c.ranks != nil && !c.over {
		c.exchange(ctx, word{}, err)
		c.over = true
	}
}

// exchange exchanges words. It returns the error of the first other process that has one.
func (c *company) exchange(ctx context.Context, mine word, err error) ([]word, error) {
	mine.Failed, mine.Stop = err != nil, ctx.Err() != nil
	if err != nil && !mine.Stop {
		mine.Err = err.Error()
	}
	var text bytes.Buffer
	if err := gob.NewEncoder(&text).Encode(mine); err != nil {
		return nil, err
	}
	texts, err := c.gather(text.Bytes())
	if err != nil {
		return nil, err
	}
	all := make([]word, len(texts))
	for r, text := range texts {
		if err := gob.NewDecoder(bytes.NewReader(text)).Decode(&all[r]); err != nil {
			return nil, fmt.Errorf("what %s said: %w", c.ranks.Name(r), err)
		}
	}
	for r, w := range all {
		if w.Err != "" && r != c.rank() {
			return nil, othersError(c.ranks.Name(r) + ": " + w.Err)
		}
	}
	return all, nil
}

// gather returns what every process gives.
func (c *company) gather(mine []byte) ([][]byte, error) {
	all, err := c.ranks.Gather(mine)
	if err != nil {
		c.over, err = true, fmt.Errorf("%w: %w", ErrLost, err)
	}
	return all, err
}
