package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"fettle/internal/checkpoint"
	"fettle/model/convert"
)

// dtypeSettings holds the settings of weights in Hugging Face's layout.
type dtypeSettings struct {
	DType string `yaml:"dtype" group:"output" alias:"torch_dtype,save_dtype" help:"type of the weights: float32, bfloat16 or float16; auto: as the base stores them, float16 where it is quantized"`
	Shard string `yaml:"max_shard_size" alias:"export_size" help:"largest file of weights, such as 5GB; a base that is in several files keeps its own"`
}

func newMerge() *cobra.Command {
	from, to, as := mergeSettings{Quantized: "none"}, writeSettings{Certify: "yes"}, dtypeSettings{DType: "auto"}
	cmd := &cobra.Command{
		Use:     "merge",
		Aliases: []string{"fuse", "merge-lora", "merge_lora"},
		Short:   "Merge adapters into the weights of their base",
		Long: `Merge one or more adapters into the weights of their base and write a model in
Hugging Face's layout. For GGUF, see fettle export.

A weight W becomes W + Σ w·(W' − W), where W' is what an adapter makes of it, as
W + scale·B·A, and w its weight. This is computed in float32 and rounded once, to
the type in which the base stores W. A base that is quantized (GGUF) is
dequantized and written in float16, or as --dtype says; it is not quantized again.

A LLaMA-Adapter cannot be merged: its prompts act in attention, where no weight
can hold them.`,
		Example: `  fettle merge --adapter_name_or_path runs/alpaca-lora --output_dir models/alpaca
  fettle merge --model_name_or_path llama-7b --adapter_name_or_path a,b --adapter_weights 1,0.5 --output_dir both`,
		Args: cobra.NoArgs,
	}
	s := addSettings(cmd, &from, &as, &to)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		if len(from.Adapters) == 0 {
			return nothingGiven(cmd, "adapter_name_or_path is missing: the adapter to merge", "models/%s", false)
		}
		if err := from.settle(cmd); err != nil {
			return err
		}
		options, err := as.options()
		if err != nil {
			return err
		}
		if strings.HasSuffix(to.Output, ".gguf") {
			return usage(fmt.Errorf("output_dir is %s, and fettle merge writes a directory: fettle export --format gguf "+
				"--output %s writes a GGUF file", to.Output, to.Output))
		}
		return from.write(cmd, to, directory(options))
	}
	return cmd
}

// options reads the settings.
func (d dtypeSettings) options() (o convert.DirectoryOptions, err error) {
	if d.DType != "auto" && d.DType != "" {
		if o.DType, err = convert.ParseDType(d.DType); err != nil {
			return o, usage(fmt.Errorf("dtype is %w, or auto", err))
		}
	}
	if o.ShardSize, err = parseSize(d.Shard); err != nil {
		return o, usage(fmt.Errorf("max_shard_size is %w", err))
	}
	return o, nil
}

// parseSize reads a number of bytes such as 5GB or 500MB; "" is 0. A number alone is one of gigabytes, as in
// LLaMA-Factory's export_size.
func parseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	var n float64
	var unit string
	fmt.Sscanf(text, "%g%s", &n, &unit)
	scale, ok := map[string]float64{
		"": 1e9, "GB": 1e9, "MB": 1e6, "KB": 1e3, "GIB": 1 << 30, "MIB": 1 << 20, "KIB": 1 << 10,
	}[strings.ToUpper(unit)]
	if !ok || !(n*scale >= 1) || n*scale > 1<<62 {
		return 0, fmt.Errorf("%q, want a size such as 5GB", text)
	}
	return int64(n * scale), nil
}

// directory writes a model in Hugging Face's layout.
func directory(o convert.DirectoryOptions) form {
	return form{
		prepare: func(cmd *cobra.Command, m *made) error {
			if q := m.Quantized(); q != "" && o.DType == "" {
				o.DType = checkpoint.F16
				fmt.Fprintf(cmd.OutOrStdout(), "The base is quantized (%s). The model is written in float16; --dtype names "+
					"another type.\n", q)
			}
			return nil
		},
		write: func(m *made, path string) error { return m.Directory(path, o) },
	}
}
