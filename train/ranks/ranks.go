// Package ranks joins goroutines as ranks of one run. It is the twin of package mpi, for tests on every machine: the
// same meetings, the same sums, the same end where one is missing.
package ranks

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"fettle/internal/tree"
)

// Rank is one of several goroutines. Its methods are called by one goroutine at a time.
type Rank struct {
	rank int
	hall *hall
}

// hall is where the ranks meet.
type hall struct {
	mu       sync.Mutex
	deadline time.Duration
	here     []any // what each has brought; nil: it is not here yet
	round    *round
	gone     error
}

// round is one meeting.
type round struct {
	all  []any
	done chan struct{} // closed when all are here, or one is missing
}

// New returns n ranks. A rank that keeps the others waiting for longer than the deadline ends the run for all.
func New(n int, deadline time.Duration) []*Rank {
	h := &hall{deadline: deadline, here: make([]any, n), round: &round{done: make(chan struct{})}}
	all := make([]*Rank, n)
	for r := range all {
		all[r] = &Rank{r, h}
	}
	return all
}

// Rank returns the rank's number, and how many there are.
func (r *Rank) Rank() (rank, size int) { return r.rank, len(r.hall.here) }

// Name names a rank.
func (r *Rank) Name(rank int) string { return fmt.Sprintf("rank %d", rank) }

// Leave ends the run for all: this rank is gone.
func (r *Rank) Leave() {
	r.hall.mu.Lock()
	defer r.hall.mu.Unlock()
	r.hall.end(fmt.Errorf("rank %d is gone", r.rank))
}

// Gather returns what every rank gives, by rank.
func (r *Rank) Gather(mine []byte) ([][]byte, error) {
	all, err := r.meet(slices.Clone(mine))
	if err != nil {
		return nil, err
	}
	texts := make([][]byte, len(all))
	for i, text := range all {
		texts[i] = text.([]byte)
	}
	return texts, nil
}

// Sum adds up what the ranks have as parts, see train.Ranks.
func (r *Rank) Sum(cuts []int, parts [][][]float32, into [][]float32) error {
	all, err := r.meet(parts)
	if err != nil {
		return err
	}
	sums := make([][]float32, len(into))
	for a := range into {
		copies := make([][][]float32, len(all))
		for i, parts := range all {
			for _, part := range parts.([][][]float32) {
				copies[i] = append(copies[i], slices.Clone(part[a]))
			}
		}
		sums[a] = tree.Unite(cuts, copies)
	}
	if _, err := r.meet(true); err != nil { // the others may be reading still
		return err
	}
	for a := range into {
		copy(into[a], sums[a])
	}
	return nil
}

// meet returns what all have brought when all are here.
func (r *Rank) meet(mine any) ([]any, error) {
	h := r.hall
	h.mu.Lock()
	if h.gone != nil {
		defer h.mu.Unlock()
		return nil, h.gone
	}
	if h.here[r.rank] != nil {
		defer h.mu.Unlock()
		return nil, errors.New("a rank met the others twice at one time")
	}
	h.here[r.rank] = mine
	now := h.round
	if !slices.Contains(h.here, nil) {
		now.all, h.here = h.here, make([]any, len(h.here))
		h.round = &round{done: make(chan struct{})}
		close(now.done)
	}
	h.mu.Unlock()
	late := time.NewTimer(h.deadline)
	defer late.Stop()
	select {
	case <-now.done:
	case <-late.C:
		h.mu.Lock()
		if now.all == nil {
			h.end(fmt.Errorf("%s not heard of for %v", h.missing(), h.deadline))
		}
		h.mu.Unlock()
	}
	if now.all == nil {
		return nil, h.gone
	}
	return now.all, nil
}

// missing names the ranks that are not here.
func (h *hall) missing() string {
	var names []string
	for r, brought := range h.here {
		if brought == nil {
			names = append(names, fmt.Sprint(r))
		}
	}
	if len(names) == 1 {
		return "rank " + names[0] + " was"
	}
	return "ranks " + strings.Join(names, ", ") + " were"
}

// end ends the run for all.
func (h *hall) end(why error) {
	if h.gone == nil {
		h.gone = why
		close(h.round.done)
	}
}
