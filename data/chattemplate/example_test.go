package chattemplate_test

import (
	"fmt"

	"fettle/data/chattemplate"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

func ExampleRecipe() {
	const jinja = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}" +
		"{% if add_generation_prompt %}[assistant] {% endif %}"
	r, err := chattemplate.Recipe("brackets", chattemplate.Templates{Default: jinja}, datatest.Letters{})
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
		fmt.Printf("%-5t %q\n", s.Learn, s.Text)
	}
	// Output:
	// false "[user] "
	// false "Name a color."
	// false "\n[assistant] "
	// true  "Blue."
	// false "\n"
}
