package data

import (
	"iter"
	"runtime"
	"sync"

	"fettle/data/source"
)

// batchSize is the number of records that a worker takes at a time.
const batchSize = 64

// job is a batch of records and its results.
type job struct {
	records []source.Record
	out     []outcome
	err     error // that ended the reading behind these records
	done    chan struct{}
}

// parallel works on records on all processors and yields the outcomes in the order of
// the records. Few batches are in progress at a time, so memory does not grow with
// the file.
func parallel(records iter.Seq2[source.Record, error], work func(source.Record) outcome) iter.Seq2[outcome, error] {
	return func(yield func(outcome, error) bool) {
		workers := runtime.GOMAXPROCS(0)
		jobs, ordered := make(chan *job), make(chan *job, 2*workers)
		stop := make(chan struct{})
		var all sync.WaitGroup
		defer all.Wait()
		defer close(stop)
		for range workers {
			all.Go(func() {
				for j := range jobs {
					for _, r := range j.records {
						j.out = append(j.out, work(r))
					}
					close(j.done)
				}
			})
		}
		all.Go(func() {
			defer close(ordered)
			defer close(jobs)
			feed(records, jobs, ordered, stop)
		})
		for j := range ordered {
			<-j.done
			for _, o := range j.out {
				if !yield(o, nil) {
					return
				}
			}
			if j.err != nil {
				yield(outcome{}, j.err)
				return
			}
		}
	}
}

// feed sends batches to the workers and, in order, to the collector.
func feed(records iter.Seq2[source.Record, error], jobs, ordered chan<- *job, stop <-chan struct{}) {
	send := func(j *job) bool {
		select {
		case ordered <- j:
		case <-stop:
			return false
		}
		select {
		case jobs <- j:
			return true
		case <-stop:
			return false
		}
	}
	j := &job{done: make(chan struct{})}
	for r, err := range records {
		if err != nil {
			j.err = err
			break
		}
		if j.records = append(j.records, r); len(j.records) == batchSize {
			if !send(j) {
				return
			}
			j = &job{done: make(chan struct{})}
		}
	}
	if len(j.records) > 0 || j.err != nil {
		send(j)
	}
}
