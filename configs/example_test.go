package configs_test

import (
	"fmt"
	"strings"

	"fettle/configs"
)

func ExampleFind() {
	text, ok := configs.Find("alpaca-lora-7b")
	fmt.Println(ok, strings.Contains(string(text), "lora_rank: 8"))
	// Output: true true
}
