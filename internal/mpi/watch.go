//go:build mpi && linux

package mpi

import (
	"fmt"
	"sync"
	"time"
)

// heart tells the first rank that this one lives, and hears that of the first; the first rank hears all. So the first
// can name a rank that is gone, and one that is cut off learns that it is.
type heart struct {
	c        *comm
	peers    []*peer
	deadline time.Duration
	gone     func(why error)

	ending chan struct{}
	once   sync.Once
	ended  chan error
}

// peer is a rank that is listened to.
type peer struct {
	name     string
	rank     int
	heard    time.Time
	last     bool     // it has said farewell, as this one has to it
	in, out  buffer   // a byte each: 0 for a beat, 1 for a farewell
	incoming *request // nil: none is due
	outgoing *request
	farewell bool
}

// A beat comes several times within the deadline.
const beats = 10

// watch listens from now on. gone is told, once, when a rank is not heard of for longer than the deadline.
func watch(c *comm, deadline time.Duration, names []string, gone func(why error)) (*heart, error) {
	h := &heart{c: c, deadline: deadline, gone: gone, ending: make(chan struct{}), ended: make(chan error, 1)}
	for r, name := range names {
		if r == c.rank || r > 0 && c.rank > 0 {
			continue
		}
		p := &peer{name: name, rank: r, heard: time.Now(), in: buffer{l: c.library}, out: buffer{l: c.library}}
		if err := p.listen(c); err != nil {
			return nil, err
		}
		h.peers = append(h.peers, p)
	}
	go func() { h.ended <- h.run() }()
	return h, nil
}

// listen waits for the next beat.
func (p *peer) listen(c *comm) (err error) {
	text, err := p.in.bytes(1)
	if err == nil {
		p.incoming, err = c.receive(text, p.rank)
	}
	return err
}

// say sends a beat, or farewell, unless the last one is still under way.
func (p *peer) say(c *comm, farewell bool) error {
	if p.outgoing != nil || p.farewell {
		return nil
	}
	text, err := p.out.bytes(1)
	if err != nil {
		return err
	}
	if text[0] = 0; farewell {
		text[0], p.farewell = 1, true
	}
	p.outgoing, err = c.send(text, p.rank)
	return err
}

// go on tests what is under way.
func (p *peer) goOn(c *comm) error {
	if p.outgoing != nil {
		done, err := p.outgoing.test()
		if err != nil {
			return err
		}
		if done {
			p.outgoing = nil
		}
	}
	if p.incoming == nil {
		return nil
	}
	done, err := p.incoming.test()
	if !done || err != nil {
		return err
	}
	p.heard, p.incoming = time.Now(), nil
	if p.last = p.in.data[0] == 1; p.last {
		return nil
	}
	return p.listen(c)
}

// run beats until all have said farewell, or one is gone.
func (h *heart) run() error {
	var spoke time.Time
	farewell, turn := false, time.Now()
	for {
		if time.Since(turn) > h.deadline/2 { // this process slept, perhaps with all others: what they said is still to come
			for _, p := range h.peers {
				p.heard = time.Now()
			}
		}
		turn = time.Now()
		select {
		case <-h.ending:
			farewell = true
		default:
		}
		speak := farewell || time.Since(spoke) > h.deadline/beats
		if speak {
			spoke = time.Now()
		}
		over := farewell
		for _, p := range h.peers {
			if speak {
				if err := p.say(h.c, farewell); err != nil {
					return err
				}
			}
			if err := p.goOn(h.c); err != nil {
				return err
			}
			over = over && p.last && p.farewell && p.outgoing == nil
			if silent := time.Since(p.heard); silent > h.deadline && !p.last {
				why := fmt.Errorf("%s has not been heard of for %v", p.name, silent.Round(time.Second))
				if h.c.rank > 0 {
					why = fmt.Errorf("%w: it is gone, or rank %d is cut off", why, h.c.rank)
				}
				h.gone(why)
				return why
			}
		}
		if over {
			return nil
		}
		if farewell {
			time.Sleep(time.Millisecond)
		} else {
			time.Sleep(min(h.deadline/beats/4, 250*time.Millisecond))
		}
	}
}

// stop says farewell and waits for that of the others.
func (h *heart) stop() error {
	h.once.Do(func() { close(h.ending) })
	err := <-h.ended
	for _, p := range h.peers {
		p.in.free()
		p.out.free()
	}
	return err
}
