package foreign

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"
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

func usePEFT(w *work, e settings.Entry) {
	if isTrue(e.Value) {
		w.set(e, "finetuning_type", w.LoRA)
		return
	}
	w.set(e, "finetuning_type", w.Full)
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

func batchSize(w *work, e settings.Entry) {
	const micro, many = "per_device_train_batch_size", "gradient_accumulation_steps"
	accumulation, ok := w.entry("gradient_accumulation_steps grad_accumulation_steps")
	batch, err := strconv.Atoi(w.text("batch_size", ""))
	given, hasMicro := w.entry("micro_batch_size per_device_train_batch_size")
	inOne := batch
	if hasMicro {
		inOne, _ = strconv.Atoi(w.text(given.Key, ""))
	} else if w.program.name == "Alpaca-LoRA" {
		inOne = 4
	}
	switch {
	case err != nil:
		w.refuse(e, "%q is not a whole number", e.Value)
	case ok && accumulation.Place.Explicit() && hasMicro && given.Place.Explicit():
		w.refuse(e, "it and %s with %s are one setting, set twice: leave batch_size out", given.Place, accumulation.Place)
	case w.program.name == "mlx-lm", ok && accumulation.Place.Explicit():
		w.set(e, micro, e.Value)
	case inOne < 1 || batch%inOne != 0:
		w.refuse(e, "%d sequences in a step are no multiple of the %d of a micro-batch", batch, inOne)
	default:
		if !hasMicro {
			w.set(e, micro, strconv.Itoa(inOne))
		}
		w.set(e, many, strconv.Itoa(batch/inOne))
	}
}

// entry returns the strongest entry of the first of these keys that is given.
func (w *work) entry(keys string) (settings.Entry, bool) {
	for key := range strings.FieldsSeq(keys) {
		if e, ok := w.given[key]; ok && e.Value != nil {
			return e, true
		}
	}
	return settings.Entry{}, false
}

func iterations(w *work, e settings.Entry) {
	n, err := strconv.Atoi(w.text("iters", ""))
	each, _ := strconv.Atoi(w.text("grad_accumulation_steps gradient_accumulation_steps", "1"))
	if err != nil || each < 1 || n%each != 0 {
		w.refuse(e, "%v micro-batches are no whole number of steps: write max_steps", e.Value)
		return
	}
	w.set(e, "max_steps", strconv.Itoa(n/each))
}

func adapterPath(w *work, e settings.Entry) {
	if w.program.name == "mlx-lm" {
		w.set(e, "output_dir", e.Value)
		return
	}
	w.set(e, "adapter_name_or_path", e.Value)
}

func bits(w *work, e settings.Entry) {
	switch v, _ := e.Value.(string); v {
	case "4":
		w.set(e, "quantization", w.NF4)
	case "8":
		w.refuse(e, "8 bits are LLM.int8() there, another arithmetic than quantization: int8 here, which to choose is yours")
	default:
		w.refuse(e, "%v: quantizations are none, int8 and nf4: write quantization", e.Value)
	}
}

func quantize(w *work, e settings.Entry) {
	if v, _ := e.Value.(string); strings.HasPrefix(v, "bnb.nf4") {
		w.set(e, "quantization", w.NF4)
		return
	}
	w.out.Entries = append(w.out.Entries, e)
}

func adapterType(w *work, e settings.Entry) {
	switch v, _ := e.Value.(string); v {
	case "qlora":
		w.set(e, "finetuning_type", w.LoRA)
		if !w.on("load_in_4bit") {
			w.set(e, "quantization", w.NF4)
		}
	case "dora":
		w.refuse(e, "DoRA is not done here: lora is plain LoRA")
	default:
		w.out.Entries = append(w.out.Entries, e)
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

func evalStrategy(w *work, e settings.Entry) {
	switch v, _ := e.Value.(string); strings.ToLower(v) {
	case "epoch", "epochs":
		w.set(e, "evals_per_epoch", "1")
	case "steps", "true":
		if !w.on("eval_steps") && e.Key != "do_eval" {
			w.set(e, "eval_steps", w.text("logging_steps", "500"))
			return
		}
		w.note(e, "read with eval_steps")
	case "no", "false":
		w.note(e, "nothing is evaluated during the run")
	default:
		w.refuse(e, "%v: want no, steps or epoch", e.Value)
	}
}

// evalSteps drops the steps of an evaluation that is turned off: it is, in files of transformers, without a strategy.
func evalSteps(w *work, e settings.Entry) {
	strategy := w.text("eval_strategy evaluation_strategy", "no")
	byHF := slices.Contains([]string{"LLaMA-Factory", "TRL", transformers}, w.program.name)
	if byHF && e.Place.Strength == settings.File && strategy != "steps" || strategy == "epoch" {
		w.note(e, "no effect: eval_strategy is "+strategy)
		return
	}
	if v, _ := e.Value.(string); strings.HasPrefix(v, "0.") && strings.Trim(v, "0.") != "" {
		w.refuse(e, "%s is a fraction of the run; write steps, or evals_per_epoch", v)
		return
	}
	w.out.Entries = append(w.out.Entries, e)
}

func saveStrategy(w *work, e settings.Entry) {
	switch v, _ := e.Value.(string); strings.ToLower(v) {
	case "epoch":
		w.set(e, "saves_per_epoch", "1")
	case "no":
		w.set(e, "save_steps", "0")
	case "steps":
		w.note(e, "read with save_steps")
	default:
		w.refuse(e, "%v: want no, steps or epoch; load_best_model_at_end keeps the best checkpoint", e.Value)
	}
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

func loraParameters(w *work, e settings.Entry) {
	m, ok := e.Value.(map[string]any)
	if !ok {
		w.refuse(e, "want {rank, scale, dropout, keys}")
		return
	}
	rank, scale := number(m["rank"], 8), number(m["scale"], 20)
	w.set(e, "lora_rank", strconv.FormatFloat(rank, 'g', -1, 64))
	w.set(e, "lora_alpha", strconv.FormatFloat(scale*rank, 'g', -1, 64))
	w.set(e, "lora_dropout", strconv.FormatFloat(number(m["dropout"], 0), 'g', -1, 64))
	var keys []string
	all, _ := m["keys"].([]any)
	for _, key := range all {
		if name, ok := key.(string); ok {
			keys = append(keys, filepath.Base(strings.ReplaceAll(name, ".", "/")))
		}
	}
	if len(keys) > 0 {
		w.set(e, "lora_target_modules", keys)
	}
}

func number(value any, otherwise float64) float64 {
	switch v := value.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	}
	return otherwise
}
