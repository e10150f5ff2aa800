package convert_test

import (
	"fmt"

	"fettle/internal/checkpoint"
	"fettle/model"
	"fettle/model/convert"
)

func ExampleConfigured() {
	config := `{"num_hidden_layers": 2, "vocab_size": 32000, "mine": 1, "torch_dtype": "bfloat16"}`
	text, err := convert.Configured([]byte(config), &model.Config{Layers: 2, Vocab: 32000}, checkpoint.F16)
	fmt.Print(string(text), err)
	// Output:
	// {
	//   "num_hidden_layers": 2,
	//   "vocab_size": 32000,
	//   "mine": 1,
	//   "torch_dtype": "float16"
	// }
	// <nil>
}
