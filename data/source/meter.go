package source

import (
	"io"
	"os"
	"sync/atomic"
)

// Meter measures how much of a data set's files has been read. A nil Meter counts
// nothing.
type Meter struct {
	read  atomic.Int64
	total int64
}

// NewMeter returns a meter for files.
func NewMeter(files []File) *Meter {
	m := &Meter{}
	for _, f := range files {
		if info, err := os.Stat(f.Path); err == nil {
			m.total += info.Size()
		}
	}
	return m
}

// Share returns the share of the bytes read so far, 0 … 1.
func (m *Meter) Share() float64 {
	return min(1, float64(m.read.Load())/float64(max(m.total, 1)))
}

func (m *Meter) count(n int64) {
	if m != nil {
		m.read.Add(n)
	}
}

// watch counts the bytes read from in.
func (m *Meter) watch(in io.Reader) io.Reader {
	if m == nil {
		return in
	}
	return &watched{in, m}
}

type watched struct {
	io.Reader
	meter *Meter
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.meter.count(int64(n))
	return n, err
}
