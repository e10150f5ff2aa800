package train

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"fettle/internal/atomicfile"
	"fettle/train/checkpoint"
	"fettle/train/report"
)

// finished returns the directory and settings of a finished run.
func finished(t *testing.T, method string) (string, Config) {
	c := config(t.TempDir())
	j := job(t, methods[method], 1)
	c.SamplePrompts, c.SampleSteps = []string{"say <it>"}, 4
	j.Sample = func(context.Context, string) (string, error) { return "0: <i>", nil }
	j.Settings = []byte("learning_rate: 0.01 # <b>\n")
	_, err := Run(context.Background(), c, j)
	require.NoError(t, err)
	return c.OutputDir, c
}

func TestTrainerStateHasHuggingFacesKeys(t *testing.T) {
	dir, _ := finished(t, "LoRA")
	text, err := os.ReadFile(filepath.Join(dir, report.TrainerStateFile))
	require.NoError(t, err)
	var file map[string]any
	require.NoError(t, json.Unmarshal(text, &file))
	require.Equal(t, strings.Fields(`best_global_step best_metric best_model_checkpoint epoch eval_steps global_step
		is_hyper_param_search is_local_process_zero is_world_process_zero log_history logging_steps max_steps
		num_input_tokens_seen num_train_epochs save_steps stateful_callbacks total_flos train_batch_size trial_name
		trial_params`), slices.Sorted(maps.Keys(file)))
	require.EqualValues(t, 6, file["global_step"])
	history := file["log_history"].([]any)
	require.Len(t, history, 9, "six steps, two evaluations after the first, the end")
	require.Equal(t, strings.Fields("epoch grad_norm learning_rate loss step"),
		slices.Sorted(maps.Keys(history[0].(map[string]any))))
	require.Equal(t, strings.Fields("epoch eval_loss eval_runtime eval_samples_per_second eval_steps_per_second step"),
		slices.Sorted(maps.Keys(history[3].(map[string]any))))
	end := history[8].(map[string]any)
	require.Equal(t,
		strings.Fields("epoch step total_flos train_loss train_runtime train_samples_per_second train_steps_per_second"),
		slices.Sorted(maps.Keys(end)))
	require.Equal(t, file["total_flos"], end["total_flos"])
	tokens := file["num_input_tokens_seen"].(float64)
	require.EqualValues(t, 6*tokens*(3*(2*16*16+2*8*16+3*16*24+2*16)+16+40*16), end["total_flos"],
		"6 tokens (parameters without embedding)")
	require.EqualValues(t, 6, file["best_global_step"], "the only step that was evaluated and kept")
	require.Equal(t, history[7].(map[string]any)["eval_loss"], file["best_metric"])
	require.Equal(t, filepath.Join(dir, "checkpoint-000006"), file["best_model_checkpoint"])
	inside, err := os.ReadFile(filepath.Join(dir, "checkpoint-000004", report.TrainerStateFile))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(inside, &file))
	require.EqualValues(t, 4, file["global_step"])
	require.Len(t, file["log_history"], 5, "four steps, an evaluation; no end yet")
	require.Nil(t, file["best_metric"])
}

// historyOf reads a run's log as a resumed run does and checks that no line is dropped.
func historyOf(t *testing.T, dir string) report.History {
	text, err := os.ReadFile(filepath.Join(dir, report.LogFile))
	require.NoError(t, err)
	log, err := report.OpenLog(atomicfile.OS{}, dir, report.Limits{Steps: 99, Evals: 99, Samples: 99})
	require.NoError(t, err)
	defer log.Close()
	kept, err := os.ReadFile(filepath.Join(dir, report.LogFile))
	require.NoError(t, err)
	require.Equal(t, string(text), string(kept))
	return log.History
}

