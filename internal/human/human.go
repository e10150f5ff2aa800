// Package human formats numbers and text for people.
package human

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
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

// Plural writes a number and what it counts, which takes an s unless there is one: 1 step, 2,000 steps.
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return Count(n) + " " + what + "s"
}

// Duration writes a time in two units at most: 2 h 5 min, 3 min 20 s, 7 s.
func Duration(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d s", int(d.Seconds()))
}

// Ago writes how long before now something was, in one unit: now, 5 min ago, 3 h ago, 2 days ago; the day where that is
// more than 30 days, or in the future by a clock that went wrong.
func Ago(at, now time.Time) string {
	d := now.Sub(at)
	switch {
	case d < -time.Minute || d >= 30*24*time.Hour:
		return at.Format(time.DateOnly)
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// Plain writes a name without the characters by which it could control a terminal.
func Plain(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control) {
			return '?'
		}
		return r
	}, name)
}
