package cpu

import (
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"fettle/internal/compute/cpu/kernel"
	"fettle/internal/mapped"
)

// crew holds goroutines that share a caller's work items. They stay for a moment when a piece of work is done, as the
// next one of a token follows within microseconds, and end when none comes.
type crew struct {
	busy  sync.Mutex // held by the caller whose work it is
	now   atomic.Pointer[shared]
	hands atomic.Int32 // goroutines at work, or waiting for it
}

// shared is one piece of work: items 0 … n-1, which anyone takes in turn.
type shared struct {
	item    func(i int)
	n       int64
	next    atomic.Int64
	left    atomic.Int64 // items that are not done
	state   atomic.Int32
	done    chan struct{} // closed when all are done, if the caller sleeps
	failure mapped.Failure
}

// The states of shared work.
const (
	open = iota
	awaited
	finished
)

// A goroutine waits, busy, for what should come at once, and longer for others to end what they do: to wake it takes as
// long. Where other programs, or those it waits for, have no core, they get its own meanwhile.
const (
	patience     = 50 * time.Microsecond
	longPatience = 200 * time.Microsecond
	courtesy     = 10 * time.Microsecond // before it offers its core
)

// do calls item(0) … item(n-1) on up to threads goroutines, the caller's among them. It reports false where the crew
// works for another caller.
func (c *crew) do(threads, n int, item func(i int)) bool {
	if !c.busy.TryLock() {
		return false
	}
	defer c.busy.Unlock()
	w := &shared{item: item, n: int64(n)}
	w.left.Store(int64(n))
	c.now.Store(w)
	for c.hands.Load() < int32(min(threads, n)-1) {
		c.hands.Add(1)
		go c.help(w)
	}
	w.join()
	w.wait()
	c.now.Store(nil)
	w.failure.Raise()
	return true
}

// help works on w and on what follows, until nothing does. Nobody depends on it: who is late finds no items left.
func (c *crew) help(w *shared) {
	debug.SetPanicOnFault(true)
	for more := true; more; {
		w.join()
		last := w
		more = soon(longPatience, func() bool { return c.now.Load() != last }) && soon(patience, func() bool {
			w = c.now.Load()
			return w != nil && w != last
		})
	}
	c.hands.Add(-1)
}

// join takes items as long as there are any.
func (w *shared) join() {
	for i := w.next.Add(1) - 1; i < w.n; i = w.next.Add(1) - 1 {
		w.failure.Call(w.item, int(i))
		if w.left.Add(-1) == 0 && w.state.Swap(finished) == awaited {
			close(w.done)
		}
	}
}

// wait returns when all items are done.
func (w *shared) wait() {
	if soon(longPatience, func() bool { return w.left.Load() == 0 }) {
		return
	}
	w.done = make(chan struct{})
	if w.state.CompareAndSwap(open, awaited) {
		<-w.done
	}
}

// soon reports whether a condition comes true within a moment, of so long.
func soon(moment time.Duration, condition func() bool) bool {
	const pauses = 16 // between two looks at the clock
	var began time.Time
	for {
		for range pauses {
			if condition() {
				return true
			}
			kernel.Pause()
		}
		if began.IsZero() {
			began = time.Now()
			continue
		}
		switch waited := time.Since(began); {
		case waited > moment:
			return false
		case waited > courtesy:
			yield()
		}
	}
}
