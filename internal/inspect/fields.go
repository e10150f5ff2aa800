package inspect

import (
	"fmt"
	"strings"

	"fettle/data"
	"fettle/internal/human"
)

// fieldLines lists the fields that were read and those that were not, with the numbers of rows, and the rows that were
// left out for their label.
func fieldLines(s *data.Set) string {
	var read, unread []string
	for _, f := range s.Fields {
		name := visible(f.Name)
		if f.Read > 0 {
			read = append(read, fmt.Sprintf("%s (%s)", name, human.Count(f.Read)))
		}
		if n := f.Unread + f.Rest; n > 0 {
			unread = append(unread, fmt.Sprintf("%s (%s)", name, human.Count(n)))
		}
	}
	var b strings.Builder
	if len(read) > 0 {
		fmt.Fprintf(&b, "fields read: %s\n", strings.Join(read, ", "))
	}
	if len(unread) > 0 {
		fmt.Fprintf(&b, "fields not read: %s\n", strings.Join(unread, ", "))
	}
	if s.Refused > 0 {
		fmt.Fprintf(&b, "rows labelled false, which are not learned: %s\n", human.Count(s.Refused))
	}
	return b.String()
}
