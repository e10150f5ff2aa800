package train

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rates returns the schedule of a run of so many steps.
func rates(t *testing.T, c Config, steps int) schedule {
	s, err := newSchedule(c, steps)
	require.NoError(t, err)
	return s
}

// Every schedule against Hugging Face's, to the last bit; docs/peers/schedules.py wrote the file.
func TestSchedulesEqualHuggingFaces(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "schedules.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	tried := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var want struct {
			Type     string         `json:"lr_scheduler_type"`
			Kwargs   map[string]any `json:"lr_scheduler_kwargs"`
			Rate     float64        `json:"learning_rate"`
			Warmup   float64        `json:"warmup_steps"`
			Steps    int
			Stride   int
			Expected []float64 `json:"rates"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &want))
		c := Config{Schedule: want.Type, LearningRate: want.Rate, WarmupSteps: want.Warmup}
		for key, value := range want.Kwargs {
			c.ScheduleArgs = append(c.ScheduleArgs, fmt.Sprintf("%s=%v", key, value))
		}
		s := rates(t, c, want.Steps)
		i := 0
		for k := range want.Steps {
			if k%want.Stride == 0 || k == want.Steps-1 {
				require.Equal(t, want.Expected[i], s.rate(k), "%s %v, step %d of %d", want.Type, want.Kwargs, k, want.Steps)
				i++
			}
		}
		require.Len(t, want.Expected, i)
		tried[want.Type] = true
	}
	for _, name := range scheduleNames() {
		require.True(t, tried[name], name)
	}
}

// The formulas once more, plainly, at the steps where off-by-one errors show: 0, around the end of the warm-up, in the
// middle, the last one.
func TestRatesOfEverySchedule(t *testing.T) {
	const peak, warm, total = 3e-4, 100, 1164
	after := func(f func(p float64) float64) func(k float64) float64 {
		return func(k float64) float64 {
			if k < warm {
				return k / warm
			}
			return f((k - warm) / (total - warm))
		}
	}
	half := func(p float64) float64 { return (1 + math.Cos(math.Pi*p)) / 2 }
	for _, c := range []struct {
		kind   string
		kwargs []string
		want   func(k float64) float64
	}{
		{"linear", nil, after(func(p float64) float64 { return 1 - p })},
		{"cosine", nil, after(half)},
		{"cosine", []string{"num_cycles=2"}, after(func(p float64) float64 { return half(4 * p) })},
		{"cosine_with_restarts", []string{"num_cycles=2"}, after(func(p float64) float64 {
			if p < 0.5 {
				return half(2 * p)
			}
			return half(2*p - 1)
		})},
		{"cosine_with_min_lr", []string{"min_lr=3e-5"}, after(func(p float64) float64 { return 0.1 + 0.9*half(p) })},
		{"cosine_with_min_lr", []string{"min_lr_rate=0.25"}, after(func(p float64) float64 { return 0.25 + 0.75*half(p) })},
		{"cosine_warmup_with_min_lr", []string{"min_lr_rate=0.1"}, func(k float64) float64 {
			if k < warm {
				return (k + 1) / warm
			}
			return 0.1 + 0.9*half((k+1-warm)/(total-warm))
		}},
		{"polynomial", []string{"lr_end=3e-6", "power=2"}, after(func(p float64) float64 {
			return 0.01 + 0.99*(1-p)*(1-p)
		})},
		{"constant", nil, func(float64) float64 { return 1 }},
		{"constant_with_warmup", nil, after(func(float64) float64 { return 1 })},
		{"inverse_sqrt", nil, func(k float64) float64 { return min(k/warm, math.Sqrt(warm/max(k, 1))) }},
		{"warmup_stable_decay", []string{"num_decay_steps=200", "decay_type=linear"}, func(k float64) float64 {
			return min(k/warm, 1, (total-k)/200)
		}},
	} {
		s := rates(t, Config{Schedule: c.kind, ScheduleArgs: c.kwargs, LearningRate: peak, WarmupSteps: warm}, total)
		for _, k := range []int{0, 1, 99, 100, 101, (warm + total) / 2, (warm+total)/2 + 1, 963, 964, 965, 1163} {
			require.InDelta(t, peak*c.want(float64(k)), s.rate(k), 1e-15, "%s %v, step %d", c.kind, c.kwargs, k)
		}
		if c.kind != "cosine_warmup_with_min_lr" {
			bare := rates(t, Config{Schedule: c.kind, ScheduleArgs: c.kwargs, LearningRate: peak}, total)
			require.Equal(t, peak, bare.rate(0), "without warm-up the first step is not wasted")
		}
	}
}

func TestWarmupIsStepsOrAFractionOfThem(t *testing.T) {
	for _, c := range []struct {
		kind         string
		steps, ratio float64
		total, want  int
	}{
		{"cosine", 0, 0.03, 609, 19},
		{"cosine", 0.1, 0, 30, 3},
		{"linear", 0.1, 0, 31, 4}, // rounded up
		{"linear", 0.1, 0.5, 40, 4},
		{"linear", 1, 0.5, 40, 1},
		{"linear", 12, 0.5, 40, 12},
		{"linear", 0, 0, 40, 0},
		{"constant", 12, 0.5, 40, 0},
		{"constant_with_warmup", 0.25, 0, 10, 3},
	} {
		s := rates(t, Config{Schedule: c.kind, WarmupSteps: c.steps, WarmupRatio: c.ratio, LearningRate: 1}, c.total)
		require.Equal(t, c.want, s.Warmup, "%+v", c)
	}
}

func TestScheduleSettingsAreReadWhole(t *testing.T) {
	for _, form := range [][]string{
		{"min_lr=1e-5", "num_cycles=2"}, {"num_cycles=2.0", "min_lr=0.00001"},
		{"min_lr = 1e-5", "min_lr_rate=null", "num_cycles=2"}, {"min_lr=1e-05", "min_lr_rate=None", "num_cycles=2"},
	} {
		s := rates(t, Config{Schedule: "cosine_with_min_lr", ScheduleArgs: form, LearningRate: 1e-4}, 10)
		require.Equal(t, []float64{0.1, 2}, []float64{s.Min, s.Cycles}, "%v", form)
	}
	for _, c := range []struct {
		kind, kwargs, want string
	}{
		{"linear", "num_cycles=2", `lr_scheduler_type linear has no "num_cycles": it takes none`},
		{"constant", "num_warmup_steps=2", "it takes none"},
		{"cosine", "min_lr=1e-5", `lr_scheduler_type cosine has no "min_lr": it takes num_cycles`},
		{"cosine_with_min_lr", "num_cycles=1", "needs either min_lr, a rate, or min_lr_rate"},
		{"cosine_with_min_lr", "min_lr=1e-5,min_lr_rate=0.1", "needs either min_lr, a rate, or min_lr_rate"},
		{"cosine_with_restarts", "num_cycles", `"num_cycles", want key=value`},
		{"cosine_with_restarts", "num_cycles=three", `num_cycles is "three", want a number`},
		{"cosine_with_restarts", "num_cycles=-1", `num_cycles is "-1", want a number`},
		{"polynomial", "lr_end=1e-3", "lr_end is 0.001, want less than learning_rate 0.0001"},
		{"polynomial", "power=1,power=2", "power is set twice"},
		{"inverse_sqrt", "timescale=0", "timescale is 0, want a whole number of steps"},
		{"inverse_sqrt", "timescale=2.5", "timescale is 2.5, want a whole number of steps"},
		{"warmup_stable_decay", "decay_type=linear", "needs num_decay_steps"},
		{"warmup_stable_decay", "num_decay_steps=5,decay_type=sqrt",
			`decay_type is "sqrt", want linear, cosine, 1-sqrt`},
		{"reduce_lr_on_plateau", "factor=0.5", "changes rates by the losses it sees and is not supported"},
		{"greedy", "factor=0.5", "changes rates by the losses it sees and is not supported"},
		{"cosin", "num_cycles=1", `lr_scheduler_type is "cosin", want linear, cosine`},
	} {
		_, err := newSchedule(Config{Schedule: c.kind, ScheduleArgs: strings.Split(c.kwargs, ","), LearningRate: 1e-4}, 10)
		require.ErrorContains(t, err, c.want, "%s %s", c.kind, c.kwargs)
	}
}

// cos and powers against identities in 400 bits: cos 2x = 2cos²x − 1, (xʸ)² = x²ʸ, x³ = x·x·x.
func TestExactFunctionsAreExact(t *testing.T) {
	for i := range 200 {
		x := float64(i+1) / 201
		require.InEpsilon(t, x*x*x, power(x, 3), 1e-15)
		square, _ := new(big.Float).SetPrec(400).Mul(newFloat(x), newFloat(x)).Float64()
		require.Equal(t, square, power(x, 2), x)
		require.InEpsilon(t, math.Pow(x, 0.37), power(x, 0.37), 1e-14)
		require.InDelta(t, math.Cos(40*x), cosine(40*x), 1e-15)
		require.InDelta(t, cosine(x+200*math.Pi), math.Cos(x+200*math.Pi), 1e-15)
	}
	require.Equal(t, -1.0, cosine(math.Pi))
	require.Equal(t, 1.0, cosine(0))
	require.Equal(t, []float64{0, 1, 1, 0.5}, []float64{power(0, 2), power(0, 0), power(0.3, 0), power(0.25, 0.5)})
	require.Zero(t, power(1e-9, 1e6))
}

func TestWarmupStepsAreWholeOrBelowOne(t *testing.T) {
	for steps, want := range map[float64]bool{
		0: true, 0.1: true, 0.999: true, 1: true, 100: true, 1.5: false, 2.001: false, -1: false, -0.1: false,
	} {
		c := Defaults()
		c.ModelName, c.Dataset, c.OutputDir, c.WarmupSteps = "m", []string{"d.jsonl"}, "r", steps
		if err := c.Validate(); want {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, fmt.Sprintf("warmup_steps is %v, want a whole number of steps", steps))
		}
	}
}
