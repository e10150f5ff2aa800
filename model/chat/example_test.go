package chat_test

import (
	"context"
	"fmt"

	"fettle/data/recipe"
	"fettle/internal/builtin"
	"fettle/internal/compute/ref"
	"fettle/model"
	"fettle/model/chat"
	"fettle/model/tokenizer"
)

func ExampleConversation_Ask() {
	dir, err := builtin.Dir()
	if err != nil {
		panic(err)
	}
	weights, err := model.Load(dir, ref.New())
	if err != nil {
		panic(err)
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		panic(err)
	}
	alpaca, err := recipe.Find("alpaca")
	if err != nil {
		panic(err)
	}
	m := &chat.Model{Weights: weights, Tokenizer: tok, Recipe: &alpaca}
	question := chat.Question{Prompt: m.Raw("After Monday comes"), Sampling: chat.Greedy(2), Continue: true}
	answer, err := m.Converse().Ask(context.Background(), question, func(string) error { return nil })
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d %q\n", answer.Tokens, answer.Text)
	// Output: 2 " Tuesday."
}
