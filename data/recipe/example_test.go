package recipe_test

import (
	"fmt"

	"fettle/data/recipe"
)

// A conversation becomes segments, of which the answer is learned.
func ExampleRecipe_Segments() {
	r, err := recipe.Find("alpaca-lora-short")
	if err != nil {
		panic(err)
	}
	r.LearnPrompt = false
	c := recipe.Instruction("Name a color.", "")
	c.Turns = append(c.Turns, recipe.Turn{Role: recipe.Assistant, Text: "Blue."})
	segments, err := r.Segments(c)
	if err != nil {
		panic(err)
	}
	for _, s := range segments {
		fmt.Printf("%-5t %q\n", s.Learn, s.Text)
	}
	// Output:
	// false "### Instruction:\nName a color.\n\n### Response:\n"
	// true  "Blue."
}
