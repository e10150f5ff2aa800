package encode_test

import (
	"fmt"

	"fettle/data/encode"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

func ExampleEncoder_Example() {
	r, err := recipe.Find("alpaca")
	if err != nil {
		panic(err)
	}
	e, err := encode.New(datatest.Letters{}, r).Example(recipe.Conversation{Turns: []recipe.Turn{
		{Role: recipe.User, Text: "Name a color."}, {Role: recipe.Assistant, Text: "Blue."},
	}}, 512)
	if err != nil {
		panic(err)
	}
	learned := 0
	for _, label := range e.Labels {
		if label != encode.Ignore {
			learned++
		}
	}
	fmt.Println(len(e.Tokens), "tokens,", learned, "learned")
	// Output: 159 tokens, 6 learned
}
