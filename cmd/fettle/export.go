package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fettle/adapter"
	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/suggest"
	"fettle/model"
	"fettle/model/convert"
)

// The formats of models. Those of adapters are adapter.Forms.
const (
	formatHF     = "safetensors"
	formatGGUF   = "gguf"
	formatOllama = "ollama"
)

// formatSettings names a format and its choices.
type formatSettings struct {
	Format        string `yaml:"format" group:"output" alias:"export_format" words:"hf=safetensors,huggingface=safetensors" help:"safetensors, gguf or ollama: the model with the adapters merged; peft, gguf-lora, mlx, llama-adapter or litgpt: the adapter alone; default: gguf if the output's name ends so, else safetensors"`
	Quantize      string `yaml:"quantize" alias:"quantization,quant,outtype,quantization_method" help:"type of a GGUF file's weights: F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K_S, Q3_K_M, Q3_K_L, Q4_K_S, Q4_K_M, Q5_K_S, Q5_K_M, Q6_K, IQ4_NL, IQ4_XS; default: blocks as they are, other weights in 16 bits"`
	Portable      bool   `yaml:"portable" help:"peft: write one rank and scale for all modules, which older readers need"`
	dtypeSettings `yaml:",inline"`
}

func newExport() *cobra.Command {
	from, to, as := mergeSettings{Quantized: "none"}, writeSettings{Certify: "yes"}, formatSettings{}
	as.DType = "auto"
	cmd := &cobra.Command{
		Use:     "export",
		Aliases: []string{"quantize"},
		Short:   "Write a model, or an adapter, for other programs",
		Long: `Write a model for other programs, with adapters merged into it, or an adapter
alone.

  safetensors    a directory in Hugging Face's layout
  gguf           a file for llama.cpp, LM Studio, …, quantized as --quantize says
  ollama         a directory with a GGUF file and a Modelfile
  peft           the adapter in PEFT's layout
  gguf-lora      a LoRA for llama.cpp (--lora) and Ollama (ADAPTER)
  mlx            a LoRA for mlx-lm
  llama-adapter  a LLaMA-Adapter as the official code has it (.pth)
  litgpt         the adapter for LitGPT

A LLaMA-Adapter can be neither merged nor put into a GGUF file: no weight can
hold its prompts. It remains an adapter (peft, llama-adapter, litgpt), or is
served by fettle serve.`,
		Example: `  fettle export --adapter_name_or_path runs/first --quantize Q4_K_M --output first-Q4_K_M.gguf
  fettle export --adapter_name_or_path runs/first --format ollama --quantize Q8_0 --output first-ollama
  fettle export --adapter_name_or_path runs/first --format gguf-lora --output first-lora.gguf`,
		Args: cobra.NoArgs,
	}
	s := addSettings(cmd, &from, &as, &to)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		return export(cmd, from, as, to)
	}
	return cmd
}

// export writes a model or an adapter in a format.
func export(cmd *cobra.Command, from mergeSettings, as formatSettings, to writeSettings) error {
	if from.Model == "" && len(from.Adapters) == 0 {
		return nothingGiven(cmd, "model_name_or_path and adapter_name_or_path are missing: what to export", "%s.gguf", true)
	}
	if to.Output == "" {
		return usage(errors.New("output_dir is missing: where to write"))
	}
	if err := from.settle(cmd); err != nil {
		return err
	}
	if as.Format == "" {
		as.Format = formatHF
		if strings.HasSuffix(to.Output, ".gguf") {
			as.Format = formatGGUF
		}
	}
	if err := as.check(); err != nil {
		return err
	}
	switch as.Format {
	case formatHF:
		options, err := as.options()
		if err != nil {
			return err
		}
		return from.write(cmd, to, directory(options))
	case formatGGUF, formatOllama:
		f, err := as.gguf(to.Output)
		if err != nil {
			return err
		}
		return from.write(cmd, to, f)
	}
	return from.exportAdapter(cmd, as, to)
}

// formats lists the formats.
func formats() []string {
	all := []string{formatHF, formatGGUF, formatOllama}
	for _, f := range adapter.Forms() {
		all = append(all, string(f))
	}
	return all
}

// check refuses an unknown format, and settings that cannot act in the one chosen.
func (f formatSettings) check() error {
	if !slices.Contains(formats(), f.Format) {
		return usage(suggest.Unknown("format", f.Format, formats()))
	}
	inGGUF := f.Format == formatGGUF || f.Format == formatOllama
	switch {
	case f.Quantize != "" && !inGGUF && f.Format != string(adapter.GGUFLoRA):
		return usage(fmt.Errorf("quantize %s cannot act in format %s: it is for gguf and ollama", f.Quantize, f.Format))
	case f.DType != "auto" && f.DType != "" && f.Format != formatHF:
		return usage(fmt.Errorf("dtype %s cannot act in format %s; --quantize chooses the type of a GGUF file's weights",
			f.DType, f.Format))
	case f.Shard != "" && f.Format != formatHF:
		return usage(fmt.Errorf("max_shard_size %s cannot act in format %s: it is for safetensors", f.Shard, f.Format))
	case f.Portable && f.Format != string(adapter.PEFT):
		return usage(fmt.Errorf("portable cannot act in format %s: it is for peft", f.Format))
	}
	return nil
}

