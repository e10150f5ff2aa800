package data

import (
	"io"
	"os"
	"sync/atomic"
)

// meter tells how much of the files has been read. None at all is a meter too.
type meter struct {
	read  atomic.Int64
	total int64
}

// newMeter knows how many bytes there are.
func newMeter(files []File) *meter {
	m := &meter{}
	for _, f := range files {
		if info, err := os.Stat(f.Path); err == nil {
			m.total += info.Size()
		}
	}
	return m
}

// share is how much is read, 0 … 1.
func (m *meter) share() float64 {
	return min(1, float64(m.read.Load())/float64(max(m.total, 1)))
}

func (m *meter) count(n int64) {
	if m != nil {
		m.read.Add(n)
	}
}

// watch counts what is read from in.
func (m *meter) watch(in io.Reader) io.Reader {
	if m == nil {
		return in
	}
	return &watched{in, m}
}

type watched struct {
	io.Reader
	meter *meter
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.meter.count(int64(n))
	return n, err
}
