//go:build !(mpi && linux)

package mpi

// World is the ranks of a run. There are none in a program without MPI.
type World struct{}

// Join returns ErrAbsent.
func Join(Options) (*World, error) { return nil, ErrAbsent }

// Rank returns the only rank.
func (*World) Rank() (rank, size int) { return 0, 1 }

// Name returns no name.
func (*World) Name(int) string { return "" }

// Gather returns mine.
func (*World) Gather(mine []byte) ([][]byte, error) { return [][]byte{mine}, nil }

// Sum returns ErrAbsent.
func (*World) Sum([]int, [][][]float32, [][]float32) error { return ErrAbsent }

// Reduce returns ErrAbsent.
func (*World) Reduce([]float32) error { return ErrAbsent }

// Version returns nothing.
func (*World) Version() string { return "" }

// Path returns nothing.
func (*World) Path() string { return "" }

// Library returns nothing.
func (*World) Library() string { return "" }

// Lost is never closed.
func (*World) Lost() <-chan struct{} { return nil }

// Close returns mine.
func (*World) Close(mine []byte) ([][]byte, error) { return [][]byte{mine}, nil }

// Abort does nothing.
func (*World) Abort(int) {}
