package checkpoint_test

import (
	"fmt"
	"os"
	"path/filepath"

	"fettle/internal/atomicfile"
	"fettle/train/checkpoint"
)

func ExampleWrite() {
	dir, err := os.MkdirTemp("", "fettle-checkpoint-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	files := map[string]atomicfile.Content{"state.json": atomicfile.Bytes([]byte("{}"))}
	if err := checkpoint.Write(atomicfile.OS{}, dir, 200, files); err != nil {
		panic(err)
	}
	fmt.Println(checkpoint.List(dir), checkpoint.Verify(filepath.Join(dir, checkpoint.Name(200))))
	// Output: [checkpoint-000200] <nil>
}
