package cpu

import (
	"math/bits"
	"sync"
)

// pool keeps scratch memory between calls, so that the steady state allocates
// nothing. Its slices start on a cache line, large ones on huge pages; their
// content is arbitrary.
type pool struct {
	mu   sync.Mutex
	free [48][][]float32 // by the logarithm of the capacity
}

func (p *pool) get(n int) []float32 {
	class := bits.Len(uint(n))
	p.mu.Lock()
	list := p.free[class]
	if len(list) > 0 {
		s := list[len(list)-1]
		p.free[class] = list[:len(list)-1]
		p.mu.Unlock()
		return s[:n]
	}
	p.mu.Unlock()
	return allocate(p, 1<<class)[:n]
}

func (p *pool) put(s []float32) {
	class := bits.Len(uint(cap(s))) - 1
	p.mu.Lock()
	p.free[class] = append(p.free[class], s[:0])
	p.mu.Unlock()
}
