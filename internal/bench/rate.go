package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"fettle/internal/machine"
)

// rate holds a benchmark's throughput.
type rate struct {
	Tokens      float64 `json:"tokens_per_second"`
	TokensCPU   float64 `json:"tokens_per_cpu_second"`
	Work        float64 `json:"work_per_cpu_second"` // operations or bytes
	Share       float64 `json:"fraction_of_peak"`
	Seconds     float64 `json:"seconds"`
	Processor   float64 `json:"cpu_seconds"`
	Mean        float64 `json:"mean_seconds,omitempty"`
	MeanCPU     float64 `json:"mean_cpu_seconds,omitempty"`
	Repetitions int     `json:"repetitions"`
}

// times are what a repetition took: medians, and means.
type times struct{ wall, processor, meanWall, meanProcessor time.Duration }

// clock runs f once to warm up and then repeatedly, and returns its times.
func clock(repetitions int, f func() error) (t times, err error) {
	var walls, busy []time.Duration
	for i := range repetitions + 1 {
		began, before := time.Now(), machine.CPUTime()
		if err := f(); err != nil {
			return times{}, err
		}
		if i > 0 {
			took, used := time.Since(began), machine.CPUTime()-before
			walls, busy = append(walls, took), append(busy, used)
			t.meanWall, t.meanProcessor = t.meanWall+took, t.meanProcessor+used
		}
	}
	slices.Sort(walls)
	slices.Sort(busy)
	n := time.Duration(repetitions)
	return times{
		max(walls[repetitions/2], 1), max(busy[repetitions/2], 1), max(t.meanWall/n, 1), max(t.meanProcessor/n, 1),
	}, nil
}

// rated computes the throughput from the medians of times, tokens and work; peak is in units of work per second.
func rated(t times, repetitions, tokens int, work, peak float64) rate {
	r := rate{
		Tokens: float64(tokens) / t.wall.Seconds(), TokensCPU: float64(tokens) / t.processor.Seconds(),
		Work: work / t.processor.Seconds(), Seconds: t.wall.Seconds(), Processor: t.processor.Seconds(),
		Mean: t.meanWall.Seconds(), MeanCPU: t.meanProcessor.Seconds(), Repetitions: repetitions,
	}
	if peak > 0 {
		r.Share = r.Work / peak
	}
	return r
}

// emit writes a report as JSON.
func emit(out io.Writer, report any) error {
	return json.NewEncoder(out).Encode(report)
}

func gib(bytes int64) string { return fmt.Sprintf("%.2f GiB", float64(bytes)/(1<<30)) }

// ratedSteps computes the medians over the steps; work returns the operations of a step's products.
func ratedSteps(steps []step, work func(step) float64, peak float64) rate {
	median := func(of func(step) float64) float64 {
		var all []float64
		for _, s := range steps {
			all = append(all, of(s))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	r := rate{
		Tokens:      median(func(s step) float64 { return float64(s.tokens()) / s.Seconds }),
		TokensCPU:   median(func(s step) float64 { return float64(s.tokens()) / s.Processor }),
		Work:        median(func(s step) float64 { return work(s) / s.Processor }),
		Seconds:     median(func(s step) float64 { return s.Seconds }),
		Processor:   median(func(s step) float64 { return s.Processor }),
		Repetitions: len(steps),
	}
	if peak > 0 {
		r.Share = r.Work / peak
	}
	return r
}
