package source_test

import (
	"fmt"
	"os"
	"path/filepath"

	"fettle/data/source"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "fettle-source-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "rows.csv")
	if err := os.WriteFile(path, []byte("instruction,output\nName a color.,Blue.\n"), 0o644); err != nil {
		panic(err)
	}
	reader, err := source.Open(source.File{Path: path}, nil)
	if err != nil {
		panic(err)
	}
	for record, err := range reader.Records() {
		if err != nil {
			panic(err)
		}
		row, err := record.Row()
		if err != nil {
			panic(err)
		}
		c, err := reader.Conversation(row)
		if err != nil {
			panic(err)
		}
		for _, turn := range c.Turns {
			fmt.Printf("%s: %s\n", turn.Role, turn.Text)
		}
	}
	// Output:
	// user: Name a color.
	// assistant: Blue.
}
