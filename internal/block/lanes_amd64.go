//go:build amd64 && !purego

package block

import "github.com/klauspost/cpuid/v2"

var vectors = cpuid.CPU.Supports(cpuid.AVX2)

// try tries a number of steps for all parts.
func (a *affine) try() {
	if vectors {
		tryAVX2(a)
		return
	}
	a.tryGo()
}

// try tries a number of steps for all parts.
func (s *symmetric) try() {
	if vectors {
		scanAVX2(s)
		return
	}
	s.tryGo()
}

//go:noescape
func tryAVX2(a *affine)

//go:noescape
func scanAVX2(s *symmetric)
