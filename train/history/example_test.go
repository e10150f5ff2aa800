package history_test

import (
	"fmt"
	"os"
	"path/filepath"

	"fettle/train/history"
)

func ExampleFind() {
	dir, err := os.MkdirTemp("", "fettle-history-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	run := filepath.Join(dir, "first")
	if err := os.Mkdir(run, 0o755); err != nil {
		panic(err)
	}
	for name, text := range map[string]string{
		"config.yaml": "finetuning_type: lora\n", "metrics.jsonl": `{"step":1,"loss":2.5}` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(run, name), []byte(text), 0o600); err != nil {
			panic(err)
		}
	}
	found, err := history.Find(dir)
	for _, r := range found.Runs {
		fmt.Println(filepath.Base(r.Path), r.State, r.Method)
	}
	fmt.Println(err)
	// Output:
	// first stopped lora
	// <nil>
}
