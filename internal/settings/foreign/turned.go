package foreign

import (
	"maps"
	"slices"
	"strings"

	"fettle/internal/settings"
)

// turning is a key whose values need a translation.
type turning struct {
	keys string
	says string
	turn func(*work, settings.Entry)
}

func turned() []turning {
	return []turning{
		{"batch_size", "a micro-batch where gradient_accumulation_steps is given beside it, else the whole step, in " +
			"micro-batches of micro_batch_size", batchSize},
		{"iters", "max_steps × gradient_accumulation_steps", iterations},
		{"adapter_path", "mlx-lm: output_dir; else adapter_name_or_path", adapterPath},
		{"quantization_bit", "4: quantization: nf4; others are refused", bits},
		{"load_in_4bit q_lora", "true: quantization: nf4", func(w *work, e settings.Entry) {
			when("quantization", w.NF4)(w, e)
		}},
		{"quantize", "bnb.nf4 and bnb.nf4-dq: quantization: nf4", quantize},
		{"quantization_method", "bnb: as quantization_bit says; others are refused", only("bnb bitsandbytes",
			"quantizations are none, int8 and nf4: write quantization")},
		{"quantization_type bnb_4bit_quant_type", "nf4; fp4 is refused", only("nf4 NF4", "4 bits are nf4 here: write nf4")},
		{"lora_target_linear", "true: lora_target_modules: all-linear", when("lora_target_modules", "all-linear")},
		{"use_peft use_lora", "true: finetuning_type: lora; false: full", usePEFT},
		{"adapter fine_tune_type", "finetuning_type; qlora is lora with quantization: nf4", adapterType},
		{"train_on_prompt train_on_inputs mask_history completion_only_loss assistant_only_loss mask_prompt",
			"train_on: all, last_turn, completion or assistant", trainOn},
		{"disable_gradient_checkpointing", "true: recompute: none", when("recompute", "none")},
		{"disable_shuffling", "true: shuffle: false", when("shuffle", "false")},
		{"shuffle_merged_datasets shuffle_dataset", "shuffle", words("shuffle")},
		{"optim optimizer", "AdamW in any implementation; other optimizers are refused", optimizer},
		{"stage", "sft; others are refused", only("sft", "only stage sft (instruction tuning) is done here; for plain text "+
			"(pt) leave stage out and write dataset_format: text")},
		{"template prompt_template_name prompt_style chat_template", "recipe, where it is the same prompt", template},
		{"chat_template_jinja chat_template_path", "recipe, for a file.jinja", templateFile},
		{"dataset eval_dataset", "with dataset_dir, names of its dataset_info.json", datasets},
		{"dataset_dir", "the directory of dataset_info.json",
			func(w *work, e settings.Entry) { w.note(e, "read with dataset") }},
		{"datasets", "axolotl's list of {path, type, …}: dataset, dataset_format, recipe and columns", dataSets},
		{"data", "mlx-lm: the directory of train.jsonl and valid.jsonl", mlxData},
		{"dataset_text_field", "columns: text=NAME", textField},
		{"dataset_train_split dataset_test_split dataset_config split", "train, test or none; others are refused",
			only("train test default", "name the file itself in dataset")},
		{"eval_strategy evaluation_strategy do_eval", "no: eval_steps: 0; epoch: evals_per_epoch: 1", evalStrategy},
		{"save_strategy", "no: save_steps: 0; epoch: saves_per_epoch: 1", saveStrategy},
		{"eval_steps", "eval_steps, where eval_strategy is steps", evalSteps},
		{"special_tokens", "tokens of the model's own files; others are refused", specialTokens},
		{"plugins", "kernels have no effect; others are refused", plugins},
		{"add_eos_token", "true: as recipes do; false is refused",
			unless("true", "an answer ends with its recipe's end of text")},
		{"lora_parameters", "mlx-lm's {rank, scale, dropout, keys}", loraParameters},
		{"num_layers lora_layers", "-1, all layers; others are refused", only("-1 all", "adapters are in all layers here: "+
			"write -1")},
	}
}

// when sets a key to a value if an entry is on.
func when(key, value string) func(*work, settings.Entry) {
	return func(w *work, e settings.Entry) {
		if isTrue(e.Value) {
			w.set(e, key, value)
		} else {
			w.note(e, "no effect: it is off")
		}
	}
}

