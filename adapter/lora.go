package adapter

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"fettle/internal/rng"
	"fettle/model"
)

// TypeLoRA is the finetuning_type of LoRA.
const TypeLoRA = "lora"

// LoRA adds s·(B·A·dropout(x) + b) to projections, with A (r, in), B (out, r), s = alpha/r, or alpha/√r, and b (out),
// which is none unless a file has it. Hu et al. 2021, arXiv:2106.09685; Kalajdzievski 2023, arXiv:2312.03732.
type LoRA struct {
	Rank    int      `yaml:"lora_rank" alias:"lora_r,r" json:"LoRARank" group:"method" help:"rank of LoRA"`
	Alpha   float64  `yaml:"lora_alpha" json:"LoRAAlpha" group:"method" help:"LoRA's scale is alpha/rank"`
	Dropout float64  `yaml:"lora_dropout" json:"LoRADropout" group:"method" help:"probability of dropping an input of LoRA"`
	Targets []string `yaml:"lora_target_modules" alias:"lora_target,target_modules" json:"LoRATargets" group:"method" help:"q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, or all-linear; embed_tokens, lm_head"`
	RSLoRA  bool     `yaml:"use_rslora" json:"RSLoRA" group:"method" help:"scale alpha/sqrt(rank)"`

	Saved    `yaml:",inline"`
	LoRAFile `yaml:"-" json:"-"`
}

// Name returns its finetuning_type.
func (LoRA) Name() string { return TypeLoRA }

func (LoRA) defaults() Method {
	return LoRA{Rank: 8, Alpha: 16, Targets: []string{model.QProj.String(), model.VProj.String()}}
}

// Check returns an error where the settings are wrong.
func (l LoRA) Check(c *model.Config) error {
	switch {
	case l.Rank < 1 && !l.Stored: // a file's may be replaced by rank_pattern
		return fmt.Errorf("lora_rank is %d, want 1 or more", l.Rank)
	case l.Alpha == 0 && !l.Stored, math.IsNaN(l.Alpha), math.IsInf(l.Alpha, 0):
		return fmt.Errorf("lora_alpha is %v, want a number other than 0: LoRA's scale is alpha/rank", l.Alpha)
	case !(l.Dropout >= 0 && l.Dropout < 1):
		return fmt.Errorf("lora_dropout is %v, want 0 ≤ p < 1", l.Dropout)
	case l.Stored: // targets that are no module of the base are no error beside those that are
		if err := l.checkReplication(c); err != nil {
			return err
		}
		return l.Saved.check(l.shape(c), true)
	case len(l.Targets) == 0 && l.TargetRegexp == "":
		return fmt.Errorf("lora_target_modules is empty; choose from %s, or all-linear",
			strings.Join(projections(), ", "))
	}
	for _, t := range l.targets() {
		if short := t[strings.LastIndexByte(t, '.')+1:]; !slices.Contains(targetable(), short) {
			return fmt.Errorf("lora_target_modules: %q is not a module of a LLaMA that LoRA adapts; choose from %s, or "+
				"all-linear", t, strings.Join(targetable(), ", "))
		}
	}
	if most := l.widest(c); most > 0 && l.Rank > most {
		return fmt.Errorf("lora_rank %d, want 1 … %d: no matrix that it adapts has a higher rank", l.Rank, most)
	}
	return l.Saved.check(c, false)
}

// Params lists A, drawn as PEFT draws it, and B and its bias, which are zero, of every adapted module; of the embedding
// A is zero and B drawn. The parts of the base that are saved follow.
func (l LoRA) Params(c *model.Config) ([]Spec, error) {
	sites, err := l.sites(c)
	if err != nil {
		return nil, err
	}
	var specs []Spec
	for _, s := range sites {
		if s.at.At == model.Embed {
			specs = append(specs,
				Spec{Name: s.a(), Site: s.at, Shape: []int{s.form.r, s.form.in}},
				Spec{Name: s.b(), Site: s.at, Shape: []int{s.form.out, s.form.r}, Init: normal})
			continue
		}
		limit := invSqrt(s.form.in) // kaiming_uniform with a = √5: U(−1/√in, 1/√in)
		draw := func(k rng.Key, i int) float32 { return float32((2*k.Uniform(i) - 1) * limit) }
		head := s.at.At == model.Head
		specs = append(specs,
			Spec{Name: s.a(), Site: s.at, Shape: []int{s.form.r, s.form.in}, Init: draw, Head: head},
			Spec{Name: s.b(), Site: s.at, Shape: []int{s.form.out, s.form.r}, Head: head})
		if s.form.bias {
			specs = append(specs, Spec{Name: s.bias(), Site: s.at, Shape: []int{s.form.out}, Head: head})
		}
	}
	saved, err := l.Saved.params(l.shape(c))
	return append(specs, saved...), err
}

// Deltas puts a module on every target.
func (l LoRA) Deltas(m *model.Model, p Params) (map[model.Site]model.Delta, error) {
	sites, err := l.sites(m.Config())
	if err != nil {
		return nil, err
	}
	deltas, err := l.Saved.deltas(m, p)
	graphs, scratch := newGraphs(m.Device()), &loraScratch{}
	for _, s := range sites {
		if deltas[s.at] != nil {
			return nil, fmt.Errorf("%v is a target of LoRA and in trainable_token_indices, which is not supported", s.at)
		}
		if s.at.At == model.Embed {
			deltas[s.at] = newLoRAEmbedding(graphs, p[s.a()], p[s.b()], s.form.embedding())
		} else {
			deltas[s.at] = newLoRA(graphs, scratch, s, p, l.Dropout)
		}
	}
	return deltas, err
}

