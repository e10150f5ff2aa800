package data

// arena allocates the tokens of many examples. The first are on the heap; later ones
// are in unnamed files that are mapped into memory, which the system may write out
// when memory is short. Like examples, they stay until the program ends.
type arena struct {
	dir  string  // of the files; "": the one for temporary files
	kept int     // values so far
	free []int32 // of the newest file
}

const (
	heapValues  = 1 << 23 // on the heap: 32 MiB
	chunkValues = 1 << 24 // of a file: 64 MiB
)

// keep returns an example with its tokens and labels copied into the arena.
func (a *arena) keep(e Example) Example {
	e.Tokens, e.Labels = a.copy(e.Tokens), a.copy(e.Labels)
	return e
}

// copy copies x into the arena.
func (a *arena) copy(x []int32) []int32 {
	n := len(x)
	a.kept += n
	if a.kept > heapValues && len(a.free) < n && n <= chunkValues {
		a.free = mapped(a.dir, chunkValues)
	}
	if len(a.free) < n { // few values so far, or the disk is full
		return append(make([]int32, 0, n), x...)
	}
	out := a.free[:n:n]
	a.free = a.free[n:]
	copy(out, x)
	return out
}
