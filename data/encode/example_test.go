package encode_test

import (
	"fmt"

	"fettle/data/encode"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

// Tokens that are not learned have the label Ignore.
func ExampleEncoder_Example() {
	tok := datatest.Letters{} // a token for every byte
	r := recipe.Recipe{Template: recipe.Template{NoInput: "{instruction}="}}
	e, err := encode.New(tok, r).Example(datatest.Talk("1+1", "2"), 512)
	if err != nil {
		panic(err)
	}
	for i, id := range e.Tokens {
		fmt.Printf("%q %t\n", tok.Decode([]int32{id}), e.Labels[i] != encode.Ignore)
	}
	// Output:
	// "" false
	// "1" false
	// "+" false
	// "1" false
	// "=" false
	// "2" true
	// "" true
}
