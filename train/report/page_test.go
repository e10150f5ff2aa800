package report

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/atomicfile"
	"fettle/internal/look"
)

// trained returns the page of a run after some steps.
func trained(steps int) Page {
	p := Page{
		Title: "runs/<a>", Settings: "recipe: <b>\n", Gates: [][]float32{{0.5, -1}}, FirstLayer: 3,
		Status: Status{Phase: Running, Step: steps, Steps: 9, Epochs: 3, Left: 65 * time.Second},
	}
	for i := range steps {
		p.History.Steps = append(p.History.Steps, StepRow{Step: i + 1, Loss: 2 / float64(i+1), LearningRate: 1e-3})
	}
	p.History.Evals = []EvalRow{{Step: 0, EvalLoss: 2.5}, {Step: steps, EvalLoss: 1.5}}
	p.History.Samples = []SampleRow{{Step: 0, Prompt: "say <it>"}, {Step: 2, Prompt: "say <it>", Sample: "<i>it"}}
	return p
}

func TestAPageRunsItsOwnScriptAndNothingElse(t *testing.T) {
	for name, page := range map[string]func() ([]byte, error){
		"a file": trained(3).HTML,
		"a served one": func() ([]byte, error) {
			return trained(3).Controlled(Control{Token: "a&b", Script: "let a = 1 < 2;"})
		},
		"before the first step": Page{}.HTML,
		"of steps that were not finite": func() ([]byte, error) {
			p := trained(3)
			for i := range p.History.Steps {
				p.History.Steps[i].Loss, p.History.Steps[i].TokensPerSecond = math.NaN(), math.Inf(1)
			}
			return p.HTML()
		},
	} {
		raw, err := page()
		require.NoError(t, err)
		text := string(raw)
		policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(text)[1]
		policy = strings.ReplaceAll(strings.ReplaceAll(policy, "&#39;", "'"), "&#43;", "+")
		for _, element := range []string{"script", "style"} {
			all := regexp.MustCompile(`(?s)<`+element+`>(.*?)</`+element+`>`).FindAllStringSubmatch(text, -1)
			require.Len(t, all, 1, name)
			require.Contains(t, policy, element+"-src "+look.Hash(all[0][1]), name)
		}
		require.Equal(t, name == "a served one", strings.Contains(policy, "connect-src 'self'"), name)
		for _, no := range []string{"https://", "<img", " style=", "onclick", "ZgotmplZ", "<a>", "<it>", "<b>\n", "NaN"} {
			require.NotContains(t, text, no, name)
		}
	}
}

func TestAPageSaysHowFarTheRunIs(t *testing.T) {
	p := trained(3)
	now := func() string {
		var b strings.Builder
		for _, n := range p.Now() {
			b.WriteString(n[1] + ": " + n[0] + "\n")
		}
		return b.String()
	}
	require.Contains(t, now(), "held-out loss, before and now: 2.5000 → 1.5000\n")
	require.Contains(t, now(), "left, about: 1 min 5 s\n")
	require.Contains(t, now(), "training loss of the last step: 0.6667\n")
	p.Status.Epoch, p.Status.Epochs = 0.1067, 0.10666666
	require.Contains(t, now(), "epochs: 0.11 of 0.11\n")
	p.Exam = &Exam{Before: Score{0, 116}}
	require.Contains(t, now(), "right answers, before and after: 0\u00a0% → …\n")
	p.Exam.After, p.Status.Phase = Score{113, 116}, Finished
	require.Contains(t, now(), "right answers, before and after: 0\u00a0% → 97\u00a0%\n")
	require.NotContains(t, now(), "left")
}

func TestAnExaminationShowsWhichAnswersAreRight(t *testing.T) {
	p := trained(1)
	p.Exam = &Exam{Rule: "A rule.", Before: Score{0, 1}, After: Score{1, 1},
		Questions: []Question{{"Who?", "Lena.", "nobody", "Lena."}}}
	text, err := p.Parts()
	require.NoError(t, err)
	require.Contains(t, string(text), `<td>nobody</td><td><b class="good">✓</b> Lena.</td>`)
	p.Exam.After = Score{}
	text, err = p.Parts()
	require.NoError(t, err)
	require.NotContains(t, string(text), "✗")
}

func TestTheBoardTellsItsReadersOfChanges(t *testing.T) {
	var b Board
	b.Publish(trained(1))
	_, first, changed := b.Page()
	b.Examine(Exam{Before: Score{1, 2}})
	<-changed
	p, second, _ := b.Page()
	require.Greater(t, second, first)
	require.Equal(t, Score{1, 2}, p.Exam.Before)
	b.Publish(trained(2))
	p, _, _ = b.Page()
	require.Equal(t, 2, p.Status.Step)
	require.NotNil(t, p.Exam, "it stays on the page")
	require.False(t, b.AskedToSave())
	b.AskToSave()
	require.True(t, b.AskedToSave())
	require.False(t, b.AskedToSave(), "once")
}

func TestTheReportIsKeptWhileTheRunGoesOn(t *testing.T) {
	var b Board
	dir := t.TempDir()
	b.Publish(trained(1))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { b.Keep(ctx, atomicfile.OS{}, dir, time.Millisecond); close(ended) }()
	holds := func(text string) func() bool {
		return func() bool {
			page, _ := os.ReadFile(filepath.Join(dir, PageFile))
			return strings.Contains(string(page), text)
		}
	}
	require.Eventually(t, holds("1 of 9 steps"), 10*time.Second, time.Millisecond)
	b.Publish(trained(7))
	require.Eventually(t, holds("7 of 9 steps"), 10*time.Second, time.Millisecond)
	cancel()
	<-ended
	missing := filepath.Join(dir, "gone")
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	b.Keep(ctx, atomicfile.OS{}, missing, time.Millisecond) // nothing can be written, nothing happens
	require.NoDirExists(t, missing)
}

func TestAReportIsNotReplacedBeforeItsRunBegins(t *testing.T) {
	var b Board
	dir := t.TempDir()
	b.Examine(Exam{})
	require.NoError(t, b.Write(atomicfile.OS{}, dir))
	b.Publish(Page{Status: Status{Phase: Preparing}})
	require.NoError(t, b.Write(atomicfile.OS{}, dir))
	require.NoFileExists(t, filepath.Join(dir, PageFile))
	b.Publish(trained(1))
	require.NoError(t, b.Write(atomicfile.OS{}, dir))
	require.FileExists(t, filepath.Join(dir, PageFile))
}

func TestAnEmptyHistoryHasNoSparkline(t *testing.T) {
	require.Empty(t, Sparkline(nil))
	require.Equal(t, "loss █▁ 2.000 … 1.000", Sparkline([]StepRow{{Loss: 2}, {Loss: 1}}))
}
