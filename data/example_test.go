package data_test

import (
	"fmt"
	"os"
	"path/filepath"

	"fettle/data"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
	"fettle/data/source"
)

// Files of any format become examples. The report counts the repairs.
func ExampleLoad() {
	dir, err := os.MkdirTemp("", "data")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "rows.csv")
	rows := "instruction,output\nName a color.,Blue.\nName a color.,Blue.\nSay hi.,\n"
	if err := os.WriteFile(path, []byte(rows), 0o644); err != nil {
		panic(err)
	}
	r, err := recipe.Find("alpaca")
	if err != nil {
		panic(err)
	}
	set, err := data.Load(datatest.Letters{}, r, []source.File{{Path: path}}, data.Options{Fix: true})
	if err != nil {
		panic(err)
	}
	fmt.Println(set.Rows, "rows,", len(set.Examples), "example")
	fmt.Print(set.Report.String())
	// Output:
	// 3 rows, 1 example
	// fixed duplicate: 1
	// fixed empty-answer: 1
}
