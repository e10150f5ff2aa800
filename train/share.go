package train

import (
	"fmt"
	"strings"
)

// Sharing is c with share_prefix: auto decided, for the device of that name and
// the adapter's dropout: true where the device's products are coarser than
// float32. In float32 a run's bits do not depend on how its steps are cut into
// micro-batches, which sharing would undo.
func (c Config) Sharing(device string, dropout float64) (Config, error) {
	switch {
	case c.SharePrefix == "true" && dropout > 0:
		return c, fmt.Errorf("%w: %w", ErrRefused, sharesDropped(dropout))
	case c.SharePrefix == "auto" && dropout == 0 && (strings.Contains(device, " bf16 ") || strings.Contains(device, " int8 ")):
		c.SharePrefix = "true"
	case c.SharePrefix == "auto":
		c.SharePrefix = "false"
	}
	return c, nil
}

func sharesDropped(dropout float64) error {
	return fmt.Errorf("share_prefix is true with lora_dropout %v: dropout draws for every sequence, so nothing can be shared; set one of them off", dropout)
}