// The event file is parsed by the definitions of TFRecord and protobuf.
func TestTensorBoardFile(t *testing.T) {
	dir, _ := finished(t, "LoRA")
	paths, err := filepath.Glob(filepath.Join(dir, "tensorboard", "events.out.tfevents.*"))
	require.NoError(t, err)
	require.Len(t, paths, 1)
	data, err := os.ReadFile(paths[0])
	require.NoError(t, err)
	h := historyOf(t, dir)
	masked := func(b []byte) uint32 {
		c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
		return (c>>15 | c<<17) + 0xa282ead8
	}
	var losses, evals []float32
	texts := 0
	for first := true; len(data) > 0; first = false {
		n := binary.LittleEndian.Uint64(data)
		require.Equal(t, masked(data[:8]), binary.LittleEndian.Uint32(data[8:]))
		message := data[12 : 12+n]
		require.Equal(t, masked(message), binary.LittleEndian.Uint32(data[12+n:]))
		data = data[16+n:]
		require.Equal(t, first, strings.Contains(string(message), "brain.Event:2"))
		if bytes.Contains(message, []byte("sample/say <it>/text_summary")) && bytes.Contains(message, []byte("0: ")) {
			texts++
		}
		for tag, into := range map[string]*[]float32{"train/loss": &losses, "eval/loss": &evals} {
			if at := strings.Index(string(message), tag); at >= 0 {
				number, kind, skip := protowire.ConsumeTag(message[at+len(tag):])
				require.Equal(t, protowire.Number(2), number)
				require.Equal(t, protowire.Fixed32Type, kind)
				*into = append(*into, math.Float32frombits(binary.LittleEndian.Uint32(message[at+len(tag)+skip:])))
			}
		}
	}
	require.Len(t, losses, len(h.Steps))
	require.Len(t, evals, len(h.Evals))
	require.Equal(t, 3, texts)
	for i, s := range h.Steps {
		require.Equal(t, float32(s.Loss), losses[i])
	}
}

func TestReportShowsTheRun(t *testing.T) {
	dir, _ := finished(t, "LLaMA-Adapter")
	text, err := os.ReadFile(filepath.Join(dir, report.PageFile))
	require.NoError(t, err)
	page := string(text)
	for _, want := range []string{
		"6 of 6 steps", ">finished<", "held-out loss, before and now", "layer 2", "Learning rate", "&lt;b&gt;",
		"say &lt;it&gt;",
		"step 4", "0: &lt;i&gt;", "trainable parameters",
	} {
		require.Contains(t, page, want)
	}
}

// reportOf reads a run's report.
func reportOf(dir string) string {
	text, _ := os.ReadFile(filepath.Join(dir, report.PageFile))
	return string(text)
}

func TestReportIsThereBeforeTheFirstStep(t *testing.T) {
	c := config(t.TempDir())
	c.SamplePrompts, c.SampleSteps = []string{"a"}, 1
	j := job(t, lora, 1)
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	j.Sample = func(context.Context, string) (string, error) {
		if calls++; calls == 1 { // before the first step
			require.Eventually(t, func() bool { return strings.Contains(reportOf(c.OutputDir), "0 of 6 steps") },
				10*time.Second, time.Millisecond)
		} else {
			cancel()
		}
		return "b", nil
	}
	_, err := Run(ctx, c, j)
	require.ErrorIs(t, err, ErrStopped)
	require.Contains(t, reportOf(c.OutputDir), "The same command continues it.")
	require.Contains(t, reportOf(c.OutputDir), `data-phase="stopped"`)
}

func TestReportSaysWhyARunFailed(t *testing.T) {
	c := config(t.TempDir())
	c.SamplePrompts, c.SampleSteps = []string{"a"}, 1
	j := job(t, lora, 1)
	j.Sample = func(context.Context, string) (string, error) { return "", errors.New("no <words>") }
	_, err := Run(context.Background(), c, j)
	require.Error(t, err)
	require.Contains(t, reportOf(c.OutputDir), "no &lt;words&gt;")
	require.Contains(t, reportOf(c.OutputDir), `data-phase="failed"`)
}

func TestACheckpointIsSavedWhenSomebodyAsks(t *testing.T) {
	c := config(t.TempDir())
	c.SaveSteps, c.SamplePrompts, c.SampleSteps = 0, []string{"a"}, 3
	j := job(t, lora, 1)
	j.Board = &report.Board{}
	j.Sample = func(context.Context, string) (string, error) {
		if p, _, _ := j.Board.Page(); p.Status.Step == 3 {
			j.Board.AskToSave()
		}
		return "b", nil
	}
	_, err := Run(context.Background(), c, j)
	require.NoError(t, err)
	require.Equal(t, []string{"checkpoint-000003", "checkpoint-000006"}, checkpoint.List(c.OutputDir))
}
