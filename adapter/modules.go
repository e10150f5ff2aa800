package adapter

import (
	"fmt"

	"fettle/model"
)

// weight ends the path of a module's weight.
const weight = ".weight"

// otherModules lists the paths of a LLaMA's modules that are not projections, in Hugging Face's names: PEFT's names and
// expressions may select them too.
func otherModules(layers int) []string {
	all := []string{
		"model", "model.embed_tokens", "model.layers", "model.norm", "model.rotary_emb", "lm_head",
	}
	for l := range layers {
		at := fmt.Sprintf("model.layers.%d", l)
		all = append(all, at)
		for _, name := range []string{
			"self_attn", "mlp", "mlp.act_fn", "input_layernorm", "post_attention_layernorm",
		} {
			all = append(all, at+"."+name)
		}
	}
	return all
}

// projectionSites lists the sites of the seven projections, layer by layer.
func projectionSites(layers int) []model.Site {
	var all []model.Site
	for layer := range layers {
		for _, p := range model.Projections() {
			all = append(all, model.Site{Layer: layer, At: p})
		}
	}
	return all
}
