package cpu

import (
	"runtime"
	"slices"
	"time"
)

// Peak is what one core of this machine can do at most, measured: operations
// per second of processor time with data in registers and the first cache,
// bytes per second from memory. What the processor lacks is zero.
type Peak struct {
	F32    float64 // multiply-adds of float32, two operations each
	BF16   float64 // of bfloat16 pairs
	Int8   float64 // of bytes
	Memory float64 // bytes read in order, by one thread
}

// MeasurePeak takes about a third of a second on an idle core. Neighbours and
// clocks move all figures: compare what was measured close together.
func MeasurePeak() (Peak, error) {
	l, err := choose("")
	if err != nil {
		return Peak{}, err
	}
	p := Peak{F32: l.rate(l.tileF32, 1)}
	if l.bf16 {
		p.BF16 = l.rate(l.tileBF16, 2)
	}
	switch l.codes {
	case 4:
		p.Int8 = l.rate(l.tileInt8, 4)
	case 2:
		p.Int8 = l.pairRate()
	}
	p.Memory = l.bandwidth()
	return p, nil
}

// rate is the operations per second of a tile whose words hold per elements.
func (l *level) rate(kernel func(*tile), per int) float64 {
	const steps = 192 // columns and rows that fit the first cache
	t := &tile{
		c: aligned(tileRows * panel), ldc: panel, steps: steps, rows: tileRows, cols: panel,
		a: aligned(steps * tileRows), lda: tileRows, b: aligned((steps + 8) * panel), ldb: panel,
	}
	for i := range t.a {
		t.a[i] = 1
	}
	calls := 1
	run := func() time.Duration {
		begin := processorTime()
		for range calls {
			kernel(t)
		}
		return processorTime() - begin
	}
	for run() < 5*time.Millisecond {
		calls *= 2
	}
	work := float64(calls) * 2 * float64(per*steps*tileRows*panel)
	return best(func() float64 { return work / run().Seconds() })
}

// pairRate is the operations per second of products of pairs in registers.
func (l *level) pairRate() float64 {
	const turns = 1 << 20 // of twelve registers of eight pairs
	return best(func() float64 {
		begin := processorTime()
		l.multiplyPairs(turns)
		return turns * 12 * 8 * 2 * 2 / (processorTime() - begin).Seconds()
	})
}

// bandwidth is the bytes per second of a sum over more than any cache holds.
func (l *level) bandwidth() float64 {
	type owner struct{ _ [16]byte }
	o := new(owner)
	const size = 64 << 20 // words
	t := &tile{
		c: aligned(panel), ldc: panel, a: aligned(1), steps: size/panel - 8, rows: 1, cols: panel,
		b: allocate(o, size), ldb: panel,
	}
	for i := range t.b {
		t.b[i] = 1
	}
	rate := best(func() float64 {
		begin := processorTime()
		l.tileF32(t)
		return 4 * float64(t.steps*panel) / (processorTime() - begin).Seconds()
	})
	runtime.KeepAlive(o)
	return rate
}

// best is the upper quartile of some rates, taken on one thread: higher ones
// are the clock's mistakes, lower ones the neighbours' doing.
func best(rate func() float64) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var rates []float64
	for range 12 {
		rates = append(rates, rate())
	}
	slices.Sort(rates)
	return rates[8]
}
