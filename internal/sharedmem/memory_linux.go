package sharedmem

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Memory is a file without a name, of pages alone. Those that are mapped stay so for as long as the program runs.
type Memory struct {
	mu     sync.Mutex
	file   int // −1: closed
	state  state
	token  [16]byte
	pieces map[string]span
	missed bool

	all     []byte   // what a reader has mapped
	regions [][]byte // what one who fills has
	rest    []byte   // of the last region
	end     int64    // of the file
	backed  int64    // up to where it has pages
}

// state says what may be done with a Memory.
type state int

const (
	filling state = iota
	waiting       // for another process to fill it
	reading
	closed
)

// span is where in the file a piece lies.
type span struct{ At, Size int64 }

// header begins the file: the token, and the span of the table of pieces once there is one.
const header = 16 + 2*8

const (
	hugePage = 2 << 20
	region   = 64 << 20 // bytes that are mapped at one time, at least
)

// New returns memory to fill.
func New() (*Memory, error) {
	const name = "fettle-base"
	var most unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &most); err == nil && most.Cur < 1<<60 {
		return nil, errors.New("make memory that processes share: ulimit -f bounds it")
	}
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("make memory that processes share: %w", err)
	}
	m := &Memory{file: fd, pieces: map[string]span{}}
	rand.Read(m.token[:])
	if _, err := unix.Pwrite(fd, append(m.token[:], make([]byte, header-len(m.token))...), 0); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("make memory that processes share: %w", err)
	}
	return m, nil
}

// Ticket returns what others open the memory by while it is being filled.
func (m *Memory) Ticket() Ticket { return Ticket{Process: os.Getpid(), File: m.file, Token: m.token} }

// Open opens the memory of another process, to read it once it is sealed.
func Open(t Ticket) (*Memory, error) {
	name := fmt.Sprintf("/proc/%d/fd/%d", t.Process, t.File)
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	m := &Memory{file: fd, state: waiting, token: t.Token}
	if _, err := m.header(); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return m, nil
}

// header checks whose memory it is, and returns where its table is.
func (m *Memory) header() (table span, err error) {
	var s unix.Stat_t
	if err := unix.Fstat(m.file, &s); err != nil {
		return table, err
	}
	raw := make([]byte, header)
	n, err := unix.Pread(m.file, raw, 0)
	switch {
	case err != nil:
		return table, err
	case n < header || [16]byte(raw) != m.token || int(s.Uid) != os.Geteuid():
		return table, errors.New("it is not the memory that was offered")
	}
	table.At, table.Size = int64(binary.LittleEndian.Uint64(raw[16:])), int64(binary.LittleEndian.Uint64(raw[24:]))
	if table.At < 0 || table.Size < 0 || table.At > s.Size || table.Size > s.Size-table.At {
		return table, errors.New("its table lies outside of it")
	}
	m.end = s.Size
	return table, nil
}

// Read maps what another process has filled and sealed.
func (m *Memory) Read() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	table, err := m.header()
	if err != nil {
		return fmt.Errorf("read shared memory: %w", err)
	}
	seals, err := unix.FcntlInt(uintptr(m.file), unix.F_GET_SEALS, 0)
	if err != nil || seals&unix.F_SEAL_SHRINK == 0 || table.Size == 0 {
		return errors.New("read shared memory: it has not been sealed")
	}
	if m.all, err = mapAligned(m.file, 0, int(m.end), unix.PROT_READ); err != nil {
		return fmt.Errorf("map shared memory: %w", err)
	}
	if err := json.Unmarshal(m.all[table.At:][:table.Size], &m.pieces); err != nil {
		return fmt.Errorf("read shared memory: %w", err)
	}
	m.state = reading
	return nil
}

