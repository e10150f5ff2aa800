package data

// arena keeps the tokens of many examples. The first ones are on the heap; what
// comes after many goes to files that are mapped into memory and have no name, so
// that the system may write it out where memory is short. It is there until the
// program ends, as examples are.
type arena struct {
	dir  string // for the files; "": that for temporary files
	kept int    // numbers so far
	room []int32
}

const (
	heapNumbers  = 1 << 23 // 32 MiB stay on the heap
	chunkNumbers = 1 << 24 // 64 MiB are a file
)

// keep is an example in memory of the arena, no larger than it must be.
func (a *arena) keep(e Example) Example {
	e.Tokens, e.Labels = a.copy(e.Tokens), a.copy(e.Labels)
	return e
}

func (a *arena) copy(x []int32) []int32 {
	n := len(x)
	a.kept += n
	if a.kept > heapNumbers && len(a.room) < n && n <= chunkNumbers {
		a.room = mapped(a.dir, chunkNumbers)
	}
	if len(a.room) < n { // few so far, or the disk is full
		return append(make([]int32, 0, n), x...)
	}
	out := a.room[:n:n]
	a.room = a.room[n:]
	copy(out, x)
	return out
}
