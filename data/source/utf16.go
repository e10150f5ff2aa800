package source

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// utf16Reader decodes UTF-16 into UTF-8. Halves of characters become U+FFFD.
type utf16Reader struct {
	in    *bufio.Reader
	order binary.ByteOrder
	rest  []byte
	err   error
}

// Read decodes into p.
func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.rest) == 0 {
		unit, err := u.unit()
		if err != nil {
			return 0, err
		}
		r := rune(unit)
		if utf16.IsSurrogate(r) {
			r = utf8.RuneError
			if next, err := u.in.Peek(2); err == nil {
				if pair := utf16.DecodeRune(rune(unit), rune(u.order.Uint16(next))); pair != utf8.RuneError {
					r = pair
					u.in.Discard(2)
				}
			}
		}
		u.rest = utf8.AppendRune(u.rest[:0], r)
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

// unit reads 16 bits. Its error stays.
func (u *utf16Reader) unit() (uint16, error) {
	var b [2]byte
	if u.err == nil {
		_, u.err = io.ReadFull(u.in, b[:])
	}
	if u.err == io.ErrUnexpectedEOF {
		u.err = errors.New("the file is UTF-16 and ends in the middle of a character")
	}
	return u.order.Uint16(b[:]), u.err
}
