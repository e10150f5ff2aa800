package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"fettle/adapter"
	"fettle/data/recipe"
	"fettle/internal/atomicfile"
	"fettle/internal/fault"
	"fettle/internal/human"
	"fettle/internal/settings"
	"fettle/model"
	"fettle/model/chat"
	"fettle/model/tokenizer"
	"fettle/train"
)

// initSettings holds the settings of init beside a run's.
type initSettings struct {
	Output string `yaml:"output" path:"written" group:"output" help:"file to write; -: standard output"`
	Preset string `yaml:"preset" help:"published settings of the recipe to begin with: repo, paper, official or ours; none: the program's own"`
	Force  bool   `yaml:"force" help:"replace a file that exists"`
}

func newInit() *cobra.Command {
	c, from := train.Defaults(), initSettings{Output: "config.yaml", Preset: "auto"}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a commented config for a model and a data set",
		Long: `Write a config for a model and a data set, with a comment on every setting, to
review, change, and pass to fettle train --config. Settings that the recipe's
authors published are filled in; flags override them. The data is read, and
settings with which the run could not begin are adapted.`,
		Example: "  fettle init --model_name_or_path models/llama-7b --dataset alpaca.json --recipe alpaca-lora " +
			"--output_dir runs/first",
		Args: cobra.NoArgs,
	}
	s := addSettings(cmd, &c, &from)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := loadRun(cmd, s, &c); err != nil {
			return err
		}
		if err := replaces("output", from.Output, inputsOf(c)...); err != nil {
			return err
		}
		f := &fitting{config: &c, given: s.Given, out: cmd.ErrOrStderr()}
		text, err := f.initial(s, from.Preset)
		if err != nil {
			return err
		}
		if from.Output == "-" {
			_, err := fmt.Fprint(bare(cmd.OutOrStdout()), text) // a wrapped comment would be no YAML
			return err
		}
		if err := writeNew(from.Output, text, from.Force); err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		fmt.Fprintf(out, "Wrote %s.\n", from.Output)
		for _, note := range f.notes {
			fmt.Fprintf(out, "  %s\n", note)
		}
		review := "Review it"
		if names := unnamed(c); names != "" {
			review = "Fill in " + names
		}
		fmt.Fprintf(out, "%s, then run:\n  %s\n  %s\n", review, commandLine(cmd, "inspect", "--config", from.Output),
			commandLine(cmd, "train", "--config", from.Output))
		return nil
	}
	return cmd
}

// initial fills in the settings that are not given and renders the config.
func (f *fitting) initial(s *settings.Settings, presetName string) (string, error) {
	c, own := f.config, f.standIn(s)
	known := unnamed(*c) == ""
	if known {
		c.OutputDir = cmp.Or(c.OutputDir, filepath.Join("runs", "new")) // until the recipe gives a name
		if err := c.Validate(); err != nil {
			return "", usage(err)
		}
		if err := f.recipe(); err != nil {
			return "", err
		}
	}
	r, err := initialRecipe(*c)
	if err != nil {
		return "", err
	}
	var preset recipe.Preset
	if s.Config() == "" && presetName != "none" && !own {
		if preset, err = published(c, r, presetName, s.Given); err != nil {
			return "", usage(err)
		}
	}
	if !s.Given("output_dir") && !own {
		c.OutputDir = filepath.Join("runs", r.Name)
		if isThere(c.OutputDir) {
			c.OutputDir = unused(c.OutputDir)
		}
	}
	if c.ModelName+c.Shape != "" {
		if err := f.positions(); err != nil {
			return "", err
		}
	}
	if known {
		if err := f.fit(); err != nil {
			return "", err
		}
	}
	return written(*c, r, preset, f.notes)
}

// unnamed names the settings without which nothing can be trained.
func unnamed(c train.Config) string {
	var names []string
	if c.ModelName == "" && c.Shape == "" {
		names = append(names, "model_name_or_path")
	}
	if len(c.Dataset) == 0 {
		names = append(names, "dataset")
	}
	return strings.Join(names, " and ")
}

// initialRecipe finds the config's recipe. A chat template is read with the model's tokenizer.
func initialRecipe(c train.Config) (recipe.Recipe, error) {
	if c.Recipe != chat.OwnTemplate && !strings.HasSuffix(c.Recipe, ".jinja") {
		r, _, err := chat.FindRecipe(c.Recipe, nil)
		return r, err
	}
	where, err := locatedModel(c.ModelName)
	if err != nil {
		return recipe.Recipe{}, err
	}
	tok, err := tokenizer.Load(where)
	if err != nil {
		return recipe.Recipe{}, input(err)
	}
	r, _, err := chat.FindRecipe(c.Recipe, tok, where)
	return r, err
}

// writeNew writes a file. It refuses to replace one unless force is set.
func writeNew(path, text string, force bool) error {
	if _, err := os.Lstat(path); err == nil && !force {
		return fault.Mark(fmt.Errorf("init: %s exists; --force replaces it", path), fault.Refused)
	}
	err := atomicfile.MkdirAll(atomicfile.OS{}, filepath.Dir(path))
	if err == nil {
		err = atomicfile.Write(path, atomicfile.Bytes([]byte(text)))
	}
	if err != nil {
		return fmt.Errorf("init: %w", err)
	}
	return nil
}

