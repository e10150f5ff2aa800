//go:build mpi && linux

package mpi

import (
	"runtime"
	"time"
	"unsafe"
)

// comm is a communicator: the ranks, and messages among them that no other communicator sees.
type comm struct {
	*library
	handle     uintptr
	rank, size int
}

// start starts MPI and returns the communicator of all ranks. It must be called on a locked thread.
func (l *library) start() (*comm, error) {
	level, ours := new(int32), readHandlers()
	defer ours.restore()
	if err := l.call("MPI_Init_thread", 0, 0, l.serialized, uintptr(unsafe.Pointer(level))); err != nil {
		return nil, err
	}
	return l.comm(l.world)
}

// comm makes operations return their errors; by default they end the process.
func (l *library) comm(handle uintptr) (*comm, error) {
	if err := l.call("MPI_Comm_set_errhandler", handle, l.errorsReturn); err != nil {
		return nil, err
	}
	rank, size := new(int32), new(int32)
	if err := l.call("MPI_Comm_rank", handle, uintptr(unsafe.Pointer(rank))); err != nil {
		return nil, err
	}
	err := l.call("MPI_Comm_size", handle, uintptr(unsafe.Pointer(size)))
	return &comm{l, handle, int(*rank), int(*size)}, err
}

// dup returns a communicator of the same ranks.
func (c *comm) dup() (*comm, error) {
	handle := new(uintptr)
	if err := c.call("MPI_Comm_dup", c.handle, uintptr(unsafe.Pointer(handle))); err != nil {
		return nil, err
	}
	return c.library.comm(*handle)
}

// buffer is memory outside of Go's heap, whose pages Go neither moves nor gives back to the system: a network card may
// have been told where they are.
type buffer struct {
	l    *library
	data []byte
}

// bytes returns n bytes of the buffer, which grows to hold them. Their values are lost when it grows.
func (b *buffer) bytes(n int) ([]byte, error) {
	if n <= cap(b.data) {
		return b.data[:n], nil
	}
	if err := b.free(); err != nil {
		return nil, err
	}
	at := new(unsafe.Pointer)
	if err := b.l.call("MPI_Alloc_mem", uintptr(n), b.l.infoNull, uintptr(unsafe.Pointer(at))); err != nil {
		return nil, err
	}
	b.data = unsafe.Slice((*byte)(*at), n)
	return b.data, nil
}

// floats is bytes for numbers.
func (b *buffer) floats(n int) ([]float32, error) {
	data, err := b.bytes(4 * max(n, 1))
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(data))), n), nil
}

// free gives the memory back.
func (b *buffer) free() error {
	if cap(b.data) == 0 {
		return nil
	}
	at := unsafe.SliceData(b.data)
	b.data = nil
	return b.l.call("MPI_Free_mem", uintptr(unsafe.Pointer(at)))
}

// request is an operation under way. Its memory is not Go's, or pinned.
type request struct {
	c      *comm
	name   string
	handle *uintptr
	pins   runtime.Pinner
}

// begin begins an operation whose last argument is the request. pinned is Go's memory that it reads or writes until it
// is done.
//
//go:uintptrescapes
func (c *comm) begin(pinned []*int32, name string, args ...uintptr) (*request, error) {
	r := &request{c: c, name: name, handle: new(uintptr)}
	r.pins.Pin(r.handle)
	for _, p := range pinned {
		r.pins.Pin(p)
	}
	if err := c.call(name, append(args, uintptr(unsafe.Pointer(r.handle)))...); err != nil {
		r.pins.Unpin()
		return nil, err
	}
	return r, nil
}

// test reports whether the operation is done. Nothing else makes the library go on with it.
func (r *request) test() (bool, error) {
	done := new(int32)
	err := r.c.call("MPI_Test", uintptr(unsafe.Pointer(r.handle)), uintptr(unsafe.Pointer(done)), r.c.statusIgnore)
	if *done != 0 || err != nil {
		r.pins.Unpin()
	}
	return *done != 0, err
}

