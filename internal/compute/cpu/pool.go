package cpu

import (
	"math/bits"
	"sync"

	"fettle/internal/compute/cpu/kernel"
)

// pool keeps scratch memory between calls, so that the steady state allocates nothing. Its slices start on a cache
// line, large ones on huge pages; their content is arbitrary.
type pool struct {
	mu   sync.Mutex
	free [classes][][]kernel.Word // by the logarithm of the capacity
}

const classes = 48

// class returns the class of buffers that hold n words, 2^class ≥ n.
func class(n int) int { return bits.Len(uint(max(n, 1) - 1)) }

// get returns n float32, for put.
func (p *pool) get(n int) []float32 { return kernel.Floats(p.words(n)) }

func (p *pool) put(s []float32) { p.putWords(kernel.Words(s)) }

// words returns n words, for putWords.
func (p *pool) words(n int) []kernel.Word {
	class := class(n)
	p.mu.Lock()
	list := p.free[class]
	if len(list) > 0 {
		s := list[len(list)-1]
		p.free[class] = list[:len(list)-1]
		p.mu.Unlock()
		return s[:n]
	}
	p.mu.Unlock()
	return kernel.Allocate(p, 1<<class)[:n]
}

func (p *pool) putWords(s []kernel.Word) {
	class := bits.Len(uint(cap(s))) - 1
	p.mu.Lock()
	p.free[class] = append(p.free[class], s[:0])
	p.mu.Unlock()
}

// pack calls a kernel with p. As kernels are functions' values, what they are called with goes to the heap: it is kept
// for the next call.
func (d *device) pack(lay func(*kernel.Pack), p kernel.Pack) {
	at := d.packs.Get().(*kernel.Pack)
	*at = p
	lay(at)
	d.packs.Put(at)
}
