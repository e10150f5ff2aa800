package cpu

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fettle/internal/compute/cpu/kernel"
)

// Peak holds the most that one core of this machine can do, measured: operations per second of processor time with
// data in registers or the first cache, bytes per second from memory. Rates of products that the processor lacks are
// zero.
type Peak struct {
	F32    float64 // multiply-adds of float32, two operations each
	BF16   float64 // of bfloat16 pairs
	Int8   float64 // of bytes
	Memory float64 // bytes read in order, while Readers threads do

	Readers int
}

// MeasurePeak takes about a second on idle cores. Neighbours and clocks move all figures: compare figures of the same
// minute. Memory is read by so many threads at once, but by no more than there are cores.
func MeasurePeak(threads int) (Peak, error) {
	l, err := kernel.Choose("")
	if err != nil {
		return Peak{}, err
	}
	p := Peak{Readers: max(1, min(threads, runtime.NumCPU()))}
	measure(peaks(&l, &p)...)
	return p, nil
}

// peaks returns a probe for everything that the level has a peak of.
func peaks(l *kernel.Level, p *Peak) []probe {
	all := []probe{multiplyAdds(l, &p.F32), bandwidth(l, &p.Memory, p.Readers)}
	if l.AMX != nil && l.AMX.PeakBF16 != nil {
		return append(all, tiles(&p.BF16, l.AMX.PeakBF16, panel), tiles(&p.Int8, l.AMX.PeakInt8, 2*panel))
	}
	if l.BF16 {
		all = append(all, products(&p.BF16, l.TileBF16, 2))
	}
	switch l.Codes {
	case 4:
		all = append(all, products(&p.Int8, l.TileInt8, 4))
	case 2:
		all = append(all, pairs(l, &p.Int8))
	}
	return all
}

// probe holds work to be timed, and where its rate goes.
type probe struct {
	rate *float64
	work float64 // of one run
	run  func()

	beside []func() // what other threads do meanwhile, over and over
}

// multiplyAdds probes multiply-adds of float32 in registers, or in a tile where the level has no kernel for that.
func multiplyAdds(l *kernel.Level, rate *float64) probe {
	if l.PeakF32 == nil {
		return products(rate, l.TileF32, 1)
	}
	const rounds = 1024
	return probe{rate: rate, work: rounds * kernel.PeakRound, run: func() { l.PeakF32(rounds) }}.lasting()
}

// pairs probes products of pairs of 16 bits in registers.
func pairs(l *kernel.Level, rate *float64) probe {
	const rounds = 1024
	return probe{rate: rate, work: rounds * kernel.PairsRound, run: func() { l.PeakPairs(rounds) }}.lasting()
}

// tiles probes products in tile registers, whose steps take deep elements. Numbers are random: on zeros it is faster.
func tiles(rate *float64, multiply func(*kernel.AMXStrip), deep int) probe {
	const steps = 4096
	owner, random := new([16]byte), rand.New(rand.NewPCG(1, 2))
	words := kernel.Allocate(owner, 2*kernel.AMXStep)
	for i := range words { // bfloat16 of about one, or any bytes
		words[i] = kernel.Word(random.Uint32()&0x80ff80ff | 0x3f003f00)
		if deep > panel {
			words[i] = kernel.Word(random.Uint32())
		}
	}
	s := &kernel.AMXStrip{X: words[:kernel.AMXStep], W: words[kernel.AMXStep:], Steps: steps}
	return probe{rate: rate, work: float64(2*deep*panel*panel) * steps, run: func() {
		multiply(s)
		runtime.KeepAlive(owner)
	}}.lasting()
}

// products probes a tile whose words hold per elements, in the first cache.
func products(rate *float64, multiply func(*kernel.Tile), per int) probe {
	const steps, rows = 192, kernel.TileRows // columns and rows that fit the first cache
	owner := new([16]byte)
	t := &kernel.Tile{
		C: kernel.Allocate(owner, rows*panel), LDC: panel, Steps: steps, Rows: rows, Cols: panel,
		A: kernel.Allocate(owner, steps*rows), LDA: rows, B: kernel.Allocate(owner, (steps+8)*panel), LDB: panel,
	}
	one := kernel.Words([]float32{1})[0]
	for i := range t.A {
		t.A[i] = one
	}
	return probe{rate: rate, work: float64(2 * per * steps * rows * panel), run: func() {
		multiply(t)
		runtime.KeepAlive(owner)
	}}.lasting()
}

// bandwidth probes reading of more than any cache holds, with other threads that read as much of their own.
func bandwidth(l *kernel.Level, rate *float64, readers int) probe {
	const most, least = 32 << 20, 4 << 20 // words
	size := max(least, most/readers)
	p := reading(l, size)
	p.rate = rate
	for range readers - 1 {
		p.beside = append(p.beside, reading(l, size).run)
	}
	return p
}

// reading sums so many words that lie one behind the other.
func reading(l *kernel.Level, size int) probe {
	owner := new([16]byte)
	t := &kernel.Tile{
		C: make([]kernel.Word, panel), LDC: panel, A: make([]kernel.Word, 1), Steps: size/panel - 8, Rows: 1,
		B: kernel.Allocate(owner, size), LDB: panel, Cols: panel, Ahead: l.Ahead,
	}
	one := kernel.Words([]float32{1})[0]
	for i := range t.B {
		t.B[i] = one
	}
	return probe{work: float64(4 * t.Steps * panel), run: func() {
		l.TileF32(t)
		runtime.KeepAlive(owner)
	}}
}

// lasting repeats a run until it takes some milliseconds, so that the clock's resolution and interrupts are negligible.
func (p probe) lasting() probe {
	for calls := 1; ; calls *= 2 {
		run := func() {
			for range calls {
				p.run()
			}
		}
		if timed(run) >= 8*time.Millisecond {
			return probe{rate: p.rate, work: p.work * float64(calls), run: run}
		}
	}
}

// timed returns the processor time of a run, beside which the other threads are at work from its beginning to its end.
func (p probe) timed() time.Duration {
	var others, begun sync.WaitGroup
	var ended atomic.Bool
	for _, f := range p.beside {
		begun.Add(1)
		others.Go(func() {
			for begun.Done(); !ended.Load(); {
				f()
			}
		})
	}
	begun.Wait()
	defer others.Wait()
	defer ended.Store(true)
	return timed(p.run)
}

// timed returns the processor time of f, which stays on one thread.
func timed(f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := processorTime()
	f()
	return processorTime() - begin
}

// measure finds the rates of some probes, each run in turn, so that no neighbour meets all runs of one. Of each 24
// rates it takes the fourth highest: those above may be the clock's mistakes, those below the neighbours' doing.
func measure(probes ...probe) {
	rates := make([][]float64, len(probes))
	for range 24 {
		for i, p := range probes {
			rates[i] = append(rates[i], p.work/p.timed().Seconds())
		}
	}
	for i, p := range probes {
		slices.Sort(rates[i])
		*p.rate = rates[i][20]
	}
}
