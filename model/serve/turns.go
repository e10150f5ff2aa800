package serve

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
)

// Why a request is given up, besides its client's going.
var (
	errFull    = errors.New("too many requests are waiting; try again in a few seconds")
	errCrowded = errors.New("other clients need the places of this client's requests; send fewer at once, and this one " +
		"again in a few seconds")
	errLate   = errors.New("the request took too long")
	errWaited = errors.New("the request waited too long")
)

// turns passes the engine around for one answer at a time: the clients that wait take turns, and so do the requests of
// each. A client with one request waits for at most one answer of every other client, whatever they send.
type turns struct {
	most    int // requests inside, waiting or being answered
	mu      sync.Mutex
	inside  int
	count   uint64  // of turns so far
	having  *ticket // whose turn it is, or nil
	waiting []*ticket
	clients map[string]*client
}

// client is a sender of requests that are inside.
type client struct {
	name    string
	last    uint64    // its last turn; at first the last one that had ended when it came
	tickets []*ticket // in the order in which they came
}

// ticket is a request that is inside.
type ticket struct {
	client *client
	cancel context.CancelCauseFunc
	ready  chan struct{} // closed when its turn comes
	served bool          // it has had a turn
	out    bool
}

func newTurns(most int) *turns { return &turns{most: most, clients: map[string]*client{}} }

// enter lets in a request of a client; cancel ends it. If as many are inside as may be, the newest request of the
// client that has most of them goes, unless the new one's client would then have as many. Without room it returns nil.
func (t *turns) enter(name string, cancel context.CancelCauseFunc) *ticket {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.clients[name]
	if c == nil {
		c = &client{name: name, last: max(t.count, 1) - 1}
	}
	if t.inside >= t.most && !t.crowdOut(len(c.tickets)+1) {
		return nil
	}
	k := &ticket{client: c, cancel: cancel}
	t.clients[name], c.tickets = c, append(c.tickets, k)
	t.inside++
	return k
}

// crowdOut ends a request of the client that has most, which must be more than n; one that has had a turn only if all
// have.
func (t *turns) crowdOut(n int) bool {
	most := &client{}
	for _, c := range t.clients {
		if len(c.tickets) > len(most.tickets) {
			most = c
		}
	}
	if len(most.tickets) <= n {
		return false
	}
	var newest *ticket
	for _, k := range most.tickets {
		if k != t.having && (newest == nil || newest.served || !k.served) {
			newest = k
		}
	}
	if newest == nil {
		return false
	}
	t.remove(newest)
	newest.cancel(errCrowded)
	return true
}

// take waits for a request's turn, or until ctx is done: then it must leave.
func (t *turns) take(ctx context.Context, k *ticket) error {
	t.mu.Lock()
	if ctx.Err() == nil {
		k.ready = make(chan struct{})
		t.waiting = append(t.waiting, k)
		if t.having == nil {
			t.next()
		}
	}
	t.mu.Unlock()
	if ctx.Err() == nil {
		select {
		case <-k.ready:
			return nil
		case <-ctx.Done():
		}
	}
	if err := context.Cause(ctx); err != errLate || k.served {
		return err
	}
	return errWaited
}

// pass ends a request's turn.
func (t *turns) pass(k *ticket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(k)
}

// leave ends a request.
func (t *turns) leave(k *ticket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(k)
}

func (t *turns) remove(k *ticket) {
	if k.out {
		return
	}
	k.out = true
	t.inside--
	c := k.client
	if c.tickets = slices.DeleteFunc(c.tickets, func(o *ticket) bool { return o == k }); len(c.tickets) == 0 {
		delete(t.clients, c.name)
	}
	t.drop(k)
}

// drop takes a request out of the queue, or its turn from it.
func (t *turns) drop(k *ticket) {
	t.waiting = slices.DeleteFunc(t.waiting, func(o *ticket) bool { return o == k })
	if t.having == k {
		t.having = nil
		t.next()
	}
}

// next gives the turn to the request that has waited longest of the client whose last turn is longest ago.
func (t *turns) next() {
	if len(t.waiting) == 0 {
		return
	}
	k := slices.MinFunc(t.waiting, func(a, b *ticket) int { return cmp.Compare(a.client.last, b.client.last) })
	t.waiting = slices.DeleteFunc(t.waiting, func(o *ticket) bool { return o == k })
	t.count++
	t.having, k.served, k.client.last = k, true, t.count
	close(k.ready)
}
