package foreign

import (
	"slices"
	"strconv"
	"strings"

	"fettle/internal/settings"
)

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

func iterations(w *work, e settings.Entry) {
	n, err := strconv.Atoi(w.text("iters", ""))
	each, _ := strconv.Atoi(w.text("grad_accumulation_steps gradient_accumulation_steps", "1"))
	if err != nil || each < 1 || n%each != 0 {
		w.refuse(e, "%v micro-batches are no whole number of steps: write max_steps", e.Value)
		return
	}
	w.set(e, "max_steps", strconv.Itoa(n/each))
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
