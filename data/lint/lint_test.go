package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
	"fettle/data/lint"
	"fettle/data/recipe"
)

// broken loads a set that was broken by hand, cut at 400 letters.
func broken(t *testing.T, path string, o data.Options) *data.Set {
	name := "alpaca"
	if strings.Contains(path, "role-order") || strings.Contains(path, "tools") {
		name = "vicuna"
	}
	r, err := recipe.Find(name)
	require.NoError(t, err)
	o.Cutoff, o.OnBadRow = 400, "skip"
	s, err := datatest.Load(datatest.Spelled{}, r, path, o)
	require.NoError(t, err)
	return s
}

// Every file of testdata/broken is named after the rule that its fourth row breaks, or
// the row named here.
func TestLinterFindsEveryFault(t *testing.T) {
	rows := map[string]int{"end-not-learned": 0, "identical-answers": 24, "double-bos": 2, "role-order": 2,
		"tools-ignored": 2, "unknown-token": 2, "bad-row": 2, "preference-pairs": 1}
	paths, err := filepath.Glob("testdata/broken/*")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(paths), 15)
	for _, path := range paths {
		rule := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		t.Run(rule, func(t *testing.T) {
			report := broken(t, path, data.Options{}).Report
			row, ok := rows[rule]
			if !ok {
				row = 4
			}
			var found []string
			for _, f := range report.Findings {
				if f.Rule == rule {
					found = append(found, f.Source+f.Text)
				}
				require.NotEmpty(t, f.Severity)
			}
			require.NotEmpty(t, found, report.String())
			if row > 0 {
				require.Contains(t, found[0], fmt.Sprintf("%s:%d", path, row))
			}
			require.Contains(t, report.String(), rule)
			allowed := []string{"over-long", "no-learned-tokens", "empty-answer", "control-tokens",
				"replacement-character", "bad-row", "role-order", "identical-answers", rule}
			errs, err := report.Errors(allowed)
			require.NoError(t, err)
			require.Empty(t, errs)
		})
	}
}

// without is a tokenizer whose vocabulary lacks a byte.
type without struct {
	datatest.Spelled
	lacks string
}

func (w without) Lost(text string) []string {
	return slices.Repeat([]string{w.lacks}, strings.Count(text, w.lacks))
}

func TestBytesThatTheVocabularyLacksAreNamed(t *testing.T) {
	r, err := recipe.Find("alpaca")
	require.NoError(t, err)
	path := datatest.Write(t, "a.jsonl", datatest.TwoRows)
	for lacks, want := range map[string]string{"5": `1 bytes, the first "5"`, "7": ""} {
		s, err := datatest.Load(without{lacks: lacks}, r, path, data.Options{})
		require.NoError(t, err)
		var found string
		for _, f := range s.Report.Findings {
			require.Equal(t, "lost-bytes", f.Rule)
			require.Equal(t, lint.Note, f.Severity)
			found = f.Text
		}
		require.Equal(t, want, found)
	}
}

// SmolLM2 has 17 control tokens, Qwen 2.5 has 22.
func TestNamesOfAVocabularysControlTokensAreFound(t *testing.T) {
	r, err := recipe.Find("alpaca")
	require.NoError(t, err)
	tok := datatest.Spelled{Controls: []string{"<reponame>"}}
	for i := range 20 {
		tok.Controls = append(tok.Controls, fmt.Sprintf("<extra_%d>", i))
	}
	path := datatest.Write(t, "a.jsonl", `{"instruction": "What is <reponame>?", "output": "A name."}`)
	s, err := datatest.Load(tok, r, path, data.Options{})
	require.NoError(t, err)
	require.Contains(t, s.Report.String(), "<reponame> in")
}

// Paths of other directories are whole.
func TestADirectoryIsNamedOnce(t *testing.T) {
	var r lint.Report
	for _, source := range []string{"/a/b/x.json:1", "/a/b/y.json:2", "/a/c/z.json:3"} {
		r.Add("empty-answer", source, "there is no answer")
	}
	r.Add("html", "/a/c/z.json:4", "a tag")
	r.Settle()
	var places []string
	for line := range strings.Lines(r.String()) {
		if text, ok := strings.CutPrefix(line, "    "); ok && !strings.HasPrefix(text, "→") {
			place, _, _ := strings.Cut(text, ": ")
			places = append(places, place)
		}
	}
	require.Equal(t, []string{"/a/b/x.json:1", "y.json:2", "/a/c/z.json:3", "z.json:4"}, places)
}

