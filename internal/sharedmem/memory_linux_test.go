package sharedmem

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// asReader makes the test's program a process that reads the memory of the ticket in the variable.
const asReader = "FETTLE_SHARED_TICKET"

func TestMain(m *testing.M) {
	if text := os.Getenv(asReader); text != "" {
		if err := readOther(text); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// readOther opens the memory, waits for a line, reads all of it and says how much of it counts as this process's.
func readOther(text string) error {
	var t Ticket
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return err
	}
	m, err := Open(t)
	if err != nil {
		return err
	}
	fmt.Println("open")
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	if err := m.Read(); err != nil {
		return err
	}
	piece, filled := m.Piece("large", large)
	if !filled || !holds(piece) {
		return fmt.Errorf("the piece is not there, or holds something else")
	}
	fmt.Println(proportional(&m.all[0]))
	_, err = in.ReadString('\n')
	return err
}

const large = 48<<20 + 1000

func fill(piece []byte) {
	for i := range piece {
		piece[i] = byte(i>>9 + i)
	}
}

func holds(piece []byte) bool {
	for i, b := range piece {
		if b != byte(i>>9+i) {
			return false
		}
	}
	return true
}

// proportional returns the KiB of the mapping that a byte lies in which count as this process's: pages that two
// processes have count half.
func proportional(at *byte) (kib int) {
	text, _ := os.ReadFile("/proc/self/smaps")
	in, address := false, uint64(0)
	fmt.Sscanf(fmt.Sprintf("%p", at), "0x%x", &address)
	for line := range strings.Lines(string(text)) {
		var from, to uint64
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			in = from <= address && address < to
		}
		if in && strings.HasPrefix(line, "Pss:") {
			fmt.Sscanf(line, "Pss: %d kB", &kib)
			return kib
		}
	}
	return -1
}

func TestPagesOfTwoProcessesCountOnce(t *testing.T) {
	m, err := New()
	require.NoError(t, err)
	ticket, err := json.Marshal(m.Ticket())
	require.NoError(t, err)
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), asReader+"="+string(ticket))
	in, err := other.StdinPipe()
	require.NoError(t, err)
	out, err := other.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	require.Equal(t, "open", lines.Text())

	small, filled := m.Piece("small", 100)
	require.False(t, filled)
	fill(small)
	piece, _ := m.Piece("large", large)
	fill(piece)
	require.NoError(t, m.Seal())
	fmt.Fprintln(in, "read")
	require.True(t, lines.Scan())
	theirs := -1
	_, err = fmt.Sscan(lines.Text(), &theirs)
	require.NoError(t, err, lines.Text())
	mine := proportional(&piece[0])
	const want = large / 2 >> 10
	require.InDelta(t, want, mine, 2048, "half of it, up to a huge page")
	require.InDelta(t, want, theirs, 2048)
	fmt.Fprintln(in, "end")
	require.NoError(t, other.Wait())
	require.True(t, holds(piece), "pages stay when others end")
}

// both returns memory that is filled with a piece, and what reads it.
func both(t *testing.T) (from, to *Memory, piece []byte) {
	from, err := New()
	require.NoError(t, err)
	to, err = Open(from.Ticket())
	require.NoError(t, err)
	require.ErrorContains(t, to.Read(), "not been sealed")
	none, _ := to.Piece("a", 5000)
	require.Nil(t, none)
	other, _ := from.Piece("b", 5000)
	copy(other, "something else")
	piece, filled := from.Piece("a", 5000)
	require.False(t, filled)
	fill(piece)
	return from, to, piece
}

