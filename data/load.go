package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"runtime"
	"sync"
)

// Options say how files become examples.
type Options struct {
	Format   string // auto, alpaca or tokenized
	Cutoff   int    // 0: the recipe's
	OverLong string // truncate, drop or error
	TrainOn  string // recipe, assistant or all
}

// Set is a loaded data set and what there is to know about it.
type Set struct {
	Examples []Example
	Rows     int // read from the files
	Cut      int // longer than the cutoff, and shortened
	Dropped  int // longer than the cutoff, and left out
	Silent   int // among Examples, those without a learned token
	Tokens   int
	Learned  int
	Hash     string // SHA-256 over tokens and labels
}

// Load reads and encodes files.
func Load(tok Tokenizer, r Recipe, paths []string, o Options) (*Set, error) {
	if o.Cutoff == 0 {
		o.Cutoff = r.Cutoff
	}
	switch o.TrainOn {
	case "assistant":
		r.LearnPrompt = false
	case "all":
		r.LearnPrompt = true
	}
	s := &Set{}
	for _, path := range paths {
		if err := s.load(tok, r, path, o); err != nil {
			return nil, err
		}
	}
	return s, s.finish(paths)
}

// longest is beyond every cutoff: it tells how long a sequence would be.
const longest = 1 << 30

func (s *Set) load(tok Tokenizer, r Recipe, path string, o Options) error {
	format, err := detect(path, o.Format)
	if err != nil {
		return err
	}
	encode := func(row Row) (Example, int, error) {
		if format == "tokenized" {
			e, err := tokenizedRow(row)
			n := len(e.Tokens)
			if o.Cutoff > 0 && n > o.Cutoff {
				e.Tokens, e.Labels = e.Tokens[:o.Cutoff], e.Labels[:o.Cutoff]
			}
			return e, n, err
		}
		c, err := alpacaRow(row)
		if err != nil {
			return Example{}, 0, err
		}
		e, err := r.Encode(tok, c, o.Cutoff)
		n := len(e.Tokens)
		if err == nil && n == o.Cutoff {
			whole, _ := r.Encode(tok, c, longest)
			n = len(whole.Tokens)
		}
		return e, n, err
	}
	for e, err := range parallel(Rows(path), encode) {
		if err != nil {
			return err
		}
		s.Rows++
		if o.Cutoff > 0 && e.length > o.Cutoff {
			switch o.OverLong {
			case "drop":
				s.Dropped++
				continue
			case "error":
				return fmt.Errorf("read %s: %d tokens, more than max_seq_length %d", e.Source, e.length, o.Cutoff)
			}
			s.Cut++
		}
		s.Examples = append(s.Examples, e.Example)
	}
	return nil
}

// detect tells a file's format by its first record.
func detect(path, format string) (string, error) {
	if format != "" && format != "auto" {
		return format, nil
	}
	for row, err := range Rows(path) {
		if err != nil {
			return "", err
		}
		if _, ok := row.Fields["input_ids"]; ok {
			return "tokenized", nil
		}
		break
	}
	return "alpaca", nil
}

// encoded is an example and the length it would have uncut.
type encoded struct {
	Example
	length int
}

// parallel encodes rows on all processors and keeps their order.
func parallel(rows iter.Seq2[Row, error], encode func(Row) (Example, int, error)) iter.Seq2[encoded, error] {
	const chunk = 64
	type job struct {
		rows []Row
		out  []encoded
		err  error
		done sync.WaitGroup
	}
	return func(yield func(encoded, error) bool) {
		workers := runtime.GOMAXPROCS(0)
		jobs, ordered := make(chan *job), make(chan *job, 2*workers)
		stop := make(chan struct{})
		defer close(stop)
		for range workers {
			go func() {
				for j := range jobs {
					for _, row := range j.rows {
						e, n, err := encode(row)
						if err != nil {
							j.err = err
							break
						}
						j.out = append(j.out, encoded{e, n})
					}
					j.done.Done()
				}
			}()
		}
		go func() {
			defer close(ordered)
			defer close(jobs)
			j := &job{}
			send := func() bool {
				j.done.Add(1)
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
				j = &job{}
				return true
			}
			for row, err := range rows {
				if err != nil {
					if len(j.rows) > 0 && !send() {
						return
					}
					failed := &job{err: err}
					select {
					case ordered <- failed:
					case <-stop:
					}
					return
				}
				if j.rows = append(j.rows, row); len(j.rows) == chunk && !send() {
					return
				}
			}
			if len(j.rows) > 0 {
				send()
			}
		}()
		for j := range ordered {
			j.done.Wait()
			for _, e := range j.out {
				if !yield(e, nil) {
					return
				}
			}
			if j.err != nil {
				yield(encoded{}, j.err)
				return
			}
		}
	}
}

// finish counts, and refuses a set that teaches nothing.
func (s *Set) finish(paths []string) error {
	h := sha256.New()
	for _, e := range s.Examples {
		learned := e.Learned()
		s.Tokens += len(e.Tokens)
		s.Learned += learned
		if learned == 0 {
			s.Silent++
		}
		binary.Write(h, binary.LittleEndian, int64(len(e.Tokens)))
		binary.Write(h, binary.LittleEndian, e.Tokens)
		binary.Write(h, binary.LittleEndian, e.Labels)
	}
	s.Hash = hex.EncodeToString(h.Sum(nil))
	switch {
	case len(s.Examples) == 0 && s.Dropped > 0:
		return fmt.Errorf("read %v: all %d records are longer than max_seq_length", paths, s.Dropped)
	case len(s.Examples) == 0:
		return fmt.Errorf("read %v: %w", paths, ErrEmpty)
	case s.Learned == 0:
		return fmt.Errorf("read %v: no record has a learned token (all labels are masked); are the answers empty, or beyond max_seq_length?", paths)
	}
	return nil
}
