package source_test

import (
	"fmt"
	"os"
	"path/filepath"

	"fettle/data/source"
)

// A file is read record by record; its format is found by the first.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "source")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "rows.csv")
	if err := os.WriteFile(path, []byte("question,answer\nName a color.,Blue.\n"), 0o644); err != nil {
		panic(err)
	}
	file, err := source.Open(source.File{Path: path}, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(file.Format())
	for record, err := range file.Records() {
		if err != nil {
			panic(err)
		}
		row, err := record.Row()
		if err != nil {
			panic(err)
		}
		c, _, err := file.Conversation(row)
		if err != nil {
			panic(err)
		}
		for _, turn := range c.Turns {
			fmt.Printf("%s: %s\n", turn.Role, turn.Text)
		}
	}
	// Output:
	// prompt_completion
	// user: Name a color.
	// assistant: Blue.
}
