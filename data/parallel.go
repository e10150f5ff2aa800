package data

import (
	"iter"
	"runtime"
	"sync"

	"fettle/data/source"
)

// A worker takes batches of so many records at a time, or of so many bytes.
const (
	batchSize  = 64
	batchBytes = 1 << 20
)

// job is a batch of records and its results.
type job struct {
	records []source.Record
	size    int // bytes of the records
	out     []outcome
	err     error // that ended the reading behind these records
	done    chan struct{}
}

// parallel works on records on all processors and yields the outcomes in the order of
// the records. Few batches are in progress at a time, and a large one alone, so memory
// does not grow with the file.
func parallel(records iter.Seq2[source.Record, error], work func(source.Record) outcome) iter.Seq2[outcome, error] {
	return func(yield func(outcome, error) bool) {
		workers := runtime.GOMAXPROCS(0)
		jobs, ordered := make(chan *job), make(chan *job, 2*workers)
		stop := make(chan struct{})
		var all sync.WaitGroup
		var alone sync.RWMutex
		defer all.Wait()
		defer close(stop)
		for range workers {
			all.Go(func() {
				for j := range jobs {
					j.work(work, &alone)
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

// work does a job: one of large records while no other is done, as a record of JSON takes many times its size.
func (j *job) work(work func(source.Record) outcome, alone *sync.RWMutex) {
	if j.size > 2*batchBytes {
		alone.Lock()
		defer alone.Unlock()
	} else {
		alone.RLock()
		defer alone.RUnlock()
	}
	for i, r := range j.records {
		j.out = append(j.out, work(r))
		j.records[i] = source.Record{}
	}
	close(j.done)
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
		case <-stop:
			return false
		}
		if j.size <= 2*batchBytes {
			return true
		}
		select { // read no further meanwhile
		case <-j.done:
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
		j.records, j.size = append(j.records, r), j.size+r.Size()
		if len(j.records) == batchSize || j.size >= batchBytes {
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
