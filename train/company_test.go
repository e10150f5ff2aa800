package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/compute"
	"fettle/train/checkpoint"
	"fettle/train/ranks"
	"fettle/train/report"
)

// member is one process of a run as a test may change it.
type member struct {
	ctx    context.Context
	config Config
	job    Job
	rank   *ranks.Rank
}

// share runs a config by n ranks of goroutines and returns their errors. change may change each; the output directory
// of those that do not lead is not to be written to.
func share(t *testing.T, n int, c Config, method adapter.Method, change func(rank int, m *member)) []error {
	all, members := ranks.New(n, 20*time.Second), make([]*member, n)
	for r := range members {
		m := &member{t.Context(), c, job(t, method, 1), all[r]}
		m.job.Ranks = all[r]
		if r > 0 {
			m.config.OutputDir = filepath.Join(t.TempDir(), "of another")
		}
		if change != nil {
			change(r, m)
		}
		members[r] = m
	}
	errs := make([]error, n)
	var running sync.WaitGroup
	for r, m := range members {
		running.Go(func() { _, errs[r] = Run(m.ctx, m.config, m.job) })
	}
	running.Wait()
	for r, m := range members[1:] {
		if m.config.OutputDir != c.OutputDir {
			require.NoDirExists(t, m.config.OutputDir, "rank %d", r+1)
		}
	}
	return errs
}

// shared runs a config by n ranks and returns the outcome.
func shared(t *testing.T, n int, c Config, method adapter.Method) string {
	for r, err := range share(t, n, c, method, nil) {
		require.NoError(t, err, "rank %d", r)
	}
	return outcome(t, c.OutputDir)
}

// eights is config with two steps of eight sequences in an epoch, the second of them short.
func eights(dir string) Config {
	c := config(dir)
	c.Accumulation, c.Epochs, c.EvalSteps, c.LoadBest = 4, 3, 2, true
	return c
}

var summed = map[string]adapter.Method{
	"LoRA": lora, "LLaMA-Adapter": methods["LLaMA-Adapter"], "LoRA, head and tokens": methods["LoRA, head and tokens"],
	"PEFT's prompts": adapter.LLaMAAdapter{Len: 3, Layers: 2, Gate: adapter.Scalar, GateActivation: adapter.None},
}

func TestAnyNumberOfRanksHasTheBitsOfOneProcess(t *testing.T) {
	for name, method := range summed {
		t.Run(name, func(t *testing.T) {
			want := finish(t, eights(t.TempDir()), job(t, method, 1))
			for _, n := range []int{1, 2, 3, 4, 7} {
				require.Equal(t, want, shared(t, n, eights(t.TempDir()), method), "%d ranks", n)
			}
			c := eights(t.TempDir())
			c.BatchSize, c.Accumulation = 8, 1
			weights := func(outcome string) string { return strings.SplitN(outcome, "\n", 2)[0] }
			require.Equal(t, weights(want), weights(shared(t, 3, c, method)), "micro-batches of all that a rank has")
		})
	}
}

func TestSharedPrefixesAreDealtByMicroBatches(t *testing.T) {
	method := dry(lora)
	run := func(n int) string {
		c := eights(t.TempDir())
		c.SharePrefix = "true"
		for _, err := range share(t, n, c, method, func(_ int, m *member) {
			for i := range m.job.Training { // beginnings in common
				m.job.Training[i].Tokens = append(make([]int32, 40), m.job.Training[i].Tokens...)
				m.job.Training[i].Labels = append(make([]int32, 40), m.job.Training[i].Labels...)
			}
		}) {
			require.NoError(t, err)
		}
		return outcome(t, c.OutputDir)
	}
	want := run(1)
	for _, n := range []int{2, 3, 4} {
		require.Equal(t, want, run(n), "%d ranks", n)
	}
	c := eights(t.TempDir())
	c.SharePrefix = "true"
	for _, err := range share(t, 5, c, method, nil) {
		require.ErrorIs(t, err, ErrRefused)
		require.ErrorContains(t, err, "5 ranks share steps of 4 micro-batches, which stay whole")
	}
}

func TestAnotherNumberOfRanksContinues(t *testing.T) {
	for name, method := range summed {
		t.Run(name, func(t *testing.T) {
			want := finish(t, eights(t.TempDir()), job(t, method, 1))
			c := eights(t.TempDir())
			for i, n := range []int{3, 1, 7, 2, 4} {
				stops := 0 // the rank that is told to stop, as others in other rounds
				errs := share(t, n, c, method, func(r int, m *member) {
					if stops = i % n; r == stops && i < 4 {
						m.ctx = &countdown{m.ctx, 9}
					}
				})
				for r, err := range errs {
					if i < 4 {
						require.ErrorIs(t, err, ErrStopped, "rank %d of %d", r, n)
						require.Equal(t, errs[0].Error(), err.Error(), "all stop at one step")
					} else {
						require.NoError(t, err)
					}
				}
			}
			require.Equal(t, want, outcome(t, c.OutputDir))
		})
	}
}

