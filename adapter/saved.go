package adapter

import (
	"fmt"
	"strings"

	"fettle/model"
)

// Saved names parts of the base itself that are trained and saved beside a method's own parameters, as PEFT does: whole
// modules, which replace the base's, and single rows of the embedding or the head.
type Saved struct {
	Modules []string `yaml:"modules_to_save" alias:"additional_target,lora_modules_to_save" json:"SavedModules" group:"method" help:"modules of the base to train whole, by the ends of their names, such as embed_tokens,lm_head or norm"`
	Tokens  []string `yaml:"trainable_token_indices" alias:"peft_trainable_token_indices" json:"SavedTokens" group:"method" help:"tokens whose embedding is trained, such as 32000,32001; lm_head:32000 for a row of the head"`
	Tying   bool     `yaml:"ensure_weight_tying" json:"SavedTying" group:"method" help:"a tied embedding in modules_to_save remains the head, too"`
}

// saves reports whether modules_to_save holds a weight: with the end of its module's name, or of a module around it.
func (s Saved) saves(weight string) bool {
	return s.savedBy(weight) != ""
}

// savedBy returns the entry of modules_to_save that holds a weight, "" for none.
func (s Saved) savedBy(weight string) string {
	for module := moduleOf(weight); module != ""; module = parent(module) {
		for _, name := range s.Modules {
			if strings.HasSuffix(peftPrefix+module, name) {
				return name
			}
		}
	}
	return ""
}

// covers reports whether PEFT leaves a module out of a method's targets because modules_to_save names it, or a module
// around it, in full.
func (s Saved) covers(module string) bool {
	for ; module != ""; module = parent(module) {
		if isOne(module, s.Modules) {
			return true
		}
	}
	return false
}

// moduleOf returns the path of the module of a weight.
func moduleOf(weight string) string { return strings.TrimSuffix(weight, ".weight") }

// parent returns the path of the module around a module, "" for the outermost.
func parent(module string) string { return module[:max(0, strings.LastIndexByte(module, '.'))] }

// check returns an error where the settings are wrong for a model. Modules of a file may be none of the base's: PEFT
// passes over them.
func (s Saved) check(c *model.Config, stored bool) error {
	hit := map[string]bool{"": true}
	for _, t := range c.Modules() {
		hit[s.savedBy(t.Name)] = true
		for _, name := range s.Modules { // an entry may be hidden by an earlier one
			hit[name] = hit[name] || Saved{Modules: []string{name}}.saves(t.Name)
		}
	}
	for _, name := range s.Modules {
		if !hit[name] && !stored || name == "" {
			return fmt.Errorf("modules_to_save %q names no module of the base; its modules are embed_tokens, lm_head, norm, "+
				"input_layernorm, post_attention_layernorm and the projections", name)
		}
	}
	rows, err := s.rows(c)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if s.saves(r.at.WeightName()) {
			return fmt.Errorf("%s is in modules_to_save, which trains all of its rows, and in trainable_token_indices",
				r.at.At)
		}
	}
	return nil
}

// ties reports whether embedding and head stay one weight, which is saved twice.
func (s Saved) ties(c *model.Config) bool {
	return s.Tying && c.Tied && (s.saves(embedName()) || s.saves(headName(c)))
}

// unties reports whether embedding and head of a tied base become two weights.
func (s Saved) unties(c *model.Config) bool {
	return !s.Tying && c.Tied && (s.saves(embedName()) || s.saves(headName(c)))
}

// params lists the saved modules' weights and the trained rows.
func (s Saved) params(c *model.Config) ([]Spec, error) {
	var specs []Spec
	tied := s.ties(c)
	for _, t := range c.Modules() {
		at := model.Site{Layer: t.Layer}
		spec := Spec{Name: peftPrefix + t.Name, Site: at, Shape: t.Shape, Weight: t.Name, Head: t.Name == headName(c)}
		switch {
		case tied && t.Name == headName(c):
		case tied && t.Name == embedName():
			spec.Also, spec.Head = peftPrefix+headName(c), true
			specs = append(specs, spec)
		case s.saves(t.Name):
			specs = append(specs, spec)
		}
	}
	rows, err := s.rows(c)
	for _, r := range rows {
		specs = append(specs, r.spec(c))
	}
	return specs, err
}

// embedName and headName return the names of the weights that a vocabulary has rows in.
func embedName() string               { return model.EmbedSite().WeightName() }
func headName(c *model.Config) string { return c.HeadSite().WeightName() }
