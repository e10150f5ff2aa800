package adapter

import (
	"math"

	"fettle/internal/compute"
)

// graphs keeps the graphs of an adapter that were used last: deriving one takes about a millisecond, and modules of one
// form have the same. One of them runs at a time, in the memory of all.
type graphs struct {
	dev    compute.Device
	memory []float32
	known  map[graphKey]*graph
	used   map[graphKey]int // when, on the clock
	clock  int
}

func newGraphs(dev compute.Device) *graphs {
	return &graphs{dev: dev, known: map[graphKey]*graph{}, used: map[graphKey]int{}}
}

// form identifies a module's graph, beside the number of rows. Modules of equal forms share graphs.
type form interface {
	// derive builds the graph for n rows of one sequence; below requests the gradient of the module's input too.
	derive(e engine, n int, below bool) (*graph, error)
}

type graphKey struct {
	form
	n     int
	below bool
}

// maxGraphs bounds the graphs kept: one takes 13 KiB for LoRA, 24 for zero-init attention.
const maxGraphs = 1024

// of returns the graph for n rows.
func (s *graphs) of(f form, n int, below bool) (*graph, error) {
	key := graphKey{f, n, below}
	s.clock++
	if g := s.known[key]; g != nil {
		s.used[key] = s.clock
		return g, nil
	}
	g, err := f.derive(engine{dev: s.dev}, n, below)
	if err != nil {
		return nil, err
	}
	if len(s.known) >= maxGraphs {
		s.forget()
	}
	s.known[key], s.used[key] = g, s.clock
	if g.floats > len(s.memory) {
		s.memory = make([]float32, g.floats)
		for _, other := range s.known {
			other.bind(s.memory)
		}
	}
	g.bind(s.memory)
	return g, nil
}

// forget drops the graph whose last use is longest ago.
func (s *graphs) forget() {
	oldest, when := graphKey{}, math.MaxInt
	for key, at := range s.used {
		if at < when {
			oldest, when = key, at
		}
	}
	delete(s.known, oldest)
	delete(s.used, oldest)
}

func invSqrt(n int) float64 { return 1 / math.Sqrt(float64(n)) }
