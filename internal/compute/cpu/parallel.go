package cpu

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
	if !d.crew.do(threads, n, f) {
		new(crew).do(threads, n, f)
	}
}

// chunks calls f(lo, hi) for consecutive runs of at most size of n things.
func (d *device) chunks(n, size int, f func(lo, hi int)) {
	d.each((n+size-1)/size, func(i int) { f(i*size, min(n, (i+1)*size)) })
}

// rowsPerItem returns how many rows of width d make a work item worth a handover.
func rowsPerItem(d int) int { return max(1, elements/max(1, d)) }

// columnsPerItem returns how many columns of n rows make a work item worth a handover, in whole cache lines.
func columnsPerItem(n int) int { return max(256, elements/max(1, n)/16*16) }