// gguf is the form of a GGUF file, alone or for Ollama.
func (f formatSettings) gguf(output string) (form, error) {
	var mix *gguf.Mix
	if f.Quantize != "" {
		m, err := gguf.MixNamed(f.Quantize)
		if err != nil {
			return form{}, usage(err)
		}
		mix = &m
	}
	options := convert.GGUFOptions{Mix: mix, Name: convert.Title(strings.TrimSuffix(filepath.Base(output), ".gguf"))}
	out := form{
		file: f.Format == formatGGUF,
		prepare: func(cmd *cobra.Command, m *made) (err error) {
			if q := m.Quantized(); q != "" && mix != nil && mix.Type.Block() > 1 {
				fmt.Fprintf(cmd.OutOrStdout(), "The base is quantized already (%s): quantizing again loses more than "+
					"quantizing the original weights.\n", q)
			}
			for _, lost := range m.Config.GGUFLosses() {
				m.notes = append(m.notes, "From a GGUF file llama.cpp will answer otherwise. It loses "+lost+".")
			}
			if options.Tokenizer, err = m.ggufTokenizer(); err != nil || m.record.Type == "" {
				return err
			}
			key, err := m.record.GGUF()
			options.More = append(options.More, key)
			return err
		},
		write: func(m *made, path string) error { return m.GGUF(path, options) },
	}
	if f.Format == formatOllama {
		out.write = func(m *made, path string) error {
			if err := m.GGUF(filepath.Join(path, convert.OllamaModel), options); err != nil {
				return err
			}
			return m.writeModelfile(path)
		}
	} else if !strings.HasSuffix(output, ".gguf") {
		return form{}, usage(fmt.Errorf("output_dir is %s, want a file's name that ends in .gguf", output))
	}
	return out, nil
}

// exportAdapter writes an adapter alone.
func (s mergeSettings) exportAdapter(cmd *cobra.Command, as formatSettings, to writeSettings) error {
	if len(s.Adapters) != 1 || len(s.Weights) > 0 {
		return usage(fmt.Errorf("format %s takes one adapter, in adapter_name_or_path", as.Format))
	}
	if s.Quantized != "none" {
		return usage(fmt.Errorf("base_quantization %s cannot act in format %s: nothing is merged", s.Quantized, as.Format))
	}
	if to.Text != "" {
		return usage(fmt.Errorf("certificate_data %s cannot act in format %s: certificates are of models", to.Text,
			as.Format))
	}
	if err := s.complete(); err != nil {
		return err
	}
	where, err := located(s.Model)
	if err != nil {
		return err
	}
	file := as.Format == string(adapter.GGUFLoRA) || as.Format == string(adapter.Official)
	if err := to.check(file, append([]string{where}, s.Adapters...)...); err != nil {
		return err
	}
	c, err := model.ReadConfig(where)
	if err != nil {
		return input(err)
	}
	o := adapter.Output{Form: adapter.Form(as.Format), Portable: as.Portable, Base: lasting(s.Model),
		Name: convert.Title(strings.TrimSuffix(filepath.Base(to.Output), filepath.Ext(to.Output)))}
	if as.Quantize != "" {
		m, err := gguf.MixNamed(as.Quantize)
		if err != nil || m.Type.Block() > 1 {
			return usage(fmt.Errorf("quantize is %s, want F32 or F16 for a LoRA", as.Quantize))
		}
		o.Type = m.Type
	}
	own, err := ownGeneration(s.Adapters[0])
	if err != nil {
		return err
	}
	write := func(path string) error {
		err := adapter.Export(s.Adapters[0], c, path, o)
		for name, text := range own {
			if err == nil && !file {
				err = atomicfile.Write(filepath.Join(path, name), atomicfile.Bytes(text))
			}
		}
		return err
	}
	if !file {
		err = convert.NewDirectory(to.Output, to.Force, write)
	} else if err = atomicfile.MkdirAll(atomicfile.OS{}, filepath.Dir(to.Output)); err == nil {
		err = write(to.Output)
	}
	if err != nil {
		return input(err)
	}
	printNext(cmd, "Wrote "+to.Output+".", nextOfAdapter(cmd, to.Output, s.Model))
	return nil
}
