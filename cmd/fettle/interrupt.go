package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"fettle/internal/console"
)

// holds counts the parts of a program that end by themselves after an interrupt, because they have something to save.
// Everything else is left where it is.
type holds struct {
	lock  sync.Mutex
	parts int
	word  string // what is said when the interrupt comes
	done  string // what an interrupt leaves
}

type holdsKey struct{}

// hold marks a part of a command that ends by itself after an interrupt, and what is said of it meanwhile.
func hold(ctx context.Context, word string) (release func()) {
	h, ok := ctx.Value(holdsKey{}).(*holds)
	if !ok {
		return func() {}
	}
	h.lock.Lock()
	defer h.lock.Unlock()
	h.parts, h.word = h.parts+1, word
	return sync.OnceFunc(func() {
		h.lock.Lock()
		defer h.lock.Unlock()
		h.parts, h.word = h.parts-1, ""
	})
}

// achieved says what an interrupt leaves from here on, other than nothing.
func achieved(ctx context.Context, what string) {
	if h, ok := ctx.Value(holdsKey{}).(*holds); ok {
		h.lock.Lock()
		defer h.lock.Unlock()
		h.done = what
	}
}

// left returns the error of an interrupted command.
func (h *holds) left() error {
	h.lock.Lock()
	defer h.lock.Unlock()
	if h.done != "" {
		return stopped(h.done)
	}
	return context.Canceled
}

// now returns whether a part holds on, and its word.
func (h *holds) now() (bool, string) {
	h.lock.Lock()
	defer h.lock.Unlock()
	return h.parts > 0, h.word
}

// patience is the time that a part which saves nothing has to end after an interrupt.
const patience = time.Second

// interruptible does work until it has ended, or an interrupt has come and nothing holds on.
func interruptible(ctx context.Context, say *console.Console, work func(context.Context) error) error {
	h := &holds{}
	ended := make(chan error, 1)
	go func() { ended <- work(context.WithValue(ctx, holdsKey{}, h)) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	on, word := h.now()
	if !on || word != "" {
		say.Interrupted()
	}
	if word != "" {
		fmt.Fprintln(say.Err(), word)
	}
	for {
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			if on, _ := h.now(); !on {
				return h.left()
			}
		}
	}
}

// inWords says of a command that was stopped, by an interrupt or from its dashboard, that it was, instead of how its
// parts found out.
func inWords(err error, command string) error {
	if !errors.Is(err, context.Canceled) {
		return err
	}
	return stopped(strings.TrimPrefix(command+": ", ": ") + "stopped before it was done; the same command starts again")
}