// published fills in the settings of a preset that are not given, and returns the preset. auto stands for the first
// preset of the method, if there is one.
func published(c *train.Config, r recipe.Recipe, name string, given func(key string) bool) (p recipe.Preset,
	err error) {
	if name == "auto" {
		for _, q := range r.Presets {
			if p.Name == "" && methodOf(q) == c.Type {
				p = q
			}
		}
		if p.Name == "" {
			return p, nil
		}
	} else {
		if p, err = r.Preset(name); err != nil {
			return p, err
		}
		if !given("finetuning_type") {
			c.Type = methodOf(p)
		}
	}
	per := min(c.BatchSize, p.Batch)
	put(c, given, map[string]any{
		"learning_rate": p.LearningRate, "lr_scheduler_type": p.Schedule, "warmup_steps": p.WarmupSteps,
		"warmup_ratio": p.WarmupRatio, "num_train_epochs": p.Epochs,
		"per_device_train_batch_size": per, "gradient_accumulation_steps": p.Batch / per, "max_seq_length": p.Cutoff,
		"weight_decay": p.WeightDecay,
		"adam_beta2":   p.Beta2, "max_grad_norm": p.Clip,
	})
	if methodOf(p) == c.Type && p.Rank > 0 {
		put(c, given, map[string]any{"lora_rank": p.Rank, "lora_alpha": p.Alpha, "lora_dropout": p.Dropout,
			"lora_target_modules": p.Targets})
	}
	if methodOf(p) == c.Type && p.PromptLen > 0 {
		put(c, given, map[string]any{"adapter_len": p.PromptLen, "adapter_layers": p.PromptLayers})
	}
	return p, nil
}

// methodOf returns the finetuning_type of a preset.
func methodOf(p recipe.Preset) string {
	switch {
	case p.Rank > 0:
		return adapter.TypeLoRA
	case p.PromptLen > 0:
		return adapter.TypeLLaMAAdapter
	}
	return adapter.TypeFull
}

// origin names the source of a preset's settings.
func origin(p recipe.Preset) string {
	text := map[string]string{
		"paper": "as the paper has them", "repo": "as the authors' code has them",
		"official": "as the published weights were made", "ours": "ours, nobody published any",
	}[p.Name]
	if text == "" {
		return "the program's own"
	}
	if p.Note != "" {
		text += "; " + p.Note
	}
	return text
}

// put sets the settings that are not given, by their keys.
func put(c *train.Config, given func(key string) bool, values map[string]any) {
	for _, f := range settings.Fields(c) {
		if v, ok := values[f.Key]; ok && !given(f.Key) {
			switch v := v.(type) {
			case int:
				f.Value.SetInt(int64(v))
			case float64:
				f.Value.SetFloat(v)
			case string:
				f.Value.SetString(v)
			case []string:
				*f.Value.Addr().Interface().(*[]string) = v
			}
		}
	}
}

// written renders a config for people: every setting with its meaning.
func written(c train.Config, r recipe.Recipe, p recipe.Preset, notes []string) (string, error) {
	var b strings.Builder
	from := r.Paper
	if r.Chat {
		from = r.Source
	}
	fmt.Fprintf(&b, "# fettle train --config THIS_FILE\n#\n# Recipe %s: %s.\n", r.Name, from)
	if r.Note != "" {
		fmt.Fprintf(&b, "# Note: %s.\n", r.Note)
	}
	fmt.Fprintf(&b, "# Settings: %s.\n", origin(p))
	if p.Normalise == "row" || p.Normalise == "micro-batch" {
		fmt.Fprintf(&b, "# Losses were means over every %s there; here they are means over all learned tokens of a "+
			"step.\n", p.Normalise)
	}
	where, err := located(c.ModelName)
	if err != nil {
		return "", err
	}
	if base, err := model.ReadConfig(where); err == nil {
		fmt.Fprintf(&b, "# Model: %d layers of width %d, %.3g parameters, %d positions.\n", base.Layers, base.Hidden,
			float64(base.Parameters()), base.MaxPositions)
	} else if c.ModelName != "" {
		return "", input(err)
	}
	if t, err := chat.ReadTemplate(where); err == nil && t.Path != "" && !r.Chat {
		fmt.Fprintf(&b, "# The model has a chat template of its own: recipe: %s uses it.\n", chat.OwnTemplate)
	}
	for i, note := range notes {
		if i == 0 {
			b.WriteString("# Adapted to the model and the data:\n")
		}
		fmt.Fprintf(&b, "#   %s\n", note)
	}
	group, idle := "", c.Idle()
	for _, f := range settings.Fields(&c) {
		if isAnother(f.Key, c.Type) || slices.ContainsFunc(idle, func(i train.Idle) bool { return i.Key == f.Key }) {
			continue
		}
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(&b, "\n# %s\n", group)
		}
		var node yaml.Node
		if err := node.Encode(f.Value.Interface()); err != nil {
			return "", err
		}
		node.Style = yaml.FlowStyle
		text, err := yaml.Marshal(&node)
		if err != nil {
			return "", err
		}
		setting := f.Key + ": " + strings.TrimSpace(string(text))
		for line := range strings.Lines(human.Wrap(f.Help, 76)) {
			fmt.Fprintf(&b, "%-42s # %s\n", setting, strings.TrimSpace(line))
			setting = ""
		}
	}
	return b.String(), nil
}

// isAnother reports whether a setting belongs to another method.
func isAnother(key, method string) bool {
	for _, m := range (adapter.Methods{}).All() {
		settingsOf := reflect.New(reflect.TypeOf(m)).Interface()
		has := slices.ContainsFunc(settings.Fields(settingsOf), func(f settings.Field) bool { return f.Key == key })
		if has && m.Name() != method {
			return true
		}
	}
	return false
}
