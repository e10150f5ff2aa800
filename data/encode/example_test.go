package encode_test

import (
	"fmt"

	"fettle/data/encode"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

// Tokens that are not learned have the label Ignore.
func ExampleEncoder_Fit() {
	tok := datatest.Letters{} // a token for every byte
	r := recipe.Recipe{Template: recipe.Template{NoInput: "{instruction}="}}
	fitted, err := encode.New(tok, r).Fit(datatest.Talk("1+1", "2"), 512, "truncate")
	if err != nil {
		panic(err)
	}
	e := fitted.Examples[0]
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
