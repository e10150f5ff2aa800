//go:build !amd64 || purego

package block

// try tries a number of steps for all parts.
func (a *affine) try() { a.tryGo() }

// try tries a number of steps for all parts.
func (s *symmetric) try() { s.tryGo() }
