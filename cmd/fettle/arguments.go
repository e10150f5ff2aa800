package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	ready "fettle/configs"
	"fettle/internal/fault"
	"fettle/internal/identify"
	"fettle/internal/machine"
	"fettle/internal/settings"
)

// carryOut runs the command of a command line.
func carryOut(ctx context.Context, root *cobra.Command, args []string) error {
	args = alone(root, args)
	if cmd, rest, err := root.Find(args); err == nil && !cmd.HasSubCommands() && hasSettings(cmd) {
		rest, err = settings.Arguments(cmd.Flags(), rest, wordsOf(cmd))
		if err != nil {
			return usage(fmt.Errorf("%w\n%s --help explains its flags", err, cmd.CommandPath()))
		}
		args = rest
		for c := cmd; c != root; c = c.Parent() {
			args = slices.Insert(args, 0, c.Name())
		}
	}
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if fault.Of(err) == fault.Program && err != nil && strings.HasPrefix(err.Error(), "unknown command") { // cobra's
		err = unknownCommand(root, args, err)
	}
	if fault.Of(err) == fault.Usage {
		err = settings.Placed(cmd.Flags(), err)
	}
	return err
}

// hasSettings reports whether a command's flags are settings.
func hasSettings(cmd *cobra.Command) bool {
	return cmd.Flags().Lookup("config") != nil || cmd.Name() == "version"
}

// wordsOf explains the words that a command does not take.
func wordsOf(cmd *cobra.Command) settings.Words {
	return settings.Words{
		Operands: cmd.ValidArgsFunction != nil,
		Known: func(name string) string {
			if strings.HasPrefix(name, "help") {
				return fmt.Sprintf(": %s help %s explains all flags", cmd.Root().DisplayName(), cmd.Name())
			}
			return insteadOf(cmd.Flags(), name)
		},
		Elsewhere: func(name string) string { return otherCommands(cmd, name) },
		Stray:     func(text string) string { return stray(cmd, text) },
	}
}

// letters lists the flags for which people write one letter.
func letters() map[string][]string {
	return map[string][]string{
		"c": {"config"}, "m": {"model_name_or_path"}, "a": {"adapter_name_or_path"}, "o": {"output_dir", "output"},
		"d": {"dataset"}, "p": {"prompt", "port"}, "n": {"max_new_tokens", "max_steps"}, "s": {"seed"}, "t": {"threads"},
		"e": {"num_train_epochs"}, "b": {"per_device_train_batch_size"}, "r": {"lora_rank"}, "f": {"force"},
	}
}

// insteadOf lists what to do instead of flags that other programs have for models that answer, merge or serve.
func insteadOf(flags *pflag.FlagSet, name string) string {
	for _, of := range letters()[name] {
		if flags.Lookup(of) != nil {
			return ": write --" + of
		}
	}
	if name == "v" || name == "V" || name == "version" {
		return ": fettle version prints the version"
	}
	if flags.Lookup("learning_rate") != nil {
		return "" // internal/settings/foreign knows those of training
	}
	for _, row := range [][2]string{
		{"gpu_layers n_gpu_layers ngl gpu device device_map gpu_memory_utilization tensor_parallel_size num_gpu",
			"models run on the processor: leave it out"},
		{"dtype torch_dtype load_in_4bit load_in_8bit quant", "write --compute or --quantization"},
		{"num_thread threads_batch cpu_threads n_threads", "write --threads"},
		{"num_beams early_stopping length_penalty no_repeat_ngram_size", "beams are not searched: leave it out"},
		{"do_sample greedy", "--temperature 0 always takes the most probable token, and any other samples"},
		{"temp", "write --temperature"},
		{"n_predict num_predict max_length max_tokens_to_sample predict", "write --max_new_tokens"},
		{"repeat_penalty repetition", "write --repetition_penalty"},
		{"lora lora_scaled lora_modules enable_lora lora_weights lora_path peft_model lora_dir",
			"write --adapter_name_or_path; NAME:0.5 adds half of it"},
		{"system_prompt sys system_message", "write --system"},
		{"ignore_chat_template no_chat_template", "write --raw"},
		{"conversation cnv interactive", "fettle chat converses"},
		{"served_model_name alias model_name", "a model has the name of its directory"},
		{"api_key", "write --api_key_file, or set FETTLE_API_KEY: other programs can read a command line"},
		{"trust_remote_code", "no code of a model is run: leave it out"},
		{"stream", "answers are written as they come: leave it out"},
		{"export_gguf gguf_path", "write fettle export --format gguf"},
		{"export_quantization_bit", "write fettle export --format gguf --quantize Q4_K_M"},
		{"de_quantize dequantize", "weights are dequantized where they must be: leave it out"},
	} {
		if slices.Contains(strings.Fields(row[0]), name) {
			return ": " + row[1]
		}
	}
	return ""
}

// otherCommands names the commands that have a flag.
func otherCommands(cmd *cobra.Command, name string) string {
	var have []string
	for _, c := range cmd.Root().Commands() {
		if f := c.Flags().Lookup(name); f != nil && f.Annotations[settings.NamesNote] != nil {
			have = append(have, c.Name())
		}
	}
	if len(have) == 0 {
		return ""
	}
	return fmt.Sprintf(": a flag of fettle %s, not of %s", strings.Join(have, ", "), cmd.CommandPath())
}

// stray says which flag words probably belong to that have none.
func stray(cmd *cobra.Command, text string) string {
	as := func(keys ...string) string {
		for _, key := range keys {
			if cmd.Flags().Lookup(key) != nil {
				return fmt.Sprintf(": write --%s %s", key, quote(text, runtime.GOOS))
			}
		}
		return ""
	}
	said := ""
	switch p := identify.Of(text); {
	case p.Kind != identify.Missing && cmd.Name() == "convert":
		said = as("input")
	case p.Kind == identify.Adapter, p.Kind == identify.Checkpoint, p.Kind == identify.Run:
		said = as("adapter_name_or_path")
	case p.Kind == identify.Model, p.Kind == identify.HubName && cmd.Flags().Lookup("prompt") == nil:
		said = as("shape", "model_name_or_path")
	}
	if _, builtIn := ready.Find(text); said == "" && builtIn {
		said = as("config")
	}
	if said == "" {
		switch extension := filepath.Ext(strings.TrimSuffix(strings.ToLower(text), ".gz")); extension {
		case ".yaml", ".yml":
			said = as("config")
		case ".json", ".jsonl", ".csv", ".tsv", ".txt", ".parquet", ".arrow":
			said = as("dataset")
		case ".jinja":
			said = as("recipe")
		case ".gguf", ".safetensors":
			said = as("model_name_or_path")
		}
	}
	if said == "" {
		said = as("prompt")
	}
	if said == "" {
		said = ": a setting is written as --name value"
	}
	return said
}

// newHelp prints the help of the command that words name.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [command]", Short: "Explain a command", Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(root, args, fmt.Errorf("unknown command %q", args[len(args)-1]))
			}
			cmd.InitDefaultHelpFlag()
			out := cmd.OutOrStdout()
			_, err = fmt.Fprint(out, help(cmd, min(machine.Width(out), 120)))
			return err
		},
	}
}
