package foreign

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/internal/settings"
)

// ownTemplates lists names of templates that stand for what models of this name have in their tokenizer_config.json.
const ownTemplates = "llama2 llama3 llama4 mistral mistral_small ministral ministral3 gemma gemma2 gemma3 chatml " +
	"qwen qwen3 qwen3_nothink qwen2_5 phi phi4 phi_3 phi_35 yi smollm smollm2 tinyllama deepseek deepseek3 " +
	"falcon granite3 olmo olmo2 llama3_2_vision command_r cohere exaone tokenizer_default " +
	"tokenizer_default_fallback_chatml chat_template"

// alpacaLora maps names of Alpaca-LoRA's templates.
var alpacaLora = map[string]string{
	"": "alpaca-lora", "alpaca": "alpaca-lora", "alpaca_short": "alpaca-lora-short", "alpaca_legacy": "alpaca-lora-legacy",
	"vigogne": "alpaca-lora-vigogne",
}

// others says how templates of LLaMA-Factory and axolotl differ from the recipes of their names.
var others = map[string]string{
	"alpaca": "its prompt has the input in the instruction and a line break at the end; recipe: alpaca is Stanford's, " +
		"alpaca-lora has the line break",
	"vicuna":  "nothing stands between its preamble and USER:; recipe: vicuna is FastChat's",
	"default": "Human: and Assistant: with ends of text between them: no recipe has this prompt",
	"empty":   "no text around question and answer: recipe: gpt4all is the nearest",
}

func template(w *work, e settings.Entry) {
	name, _ := e.Value.(string)
	if r, ok := alpacaLora[name]; ok && e.Key == "prompt_template_name" {
		w.set(e, "recipe", r)
		return
	}
	text, differs := others[name]
	switch {
	case name == "jinja":
		w.note(e, "read with chat_template_jinja")
	case contains(ownTemplates, name), strings.HasPrefix(name, "tokenizer_default"):
		w.set(e, "recipe", "chat_template")
	case differs && (e.Key != "chat_template" || w.program.name != ""):
		w.refuse(e, "%s: %s: write recipe", name, text)
	case strings.HasSuffix(name, ".jinja"), slices.Contains(w.Recipes, name):
		w.set(e, "recipe", name)
	default:
		w.refuse(e, "%s: another program's template: write recipe: chat_template for the model's own, or a file.jinja", name)
	}
}

func templateFile(w *work, e settings.Entry) {
	if name, _ := e.Value.(string); strings.HasSuffix(name, ".jinja") {
		w.set(e, "recipe", name)
		return
	}
	w.refuse(e, "write the template into a file.jinja, and recipe: file.jinja")
}

// datasets looks names up in LLaMA-Factory's dataset_info.json. Paths of files stay.
func datasets(w *work, e settings.Entry) {
	_, hasDir := w.given["dataset_dir"]
	names, err := list(e.Value)
	if !hasDir && w.program.name != "LLaMA-Factory" || err != nil {
		w.out.Entries = append(w.out.Entries, e)
		return
	}
	dir := w.text("dataset_dir", "data")
	var paths []string
	for _, name := range names {
		if _, err := os.Stat(name); err != nil && filepath.Ext(name) == "" && !strings.Contains(name, "dataset_info.json:") {
			name = filepath.Join(dir, "dataset_info.json") + ":" + name
		}
		paths = append(paths, name)
	}
	w.set(e, e.Key, paths)
}

// mlxData names the files of mlx-lm's directory.
func mlxData(w *work, e settings.Entry) {
	dir, _ := e.Value.(string)
	if w.program.name != "mlx-lm" || filepath.Ext(dir) != "" {
		w.out.Entries = append(w.out.Entries, e)
		return
	}
	w.set(e, "dataset", []string{filepath.Join(dir, "train.jsonl")})
	if _, err := os.Stat(filepath.Join(dir, "valid.jsonl")); err == nil {
		w.set(e, "eval_dataset", []string{filepath.Join(dir, "valid.jsonl")})
	}
}

// axolotlTypes maps axolotl's types of data sets to recipes and formats here.
var axolotlTypes = map[string][2]string{
	"alpaca": {"alpaca-lora", "alpaca"}, "alpaca_chat.load_qa": {}, "chat_template": {"chat_template", "auto"},
	"completion": {"", "text"}, "pretrain": {"", "text"}, "input_output": {"", "auto"},
}

// axolotlFields maps keys of a data set to fields here.
var axolotlFields = map[string]string{
	"field_messages": "conversations", "message_field_role": "role", "message_field_content": "content", "field": "text",
	"role": "role", "content": "content",
}

// dataSets reads axolotl's list.
func dataSets(w *work, e settings.Entry) {
	all, nested := e.Value.([]any)
	if !nested {
		w.out.Entries = append(w.out.Entries, settings.Entry{Key: "dataset", Value: e.Value, Place: e.Place})
		return
	}
	var paths, columns []string
	recipe, format := "", ""
	for i, each := range all {
		set, ok := each.(map[string]any)
		at := fmt.Sprintf("data set %d", i+1)
		if !ok {
			w.refuse(e, "%s: want {path, type}", at)
			return
		}
		for _, key := range slices.Sorted(maps.Keys(set)) {
			value := set[key]
			text, isText := value.(string)
			known, isType := axolotlTypes[text]
			switch field := axolotlFields[key]; {
			case isOff(value), key == "ds_type", key == "trust_remote_code", key == "train_on_split", key == "name":
			case key == "path" && isText:
				paths = append(paths, text)
			case key == "split" && (text == "train" || text == ""):
			case key == "type" && isType && known[1] != "":
				if format != "" && known != [2]string{recipe, format} {
					w.refuse(e, "%s: type %s: data sets of one run have one prompt here", at, text)
					return
				}
				recipe, format = known[0], known[1]
			case key == "chat_template" && isText:
				if !contains(ownTemplates, text) && !strings.HasPrefix(text, "tokenizer_default") {
					w.refuse(e, "%s: chat_template %s: write recipe: chat_template, or a file.jinja", at, text)
					return
				}
			case field != "" && isText:
				columns = append(columns, field+"="+text)
			case key == "message_property_mappings":
				mapped, _ := value.(map[string]any)
				for theirs, name := range mapped {
					if ours := axolotlFields[theirs]; ours != "" {
						columns = append(columns, fmt.Sprintf("%s=%v", ours, name))
					}
				}
			default:
				w.refuse(e, "%s: %s: %v is not read here: write dataset, dataset_format, recipe and columns", at, key, value)
				return
			}
		}
	}
	w.set(e, "dataset", paths)
	if format != "" && format != "auto" {
		w.set(e, "dataset_format", format)
	}
	if _, said := w.entry("recipe chat_template template"); recipe != "" && !said {
		w.set(e, "recipe", recipe)
	}
	if len(columns) > 0 {
		slices.Sort(columns)
		w.set(e, "columns", slices.Compact(columns))
	}
}
