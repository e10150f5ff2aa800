package tokenizer_test

import (
	"fmt"
	"os"

	"fettle/internal/tinymodel"
	"fettle/model/tokenizer"
)

func ExampleLoad() {
	dir, err := os.MkdirTemp("", "fettle-tokenizer-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := tinymodel.WriteTokenizer(dir); err != nil { // LLaMA's layout with a letter for each piece
		panic(err)
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		panic(err)
	}
	ids := append([]int32{tok.BOS()}, tok.Encode("a café")...)
	for _, id := range ids {
		fmt.Print(tok.Piece(id), " ")
	}
	fmt.Printf("%q\n", tok.Decode(ids))
	// Output:
	// <s> ▁ a ▁ c a f <0xC3> <0xA9> "a café"
}
