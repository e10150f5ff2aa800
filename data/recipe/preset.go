package recipe

import "fettle/internal/suggest"

// Preset holds hyper-parameters: published ones, or ours where none were.
type Preset struct {
	Name string // repo, paper, official or ours

	LearningRate float64
	Schedule     string // lr_scheduler_type
	WarmupSteps  float64
	WarmupRatio  float64
	Epochs       float64
	Batch        int // sequences of an optimizer step
	Cutoff       int
	WeightDecay  float64
	Beta2        float64 // of AdamW; β₁ is 0.9 everywhere
	Clip         float64 // gradient norm; 0: none
	Normalise    string  // the loss is a mean over the tokens of a micro-batch, row or step

	Rank    int // of LoRA; 0: another method
	Alpha   float64
	Dropout float64
	Targets []string

	PromptLen, PromptLayers int // of LLaMA-Adapter; 0: another method

	Note string
}

// trainer returns the defaults of Hugging Face's trainer.
func trainer(name string) Preset {
	return Preset{Name: name, Schedule: "linear", Beta2: 0.999, Clip: 1, Normalise: "micro-batch"}
}

func queryValue() []string { return []string{"q_proj", "v_proj"} }

// lora sets a LoRA of rank 8, PEFT's default.
func (p Preset) lora(alpha, dropout float64, targets []string) Preset {
	p.Rank, p.Alpha, p.Dropout, p.Targets = 8, alpha, dropout, targets
	return p
}

// rate sets the values that every preset has.
func (p Preset) rate(rate float64, epochs float64, batch, cutoff int) Preset {
	p.LearningRate, p.Epochs, p.Batch, p.Cutoff = rate, epochs, batch, cutoff
	return p
}

// cosine sets a cosine schedule with a warm-up ratio.
func (p Preset) cosine(warmup float64) Preset {
	p.Schedule, p.WarmupRatio = "cosine", warmup
	return p
}

// warm sets a warm-up in steps.
func (p Preset) warm(steps float64) Preset {
	p.WarmupSteps = steps
	return p
}

// note sets the note.
func (p Preset) note(text string) Preset {
	p.Note = text
	return p
}

// Preset returns the preset of a name.
func (r Recipe) Preset(name string) (Preset, error) {
	var names []string
	for _, p := range r.Presets {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Preset{}, suggest.Unknown("preset of recipe "+r.Name, name, names)
}
