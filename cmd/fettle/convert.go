package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fettle/adapter"
)

// convertSettings names what is converted.
type convertSettings struct {
	Input string `yaml:"input" path:"read" group:"model" alias:"from,infile" help:"a model or an adapter in any format that fettle reads"`
	Model string `yaml:"model_name_or_path" path:"read" alias:"base_model,model,base" help:"the base of an adapter; default: the one that it names"`
}

func newConvert() *cobra.Command {
	from, to, as := convertSettings{}, writeSettings{Certify: "yes"}, formatSettings{}
	as.DType = "auto"
	cmd := &cobra.Command{
		Use:   "convert",
		Short: "Convert a model or an adapter from one format into another",
		Long: `Convert a model or an adapter from one format into another.

Models are read from directories in Hugging Face's layout (safetensors or .bin),
GGUF files, directories of Meta (consolidated.*.pth with params.json) and files of
llama2.c; they are written in Hugging Face's layout (safetensors), as GGUF, or for
Ollama.

Adapters are read and written as PEFT, mlx-lm and LitGPT have them, as GGUF LoRA,
and as .pth files of the official LLaMA-Adapter.

Without --format, the output's name decides: name.gguf, name.pth for a
LLaMA-Adapter, else a directory of Hugging Face's layout or PEFT's.`,
		Example: `  fettle convert --input model.Q4_K_M.gguf --output model-hf
  fettle convert --input llama-7b/ --output llama-7b.gguf --quantize Q8_0
  fettle convert --input lora.gguf --model llama-7b/ --output lora-peft`,
		Args: cobra.NoArgs,
	}
	s := addSettings(cmd, &from, &as, &to)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		if from.Input == "" {
			return usage(errors.New("input is missing: the model or adapter to convert"))
		}
		if err := from.settle(cmd); err != nil {
			return err
		}
		if adapter.FormOf(from.Input) == "" {
			if err := from.checkModel(as.Format); err != nil {
				return err
			}
			return export(cmd, mergeSettings{Model: from.Input, Quantized: "none"}, as, to)
		}
		if as.Format == "" {
			as.Format = adapterFormat(to.Output)
		}
		if as.Format == formatHF || as.Format == formatGGUF || as.Format == formatOllama {
			return usage(errors.New("the input is an adapter, and format " + as.Format + " is a model's: fettle export " +
				"merges it; peft, gguf-lora, mlx, llama-adapter and litgpt are formats of adapters"))
		}
		return export(cmd, mergeSettings{Model: from.Model, Adapters: []string{from.Input}, Quantized: "none"}, as, to)
	}
	return cmd
}

// checkModel returns an error for an input that is no model, and for what is an adapter's.
func (c convertSettings) checkModel(format string) error {
	if _, err := locatedAs("input", c.Input); err != nil {
		return err
	}
	if c.Model != "" {
		return usage(fmt.Errorf("model_name_or_path %s cannot act: the input is a model, and adapters alone have a base",
			c.Model))
	}
	if slices.Contains(adapter.Forms(), adapter.Form(format)) {
		return usage(fmt.Errorf("the input is a model, and format %s is an adapter's: safetensors, gguf and ollama are "+
			"formats of models", format))
	}
	return nil
}

// adapterFormat chooses the format of an adapter by the name of the output.
func adapterFormat(output string) string {
	switch {
	case strings.HasSuffix(output, ".gguf"):
		return string(adapter.GGUFLoRA)
	case strings.HasSuffix(output, ".pth"):
		return string(adapter.Official)
	}
	return string(adapter.PEFT)
}
