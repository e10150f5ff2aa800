package clean_test

import (
	"fmt"

	"fettle/data/clean"
)

func ExampleText() {
	fmt.Println(clean.Text("<p>Use <code>ls</code> &amp; <b>cd</b>.</p>"))
	// Output: Use `ls` & **cd**.
}
