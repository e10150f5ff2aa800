package adapter

import (
	"fmt"
	"slices"

	"fettle/model"
)

// weight ends the path of a module's weight.
const weight = ".weight"

// otherModules lists the paths of a LLaMA's modules that LoRA does not adapt, in Hugging Face's names: PEFT's names and
// expressions may select them too.
func otherModules(c *model.Config) []string {
	all := []string{
		"model", "model.layers", "model.norm", "model.rotary_emb",
	}
	for l := range c.Layers {
		at := fmt.Sprintf("model.layers.%d", l)
		all = append(all, at)
		inside := slices.Concat([]string{"self_attn", "mlp", "mlp.act_fn"}, c.Arch.NormModules(), c.Arch.FusedModules())
		for _, name := range inside {
			all = append(all, at+"."+name)
		}
	}
	return all
}

// linearSites lists the sites that LoRA adapts: the embedding, the seven projections, layer by layer, and the head.
func linearSites(c *model.Config) []model.Site {
	all := []model.Site{model.EmbedSite()}
	for layer := range c.Layers {
		for _, p := range model.Projections() {
			all = append(all, model.Site{Layer: layer, At: p})
		}
	}
	return append(all, c.HeadSite())
}
