package report

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"fettle/internal/atomicfile"
)

// Board holds the page of a run while it changes: the run publishes it, those who watch read it, at any time. The zero
// value is empty.
type Board struct {
	mu      sync.Mutex
	page    Page
	exam    *Exam
	version int
	changed chan struct{} // closed by the next change; nil: nobody waits
	save    bool

	writing sync.Mutex // a page never replaces a newer one
}

// Publish replaces the page. The rows of its history must not change any more; more may be appended to them.
func (b *Board) Publish(p Page) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.page = p
	b.change()
}

// Examine adds an examination to the page, or replaces it. It must not change any more.
func (b *Board) Examine(e Exam) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exam = &e
	b.change()
}

func (b *Board) change() {
	b.version++
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// Page returns the page, the number of changes before it, and a channel that the next change closes.
func (b *Board) Page() (Page, int, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	p := b.page
	p.Exam = b.exam
	return p, b.version, b.changed
}

// AskToSave asks the run for a checkpoint after the step that it is at.
func (b *Board) AskToSave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.save = true
}

// AskedToSave reports whether somebody asked for a checkpoint since the last call.
func (b *Board) AskedToSave() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := b.save
	b.save = false
	return asked
}

// Write writes the page to report.html in a directory, once the run has begun: one that was finished before keeps its
// report.
func (b *Board) Write(d atomicfile.Disk, dir string) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	p, _, _ := b.Page()
	if p.Status.Phase == "" || p.Status.Phase == Preparing {
		return nil
	}
	text, err := p.HTML()
	if err != nil {
		return err
	}
	return atomicfile.Replace(d, filepath.Join(dir, PageFile), atomicfile.Private(atomicfile.Bytes(text)))
}

// Keep writes the page again and again while it changes, until ctx is done. Between two times it rests for at least
// rest and for twenty times as long as the writing took, so that it takes a small part of one core. A page that cannot
// be written never stops a run.
func (b *Board) Keep(ctx context.Context, d atomicfile.Disk, dir string, rest time.Duration) {
	for {
		_, _, changed := b.Page()
		began := time.Now()
		b.Write(d, dir)
		pause := time.NewTimer(max(rest, 20*time.Since(began)))
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
