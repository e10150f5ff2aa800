package model

import "fettle/internal/checkpoint"

// windows sets a window for the layers that slide says, if it is not 0.
func (c *Config) windows(window int, slide func(l int) bool) {
	if window == 0 || c.Layers > maxLayers {
		return
	}
	c.Arch.Windows = make([]int, c.Layers)
	for l := range c.Arch.Windows {
		if slide(l) {
			c.Arch.Windows[l] = window
		}
	}
}

// rotateBy sets what RoPE does in the layers.
func (c *Config) rotateBy(of func(l int) Rotation) {
	if c.Layers > maxLayers {
		return
	}
	c.Arch.Rotations = make([]Rotation, c.Layers)
	for l := range c.Arch.Rotations {
		c.Arch.Rotations[l] = of(l)
	}
}

// everyFourthUnrotated is what llama.cpp has for SmolLM3.
func everyFourthUnrotated(_ *keys, c *Config) {
	c.rotateBy(func(l int) Rotation {
		if (l+1)%4 == 0 {
			return NoRope
		}
		return GlobalRope
	})
}

// slides returns which layers have a window: all but the last of every so many, as many as a key says, all for 0.
func (k *keys) slides(usual int) func(l int) bool {
	every := k.whole("attention.sliding_window_pattern", &usual)
	return func(l int) bool { return every == 0 || l%every < every-1 }
}

// gemma2Keys reads the window of even layers and the caps. llama.cpp knows by the layers that the model of 27 billion
// weights has another scale of attention.
func gemma2Keys(k *keys, c *Config) {
	usual := 4096
	c.windows(k.whole("attention.sliding_window", &usual), k.slides(2))
	c.Arch.ScoreCap = k.number("attn_logit_softcapping", 50)
	c.Arch.LogitCap = k.number("final_logit_softcapping", 30)
	if c.Layers == 46 {
		c.Arch.QueryWidth = float64(c.Hidden / max(1, c.Heads))
	}
}

func writeGemma2Keys(c *Config, add func(key string, value any)) {
	add("attn_logit_softcapping", float32(c.Arch.ScoreCap))
	add("final_logit_softcapping", float32(c.Arch.LogitCap))
	add("attention.sliding_window", uint32(c.widest()))
}

// widest returns the largest window, 0 for none.
func (c *Config) widest() int {
	w := 0
	for l := range c.Layers {
		w = max(w, c.Window(l))
	}
	return w
}

// gemma3Keys reads the window of five layers in six, which have a base of RoPE of their own.
func gemma3Keys(k *keys, c *Config) {
	none := 0
	window := k.whole("attention.sliding_window", &none)
	slides := k.slides(6)
	c.windows(window, slides)
	c.Arch.LogitCap = k.number("final_logit_softcapping", 0)
	if c.Arch.LocalTheta = k.number("rope.freq_base_swa", 10000); window > 0 {
		c.rotateBy(func(l int) Rotation {
			if slides(l) {
				return LocalRope
			}
			return GlobalRope
		})
	}
	if c.Layers == 62 {
		c.Arch.QueryWidth = float64(c.Hidden / max(1, c.Heads))
	}
}

func writeGemma3Keys(c *Config, add func(key string, value any)) {
	if c.Arch.LogitCap != 0 {
		add("final_logit_softcapping", float32(c.Arch.LogitCap))
	}
	add("rope.freq_base_swa", float32(c.Arch.LocalTheta))
	add("attention.sliding_window", uint32(c.widest()))
}

// phi3Keys reads the window of all layers.
func phi3Keys(k *keys, c *Config) {
	none := 0
	c.windows(k.whole("attention.sliding_window", &none), func(int) bool { return true })
}

func writePhi3Keys(c *Config, add func(key string, value any)) {
	add("rope.dimension_count", uint32(c.rotary()))
	add("attention.sliding_window", uint32(c.widest()))
	if s := c.RopeScaling; s == nil || s.Type != longRope {
		add("rope.scaling.original_context_length", uint32(c.MaxPositions))
	}
}

// ggufProjections are the names of projections in a block.
var ggufProjections = [Attention]string{
	QProj: "attn_q", KProj: "attn_k", VProj: "attn_v", OProj: "attn_output", GateProj: "ffn_gate", UpProj: "ffn_up",
	DownProj: "ffn_down",
}

// withoutOffset returns the weight of a norm as Hugging Face's files have it: llama.cpp has added the offset already.
func withoutOffset(t checkpoint.Tensor, offset float32) (checkpoint.Tensor, error) {
	w, err := checkpoint.Float32s(t)
	for i := range w {
		w[i] -= offset
	}
	out := checkpoint.FromFloat32s(t.Name, t.Shape, w)
	out.Own = true
	return out, err
}