// hot is how long a wait among ranks that have just met spins; then it dozes.
const hot = 200 * time.Millisecond

// wait tests until the operation is done, or over returns an error. It spins for a time, and dozes then.
func (r *request) wait(spin time.Duration, over func() error) error {
	for began := time.Now(); ; {
		if done, err := r.test(); done || err != nil {
			return err
		}
		if err := over(); err != nil {
			return err
		}
		if time.Since(began) > spin {
			time.Sleep(200 * time.Microsecond)
		} else {
			runtime.Gosched()
		}
	}
}

// volumes are counts and places in a buffer, by rank.
type volumes struct{ counts, places []int32 }

// volumesOf lays counts out one behind the other.
func volumesOf(counts []int) volumes {
	var v volumes
	at := 0
	for _, n := range counts {
		v.counts, v.places = append(v.counts, int32(n)), append(v.places, int32(at))
		at += n
	}
	return v
}

// pinned lists what the library reads until the operation is done.
func (v volumes) pinned() []*int32 { return []*int32{&v.counts[0], &v.places[0]} }

// allgather gives all ranks everyone's n bytes.
func (c *comm) allgather(from, to []byte, n int) (*request, error) {
	return c.begin(nil, "MPI_Iallgather", uintptr(unsafe.Pointer(unsafe.SliceData(from))), uintptr(n), c.byte,
		uintptr(unsafe.Pointer(unsafe.SliceData(to))), uintptr(n), c.byte, c.handle)
}

// allgatherv gives all ranks everyone's elements, as many as the volumes say.
func allgatherv[T byte | float32](c *comm, from []T, to []T, v volumes) (*request, error) {
	kind := c.byte
	if unsafe.Sizeof(*new(T)) == 4 {
		kind = c.float32
	}
	return c.begin(v.pinned(), "MPI_Iallgatherv",
		uintptr(unsafe.Pointer(unsafe.SliceData(from))), uintptr(len(from)), kind,
		uintptr(unsafe.Pointer(unsafe.SliceData(to))), uintptr(unsafe.Pointer(&v.counts[0])),
		uintptr(unsafe.Pointer(&v.places[0])), kind, c.handle)
}

// alltoallv gives every rank its own elements of from, and to holds everyone's for this one.
func (c *comm) alltoallv(from []float32, sent volumes, to []float32, got volumes) (*request, error) {
	return c.begin(append(sent.pinned(), got.pinned()...), "MPI_Ialltoallv",
		uintptr(unsafe.Pointer(unsafe.SliceData(from))), uintptr(unsafe.Pointer(&sent.counts[0])),
		uintptr(unsafe.Pointer(&sent.places[0])), c.float32,
		uintptr(unsafe.Pointer(unsafe.SliceData(to))), uintptr(unsafe.Pointer(&got.counts[0])),
		uintptr(unsafe.Pointer(&got.places[0])), c.float32, c.handle)
}

// allreduce adds up everyone's x, in an order of the library's choice.
func (c *comm) allreduce(x []float32) (*request, error) {
	return c.begin(nil, "MPI_Iallreduce", c.inPlace, uintptr(unsafe.Pointer(unsafe.SliceData(x))), uintptr(len(x)),
		c.float32, c.sum, c.handle)
}

// send begins to send a byte to a rank.
func (c *comm) send(x []byte, to int) (*request, error) {
	return c.begin(nil, "MPI_Isend", uintptr(unsafe.Pointer(unsafe.SliceData(x))), uintptr(len(x)), c.byte, uintptr(to), 0,
		c.handle)
}

// receive begins to receive a byte from a rank.
func (c *comm) receive(x []byte, from int) (*request, error) {
	return c.begin(nil, "MPI_Irecv", uintptr(unsafe.Pointer(unsafe.SliceData(x))), uintptr(len(x)), c.byte, uintptr(from),
		0, c.handle)
}