// elsewhere is the device of another machine.
type elsewhere struct {
	compute.Device
	name string
	off  float32 // what a kernel is off by
}

func (d elsewhere) Name() string { return d.name }

func (d elsewhere) Softmax(x []float32, width int) {
	d.Device.Softmax(x, width)
	x[0] += d.off
}

// on moves a rank to another machine.
func on(t *testing.T, m *member, name func(string) string, off float32) {
	dev := m.job.Model.Device()
	j := jobOn(t, elsewhere{dev, name(dev.Name()), off}, lora)
	m.job.Model, m.job.Adapter = j.Model, j.Adapter
}

func TestRanksThatDifferRefuseByName(t *testing.T) {
	other := map[string]struct {
		change func(m *member)
		want   string
	}{
		"binary": {
			func(m *member) { m.job.Program.SHA256 = "0123456789abcdef" }, "the program ( and  sha256 0123456789ab)",
		},
		"level": {
			func(m *member) { on(t, m, func(name string) string { return name + "-more" }, 0) },
			"the arithmetic (",
		},
		"rounding": {
			func(m *member) { on(t, m, func(name string) string { return name }, 1e-6) }, "how the processor rounds",
		},
		"setting":         {func(m *member) { m.config.LearningRate = 2 }, "learning_rate (0.01 and 2)"},
		"training data":   {func(m *member) { m.job.Inputs.Training = "u" }, "the training data"},
		"examples":        {func(m *member) { m.job.Training[3].Tokens[1]++ }, "the training data"},
		"evaluation data": {func(m *member) { m.job.Evaluation[0].Tokens[1]++ }, "the evaluation data"},
		"base":            {func(m *member) { m.job.Inputs.Base = "b" }, "the base model"},
		"adapter":         {func(m *member) { m.job.Adapter.Params()[0].Data[0]++ }, "the adapter that the run begins with"},
	}
	for name, x := range other {
		t.Run(name, func(t *testing.T) {
			c := eights(filepath.Join(t.TempDir(), "run"))
			errs := share(t, 3, c, lora, func(r int, m *member) {
				if r == 2 {
					x.change(m)
				}
			})
			for r, err := range errs {
				require.ErrorIs(t, err, ErrRefused, "rank %d", r)
				require.ErrorContains(t, err, "rank 0 and rank 2 differ in "+x.want)
			}
			require.NoFileExists(t, filepath.Join(c.OutputDir, report.LogFile))
		})
	}
}

func TestWhatCannotBeSharedIsRefused(t *testing.T) {
	for _, x := range []struct {
		method          string
		n, accumulation int
		want            string
	}{
		{"full", 2, 4, "finetuning_type full trains weights of the base itself"},
		{"LoRA, saved modules", 2, 4, "modules_to_save trains weights of the base itself"},
		{"LoRA", 9, 4, "9 ranks share steps of 8 sequences: each needs one. Start fewer, or set " +
			"gradient_accumulation_steps to 5 or more"},
		{"LoRA", 13, 4, "13 ranks share 12 examples: each needs one in every step. Start fewer, or take more data"},
		{"LoRA", 13, 20, "13 ranks share 12 examples"},
	} {
		c := eights(t.TempDir())
		c.Accumulation = x.accumulation
		for _, err := range share(t, x.n, c, methods[x.method], nil) {
			require.ErrorIs(t, err, ErrRefused)
			require.ErrorContains(t, err, x.want)
		}
	}
}

func TestABusyDirectoryEndsAllRanks(t *testing.T) {
	c := eights(t.TempDir())
	unlock, err := Lock(c.OutputDir)
	require.NoError(t, err)
	defer unlock()
	errs := share(t, 2, c, lora, nil)
	require.ErrorIs(t, errs[0], ErrBusy)
	require.ErrorContains(t, errs[1], "rank 0: "+errs[0].Error()[len("train: "):])
}

