package main

import (
	"fmt"
	"slices"

	"github.com/rs/zerolog"

	"fettle/internal/sharedmem"
	"fettle/model"
	"fettle/train"
	"fettle/train/plan"
)

// neighbours are the ranks of one machine that have the base's pages in common. The first of them lays the base out,
// the others read it. Without other ranks it is nil.
type neighbours struct {
	all    train.Ranks
	say    func(text string)
	memory *sharedmem.Memory // nil: this rank lays the base out for itself
	first  int               // rank that lays it out
	count  int               // of ranks that share it, this one among them
}

// offer is what a rank tells the others before any has loaded the base.
type offer struct {
	Machine, Within string // see sharedmem.Here; "": it shares nothing
	Ticket          sharedmem.Ticket
	Why             string // it has no memory to share
}

// meetNeighbours finds those with which this rank shares the base, if it shares at all. All ranks call it.
func meetNeighbours(all train.Ranks, shares bool, say func(text string)) (*neighbours, error) {
	if all == nil {
		return nil, nil
	}
	rank, _ := all.Rank()
	n, mine := &neighbours{all: all, say: say, first: rank, count: 1}, offer{}
	if shares {
		mine.Machine, mine.Within = sharedmem.Here()
		var err error
		if n.memory, err = sharedmem.New(); err != nil {
			mine.Why = err.Error()
		} else {
			mine.Ticket = n.memory.Ticket()
		}
	}
	offers, err := train.Gather(all, mine)
	if err != nil {
		return nil, err
	}
	if mine.Machine != "" {
		n.join(offers)
	}
	firsts, err := train.Gather(all, n.first)
	if err != nil {
		return nil, err
	}
	n.count = 0
	for _, first := range firsts {
		if first == n.first {
			n.count++
		}
	}
	if n.count == 1 && n.memory != nil {
		n.memory.Close()
		n.memory = nil
	}
	return n, nil
}

// join opens the memory of the first rank that offers some on this machine, unless that is this one.
func (n *neighbours) join(offers []offer) {
	mine := offers[n.first]
	first := slices.IndexFunc(offers, func(o offer) bool { return o.Machine == mine.Machine && o.Within == mine.Within })
	if first == n.first {
		if other := slices.IndexFunc(offers, func(o offer) bool { return o.Machine == mine.Machine }); other < first {
			n.alone(fmt.Sprintf("that of %s is in another container, or another user's", n.all.Name(other)))
		}
		return
	}
	if n.memory != nil {
		n.memory.Close()
		n.memory = nil
	}
	why := offers[first].Why
	if why == "" {
		memory, err := sharedmem.Open(offers[first].Ticket)
		if err == nil {
			n.memory, n.first = memory, first
			return
		}
		why = err.Error()
	}
	n.alone(why)
}

// alone says that this rank lays the base out for itself.
func (n *neighbours) alone(why string) {
	rank, _ := n.all.Rank()
	n.say(fmt.Sprintf("%s does not share the base's pages with other ranks of its machine: %s", n.all.Name(rank), why))
}

// reads reports whether another rank lays the base out for this one.
func (n *neighbours) reads() bool {
	if n == nil {
		return false
	}
	rank, _ := n.all.Rank()
	return n.first != rank
}

// load loads the base, where this rank lays it out, or once another one has. All ranks call it.
func (n *neighbours) load(open func(*sharedmem.Memory) (*model.Model, error)) (*model.Model, error) {
	if n == nil {
		return open(nil)
	}
	var m *model.Model
	var err error
	if !n.reads() {
		if m, err = open(n.memory); err != nil {
			return nil, err
		}
		n.end((*sharedmem.Memory).Seal)
	}
	if _, err := train.Gather(n.all, 0); err != nil || m != nil {
		return m, err
	}
	if err := n.memory.Read(); err != nil {
		n.alone(err.Error())
		return open(nil)
	}
	m, err = open(n.memory)
	n.end(func(m *sharedmem.Memory) error { m.Close(); return nil })
	return m, err
}

// end ends the exchange of pieces, and says what came of it where it did not go well.
func (n *neighbours) end(how func(*sharedmem.Memory) error) {
	if n.memory == nil {
		return
	}
	if err := how(n.memory); err != nil {
		n.alone(err.Error())
	} else if n.memory.Missed() {
		n.alone("some matrices were not there, or there was no more memory to share")
	}
}

// takes returns the memory that counts where the run is held against what the machine has: the rank that lays out the
// base counts those with which it shares it, and they do not count the base, of which they map so many bytes.
func (n *neighbours) takes(m plan.Memory) (counts plan.Memory, mapped int64) {
	switch {
	case n == nil || n.count == 1:
		return m, 0
	case n.reads():
		return m.Reading(), m.Weights
	}
	return m.Together(n.count), 0
}

// log says how many ranks of this machine share the base.
func (n *neighbours) log(log zerolog.Logger) {
	if n != nil && n.count > 1 {
		log.Info().Int("sharing", n.count).Msgf("%d ranks on this machine share the pages of the base.", n.count)
	}
}

// size returns how many ranks share the base's pages, this one among them.
func (n *neighbours) size() int {
	if n == nil {
		return 1
	}
	return n.count
}
