// Package mapped makes errors of reads that fail in files mapped into memory: of a file that was cut short while it was
// in use, or whose disk failed. The system reports those as a fault of the program, which would end it.
package mapped

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// ErrCut is the error of such a read.
var ErrCut = errors.New("a file in use (a model's weights, or cached data) was cut short, or its disk failed; " +
	"put it back as it was and start again")

// fault is what Go panics with, on goroutines that asked for it, where memory has no file behind it.
type fault interface {
	runtime.Error
	Addr() uintptr
}

// Call returns f's error, or ErrCut for a read that failed on this goroutine or in a Group that f waited for. What f
// was computing is then lost.
func Call(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(fault); !ok {
				panic(r)
			}
			err = ErrCut
		}
	}()
	return f()
}

// Failure keeps a panic, such as a failed read, of functions that share a piece of work, for whoever waits for them.
type Failure struct{ failed atomic.Pointer[any] }

// Panic is a panic in such a function, other than a failed read.
type Panic struct {
	Value any
	stack []byte
}

func (p *Panic) Error() string { return fmt.Sprintf("%v\n%s", p.Value, p.stack) }

// Trace returns the stack of the function.
func (p *Panic) Trace() string { return string(p.stack) }

// Call calls f(i). The goroutine must have asked for panics by debug.SetPanicOnFault.
func (f *Failure) Call(call func(i int), i int) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(fault); !ok {
				r = &Panic{r, debug.Stack()}
			}
			f.failed.CompareAndSwap(nil, &r)
		}
	}()
	call(i)
}

// Raise panics as the first function did that panicked, if one did.
func (f *Failure) Raise() {
	if failed := f.failed.Load(); failed != nil {
		panic(*failed)
	}
}

// Group runs functions that share a piece of work. A panic in one of them is one of the goroutine that waits.
type Group struct {
	all     sync.WaitGroup
	failure Failure
}

// Go calls f on a goroutine of its own.
func (g *Group) Go(f func()) {
	g.all.Go(func() {
		debug.SetPanicOnFault(true)
		g.Do(f)
	})
}

// Do calls f.
func (g *Group) Do(f func()) { g.failure.Call(func(int) { f() }, 0) }

// Wait waits for all functions to end.
func (g *Group) Wait() {
	g.all.Wait()
	g.failure.Raise()
}