func TestNaNInOneRankNamesItsExamples(t *testing.T) {
	for _, on := range []string{onNaNStop, onNaNSkip, onNaNRollback} {
		t.Run(on, func(t *testing.T) {
			c := eights(t.TempDir())
			c.OnNaN, c.EvalSteps, c.LoadBest, c.SaveSteps = on, 0, false, 1
			bad := newSteps(c, 12).examples(1)[2]
			poison := func(m *member) { // the only example of its length, in the second step of each epoch
				m.job.Training[bad].Tokens, m.job.Training[bad].Labels = make([]int32, 30), make([]int32, 30)
				m.job.Objective = Objective{Loss: func(s Scores) (float64, []float64) {
					if s.Learned[0] == 29 {
						return math.NaN(), []float64{math.NaN()}
					}
					return s.NLL[0], []float64{1}
				}}
				m.job.Evaluation = nil
				for i := range m.job.Training {
					m.job.Training[i].Source = fmt.Sprint("set.json:", i+1)
				}
			}
			alone := job(t, lora, 1)
			one := &member{job: alone}
			poison(one)
			want := eights(t.TempDir())
			want.OnNaN, want.EvalSteps, want.LoadBest, want.SaveSteps = on, 0, false, 1
			_, err := Run(t.Context(), want, one.job)
			errs := share(t, 3, c, lora, func(_ int, m *member) { poison(m) })
			for r := range errs {
				if on == onNaNStop {
					require.ErrorIs(t, errs[r], ErrNotFinite, "rank %d", r)
					require.ErrorContains(t, errs[r], fmt.Sprintf("step 2: loss is NaN, gradient norm NaN: not a finite number; they "+
						"begin in the gradient of base_model.model.model.layers.2.self_attn.v_proj.lora_B.weight, with set.json:%d (",
						bad+1))
				} else {
					require.NoError(t, errs[r], "rank %d", r)
				}
			}
			if on != onNaNStop {
				require.NoError(t, err)
				require.Equal(t, outcome(t, want.OutputDir), outcome(t, c.OutputDir))
			}
		})
	}
}

func TestAMistakeOfOneRankEndsAll(t *testing.T) {
	c := eights(t.TempDir())
	errs := share(t, 3, c, lora, func(r int, m *member) {
		m.job.Objective = Objective{Loss: func(s Scores) (float64, []float64) { return s.NLL[0], []float64{1} }}
		if r == 1 {
			calls := 0
			m.job.Objective.Loss = func(s Scores) (float64, []float64) {
				if calls++; calls > 9 {
					return 0, nil
				}
				return s.NLL[0], []float64{1}
			}
		}
	})
	require.ErrorContains(t, errs[1], "0 derivatives")
	for _, r := range []int{0, 2} {
		require.ErrorContains(t, errs[r], "rank 1: objective: 0 derivatives")
	}
	require.NotEmpty(t, checkpoint.List(c.OutputDir), "the state was kept")
}

// silent is a rank that hangs, or is gone, at its nth meeting.
type silent struct {
	Ranks
	left int
	hang <-chan struct{} // nil: it is gone
}

func (s *silent) Gather(mine []byte) ([][]byte, error) {
	if s.left--; s.left == 0 {
		if s.hang == nil {
			s.Ranks.(*ranks.Rank).Leave()
			return nil, errors.New("gone")
		}
		<-s.hang
	}
	return s.Ranks.Gather(mine)
}

func TestARankThatIsGoneEndsTheRunByName(t *testing.T) {
	want := finish(t, eights(t.TempDir()), job(t, lora, 1))
	for name, hang := range map[string]bool{"gone": false, "hung": true} {
		t.Run(name, func(t *testing.T) {
			c := eights(t.TempDir())
			var until chan struct{}
			if hang {
				until = make(chan struct{})
			}
			all := ranks.New(3, 2*time.Second)
			errs := make([]error, 3)
			var running, hanging sync.WaitGroup
			for r := range 3 {
				j := job(t, lora, 1)
				j.Ranks = all[r]
				if r == 1 {
					j.Ranks = &silent{all[r], 9, until}
				}
				group := &running
				if r == 1 {
					group = &hanging
				}
				group.Go(func() { _, errs[r] = Run(t.Context(), c, j) })
			}
			running.Wait()
			if hang {
				close(until)
			}
			hanging.Wait()
			for _, r := range []int{0, 2} {
				require.ErrorIs(t, errs[r], ErrLost)
				require.ErrorContains(t, errs[r], "rank 1 ")
			}
			require.ErrorContains(t, errs[0], "the state is kept")
			require.NotEmpty(t, checkpoint.List(c.OutputDir), "the last finished step was saved")
			require.Equal(t, want, shared(t, 2, c, lora), "the same command continues")
		})
	}
}

func TestACheckpointThatIsAskedForIsSavedByAll(t *testing.T) {
	c := eights(t.TempDir())
	c.SaveSteps, c.EvalSteps, c.LoadBest = 0, 0, false
	for _, err := range share(t, 2, c, lora, func(r int, m *member) {
		if m.job.Board = (&report.Board{}); r == 0 {
			m.job.Board.AskToSave()
		}
	}) {
		require.NoError(t, err)
	}
	require.DirExists(t, filepath.Join(c.OutputDir, checkpoint.Name(1)))
	require.Len(t, checkpoint.List(c.OutputDir), 2)
	_, err := os.Stat(filepath.Join(c.OutputDir, checkpoint.Name(2)))
	require.ErrorIs(t, err, os.ErrNotExist)
}
