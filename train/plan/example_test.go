package plan_test

import (
	"fmt"
	"os"

	"fettle/data"
	"fettle/internal/compute"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
	"fettle/train"
	"fettle/train/plan"
)

func ExampleEstimate() {
	dir, err := os.MkdirTemp("", "fettle-plan-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := tinymodel.Write(dir, tinymodel.Config{}, 1); err != nil {
		panic(err)
	}
	shape, err := model.ReadConfig(dir)
	if err != nil {
		panic(err)
	}
	tokens := []int32{1, 5, 7, 9, 11, 2}
	rows := []data.Example{{Tokens: tokens, Labels: tokens}}
	c := train.Defaults()
	c.MaxSteps = 10
	base := plan.Base{Config: shape, Stored: compute.F32, Device: ref.New()}
	need := plan.Estimate(c, base, train.NewWorkload(c, rows, nil), len(tokens))
	fmt.Println(need.Trainable > 0, need.Total() > need.Weights)
	// Output: true true
}
