package train

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// keysThatMisfit lists the keys of warnings and errors.
func keysThatMisfit(all []Misfit) (keys []string) {
	for _, m := range all {
		keys = append(keys, m.Key)
	}
	return keys
}

func TestSettingsThatDoNotFitTheDataAreNamed(t *testing.T) {
	plain := Counts{Training: 1000}
	held := func(training, held int) Counts { return Counts{Training: training, Held: held} }
	for _, c := range []struct {
		reason string
		set    func(*Config)
		data   Counts
		key    string // "": it fits
		want   string
	}{
		{"defaults", func(*Config) {}, plain, "", ""},
		{"defaults and few rows", func(*Config) {}, Counts{Training: 9}, "", ""},
		{"defaults and one row", func(c *Config) { c.WarmupRatio = 0 }, Counts{Training: 1}, "", ""},

		{"a preset's number takes most rows", func(c *Config) { c.ValSize = 2000 }, held(500, 2000), "val_size",
			"is 2000, which leaves 500 of 2500 examples to learn from: set it to 250, a tenth, or fewer"},
		{"or more than a quarter", func(c *Config) { c.ValSize = 120 }, held(180, 120), "val_size",
			"is 120: 120 of 300 examples are held out, more than a quarter: set it to 30"},
		{"a quarter is enough", func(c *Config) { c.ValSize = 250 }, held(750, 250), "", ""},
		{"doubles of held-out rows are not val_size's fault", func(c *Config) { c.ValSize = 100 },
			Counts{Training: 50, Held: 100, Doubles: 850}, "", ""},
		{"a fraction is meant", func(c *Config) { c.ValSize = 0.7 }, held(300, 700), "val_size", "is 0.7: 700 of 1000"},
		{"a fraction below one row", func(c *Config) { c.ValSize = 0.01 }, held(40, 0), "val_size",
			"is 0.01, and of 40 examples none is held out: set it to a number of examples, such as 4"},
		{"of one row", func(c *Config) { c.ValSize, c.WarmupRatio = 0.05, 0 }, held(1, 0), "val_size",
			"is 0.05, and of 1 examples none is held out: set it to 0: one example cannot be divided"},
		{"a held-out row of three", func(c *Config) { c.ValSize = 1 }, held(2, 1), "val_size",
			"is 1: 1 of 3 examples are held out, more than a quarter: set it to 0: 3 examples are too few to hold out any"},
		{"files for evaluation", func(c *Config) { c.EvalDataset = []string{"e.json"} }, held(900, 100), "", ""},
		{"nothing in them", func(c *Config) { c.EvalDataset = []string{"e.json"} }, held(100, 0), "eval_dataset",
			"has no example that can be evaluated, of e.json"},

		{"warm-up longer than the run", func(c *Config) { c.WarmupSteps, c.Epochs = 100, 1 }, held(80, 0), "warmup_steps",
			"is 100: the warm-up takes 100 steps and the run has 20, so that the learning rate ends at 5.7e-05 and never " +
				"reaches 0.0003: set warmup_steps to 2"},
		{"warm-up as long as the run", func(c *Config) { c.WarmupSteps, c.MaxSteps = 20, 20 }, plain, "warmup_steps",
			"takes 20 steps and the run has 20"},
		{"a step shorter", func(c *Config) { c.WarmupSteps, c.MaxSteps = 19, 20 }, plain, "", ""},
		{"warm-up of all steps", func(c *Config) { c.WarmupRatio = 1 }, plain, "warmup_ratio", "is 1: the warm-up takes 750"},
		{"every rate is 0", func(c *Config) { c.MaxSteps = 1 }, plain, "warmup_ratio",
			"is 0.03: the warm-up takes 1 of 1 step, every learning rate is 0 and nothing is learned"},
		{"constant has no warm-up", func(c *Config) { c.MaxSteps, c.Schedule, c.WarmupSteps = 5, "constant", 100 }, plain,
			"", ""},
		{"constant_with_warmup has", func(c *Config) {
			c.MaxSteps, c.Schedule, c.WarmupSteps = 5, "constant_with_warmup", 100
		}, plain, "warmup_steps", "the run has 5"},
		{"no rate", func(c *Config) { c.LearningRate = 0 }, plain, "learning_rate", "is 0: nothing is learned"},
		{"decay longer than the run", func(c *Config) {
			c.Schedule, c.ScheduleArgs, c.MaxSteps = "warmup_stable_decay", []string{"num_decay_steps=100"}, 60
		}, plain, "lr_scheduler_kwargs", "asks for 100 steps of decay, and with those before it for 102; the run has 60"},
		{"decay within it", func(c *Config) {
			c.Schedule, c.ScheduleArgs, c.MaxSteps = "warmup_stable_decay", []string{"num_decay_steps=50"}, 60
		}, plain, "", ""},

		{"checkpoints beyond the end", func(c *Config) { c.SaveSteps, c.MaxSteps = 500, 60 }, plain, "save_steps",
			"is 500 and the run has 60 steps: the only checkpoint is that of the last step; set it to 20, or to 0"},
		{"the default", func(c *Config) { c.MaxSteps = 60 }, plain, "", ""},
		{"the default, as stated", func(c *Config) { c.MaxSteps = 60 },
			Counts{Training: 1000, Stated: func(key string) bool { return key == "save_steps" }}, "save_steps",
			"is 200 and the run has 60 steps: the only checkpoint is that of the last step; set it to 20, or to 0"},
		{"one at the end", func(c *Config) { c.SaveSteps, c.MaxSteps = 60, 60 }, plain, "", ""},
		{"evaluations beyond the end", func(c *Config) { c.ValSize, c.EvalSteps, c.MaxSteps = 50, 100, 60 }, held(950, 50),
			"eval_steps", "is 100 and the run has 60 steps: it is evaluated before and after only; set it to 20"},
		{"printed lines beyond the end", func(c *Config) { c.LoggingSteps, c.MaxSteps = 100, 60 }, plain, "logging_steps",
			"is 100 and the run has 60 steps"},
		{"other programs' default", func(c *Config) { c.LoggingSteps, c.MaxSteps = 500, 60 }, plain, "", ""},
		{"samples beyond the end", func(c *Config) { c.SamplePrompts, c.SampleSteps, c.MaxSteps = []string{"a"}, 100, 60 },
			plain, "sample_steps", "is 100 and the run has 60 steps"},
		{"patience that never ends", func(c *Config) { c.ValSize, c.EvalSteps, c.Patience, c.MaxSteps = 50, 20, 3, 80 },
			held(950, 50), "early_stopping_patience",
			"is 3, and with eval_steps 20 there are 3 evaluations before the last of 80 steps: it can never end the run; " +
				"set eval_steps to 19"},
		{"the advice is right", func(c *Config) { c.ValSize, c.EvalSteps, c.Patience, c.MaxSteps = 50, 19, 3, 80 },
			held(950, 50), "", ""},
		{"one checkpoint to choose from", func(c *Config) {
			c.ValSize, c.EvalSteps, c.SaveSteps, c.LoadBest, c.MaxSteps = 50, 30, 60, true, 60
		}, held(950, 50), "load_best_model_at_end",
			"chooses among checkpoints every 60 steps (save_steps), and the run has 60"},

		{"a step larger than the epoch", func(c *Config) { c.BatchSize, c.Accumulation = 4, 32 }, held(90, 0),
			"gradient_accumulation_steps", "is 32: 4 × 32 sequences in a step are more than the 90 examples, so that each " +
				"epoch is one step: set it to 5"},
		{"a micro-batch larger than the epoch", func(c *Config) { c.BatchSize = 64 }, held(40, 0),
			"per_device_train_batch_size", "is 64, and there are 40 examples, so that each epoch is one step: set it to 10"},
		{"nothing left of it", func(c *Config) { c.DropLast, c.BatchSize = true, 4 }, held(3, 0), "dataloader_drop_last",
			"drops all 3 examples: they are fewer than per_device_train_batch_size 4; set that to 3 or fewer"},
		{"many passes", func(c *Config) { c.MaxSteps = 1000 }, held(40, 0), "max_steps",
			"is 1000: 100 passes over the 40 examples, 10 steps each: set it to 30, 3 passes, or fewer"},
		{"a rate without its exponent", func(c *Config) { c.LearningRate = 3 }, plain, "learning_rate",
			"is 3, and 1e-5 … 1e-2 is usual: the loss will probably rise"},
		{"more to evaluate than to learn", func(c *Config) { c.EvalDataset = []string{"e"} }, held(40, 50), "eval_dataset",
			"has 50 examples, more than the 40 to learn from"},
		{"a few passes", func(c *Config) { c.MaxSteps = 200 }, held(40, 0), "", ""},
	} {
		t.Run(c.reason, func(t *testing.T) {
			s := Defaults()
			c.set(&s)
			found := s.Misfits(c.data)
			if c.key == "" {
				require.Empty(t, found)
				return
			}
			require.Contains(t, keysThatMisfit(found), c.key)
			for _, m := range found {
				if m.Key == c.key {
					require.True(t, strings.HasPrefix(m.Text, c.key+" "), m.Text)
					require.Contains(t, m.Text, c.want)
				}
			}
		})
	}
}

