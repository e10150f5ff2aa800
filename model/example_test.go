package model_test

import (
	"fmt"
	"os"

	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

func Example() {
	dir, err := os.MkdirTemp("", "fettle-model-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := tinymodel.Write(dir, tinymodel.Config{}, 1); err != nil {
		panic(err)
	}
	m, err := model.Load(dir, ref.New())
	if err != nil {
		panic(err)
	}
	s := m.NewSession(0)
	logits, err := s.Decode([]int32{1, 5, 7})
	if err != nil {
		panic(err)
	}
	fmt.Println(len(logits), "logits after", s.Len(), "tokens")
	// Output: 40 logits after 3 tokens
}
