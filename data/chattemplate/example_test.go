package chattemplate_test

import (
	"fmt"

	"fettle/data/chattemplate"
	"fettle/data/internal/datatest"
)

// A template becomes a recipe that learns the answers and the tokens that end them.
func ExampleRecipe() {
	templates := chattemplate.Templates{Default: "" +
		"{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}" +
		"{% if add_generation_prompt %}<assistant>{% endif %}"}
	r, err := chattemplate.Recipe("chat_template.jinja", templates, datatest.Spelled{})
	if err != nil {
		panic(err)
	}
	segments, err := r.Segments(datatest.Talk("Name a color.", "Blue."))
	if err != nil {
		panic(err)
	}
	for _, s := range segments {
		fmt.Printf("%-5t %q\n", s.Learn, s.Text)
	}
	// Output:
	// false "<user>"
	// false "Name a color."
	// false "</s><assistant>"
	// true  "Blue."
	// true  "</s>"
}
