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

// LoRA adds s·B·A·dropout(x) to projections, with A (r, in), B (out, r) and s = alpha/r, or alpha/√r. Hu et al. 2021,
// arXiv:2106.09685; Kalajdzievski 2023, arXiv:2312.03732.
type LoRA struct {
	Rank    int      `yaml:"lora_rank" alias:"lora_r,r" json:"LoRARank" group:"method" help:"rank of LoRA"`
	Alpha   float64  `yaml:"lora_alpha" json:"LoRAAlpha" group:"method" help:"LoRA's scale is alpha/rank"`
	Dropout float64  `yaml:"lora_dropout" json:"LoRADropout" group:"method" help:"probability of dropping an input of LoRA"`
	Targets []string `yaml:"lora_target_modules" alias:"lora_target,target_modules" json:"LoRATargets" group:"method" help:"q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, or all-linear"`
	RSLoRA  bool     `yaml:"use_rslora" json:"RSLoRA" group:"method" help:"scale alpha/sqrt(rank)"`

	// Set by a file of PEFT alone.
	TargetRegexp string          `yaml:"-" json:"-"` // instead of Targets: matches whole module paths
	OnlyLayers   []int           `yaml:"-" json:"-"` // nil: all
	RankPattern  Object[int]     `yaml:"-" json:"-"` // other ranks for modules that match
	AlphaPattern Object[float64] `yaml:"-" json:"-"` // and other alphas
}

// Name returns its finetuning_type.
func (LoRA) Name() string { return TypeLoRA }

func (LoRA) defaults() Method {
	return LoRA{Rank: 8, Alpha: 16, Targets: []string{model.QProj.String(), model.VProj.String()}}
}

// Check returns an error where the settings are wrong.
func (l LoRA) Check(*model.Config) error {
	switch {
	case l.Rank < 1:
		return fmt.Errorf("lora_rank %d, want 1 or more", l.Rank)
	case !(l.Alpha > 0):
		return fmt.Errorf("lora_alpha %v, want more than 0", l.Alpha)
	case !(l.Dropout >= 0 && l.Dropout < 1):
		return fmt.Errorf("lora_dropout %v, want 0 ≤ p < 1", l.Dropout)
	case len(l.Targets) == 0 && l.TargetRegexp == "":
		return fmt.Errorf("no lora_target; choose from %s", strings.Join(projections(), ", "))
	}
	for _, t := range l.targets() {
		if short := t[strings.LastIndexByte(t, '.')+1:]; !slices.Contains(projections(), short) {
			return fmt.Errorf("lora_target %q is not a projection of a LLaMA; choose from %s",
				t, strings.Join(projections(), ", "))
		}
	}
	return nil
}

// Params lists A, drawn as PEFT draws it, and B, which is zero, of every adapted projection.
func (l LoRA) Params(c *model.Config) ([]Spec, error) {
	sites, err := l.sites(c)
	var specs []Spec
	for _, s := range sites {
		limit := invSqrt(s.form.in) // kaiming_uniform with a = √5: U(−1/√in, 1/√in)
		draw := func(k rng.Key, i int) float32 { return float32((2*k.Uniform(i) - 1) * limit) }
		specs = append(specs,
			Spec{Name: s.a(), Site: s.at, Shape: []int{s.form.r, s.form.in}, Init: draw},
			Spec{Name: s.b(), Site: s.at, Shape: []int{s.form.out, s.form.r}})
	}
	return specs, err
}

// Deltas puts a module on every target.
func (l LoRA) Deltas(m *model.Model, p Params) (map[model.Site]model.Delta, error) {
	sites, err := l.sites(m.Config())
	graphs, scratch, deltas := newGraphs(m.Device()), &loraScratch{}, map[model.Site]model.Delta{}
	for _, s := range sites {
		deltas[s.at] = &lora{graphs, scratch, s.at, p[s.a()], p[s.b()], s.form, l.Dropout}
	}
	return deltas, err
}

func (l LoRA) dropout() float64 { return l.Dropout }

// Scratch returns the memory of the largest module, which the others share.
func (l LoRA) Scratch(c *model.Config, n, longest int) int64 {
	sites, err := l.sites(c)
	if err != nil {
		return 0
	}
	width, rank, graph := 0, 0, 0
	for _, s := range sites {
		width, rank, graph = max(width, s.form.in), max(rank, s.form.r), max(graph, s.form.floats(longest))
	}
	if l.Dropout == 0 {
		width = 0
	}
	return 4 * (int64(n)*int64(width+rank) + int64(graph))
}

// loraSite is an adapted projection.
type loraSite struct {
	at   model.Site
	form loraForm
}

func (s loraSite) a() string { return peftPrefix + s.at.ModuleName() + ".lora_A.weight" }
func (s loraSite) b() string { return peftPrefix + s.at.ModuleName() + ".lora_B.weight" }

// sites lists the adapted projections of a model.
func (l LoRA) sites(c *model.Config) ([]loraSite, error) {
	match, err := l.matcher()
	if err != nil {
		return nil, err
	}
	var sites []loraSite
	for layer := range c.Layers {
		for _, p := range model.Projections() {
			at := model.Site{Layer: layer, At: p}
			if ok, err := match.adapts(at); err != nil {
				return nil, err
			} else if !ok {
				continue
			}
			r, alpha, err := match.rank(at)
			if err != nil {
				return nil, err
			}
			out, in := c.Width(p)
			sites = append(sites, loraSite{at, loraForm{in, out, r, loraScale(alpha, r, l.RSLoRA)}})
		}
	}
	for _, t := range l.targets() {
		if l.TargetRegexp == "" && !match.hit[t] {
			return nil, fmt.Errorf("lora_target %q names no module of the base", t)
		}
	}
	if len(sites) == 0 {
		return nil, fmt.Errorf("lora_target matches no module of the base")
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
