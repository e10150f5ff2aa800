package foreign

import (
	"path/filepath"
	"strconv"
	"strings"

	"fettle/internal/settings"
)

func usePEFT(w *work, e settings.Entry) {
	if isTrue(e.Value) {
		w.set(e, "finetuning_type", w.LoRA)
		return
	}
	w.set(e, "finetuning_type", w.Full)
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
