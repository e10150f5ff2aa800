package train

import (
	"fmt"
	"strings"

	"fettle/adapter"
	"fettle/internal/compute"
	"fettle/model"
)

// ResolveSharePrefix replaces share_prefix: auto, given the name of the device, the base and the adapter's dropout:
// true if products are coarser than float32, RoPE does not depend on the length of a sequence, and there is no dropout.
// In float32 the bits of a run do not depend on how its steps are divided into micro-batches; with a shared prefix they
// would.
func (c Config) ResolveSharePrefix(device string, base *model.Config, dropout float64) (Config, error) {
	coarse := strings.Contains(device, " "+compute.ModeBF16+" ") || strings.Contains(device, " "+compute.ModeInt8+" ")
	switch {
	case c.SharePrefix == "true" && dropout > 0:
		return c, fmt.Errorf("%w: %w", ErrRefused, errSharedDropout(dropout))
	case c.SharePrefix == "auto":
		c.SharePrefix = fmt.Sprint(coarse && dropout == 0 && !base.DynamicRope())
	}
	return c, nil
}

// resolveSharePrefix resolves share_prefix for a job. An objective with a loss of its own needs the likelihood of each
// sequence, which a shared prefix does not give.
func (j Job) resolveSharePrefix(c Config) (Config, error) {
	if j.Objective.Loss != nil {
		if c.SharePrefix == "true" {
			return c, fmt.Errorf("%w: share_prefix is true, but the objective needs the loss of each sequence", ErrRefused)
		}
		c.SharePrefix = "false"
	}
	return c.ResolveSharePrefix(j.Model.Device().Name(), j.Model.Config(), adapter.Dropout(j.Adapter.Method()))
}

func errSharedDropout(dropout float64) error {
	return fmt.Errorf("share_prefix is true with lora_dropout %v: each sequence drops other elements, so nothing can be "+
		"shared; turn one of them off", dropout)
}
