// Package human formats numbers and text for people.
package human

import (
	"fmt"
	"strconv"
)

// Count writes a whole number with commas between thousands: 30,720.
func Count(n int) string {
	text := strconv.Itoa(n)
	first := 1 // digits and sign before which no comma stands
	if n < 0 {
		first = 2
	}
	for i := len(text) - 3; i >= first; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Bytes writes a size in KiB, MiB or GiB.
func Bytes(n int64) string {
	switch v := float64(n); {
	case n >= 10<<30:
		return fmt.Sprintf("%.1f GiB", v/(1<<30))
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", v/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.0f MiB", v/(1<<20))
	}
	return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
}
