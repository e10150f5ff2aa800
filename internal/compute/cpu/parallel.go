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

// share returns the things lo … hi-1 of item i, where n things are cut into items that differ by one at most, the
// larger ones first.
func share(n, items, i int) (lo, hi int) {
	size, more := n/items, n%items
	lo = i*size + min(i, more)
	if i < more {
		size++
	}
	return lo, lo + size
}

// inEach calls f for the things from … to-1 of groups that stand one behind the other: with the group that some of them
// are of, and these as counted there.
func inEach[G any](groups []G, size func(G) int, from, to int, f func(g G, from, to int)) {
	for _, g := range groups {
		n := size(g)
		if end := min(to, n); from < end {
			f(g, from, end)
		}
		from, to = max(0, from-n), to-n
	}
}

// rowsPerItem returns how many rows of width d make a work item worth a handover.
func rowsPerItem(d int) int { return max(1, elements/max(1, d)) }

// columnsPerItem returns how many columns of n rows make a work item worth a handover, in whole cache lines.
func columnsPerItem(n int) int { return max(256, elements/max(1, n)/16*16) }

// stretches cuts n things that are read in order into items, as many of each size as there are threads: large ones
// first, as memory is fastest in long stretches, then ever smaller ones, so that no thread waits long for another.
type stretches struct{ n, threads, least, most int }

// stretches returns those of n panels of rows of k weights. Handing over takes as long as some thousands of weights.
func (d *device) stretches(n, k int) stretches {
	const enough = 1 << 16
	return stretches{n, d.threads, max(1, enough/(panel*max(1, k))), max(1, n)}
}

// size returns the size of the items that are cut where so many things are left.
func (s stretches) size(left int) int { return min(s.most, max(s.least, left/(2*s.threads))) }

// count returns the number of items.
func (s stretches) count() int {
	items, left := 0, s.n
	for ; left > s.threads*s.size(left); left -= s.threads * s.size(left) {
		items += s.threads
	}
	return items + upTo(left, s.size(left))
}

// at returns the things lo … hi-1 of item i.
func (s stretches) at(i int) (lo, hi int) {
	for ; i >= s.threads; i -= s.threads {
		lo += s.threads * s.size(s.n-lo)
	}
	size := s.size(s.n - lo)
	return lo + i*size, min(s.n, lo+(i+1)*size)
}
