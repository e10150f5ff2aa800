//go:build mpi && linux

package mpi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// World is the ranks of a run.
type World struct {
	*comm
	names []string
	beat  *heart

	in, out buffer

	once sync.Once
	lost chan struct{} // closed when a rank is gone
	why  error
	done chan func() // calls for the thread that MPI was started on
}

// patienceOfStart is how much longer than for one that is silent ranks wait for one that has not come yet.
const patienceOfStart = 15 * time.Second

// Join starts MPI and waits for all processes that the launcher has started; if they do not come, its error is ErrLate.
// A library that does not see them is refused.
func Join(o Options) (*World, error) {
	l, err := open(candidates(o, ancestors()))
	if err != nil {
		return nil, err
	}
	w := &World{lost: make(chan struct{}), done: make(chan func())}
	w.in.l, w.out.l = l, l
	started := make(chan error, 1)
	go func() { // one thread for Init and Finalize
		runtime.LockOSThread()
		var err error
		w.comm, err = l.start()
		started <- err
		for call := range w.done {
			call()
		}
	}()
	select {
	case err = <-started:
	case <-time.After(o.Deadline + patienceOfStart): // a rank that never comes leaves the others in Init
		err = fmt.Errorf("%w within %v: one has ended before it came, as its own message may tell, was stopped, or cannot "+
			"be reached. A longer --ranks_timeout waits longer", ErrLate, o.Deadline+patienceOfStart)
	}
	if err != nil {
		return nil, err
	}
	if err := foreign(o.Getenv, w.size, fmt.Sprintf("%.60q (%s)", l.version, l.path)); err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	w.names = make([]string, w.size)
	names, err := w.Gather(fmt.Appendf(nil, "%s, process %d", host, os.Getpid()))
	if err != nil {
		return nil, err
	}
	for r, name := range names {
		w.names[r] = fmt.Sprintf("rank %d (%s)", r, name)
	}
	apart, err := w.dup()
	if err != nil {
		return nil, err
	}
	w.beat, err = watch(apart, o.Deadline, w.names, func(why error) {
		w.lose(why)
		o.Say(why.Error())
	})
	return w, err
}

// lose ends the run for this process: a rank is gone.
func (w *World) lose(why error) {
	w.once.Do(func() {
		w.why = why
		close(w.lost)
	})
}

// Lost is closed when a rank is gone.
func (w *World) Lost() <-chan struct{} { return w.lost }

// over returns why the run is over.
func (w *World) over() error {
	select {
	case <-w.lost:
		return w.why
	default:
		return nil
	}
}

// Version returns what the library says of itself.
func (w *World) Version() string { return w.version }

// Path returns the library's path, or the name by which the system found it.
func (w *World) Path() string { return w.path }

// Library names the library: Open MPI v4.1.4, MPICH Version: 4.0.2.
func (w *World) Library() string {
	words := strings.Fields(w.version)
	return strings.TrimRight(strings.Join(words[:min(3, len(words))], " "), ",")
}

// Rank returns the number of this process, and how many there are.
func (w *World) Rank() (rank, size int) { return w.rank, w.size }

// Name names a rank, its host and process.
func (w *World) Name(rank int) string { return w.names[rank] }

// finish waits for an operation among ranks that have just met.
func (w *World) finish(r *request, err error) error { return w.await(hot, r, err) }

// await waits for an operation, which was begun without an error.
func (w *World) await(spin time.Duration, r *request, err error) error {
	if err == nil {
		err = w.over()
	}
	if err == nil {
		err = r.wait(spin, w.over)
	}
	return err
}

// Gather returns what every rank gives, by rank.
func (w *World) Gather(mine []byte) ([][]byte, error) {
	const word = 8
	from, err := w.out.bytes(max(len(mine), word))
	if err != nil {
		return nil, err
	}
	to, err := w.in.bytes(word * w.size)
	if err != nil {
		return nil, err
	}
	binary.LittleEndian.PutUint64(from, uint64(len(mine)))
	lengths, err := w.allgather(from, to, word)
	if err := w.await(0, lengths, err); err != nil { // others may compute still, maybe on this machine
		return nil, err
	}
	counts, sum := make([]int, w.size), 0
	for r := range counts {
		counts[r] = int(binary.LittleEndian.Uint64(to[word*r:]))
		sum += counts[r]
	}
	if sum > 1<<30 {
		return nil, fmt.Errorf("ranks give %d bytes at one time", sum)
	}
	if to, err = w.in.bytes(max(sum, 1)); err != nil {
		return nil, err
	}
	v := volumesOf(counts)
	if err := w.finish(allgatherv(w.comm, from[:copy(from, mine)], to, v)); err != nil {
		return nil, err
	}
	all := make([][]byte, w.size)
	for r, at := range v.places {
		all[r] = append([]byte{}, to[at:int(at)+counts[r]]...)
	}
	return all, nil
}

// Reduce adds up everyone's x by the library's own operation, whose order of sums depends on the ranks.
func (w *World) Reduce(x []float32) error {
	buffer, err := w.out.floats(len(x))
	if err != nil {
		return err
	}
	copy(buffer, x)
	if err := w.finish(w.allreduce(buffer)); err != nil {
		return err
	}
	copy(x, buffer)
	return nil
}

const (
	lastMeetings = 5 // before the end of MPI, with a pause after each
	endPause     = 100 * time.Millisecond
	endPatience  = 20 * time.Second // that MPI has to end
)

// Close ends MPI, when all ranks call it, and returns what each says last. They meet some times more before: over TCP,
// Finalize of MPICH 4.0 hangs where connections are still being made, which goes on in meetings. Should it hang all the
// same, the process ends without.
func (w *World) Close(mine []byte) (last [][]byte, err error) {
	if err := w.over(); err != nil {
		return nil, err
	}
	if err := w.beat.stop(); err != nil {
		return nil, err
	}
	for range lastMeetings {
		if last, err = w.Gather(mine); err != nil {
			return nil, err
		}
		if w.size > 1 {
			time.Sleep(endPause)
		}
	}
	err = errors.Join(w.in.free(), w.out.free())
	ended := make(chan error, 1)
	w.done <- func() {
		err := w.call("MPI_Finalize")
		w.atExit()
		ended <- err
	}
	select {
	case failed := <-ended:
		return last, errors.Join(err, failed)
	case <-time.After(endPatience):
		return last, err
	}
}

// Abort has the launcher end all ranks with an exit code, and does not return.
func (w *World) Abort(code int) {
	time.AfterFunc(5*time.Second, func() { os.Exit(code) }) // the launcher may be out of reach
	w.callNow("MPI_Abort", w.handle, uintptr(code))
	os.Exit(code)
}