func TestCleanSetsPass(t *testing.T) {
	s, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", datatest.TwoRows), data.Options{})
	require.NoError(t, err)
	require.Empty(t, s.Report.Findings)
	require.Equal(t, "no findings in 2 rows\n", s.Report.String())
	_, err = s.Report.Errors([]string{"over-lomg"})
	require.ErrorContains(t, err, `did you mean "over-long"`)
}

func TestErrorsStopARun(t *testing.T) {
	report := broken(t, "testdata/broken/double-bos.jsonl", data.Options{}).Report
	errs, err := report.Errors(nil)
	require.NoError(t, err)
	require.Len(t, errs, 1)
	require.Equal(t, "double-bos", errs[0].Rule)
	errs, err = report.Errors([]string{"double-bos"})
	require.NoError(t, err)
	require.Empty(t, errs)
}

func TestFixMakesSafeRepairs(t *testing.T) {
	for _, rule := range lint.Rules() {
		if !rule.Fixable {
			continue
		}
		t.Run(rule.Name, func(t *testing.T) {
			s := broken(t, "testdata/broken/"+rule.Name+".jsonl", data.Options{Fix: true})
			require.Zero(t, s.Report.Counts[rule.Name], s.Report.String())
			require.NotZero(t, s.Report.Fixed[rule.Name])
			again := broken(t, "testdata/broken/"+rule.Name+".jsonl", data.Options{})
			require.NotEqual(t, again.Hash, s.Hash)
		})
	}
	s := broken(t, "testdata/broken/mojibake.jsonl", data.Options{Fix: true})
	text := datatest.Spelled{}.Decode(s.Examples[3].Tokens)
	require.Contains(t, text, "Where is the café?")
	require.Contains(t, text, "It’s closed, he said: “too late”.")
}

func TestRealTextIsNotMojibake(t *testing.T) {
	for _, text := range []string{"Où est le café ? « Là-bas »", "ÁÉÍ ÃÕ coração, ÂNGULO", "Grüße aus Köln: 20 °C, § 5",
		"Привет, мир", "你好，世界", "naïve façade—“quoted”…", "30 Â", "Ñandú ¿qué? ¡Sí!"} {
		path := datatest.Write(t, "a.jsonl", fmt.Sprintf(`{"instruction": %q, "output": "x"}`, text))
		s, err := datatest.LoadAlpaca(path, data.Options{})
		require.NoError(t, err)
		require.Zero(t, s.Report.Counts["mojibake"], text)
	}
}

func TestLeakageIsFound(t *testing.T) {
	path := datatest.Write(t, "a.jsonl", datatest.TwoRows)
	training, err := datatest.LoadAlpaca(path, data.Options{})
	require.NoError(t, err)
	held, err := datatest.LoadAlpaca(datatest.Write(t, "b.jsonl", strings.Split(datatest.TwoRows, "\n")[1]),
		data.Options{})
	require.NoError(t, err)
	kept := training.Report.Leakage(training.Examples, held.Examples)
	require.Len(t, kept, 1)
	errs, err := training.Report.Errors(nil)
	require.NoError(t, err)
	require.Len(t, errs, 1)
	require.Contains(t, errs[0].Text, path+":2")
}

func TestTemplateMustBeTheAdapters(t *testing.T) {
	var report lint.Report
	report.Template("alpaca", "alpaca")
	require.Empty(t, report.Findings)
	report.Template("alpaca", "vicuna")
	errs, err := report.Errors(nil)
	require.NoError(t, err)
	require.Equal(t, "the adapter was trained with recipe alpaca, this run uses vicuna", errs[0].Text)
}

func TestBoundaryFusionIsNoted(t *testing.T) {
	tok := datatest.LLaMA(t)
	r, err := recipe.Find("alpaca")
	require.NoError(t, err)
	path := datatest.Write(t, "a.jsonl", `{"instruction": "Compute 2-7.", "output": "-5"}`+"\n"+datatest.TwoRows)
	s, err := datatest.Load(tok, r, path, data.Options{})
	require.NoError(t, err)
	require.Equal(t, map[string]int{"boundary-fusion": 1}, s.Report.Counts)
	require.Equal(t, path+":1", s.Report.Findings[0].Source)
	lora, err := recipe.Find("alpaca-lora-masked")
	require.NoError(t, err)
	s, err = datatest.Load(tok, lora, path, data.Options{})
	require.NoError(t, err)
	require.Empty(t, s.Report.Counts)
}

