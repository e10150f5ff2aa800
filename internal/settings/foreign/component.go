package foreign

import "fettle/internal/settings"

// components lists what to write instead of the components of torchtune and litgpt, which name code.
var components = map[string]string{
	"model":           "write model_name_or_path, finetuning_type, lora_rank, lora_alpha and lora_target_modules",
	"checkpointer":    "write model_name_or_path and output_dir",
	"tokenizer":       "the tokenizer is the model's own; write max_seq_length for its limit",
	"dataset":         "write dataset, and recipe",
	"dataset_val":     "write eval_dataset",
	"data":            "write dataset, and recipe",
	"optimizer":       "write learning_rate and weight_decay",
	"lr_scheduler":    "write lr_scheduler_type and warmup_steps",
	"train":           "write per_device_train_batch_size, num_train_epochs and max_seq_length",
	"eval":            "write eval_steps",
	"loss":            "the loss is the mean over learned tokens: leave it out",
	"metric_logger":   "a run writes metrics.jsonl and TensorBoard: leave it out",
	"logger":          "a run writes metrics.jsonl and TensorBoard: leave it out",
	"profiler":        "leave it out",
	"model_transform": "leave it out",
}

// component refuses an entry with keys of its own that names code, or that litgpt has.
func (w *work) component(e settings.Entry) bool {
	m, nested := e.Value.(map[string]any)
	if !nested {
		return false
	}
	_, torchtune := m["_component_"]
	_, lightning := m["class_path"]
	text, known := components[e.Key]
	if !torchtune && !lightning && !known {
		return false
	}
	if !known {
		text = "it names code, which is not run: leave it out"
	}
	w.refuse(e, "a component of torchtune or litgpt: %s", text)
	return true
}
