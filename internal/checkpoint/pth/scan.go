package pth

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
)

// number pushes a number.
func (m *machine) number(op byte) error {
	switch op {
	case 'I', 'L', 'F':
		line, err := m.line()
		if err != nil {
			return err
		}
		return m.pushText(op, string(line))
	case 0x8a:
		n, err := m.byte()
		if err != nil {
			return err
		}
		raw, err := m.take(uint64(n))
		if err != nil {
			return err
		}
		if len(raw) > 8 {
			m.push(long(raw))
			return nil
		}
		m.push(signed(raw))
		return nil
	}
	size := map[byte]uint64{'J': 4, 'K': 1, 'M': 2, 'G': 8}[op]
	raw, err := m.take(size)
	if err != nil {
		return err
	}
	switch op {
	case 'J':
		m.push(signed(raw))
	case 'G':
		m.push(math.Float64frombits(binary.BigEndian.Uint64(raw)))
	default:
		m.push(int64(unsigned(raw)))
	}
	return nil
}

// pushText pushes a number that is written in decimals.
func (m *machine) pushText(op byte, text string) error {
	if op == 'F' {
		x, err := strconv.ParseFloat(text, 64)
		m.push(x)
		return err
	}
	if op == 'I' && (text == "00" || text == "01") {
		m.push(text == "01")
		return nil
	}
	if n := len(text); op == 'L' && n > 0 && text[n-1] == 'L' {
		text = text[:n-1]
	}
	x, err := strconv.ParseInt(text, 10, 64)
	m.push(x)
	return err
}

// text pushes a text or bytes, which count as text.
func (m *machine) text(op byte) error {
	if op == 'V' {
		line, err := m.line()
		m.push(string(line))
		return err
	}
	size := map[byte]uint64{'X': 4, 0x8c: 1, 0x8d: 8, 'T': 4, 'U': 1, 'B': 4, 'C': 1}[op]
	raw, err := m.take(size)
	if err != nil {
		return err
	}
	if raw, err = m.take(unsigned(raw)); err != nil {
		return err
	}
	m.push(string(raw))
	return nil
}

func (m *machine) byte() (byte, error) {
	raw, err := m.take(1)
	if err != nil {
		return 0, err
	}
	return raw[0], nil
}

// take returns the next n bytes.
func (m *machine) take(n uint64) ([]byte, error) {
	if n > uint64(len(m.data)-m.at) {
		return nil, errTruncated
	}
	raw := m.data[m.at : m.at+int(n)]
	m.at += int(n)
	return raw, nil
}

// line returns the bytes up to the next newline, which it passes.
func (m *machine) line() ([]byte, error) {
	n := bytes.IndexByte(m.data[m.at:], '\n')
	if n < 0 {
		return nil, errTruncated
	}
	raw := m.data[m.at : m.at+n]
	m.at += n + 1
	return raw, nil
}

// unsigned reads up to 8 little-endian bytes.
func unsigned(raw []byte) uint64 {
	var x uint64
	for i, b := range raw {
		x |= uint64(b) << (8 * i)
	}
	return x
}

// signed reads up to 8 little-endian bytes in two's complement.
func signed(raw []byte) int64 {
	if len(raw) == 0 {
		return 0
	}
	shift := 64 - 8*len(raw)
	return int64(unsigned(raw)<<shift) >> shift
}
