package clean_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/clean"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
	"fettle/data/source"
)

// cleaned returns a shared conversation after cleaning, its turns joined; "" if it is
// dropped.
func cleaned(t *testing.T, turns ...string) string {
	type message struct {
		From  string `json:"from"`
		Value string `json:"value"`
	}
	var list []message
	for _, text := range turns {
		from, value, _ := strings.Cut(text, ": ")
		list = append(list, message{from, value})
	}
	row, err := json.Marshal(map[string]any{"id": "x", "conversations": list})
	require.NoError(t, err)
	r := recipe.Recipe{Name: "turns", Cutoff: 1 << 20, Dialogue: &recipe.Dialogue{UserEnd: "|", AssistantEnd: "|"}}
	s, err := datatest.Load(datatest.Letters{}, r, datatest.Write(t, "a.jsonl", string(row)), data.Options{Clean: true})
	if err != nil {
		require.ErrorIs(t, err, source.ErrEmpty)
		return ""
	}
	return datatest.Letters{}.Decode(s.Examples[0].Tokens)
}

func TestSharedConversationsAreCleaned(t *testing.T) {
	long := "gpt: An answer that is long enough."
	for _, c := range []struct {
		name  string
		turns []string
		want  string
	}{
		{"nothing to do", []string{"human: q", long}, "q|An answer that is long enough.|"},
		{"begins with an answer", []string{"gpt: Hello", "human: q", long}, "q|An answer that is long enough.|"},
		{"ends with a question", []string{"human: q", long, "human: r"}, "q|An answer that is long enough.|"},
		{"one message", []string{"human: q"}, ""},
		{"no alternation", []string{"human: q", "human: r", long}, ""},
		{"names its maker", []string{"human: q", "gpt: As a model of OpenAI I cannot."}, ""},
		{"names itself", []string{"human: Are you chatGPT, then?", long}, ""},
		{"too many requests", []string{"human: q", "gpt: Too many requests in 1 hour. Try again later."}, ""},
		{"an empty answer", []string{"human: q", long, "human: r", "gpt: "}, "q|An answer that is long enough.|"},
		{"empty from the start", []string{"human: q", "gpt: <p></p>"}, ""},
		{"too short", []string{"human: q", "gpt: a"}, ""},
		{"a list begins twice", []string{"human: q", "gpt: So:\n1. a\n1. b\n and more of it"}, ""},
		{"paragraphs", []string{"human: q", "gpt: <p>First one.</p><p>Second &amp; last.</p>"},
			"q|First one.\n\nSecond & last.|"},
		{"inline", []string{"human: q",
			"gpt: <b>Bold</b>, <em>it</em>, <code>a_b</code> and c_d <a href=\"http://x.y\">link</a>"},
			"q|**Bold**, *it*, `a_b` and c\\_d [link](http://x.y)|"},
		{"a list", []string{"human: q", "gpt: <ol><li>One</li><li>Two<ul><li>Deep</li></ul></li></ol>"},
			"q|1. One\n2. Two\n\t* Deep|"},
		{"code of the page", []string{"human: q",
			"gpt: <pre><div>python</div><button>Copy code</button><code>print(1)\n  x_y</code></pre>"},
			"q|```python\nprint(1)\n  x_y\n```|"},
		{"an empty block", []string{"human: q", "gpt: Here it is then:\n```\nCopy code```"},
			"q|Here it is then:\n```\nCopy code```|"},
		{"a page number", []string{"human: q", "gpt: 2 / 2An answer long enough."}, "q|An answer long enough.|"},
		{"a counter", []string{"human: q", "gpt: An answer long enough.Copy123 chars / 45 words"},
			"q|An answer long enough.|"},
		{"headings and lines", []string{"human: q", "gpt: <h3>Title</h3>Text<br>more<hr>end"},
			"q|### Title\n\nText  \nmore\n\n---\n\nend|"},
		{"a table", []string{"human: q",
			"gpt: <table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"},
			"q|| a | b |\n| --- | --- |\n| 1 | 2 ||"},
		{"a list behind text", []string{"human: q", "gpt: See here:<ul><li>this one</li></ul>"}, "q|See here:* this one|"},
		{"bold inside code", []string{"human: q", "gpt: Some <pre>c*d <b>e_f</b></pre>"},
			"q|Some \n```\nc*d **e\\_f**\n```|"},
		{"not HTML", []string{"human: q", "gpt: if a < b && b > c then x"}, "q|if a < b && b > c then x|"},
		{"unclosed", []string{"human: q", "gpt: <p><b>Bold without an end"}, "q|**Bold without an end**|"},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, cleaned(t, c.turns...)) })
	}
}

func TestCleaningDropsRepeatedConversations(t *testing.T) {
	row := `{"id": "1", "conversations": [{"from": "human", "value": "the same question"}, ` +
		`{"from": "gpt", "value": "the same answer"}]}` + "\n"
	r, err := recipe.Find("vicuna")
	require.NoError(t, err)
	s, err := datatest.Load(datatest.Letters{}, r, datatest.Write(t, "a.jsonl", row+row+strings.Replace(row, `"id"`,
		`"plugins": [], "id"`, 1)), data.Options{Clean: true})
	require.NoError(t, err)
	require.Equal(t, []int{3, 1, 2}, []int{s.Rows, len(s.Examples), s.Cleaned})
	require.Contains(t, s.OverLongTable(),
		"left out 2 of 3 rows (it used plugins: 1; its first two turns were seen before: 1)\n")
}

// Cleaning equals clean_html_one_sample and filter_wrong_format of FastChat 0.2.36 with
// markdownify 0.11.6, on HTML in answers and in questions.
func TestCleaningEqualsFastChat(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(datatest.Shared(t), "golden/pipelines/fastchat_clean.json"))
	require.NoError(t, err)
	type message struct{ From, Value string }
	var cases []struct {
		Input, Output []message
		Code          int  // 0: kept
		WrongList     bool `json:"wrong_list"`
	}
	require.NoError(t, json.Unmarshal(text, &cases))
	require.Len(t, cases, 188)
	for i, c := range cases {
		var got recipe.Conversation
		for _, m := range c.Input {
			got.Turns = append(got.Turns, recipe.Turn{Role: roleNamed[m.From], Text: m.Value})
		}
		reason := clean.Conversation(&got)
		require.Equal(t, c.Code == 0 && !c.WrongList, reason == "", "case %d: %s", i, reason)
		if reason != "" {
			continue
		}
		var want []recipe.Turn
		for _, m := range c.Output {
			want = append(want, recipe.Turn{Role: roleNamed[m.From], Text: m.Value})
		}
		require.Equal(t, want, got.Turns, "case %d", i)
	}
}

var roleNamed = map[string]recipe.Role{"human": recipe.User, "gpt": recipe.Assistant}

func FuzzMarkdown(f *testing.F) {
	for _, seed := range []string{"<p>a</p>", "<ol><li>a<ul><li>b</ol>", "<pre><code>x</pre>", "<", "<!-- x",
		"</p></b>", "<table><tr><td>", "a < b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 1000 {
			cleaned(t, "human: q", "gpt: "+text)
		}
	})
}
