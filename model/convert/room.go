package convert

import (
	"fmt"

	"fettle/internal/checkpoint"
	"fettle/internal/human"
	"fettle/internal/machine"
)

// room returns an error if the disk of a directory has less space than tensors take.
func room(dir string, tensors []checkpoint.Lazy) error {
	var need uint64
	for _, t := range tensors {
		size, err := t.Type.Bytes(t.Shape)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", t.Name, err)
		}
		need += size
	}
	if free, ok := machine.AvailableDisk(dir); ok && need > uint64(max(free, 0)) {
		return fmt.Errorf("the weights take %s, and %s of disk space are available in %s: make room or choose a smaller type",
			human.Bytes(int64(need)), human.Bytes(free), dir)
	}
	return nil
}
