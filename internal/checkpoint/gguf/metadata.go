package gguf

import "fmt"

// Metadata holds the keys of a file: bool, int64, uint64, float64, string, and lists []bool, []int64, []uint64,
// []float64 and []string of them. Numbers keep their kind, not their width, but for lists of bytes, which are []int8
// and []uint8: a file may consist of them.
type Metadata map[string]any

// Text returns the text of a key; false if it is missing or of another type.
func (m Metadata) Text(key string) (string, bool) { v, ok := m[key].(string); return v, ok }

// Texts returns the list of texts of a key; false if it is missing or of another type.
func (m Metadata) Texts(key string) ([]string, bool) { v, ok := m[key].([]string); return v, ok }

// Bool returns the truth value of a key; false if it is missing or of another type.
func (m Metadata) Bool(key string) (value, ok bool) { value, ok = m[key].(bool); return value, ok }

// Int returns the whole number of a key; false if it is missing, of another type or beyond an int.
func (m Metadata) Int(key string) (int, bool) {
	switch v := m[key].(type) {
	case uint64:
		return int(v), v < 1<<62
	case int64:
		return int(v), v > -1<<62 && v < 1<<62
	}
	return 0, false
}

// Float returns the number of a key, whole or not; false if it is missing or of another type.
func (m Metadata) Float(key string) (float64, bool) {
	switch v := m[key].(type) {
	case float64:
		return v, true
	case uint64:
		return float64(v), true
	case int64:
		return float64(v), true
	}
	return 0, false
}

// alignment returns general.alignment.
func (m Metadata) alignment() (uint64, error) {
	v, ok := m[alignKey]
	if !ok {
		return alignTo, nil
	}
	if n, ok := m.Int(alignKey); ok && n > 0 && aligns(uint64(n)) {
		return uint64(n), nil
	}
	if _, ok := m.Float(alignKey); !ok {
		return 0, fmt.Errorf("%s is no number, want a power of two", alignKey)
	}
	return 0, fmt.Errorf("%s is %v, want a power of two up to 2^20", alignKey, v)
}

// aligns reports whether n can be an alignment: a power of two, within reason.
func aligns(n uint64) bool { return n >= 1 && n <= 1<<20 && n&(n-1) == 0 }
