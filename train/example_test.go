package train_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"fettle/adapter"
	"fettle/data"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
	"fettle/train"
)

func ExampleRun() {
	dir, err := os.MkdirTemp("", "fettle-train-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := tinymodel.Write(dir, tinymodel.Config{}, 1); err != nil {
		panic(err)
	}
	base, err := model.Load(dir, ref.New())
	if err != nil {
		panic(err)
	}
	set, err := adapter.New(adapter.LoRA{Rank: 4, Alpha: 8, Targets: []string{"q_proj", "v_proj"}}, base, 42)
	if err != nil {
		panic(err)
	}
	tokens := []int32{1, 5, 7, 9, 11, 2}
	labels := []int32{data.Ignore, data.Ignore, 7, 9, 11, 2} // the first two tokens are the prompt
	rows := []data.Example{{Tokens: tokens, Labels: labels}}

	c := train.Defaults()
	c.OutputDir, c.MaxSteps, c.LearningRate = filepath.Join(dir, "run"), 30, 0.05
	result, err := train.Run(context.Background(), c, train.Job{
		Model: set.Model(), Adapter: set, Training: rows,
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Steps, "steps; learned:", result.Loss < 1)
	// Output: 30 steps; learned: true
}