func (l LoRA) dropout() float64 { return l.Dropout }

// Scratch returns the memory of the largest module, which the others share, and of all modules' sums.
func (l LoRA) Scratch(c *model.Config, n, longest, sums int) int64 {
	sites, err := l.sites(c)
	if err != nil {
		return 0
	}
	width, rank, graph, summed := 0, 0, 0, 0
	for _, s := range sites {
		summed += s.form.r * (s.form.in + s.form.out)
		if rank = max(rank, s.form.r); s.at.At == model.Embed {
			graph = max(graph, s.form.embedding().floats(longest)+s.form.r*s.form.in)
			continue
		}
		if s.form.bias {
			summed += s.form.out
		}
		width, graph = max(width, s.form.in), max(graph, s.form.floats(longest))
	}
	if l.Dropout == 0 {
		width = 0
	}
	if l.Bias {
		width++
	}
	return 4*(int64(n)*int64(width+rank)+int64(graph)+int64(sums)*int64(summed)) + l.Saved.scratch(c, sums)
}

// loraSite is an adapted projection.
type loraSite struct {
	at    model.Site
	form  loraForm
	alpha float64 // the scale times the rank
}

func (s loraSite) a() string { return s.name("A") }
func (s loraSite) b() string { return s.name("B") }

func (s loraSite) name(factor string) string {
	if s.at.At == model.Embed {
		return peftPrefix + s.at.ModuleName() + ".lora_embedding_" + factor
	}
	return peftPrefix + s.at.ModuleName() + ".lora_" + factor + ".weight"
}

// bias names B's bias.
func (s loraSite) bias() string { return peftPrefix + s.at.ModuleName() + ".lora_B.bias" }

// sites lists the adapted projections of a model.
func (l LoRA) sites(c *model.Config) ([]loraSite, error) {
	match, err := l.matcher()
	if err != nil {
		return nil, err
	}
	c = l.shape(c)
	paths := otherModules(c)
	for _, path := range paths {
		if ok, err := match.module(path); err != nil {
			return nil, err
		} else if ok && !isOne(path, c.Arch.FusedModules()) || match.parameter(path+weight) {
			return nil, fmt.Errorf("target_modules selects %s, which LoRA does not adapt; choose from %s",
				path, strings.Join(targetable(), ", "))
		}
	}
	var sites []loraSite
	for _, at := range linearSites(c) {
		path := at.ModuleName()
		paths = append(paths, path)
		module, err := match.module(path)
		parameter := match.parameter(path + weight)
		for _, other := range otherPaths(c, at) {
			if !module && err == nil {
				if module, err = match.module(other); module {
					path = other
				}
			}
		}
		switch {
		case err != nil:
			return nil, err
		case (module || parameter) && l.saves(at.WeightName()):
			return nil, fmt.Errorf("target_modules selects %s, and modules_to_save %q", path, l.savedBy(at.WeightName()))
		case parameter && at.At == model.Embed, at.At == model.Embed && module && l.Bias:
			return nil, fmt.Errorf("target_parameters and lora_bias are not supported at %s", path)
		case module && parameter:
			return nil, fmt.Errorf("target_modules and target_parameters both select %s, which PEFT refuses", path)
		case parameter:
			path += weight
		case !module:
			continue
		}
		r, alpha, err := match.rank(path)
		if err != nil {
			return nil, err
		}
		out, in := c.Width(at.At)
		sites = append(sites, loraSite{at, loraForm{in, out, r, loraScale(alpha, r, l.RSLoRA), l.Bias},
			effectiveAlpha(alpha, r, l.RSLoRA)})
	}
	if l.Tying && c.Tied && slices.ContainsFunc(sites, func(s loraSite) bool { return s.at.At >= model.Embed }) {
		return nil, fmt.Errorf("ensure_weight_tying is set, and LoRA on embed_tokens or lm_head, which is not supported")
	}
	if none := match.unmatched(paths); len(none) > 0 && !l.Stored {
		return nil, fmt.Errorf("lora_target_modules: %q names no module of the base", none[0])
	}
	if len(sites) == 0 {
		return nil, match.nothing(paths)
	}
	return sites, nil
}

// targets lists the targets, with all-linear written out.
func (l LoRA) targets() []string {
	if len(l.Targets) == 1 && (l.Targets[0] == allLinear || l.Targets[0] == "all") {
		return projections()
	}
	return l.Targets
}

const allLinear = "all-linear"

// targetable lists the short names of the modules that LoRA adapts.
func targetable() []string { return append(projections(), model.Embed.String(), model.Head.String()) }

// projections lists the short names of the projections.
func projections() []string {
	var names []string
	for _, p := range model.Projections() {
		names = append(names, p.String())
	}
	return names
}

func loraScale(alpha float64, r int, rs bool) float32 {
	if rs {
		return float32(alpha / math.Sqrt(float64(r)))
	}
	return float32(alpha / float64(r))
}
