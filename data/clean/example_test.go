package clean_test

import (
	"fmt"

	"fettle/data/clean"
)

// HTML becomes Markdown, and buttons of the page are removed.
func ExampleText() {
	fmt.Println(clean.Text("<pre><div>go</div><button>Copy code</button><code>go test</code></pre>"))
	// Output:
	// ```go
	// go test
	// ```
}
