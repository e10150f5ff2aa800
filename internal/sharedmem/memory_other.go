//go:build !linux

package sharedmem

// Memory does not exist on this system.
type Memory struct{}

// Here returns nothing.
func Here() (machine, within string) { return "", "" }

// New returns ErrAbsent.
func New() (*Memory, error) { return nil, ErrAbsent }

// Open returns ErrAbsent.
func Open(Ticket) (*Memory, error) { return nil, ErrAbsent }

// Ticket returns nothing.
func (*Memory) Ticket() Ticket { return Ticket{} }

// Piece returns nil.
func (*Memory) Piece(string, int) (piece []byte, filled bool) { return nil, false }

// Seal returns ErrAbsent.
func (*Memory) Seal() error { return ErrAbsent }

// Read returns ErrAbsent.
func (*Memory) Read() error { return ErrAbsent }

// Reads returns false.
func (*Memory) Reads() bool { return false }

// Missed returns false.
func (*Memory) Missed() bool { return false }

// Close does nothing.
func (*Memory) Close() {}
