package cpu

import (
	"runtime"
	"slices"
	"time"
)

// Peak is what one core of this machine can do at most, measured: operations
// per second of processor time with data in registers or the first cache,
// bytes per second from memory. What the processor lacks is zero.
type Peak struct {
	F32    float64 // multiply-adds of float32, two operations each
	BF16   float64 // of bfloat16 pairs
	Int8   float64 // of bytes
	Memory float64 // bytes read in order, by one thread
}

// MeasurePeak takes about a second on an idle core. Neighbours and clocks move
// all figures: compare what was measured close together.
func MeasurePeak() (Peak, error) {
	l, err := choose("")
	if err != nil {
		return Peak{}, err
	}
	var p Peak
	measure(l.peaks(&p)...)
	return p, nil
}

// peaks are what the level has a peak of.
func (l *level) peaks(p *Peak) []probe {
	all := []probe{l.multiplyAdds(&p.F32), l.bandwidth(&p.Memory)}
	if l.bf16 {
		all = append(all, products(&p.BF16, l.tileBF16, 2))
	}
	switch l.codes {
	case 4:
		all = append(all, products(&p.Int8, l.tileInt8, 4))
	case 2:
		all = append(all, l.pairs(&p.Int8))
	}
	return all
}

// probe is work to be timed, and where its rate goes.
type probe struct {
	rate *float64
	work float64 // of one run
	run  func()
}

// multiplyAdds are those of float32 in registers, or in a tile where the level
// has no kernel for that.
func (l *level) multiplyAdds(rate *float64) probe {
	if l.peakF32 == nil {
		return products(rate, l.tileF32, 1)
	}
	const rounds = 1024
	return probe{rate, rounds * peakRound, func() { l.peakF32(rounds) }}.lasting()
}

// peakRound is the operations of a round of peakF32: 96 multiply-adds of eight
// numbers each.
const peakRound = 96 * 8 * 2

// products are those of a tile whose words hold per elements, in the first cache.
func products(rate *float64, kernel func(*tile), per int) probe {
	const steps = 192 // columns and rows that fit the first cache
	t := &tile{
		c: aligned(tileRows * panel), ldc: panel, steps: steps, rows: tileRows, cols: panel,
		a: aligned(steps * tileRows), lda: tileRows, b: aligned((steps + 8) * panel), ldb: panel,
	}
	for i := range t.a {
		t.a[i] = 1
	}
	return probe{rate, float64(2 * per * steps * tileRows * panel), func() { kernel(t) }}.lasting()
}

// pairs are products of pairs of 16 bits in registers.
func (l *level) pairs(rate *float64) probe {
	const rounds = 1 << 10 // of twelve registers of eight pairs
	return probe{rate, rounds * 12 * 8 * 2 * 2, func() { l.multiplyPairs(rounds) }}.lasting()
}

// bandwidth sums more than any cache holds.
func (l *level) bandwidth(rate *float64) probe {
	type owner struct{ _ [16]byte }
	o := new(owner)
	const size = 32 << 20 // words
	t := &tile{
		c: aligned(panel), ldc: panel, a: aligned(1), steps: size/panel - 8, rows: 1, cols: panel,
		b: allocate(o, size), ldb: panel,
	}
	for i := range t.b {
		t.b[i] = 1
	}
	return probe{rate, float64(4 * t.steps * panel), func() {
		l.tileF32(t)
		runtime.KeepAlive(o)
	}}
}

// lasting repeats a run until it takes some milliseconds, so that the clock's
// grain and interrupts drown.
func (p probe) lasting() probe {
	for calls := 1; ; calls *= 2 {
		run := func() {
			for range calls {
				p.run()
			}
		}
		if timed(run) >= 8*time.Millisecond {
			return probe{p.rate, p.work * float64(calls), run}
		}
	}
}

// timed is the processor time of f, which stays on one thread.
func timed(f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := processorTime()
	f()
	return processorTime() - begin
}

// measure finds the rates of some probes. They take turns, so that no neighbour
// meets all runs of one. Of each 24 rates it takes the fourth highest: those
// above may be the clock's mistakes, those below the neighbours' doing.
func measure(probes ...probe) {
	rates := make([][]float64, len(probes))
	for range 24 {
		for i, p := range probes {
			rates[i] = append(rates[i], p.work/timed(p.run).Seconds())
		}
	}
	for i, p := range probes {
		slices.Sort(rates[i])
		*p.rate = rates[i][20]
	}
}