// Where nothing sensible is left it is an error: most rows held out by a number, a best checkpoint or early stopping
// without held-out rows, no micro-batch at all.
func TestNothingSensibleLeftIsAnError(t *testing.T) {
	for _, c := range []struct {
		set   func(*Config)
		data  Counts
		fatal bool
	}{
		{func(c *Config) { c.ValSize = 299 }, Counts{Training: 1, Held: 299}, true},
		{func(c *Config) { c.ValSize = 150 }, Counts{Training: 150, Held: 150}, false},
		{func(c *Config) { c.ValSize = 1 }, Counts{Training: 40, Held: 60}, false},
		{func(c *Config) { c.ValSize = 0.9 }, Counts{Training: 30, Held: 270}, false},
		{func(c *Config) { c.ValSize = 0.01 }, Counts{Training: 50}, false},
		{func(c *Config) { c.ValSize, c.Patience, c.EvalSteps = 0.01, 2, 5 }, Counts{Training: 50}, true},
		{func(c *Config) { c.ValSize, c.LoadBest, c.EvalSteps = 0.01, true, 5 }, Counts{Training: 50}, true},
		{func(c *Config) { c.EvalDataset = []string{"e.json"} }, Counts{Training: 50}, true},
		{func(c *Config) { c.DropLast, c.BatchSize = true, 51 }, Counts{Training: 50}, true},
		{func(c *Config) { c.WarmupSteps = 1000 }, Counts{Training: 50}, false},
	} {
		s := Defaults()
		c.set(&s)
		if err := Unfit(s.Misfits(c.data)); c.fatal {
			require.Error(t, err)
		} else {
			require.NoError(t, err)
		}
	}
}
