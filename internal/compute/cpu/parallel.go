package cpu

import (
	"sync/atomic"

	"fettle/internal/mapped"
)

// elements of a work item of elementwise operations.
const elements = 16384

// each calls f(0) … f(n-1), once each, on up to d.threads goroutines. Items are cut by shape, never by thread count,
// and write to disjoint places, so that results do not depend on who runs which.
func (d *device) each(n int, f func(i int)) {
	threads := min(d.threads, n)
	if threads <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(i)
		}
	}
	var all mapped.Group
	for range threads - 1 {
		all.Go(work)
	}
	all.Do(work)
	all.Wait()
}

// chunks calls f(lo, hi) for consecutive runs of at most size of n things.
func (d *device) chunks(n, size int, f func(lo, hi int)) {
	d.each((n+size-1)/size, func(i int) { f(i*size, min(n, (i+1)*size)) })
}

// rowsPerItem returns how many rows of width d make a work item worth a handover.
func rowsPerItem(d int) int { return max(1, elements/max(1, d)) }

// columnsPerItem returns how many columns of n rows make a work item worth a handover, in whole cache lines.
func columnsPerItem(n int) int { return max(256, elements/max(1, n)/16*16) }
