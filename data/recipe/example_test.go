package recipe_test

import (
	"fmt"

	"fettle/data/recipe"
)

func ExampleRecipe_Segments() {
	r, err := recipe.Find("alpaca")
	if err != nil {
		panic(err)
	}
	segments, err := r.Segments(recipe.Conversation{Turns: []recipe.Turn{
		{Role: recipe.User, Text: "Name a color."}, {Role: recipe.Assistant, Text: "Blue."},
	}})
	if err != nil {
		panic(err)
	}
	for _, s := range segments {
		fmt.Printf("%-5t %q\n", s.Learn, s.Text[max(0, len(s.Text)-30):])
	}
	// Output:
	// false ":\nName a color.\n\n### Response:"
	// true  "Blue."
}