func TestWhatIsSealedStays(t *testing.T) {
	from, to, piece := both(t)
	again, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", from.file), unix.O_RDWR, 0)
	require.NoError(t, err)
	defer unix.Close(again)
	require.NoError(t, from.Seal())
	require.NoError(t, to.Read())
	for name, n := range map[string]int{"a": 4999, "none": 5000} {
		none, _ := to.Piece(name, n)
		require.Nil(t, none, name)
	}
	read, filled := to.Piece("a", 5000)
	require.True(t, filled)
	require.True(t, holds(read))

	_, err = unix.Pwrite(again, []byte("other"), 0)
	require.ErrorIs(t, err, unix.EPERM)
	require.ErrorIs(t, unix.Ftruncate(again, 0), unix.EPERM)
	_, err = unix.Mmap(again, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	require.ErrorIs(t, err, unix.EPERM)
	require.ErrorIs(t, unix.Mprotect(to.all, unix.PROT_READ|unix.PROT_WRITE), unix.EACCES, "opened to read alone")
	for name, at := range map[string]*byte{"of the one that filled it": &piece[0], "of a reader": &read[0]} {
		require.Equal(t, "r--s", access(at), name)
	}

	late, _ := from.Piece("c", 100)
	require.Nil(t, late, "nothing is added any more")
	from.Close()
	to.Close()
	none, _ := to.Piece("a", 5000)
	require.Nil(t, none)
	require.True(t, holds(read) && holds(piece), "pages stay when files are closed")
}

// access returns how the mapping may be used that a byte lies in.
func access(at *byte) string {
	text, _ := os.ReadFile("/proc/self/maps")
	address := uint64(0)
	fmt.Sscanf(fmt.Sprintf("%p", at), "0x%x", &address)
	for line := range strings.Lines(string(text)) {
		var from, to uint64
		var how string
		if fmt.Sscanf(line, "%x-%x %s", &from, &to, &how); from <= address && address < to {
			return how
		}
	}
	return ""
}

func TestPiecesAreApartAndFoundByNameAndSize(t *testing.T) {
	from, err := New()
	require.NoError(t, err)
	to, err := Open(from.Ticket())
	require.NoError(t, err)
	sizes := []int{1, 63, 64, 65, 5000, hugePage - line, hugePage, region - line, 3 << 20, region + 1, 7}
	for i, n := range sizes {
		piece, filled := from.Piece(fmt.Sprint(i), n)
		require.False(t, filled)
		require.Len(t, piece, n)
		require.Equal(t, n, cap(piece))
		require.True(t, bytes.Equal(piece, make([]byte, n)))
		copy(piece, bytes.Repeat([]byte{byte(i + 1)}, n))
	}
	twice, _ := from.Piece("0", 1)
	require.Nil(t, twice)
	require.NoError(t, from.Seal())
	require.NoError(t, to.Read())
	for i, n := range sizes {
		piece, filled := to.Piece(fmt.Sprint(i), n)
		require.True(t, filled)
		require.True(t, bytes.Equal(piece, bytes.Repeat([]byte{byte(i + 1)}, n)))
	}
	require.False(t, to.Missed())
	piece, _ := to.Piece("0", 1)
	require.Nil(t, piece, "each is handed out once: who asks again means to write")
	require.True(t, to.Missed())
}

func TestOtherMemoryIsRefused(t *testing.T) {
	m, err := New()
	require.NoError(t, err)
	ticket := m.Ticket()
	for why, change := range map[string]func(*Ticket){
		"is not the memory":      func(t *Ticket) { t.Token[3]++ },
		"no such file":           func(t *Ticket) { t.File = 1 << 20 },
		"no such file or dir":    func(t *Ticket) { t.Process = 1 << 30 },
		"not the memory that wa": func(t *Ticket) { *t = Ticket{Process: t.Process, File: devNull(), Token: t.Token} },
	} {
		other := ticket
		change(&other)
		_, err := Open(other)
		require.ErrorContains(t, err, why)
	}
	m.Close()
	_, err = Open(ticket)
	require.Error(t, err, "it was closed")
	machine, within := Here()
	require.Len(t, machine, 36)
	require.Contains(t, within, "pid:[")
}

func devNull() int {
	fd, _ := unix.Open("/dev/null", unix.O_RDWR, 0)
	return fd
}