// Piece returns the n bytes that have a name, once: to be filled, or, where another process has filled them, to read.
// It returns nil where there is no such piece, or none can be added.
func (m *Memory) Piece(name string, n int) (piece []byte, filled bool) {
	if m == nil {
		return nil, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at, there := m.pieces[name]
	switch {
	case m.state == reading && there && at.Size == int64(n) && at.At >= 0 && at.At <= m.end-at.Size:
		delete(m.pieces, name)
		return m.all[at.At:][:n:n], true
	case m.state == filling && !there:
		if at, piece = m.take(n); piece != nil {
			m.pieces[name] = at
			return piece, false
		}
		m.missed = true
	case m.state != closed:
		m.missed = true
	}
	return nil, false
}

// Reads reports whether pieces are another process's.
func (m *Memory) Reads() bool { return m != nil && m.state == reading }

// Missed reports whether a piece was asked for and not there.
func (m *Memory) Missed() bool { return m.missed }

// take adds n bytes, which lie on huge pages where the system has some.
func (m *Memory) take(n int) (span, []byte) {
	size := upTo(n, line)
	if len(m.rest) < size && m.grow(size) != nil {
		return span{}, nil
	}
	at := m.end - int64(len(m.rest))
	if m.back(at+int64(n)) != nil {
		return span{}, nil
	}
	piece := m.rest[:n:n]
	m.rest = m.rest[size:]
	return span{at, int64(n)}, piece
}

// grow maps another region, which has no pages yet.
func (m *Memory) grow(size int) error {
	first := m.end == 0
	if first {
		size += line // the header's
	}
	size = upTo(max(size, region), hugePage)
	if err := unix.Ftruncate(m.file, m.end+int64(size)); err != nil {
		return err
	}
	raw, err := mapAligned(m.file, m.end, size, unix.PROT_READ|unix.PROT_WRITE)
	if err != nil {
		return err
	}
	_ = unix.Madvise(raw, unix.MADV_HUGEPAGE) // advice that systems take which let such memory have huge pages
	m.regions, m.rest, m.backed, m.end = append(m.regions, raw), raw, m.end, m.end+int64(size)
	if first {
		m.rest = raw[line:]
	}
	return nil
}

// back takes the pages up to a place in the last region. Most systems let memory of files have no huge pages by itself;
// since Linux 6.1 MADV_COLLAPSE makes one of those that are there, and a single small one is enough. Memory that the
// system does not have is an error here, and no signal later.
func (m *Memory) back(to int64) error {
	raw := m.regions[len(m.regions)-1]
	from := m.backed
	to = (to + hugePage - 1) / hugePage * hugePage
	if to <= from {
		return nil
	}
	for at := from; at < to; at += hugePage {
		if err := unix.Fallocate(m.file, 0, at, int64(os.Getpagesize())); err != nil {
			return err
		}
	}
	first := m.end - int64(len(raw))
	_ = unix.Madvise(raw[from-first:to-first], unix.MADV_COLLAPSE) // else small pages do
	if err := unix.Fallocate(m.file, 0, from, to-from); err != nil {
		return err
	}
	m.backed = to
	return nil
}

// Seal ends the filling: nobody can write to the memory any more, this process included.
func (m *Memory) Seal() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state != filling {
		return nil
	}
	defer m.close()
	text, err := json.Marshal(m.pieces)
	if err != nil {
		return err
	}
	at, table := m.take(len(text))
	if table == nil {
		return errors.New("no memory for the table of what is shared")
	}
	copy(table, text)
	binary.LittleEndian.PutUint64(m.regions[0][16:], uint64(at.At))
	binary.LittleEndian.PutUint64(m.regions[0][24:], uint64(at.Size))
	for _, raw := range m.regions {
		if err := unix.Mprotect(raw, unix.PROT_READ); err != nil {
			return fmt.Errorf("seal shared memory: %w", err)
		}
	}
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	_, err = unix.FcntlInt(uintptr(m.file), unix.F_ADD_SEALS, seals|unix.F_SEAL_FUTURE_WRITE)
	if errors.Is(err, unix.EINVAL) { // before Linux 5.1
		_, err = unix.FcntlInt(uintptr(m.file), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		return fmt.Errorf("seal shared memory: %w", err)
	}
	return nil
}

// Close ends the handing out of pieces. Those that were handed out stay.
func (m *Memory) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.close()
}

func (m *Memory) close() {
	if m.file >= 0 {
		unix.Close(m.file)
	}
	m.file, m.state, m.pieces, m.rest = -1, closed, nil, nil
}

// mapAligned maps a part of a file from a huge page on.
func mapAligned(file int, at int64, size, access int) ([]byte, error) {
	if size <= 0 || int64(size) > 1<<46 {
		return nil, unix.EINVAL
	}
	room, err := unix.MmapPtr(-1, 0, nil, uintptr(size+hugePage), unix.PROT_NONE,
		unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	skip := -uintptr(room) % hugePage
	to, err := unix.MmapPtr(file, at, unsafe.Add(room, skip), uintptr(size), access, unix.MAP_SHARED|unix.MAP_FIXED)
	if err != nil {
		_ = unix.MunmapPtr(room, uintptr(size+hugePage))
		return nil, err
	}
	return unsafe.Slice((*byte)(to), size), nil
}

// Here names this machine since it was started, and on it the processes that can open each other's memory: those of one
// user that have the same numbers for processes, as containers have not.
func Here() (machine, within string) {
	boot := make([]byte, 36)
	fd, err := unix.Open("/proc/sys/kernel/random/boot_id", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", ""
	}
	defer unix.Close(fd)
	_, err = unix.Read(fd, boot)
	numbers, failed := os.Readlink("/proc/self/ns/pid")
	if errors.Join(err, failed) != nil {
		return "", ""
	}
	return string(boot), fmt.Sprintf("%s, user %d", numbers, os.Geteuid())
}
