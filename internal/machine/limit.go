package machine

import "runtime"

// Limit is a bound on the memory of this process.
type Limit struct {
	Name string // for people, such as "ulimit -v"; "": the machine's memory
	Left int64  // bytes that the process can still take
	Of   Kind
}

// Kind says which memory a limit counts.
type Kind int

// Kinds of memory. Mapped files are caches of the system, which it takes back: only Address counts them.
const (
	Resident Kind = iota // pages in use
	Private              // the program's own pages, in use or not
	Address              // all addresses, those of mapped files too
)

// Need is memory that a piece of work takes.
type Need struct {
	Resident int64 // pages in use at the peak
	Spare    int64 // pages that are asked for and never used
	Mapped   int64 // bytes of mapped files
	Others   int64 // of Resident, pages of other processes, which limits of one do not count
}

// beside returns what a limit counts in addition to the pages in use.
func (n Need) beside(k Kind) int64 {
	const heap = 64 << 20 // that a heap grows by at least
	switch k {
	case Private:
		return n.Spare + heap - n.Others
	case Address:
		return n.Spare + heap - n.Others + n.Mapped + int64(runtime.GOMAXPROCS(0)+8)*threadStack
	}
	return 0
}

// Tightest returns the limit that leaves the fewest bytes for a need's resident pages, with Left reduced to those. ok
// is false where no limit is known.
func Tightest(limits []Limit, n Need) (tightest Limit, ok bool) {
	for _, l := range limits {
		l.Left = max(l.Left-n.beside(l.Of), 0)
		if !ok || l.Left < tightest.Left {
			tightest, ok = l, true
		}
	}
	return tightest, ok
}
