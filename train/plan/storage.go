package plan

import (
	"fettle/model"
	"fettle/train"
)

// Storage returns the bytes of disk that a run needs: the checkpoints it keeps, one more while the next is written, and
// the result.
func Storage(c train.Config, m *model.Config, steps int) int64 {
	const files = 64 << 10 // configs, logs
	p := int64(Trainables(c, m))
	saves := 1
	if c.SaveSteps > 0 {
		saves = (steps + c.SaveSteps - 1) / c.SaveSteps
	}
	if c.SaveLimit > 0 {
		saves = min(saves, max(c.SaveLimit, 2)) // the best beside the newest
	}
	return int64(saves+1)*(3*4*p+files) + 4*p + files
}