func TestBadRowsAreSkippedOrStop(t *testing.T) {
	s := broken(t, "testdata/broken/bad-row.jsonl", data.Options{})
	require.Equal(t, []int{3, 2, 5}, []int{len(s.Examples), s.BadRows, s.Rows})
	require.Contains(t, s.Bad[0], "bad-row.jsonl:2: broken JSON")
	require.Contains(t, s.Bad[1], "bad-row.jsonl:4: broken JSON")
	_, err := datatest.LoadAlpaca("testdata/broken/bad-row.jsonl", data.Options{})
	require.ErrorContains(t, err, "bad-row.jsonl:2: broken JSON")
	all := datatest.Write(t, "bad.jsonl", "{\n{\n")
	_, err = datatest.LoadAlpaca(all, data.Options{OnBadRow: "skip"})
	require.Error(t, err)
	_, err = os.Stat(all)
	require.NoError(t, err)
}

// Only what stands for a file is taken for one.
func TestPlaceholdersOfMediaAreNoTagsInASentence(t *testing.T) {
	for question, want := range map[string]int{
		"<image>\nWhat is it?": 1, "What is it? <image>": 1, "Is <image> red?": 1, "Hear\n<audio>\nand tell": 1,
		"<video> Who?":                   1,
		"How does the <video> tag work?": 0, "Where does <audio> stand in a page?": 0, "a picture": 0,
	} {
		c := datatest.Talk(question, "An answer with <image>.")
		r, err := recipe.Find("vicuna")
		require.NoError(t, err)
		found := 0
		for _, m := range lint.NewChecker(datatest.Letters{}, r).Conversation(c) {
			if m.Rule == "media-placeholder" {
				found++
			}
		}
		require.Equal(t, want, found, question)
	}
}

// Rows of 20 are longer than 400 letters, half of them in their prompt alone.
func longRows(t *testing.T, o data.Options) *data.Set {
	var rows strings.Builder
	for i := range 20 {
		question, answer := fmt.Sprint("q", i), strings.Repeat("a", 500)
		if i%2 == 0 {
			question, answer = answer+fmt.Sprint(i), "a"
		}
		fmt.Fprintf(&rows, `{"instruction": %q, "output": %q}`+"\n", question, answer)
	}
	rows.WriteString(`{"instruction": "q", "output": "a"}`)
	return broken(t, datatest.Write(t, "long.jsonl", rows.String()), o)
}

func TestStatedPolicyForLongRowsIsConsent(t *testing.T) {
	for policy, want := range map[string][]string{
		"": {"no-learned-tokens", "over-long"}, "drop": nil, "truncate": nil, "truncate_prompt": nil, "proportional": nil,
	} {
		t.Run(policy, func(t *testing.T) {
			report := longRows(t, data.Options{OverLong: policy}).Report
			errs, err := report.Errors(nil)
			require.NoError(t, err)
			var rules []string
			for _, f := range errs {
				rules = append(rules, f.Rule)
			}
			require.Equal(t, want, slices.Compact(rules))
			require.NotZero(t, report.Counts["over-long"], "it is still said")
			require.Equal(t, policy != "", strings.Contains(report.String(), "over_long says what becomes of them"))
		})
	}
}

func TestConsentToCutsIsNoneToMaskedRows(t *testing.T) {
	rows := `{"input_ids": [40, 41], "labels": [40, 41]}` + "\n"
	for i := range 4 {
		rows += fmt.Sprintf(`{"input_ids": [40, %d], "labels": [-100, -100]}`+"\n", 50+i)
	}
	report := broken(t, datatest.Write(t, "masked.jsonl", rows), data.Options{OverLong: "truncate"}).Report
	errs, err := report.Errors([]string{"end-not-learned"})
	require.NoError(t, err)
	require.Len(t, errs, 4)
	require.Equal(t, "no-learned-tokens", errs[0].Rule)
}

func TestAdviceIsPossible(t *testing.T) {
	report := longRows(t, data.Options{}).Report
	require.Contains(t, report.String(), "raise max_seq_length")
	report.Longest = true
	require.NotContains(t, report.String(), "raise max_seq_length")
	require.Contains(t, report.String(), "over_long")
}

func TestPairsAreCountedByRow(t *testing.T) {
	s, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl",
		strings.Repeat(`{"prompt": "q", "chosen": "a", "rejected": "b"}`+"\n", 3)), data.Options{})
	require.NoError(t, err)
	require.Equal(t, 3, s.Report.Counts["preference-pairs"])
	require.Zero(t, s.Report.Counts["unread-field"])
	require.Contains(t, s.Report.String(), "no DPO")
}
