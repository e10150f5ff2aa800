package adapter_test

import (
	"fmt"
	"os"

	"fettle/adapter"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

func ExampleNew() {
	dir, err := os.MkdirTemp("", "fettle-adapter-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := tinymodel.Write(dir, tinymodel.Config{Layers: 1}, 1); err != nil {
		panic(err)
	}
	base, err := model.Load(dir, ref.New())
	if err != nil {
		panic(err)
	}
	set, err := adapter.New(adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj"}}, base, 42)
	if err != nil {
		panic(err)
	}
	for _, p := range set.Params() {
		fmt.Println(p.Name, p.Shape)
	}
	tuned := set.Model() // base itself stays without the adapter
	_ = tuned
	// Output:
	// base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight [2 16]
	// base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight [16 2]
}
