package journal_test

import (
	"fmt"
	"os"
	"time"

	"fettle/train/journal"
)

func Example() {
	dir, err := os.MkdirTemp("", "fettle-journal-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, e := range []journal.Entry{
		{Time: at, Event: journal.Begun, Steps: 20}, {Time: at.Add(time.Hour), Event: journal.Stopped, Step: 12},
	} {
		if err := journal.Append(dir, e); err != nil {
			panic(err)
		}
	}
	all, err := journal.Read(dir)
	for _, e := range all {
		fmt.Println(e.Time.Format(time.TimeOnly), e.Event, e.Step)
	}
	fmt.Println(err)
	// Output:
	// 03:04:05 begun 0
	// 04:04:05 stopped 12
	// <nil>
}
