package lint_test

import (
	"fmt"

	"fettle/data/lint"
	"fettle/data/recipe"
)

func ExampleRepair() {
	c := recipe.Conversation{Turns: []recipe.Turn{
		{Role: recipe.User, Text: "Name a color."}, {Role: recipe.Assistant, Text: ""},
	}}
	rules, drop := lint.Repair(&c)
	fmt.Println(rules, drop)
	// Output: [empty-answer] true
}
