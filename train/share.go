package train

import "strings"

// Sharing is c with share_prefix: auto decided for the device of that name: true where its
// products are coarser than float32. In float32 a run's bits do not depend on
// how its steps are cut into micro-batches, which sharing would undo.
func (c Config) Sharing(device string) Config {
	if c.SharePrefix != "auto" {
		return c
	}
	c.SharePrefix = "false"
	if coarse := strings.Contains(device, " bf16 ") || strings.Contains(device, " int8 "); coarse && !c.drops() {
		c.SharePrefix = "true"
	}
	return c
}

// drops is whether c trains with dropout.
func (c Config) drops() bool { return c.Type == "lora" && c.LoRADropout > 0 }