// words passes an entry on to a setting that reads the same words.
func words(key string) func(*work, settings.Entry) {
	return func(w *work, e settings.Entry) { w.set(e, key, e.Value) }
}

// only takes some values, or none, and refuses others.
func only(values, text string) func(*work, settings.Entry) {
	return func(w *work, e settings.Entry) {
		if v, _ := e.Value.(string); isOff(e.Value) || contains(values, v) {
			w.note(e, "no effect: it is so here")
		} else {
			w.refuse(e, "%v: %s", e.Value, text)
		}
	}
}

// unless refuses all values but one.
func unless(value, text string) func(*work, settings.Entry) {
	return func(w *work, e settings.Entry) {
		if isTrue(e.Value) == (value == "true") {
			w.note(e, "no effect: "+text)
		} else {
			w.refuse(e, "%v: %s", e.Value, text)
		}
	}
}

// trainOn joins the keys about what is learned; the first of them that is given speaks for all.
func trainOn(w *work, e settings.Entry) {
	keys := "train_on_prompt train_on_inputs mask_history completion_only_loss assistant_only_loss mask_prompt"
	var first string
	for key := range strings.FieldsSeq(keys) {
		if _, ok := w.given[key]; ok && first == "" {
			first = key
		}
	}
	if e.Key != first {
		w.note(e, "read with "+first)
		return
	}
	prompts := w.on("train_on_prompt") || w.on("train_on_inputs")
	_, mlx := w.given["mask_prompt"]
	switch {
	case prompts && w.on("mask_history"):
		w.refuse(e, "prompts are learned and the history is not: only one of train_on: all and train_on: last_turn "+
			"is possible")
	case prompts, mlx && !w.on("mask_prompt"):
		w.set(e, "train_on", "all")
	case w.on("mask_history"):
		w.set(e, "train_on", "last_turn")
	case w.on("completion_only_loss"), w.on("mask_prompt"):
		w.set(e, "train_on", "completion")
	case w.on("assistant_only_loss"), e.Key == "train_on_inputs", e.Key == "train_on_prompt":
		w.set(e, "train_on", "assistant")
	default:
		w.note(e, "no effect: it is off")
	}
}

func optimizer(w *work, e settings.Entry) {
	v, _ := e.Value.(string)
	v = strings.ToLower(strings.TrimPrefix(v, "OptimizerNames."))
	switch {
	case contains("adamw adamw_torch adamw_torch_fused adamw_hf adamw_apex_fused adamw_torch_4bit adam", v):
		w.note(e, "no effect: AdamW, as here")
	case strings.Contains(v, "adamw") && (strings.Contains(v, "8bit") || strings.Contains(v, "paged")):
		w.note(e, "no effect: AdamW, as here, where moments are float32")
	default:
		w.refuse(e, "%v: the optimizer is AdamW: write adamw_torch", e.Value)
	}
}

func textField(w *work, e settings.Entry) {
	if v, _ := e.Value.(string); v != "" && v != "text" {
		w.set(e, "columns", []string{"text=" + v})
		return
	}
	w.note(e, "no effect: it is so here")
}

// specialTokens takes the padding, of which there is none here, and the usual tokens of LLaMA.
func specialTokens(w *work, e settings.Entry) {
	m, _ := e.Value.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if v, _ := m[key].(string); key != "pad_token" && v != "" && !contains("<s> </s> <unk>", v) {
			w.refuse(e, "%s %q: special tokens are those of the model's own files: change them there", key, v)
			return
		}
	}
	w.note(e, "no effect: there is no padding, and other tokens are the model's own")
}

func plugins(w *work, e settings.Entry) {
	names, err := list(e.Value)
	for _, name := range names {
		kernels := []string{"liger", "cut_cross_entropy", "kernels"}
		if !slices.ContainsFunc(kernels, func(kind string) bool { return strings.Contains(name, kind) }) {
			w.refuse(e, "%s: plugins are not loaded", name)
			return
		}
	}
	if err != nil {
		w.refuse(e, "%v", err)
		return
	}
	w.note(e, "no effect: attention and kernels are this program's own")
}
