package source_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
	"fettle/data/source"
)

// shown returns the text of the only row of a file, in a recipe with an input or for conversations.
func shown(t *testing.T, name, row string, o data.Options) (string, *data.Set, error) {
	r, err := recipe.Find(name)
	require.NoError(t, err)
	r.Template = recipe.Template{NoInput: "{instruction} →", WithInput: "{instruction} | {input} →"}
	if r.Dialogue != nil {
		d := *r.Dialogue
		d.System, d.SystemEnd = "", " · "
		r.Dialogue = &d
	}
	s, err := datatest.Load(datatest.Letters{}, r, datatest.Write(t, "a.jsonl", row), o)
	if err != nil {
		return "", nil, err
	}
	return datatest.Marked(s.Examples[0]), s, nil
}

func TestFieldsMeanWhatPublicSetsMean(t *testing.T) {
	for _, c := range []struct{ reason, recipe, row, want string }{
		{"Dolly's context is the input", "alpaca",
			`{"instruction": "q", "context": "c", "response": "a", "category": "open_qa"}`, "q | c →⟦a¶⟧"},
		{"an empty context is none", "alpaca", `{"instruction": "q", "context": "", "response": "a"}`, "q →⟦a¶⟧"},
		{"an empty input leaves the context", "alpaca",
			`{"instruction": "q", "input": "", "context": "c", "output": "a"}`, "q | c →⟦a¶⟧"},
		{"OpenOrca's system_prompt", "vicuna", `{"system_prompt": "S.", "question": "q", "response": "a"}`,
			"S. · USER: q ASSISTANT:⟦ a¶⟧"},
		{"a passage with its question", "alpaca", `{"passage": "c", "question": "q", "answer": false}`, "q | c →⟦false¶⟧"},
		{"problem and solution", "alpaca", `{"problem": "q", "solution": "s", "answer": "7"}`, "q →⟦s¶⟧"},
		{"an input alone is the question", "alpaca", `{"input": "q", "output": "a"}`, "q →⟦a¶⟧"},
		{"an instruction under another name", "alpaca", `{"instruction": "q", "completion": "a"}`, "q →⟦a¶⟧"},
		{"another case", "alpaca", `{"Instruction": "q", "INPUT": "i", "Output": "a"}`, "q | i →⟦a¶⟧"},
		{"another case, of messages", "vicuna",
			`{"Messages": [{"Role": "User", "Content": "q"}, {"ROLE": "Assistant", "content": "a"}]}`,
			"USER: q ASSISTANT:⟦ a¶⟧"},
		{"history beside prompt and response", "vicuna",
			`{"prompt": "r", "response": "b", "history": [["q", "a"]]}`, "USER: q ASSISTANT:⟦ a¶⟧USER: r ASSISTANT:⟦ b¶⟧"},
		{"history in a cell", "vicuna",
			`{"prompt": "r", "response": "b", "history": "[[\"q\", \"a\"]]"}`, "USER: q ASSISTANT:⟦ a¶⟧USER: r ASSISTANT:⟦ b¶⟧"},
		{"no history in a cell", "vicuna", `{"prompt": "r", "response": "b", "history": ""}`, "USER: r ASSISTANT:⟦ b¶⟧"},
		{"an answer that is a JSON list", "alpaca", `{"instruction": "[1, 2]", "output": "[2, 1]"}`, "[1, 2] →⟦[2, 1]¶⟧"},
		{"Python's NaN is no input", "alpaca", `{"instruction": "NaN", "input": NaN, "output": "\"NaN"}`, `NaN →⟦"NaN¶⟧`},
		{"a loss of 0", "vicuna", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", ` +
			`"loss": 0}, {"role": "user", "content": "r"}, {"role": "assistant", "content": "b", "loss": 1}]}`,
			"USER: q ASSISTANT: a¶USER: r ASSISTANT:⟦ b¶⟧"},
		{"a number", "alpaca", `{"instruction": "q", "input": 2.50, "output": 4}`, "q | 2.50 →⟦4¶⟧"},
		{"a truth value", "alpaca", `{"instruction": "q", "output": true}`, "q →⟦true¶⟧"},
		{"a number in a message", "vicuna",
			`{"messages": [{"role": "user", "content": 1}, {"role": "assistant", "content": 2}]}`, "USER: 1 ASSISTANT:⟦ 2¶⟧"},
		{"pairs", "vicuna", `{"conversation": [{"system": "S.", "human": "q", "assistant": "a"}, ` +
			`{"human": "r", "assistant": "b"}]}`, "S. · USER: q ASSISTANT:⟦ a¶⟧USER: r ASSISTANT:⟦ b¶⟧"},
		{"pairs of input and output", "vicuna", `{"conversation": [{"input": "q", "output": "a"}]}`,
			"USER: q ASSISTANT:⟦ a¶⟧"},
		{"user and text", "vicuna", `{"conversation": [{"user": "human", "text": "q"}, {"user": "bot", "text": "a"}]}`,
			"USER: q ASSISTANT:⟦ a¶⟧"},
		{"alternating texts", "vicuna", `{"id": "1", "data": ["q", "a", "r", "b"]}`,
			"USER: q ASSISTANT:⟦ a¶⟧USER: r ASSISTANT:⟦ b¶⟧"},
		{"the system message of the list comes first", "vicuna", `{"system": "T.", "conversations": [` +
			`{"from": "system", "value": "S."}, {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}`,
			"S. · USER: q ASSISTANT:⟦ a¶⟧"},
		{"a function call", "vicuna",
			`{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": null, ` +
				`"function_call": {"name": "f", "arguments": "{}"}}, {"role": "function", "name": "f", "content": "1"}, ` +
				`{"role": "assistant", "content": "a"}]}`,
			`USER: q ASSISTANT:⟦ {"name": "f", "arguments": "{}"}¶⟧USER: 1 ASSISTANT:⟦ a¶⟧`},
		{"choices", "alpaca", `{"question": "q", "choices": ["x", "y"], "answer": 1}`, "q | A. x\nB. y →⟦B¶⟧"},
		{"choices with labels", "alpaca",
			`{"question": "q", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "1"}`, "q | 1. x\n2. y →⟦1¶⟧"},
		{"options by number, one of another row", "alpaca",
			`{"question": "q", "options": {"10": "z", "2": "y", "1": 7, "3": null}, "answer": "2"}`,
			"q | 1. 7\n2. y\n10. z →⟦2¶⟧"},
		{"options by letter", "alpaca", `{"question": "q", "options": {"B": "y", "A": "x"}, "answer": "A"}`,
			"q | A. x\nB. y →⟦A¶⟧"},
		{"choices behind a passage", "alpaca", `{"context": "c", "question": "q", "choices": [7, 8], "answer": "8"}`,
			"q | c\nA. 7\nB. 8 →⟦8¶⟧"},
		{"a whole chosen conversation", "vicuna", `{"prompt": "q", "chosen": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}], "rejected": [], "messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}]}`, "USER: q ASSISTANT:⟦ a¶⟧"},
		{"a chosen answer to a text", "vicuna", `{"prompt": "q", "chosen": [{"role": "assistant", "content": "a"}]}`,
			"USER: q ASSISTANT:⟦ a¶⟧"},
		{"a chosen text after messages", "vicuna", `{"prompt": [{"role": "user", "content": "q"}], "chosen": "a"}`,
			"USER: q ASSISTANT:⟦ a¶⟧"},
		{"OpenAI's weight is of answers", "vicuna", `{"messages": [{"role": "user", "content": "q", "weight": 1}, ` +
			`{"role": "assistant", "content": "a", "weight": 0}, {"role": "user", "content": "r"}, ` +
			`{"role": "assistant", "content": "b", "weight": 1}]}`, "USER: q ASSISTANT: a¶USER: r ASSISTANT:⟦ b¶⟧"},
		{"axolotl's training", "vicuna", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a", "training": false}, {"role": "user", "content": "r"}, ` +
			`{"role": "assistant", "content": "b"}]}`, "USER: q ASSISTANT: a¶USER: r ASSISTANT:⟦ b¶⟧"},
		{"KTO's true label", "vicuna", `{"prompt": "q", "completion": "a", "label": true}`, "USER: q ASSISTANT:⟦ a¶⟧"},
		{"KTO's false label where the recipe tells", "koala", `{"prompt": "q", "completion": "a", "label": false}`,
			"USER: q An Unhelpful Answer:⟦a¶¶⟧"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			got, _, err := shown(t, c.recipe, c.row, data.Options{})
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestRowsThatCannotBeReadSayWhy(t *testing.T) {
	for _, c := range []struct{ reason, row, want string }{
		{"null", `{"instruction": "q", "output": null}`, `a.jsonl:1: "output" is null`},
		{"null under another name", `{"prompt": "q", "completion": null}`, `"completion" is null`},
		{"Python's NaN", `{"instruction": "q", "output": NaN}`, `a.jsonl:1: "output" is null`},
		{"null in a message", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": null}]}`,
			`"messages", message 2: "content" is null`},
		{"a misspelt answer", `{"instruction": "q", "outputs": "a"}`, `did you mean "outputs"`},
		{"a misspelt question", `{"intruction": "q", "summary": "a"}`, `perhaps "intruction" stands for "instruction"`},
		{"a choice that is not there", `{"question": "q", "choices": ["x", "y"], "answer": 2}`,
			`"answer" is 2, there are 2 choices, counted from 0`},
		{"pictures", `{"instruction": "q", "output": "a", "images": ["a.png"]}`,
			`"images" holds images: this model reads text`},
		{"a picture", `{"instruction": "q", "output": "a", "image": {"path": "a.png", "bytes": null}}`,
			`"image" holds images`},
		{"of a message", `{"messages": [{"role": "user", "content": "q", "images": ["a.png"]}, ` +
			`{"role": "assistant", "content": "a"}]}`, `"messages", message 1: "images" holds images`},
		{"decoded samples",
			`{"question": "q", "answer": "a", "audio": {"path": null, "array": [0.5], "sampling_rate": 16000}}`,
			`"audio" holds audios`},
		{"decoded pixels", `{"question": "q", "answer": "a", "image": [[[0, 0]]]}`, `"image" holds images`},
		{"a video",
			`{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "videos": ["a.mp4"]}`,
			`"videos" holds videos`},
		{"a picture in a message", `{"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}, ` +
			`{"type": "image_url", "image_url": {"url": "a"}}]}, {"role": "assistant", "content": "a"}]}`,
			`"content" has a part of type "image_url": this model reads text`},
		{"marks inside an answer", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", ` +
			`"content": "a", "train_detail": [{"begin_offset": 0, "end_offset": 1, "train": false}]}]}`,
			`"train_detail" marks parts of a message`},
		{"a broken call", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [7]}]}`,
			`message 2: "tool_calls"`},
		{"only bad answers", `{"prompt": "q", "completion": "a", "label": false}`, `1 of 1 records are labelled false`},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, _, err := shown(t, "vicuna", c.row, data.Options{})
			require.ErrorContains(t, err, c.want)
		})
	}
	s, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", datatest.TwoRows+`{"instruction": "q", "output": null}`),
		data.Options{OnBadRow: "skip"})
	require.NoError(t, err)
	require.Equal(t, []int{2, 1}, []int{len(s.Examples), s.BadRows})
}

func TestRowsLabelledFalseAreLeftOut(t *testing.T) {
	rows := `{"prompt": "q", "completion": "a", "label": true}
{"prompt": "r", "completion": "b", "label": false}
{"prompt": "s", "completion": "c", "kto_tag": "False"}`
	for _, trainOn := range []string{"", "all"} {
		s, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", rows), data.Options{TrainOn: trainOn})
		require.NoError(t, err)
		require.Equal(t, []int{1, 2, 3}, []int{len(s.Examples), s.Refused, s.Rows})
		require.Zero(t, s.Report.Counts["no-learned-tokens"])
	}
}

func TestFieldsThatAreNotReadAreNamed(t *testing.T) {
	for _, c := range []struct {
		reason, row string
		want        []string
	}{
		{"all is read", `{"instruction": "q", "input": "i", "output": "a", "system": "s"}`, nil},
		{"numbers of rows", `{"id": "x7", "idx": 3, "prompt_id": "y", "score": 0.5, "instruction": "q", "output": "a"}`, nil},
		{"nothing in it", `{"instruction": "q", "output": "a", "note": "", "more": [], "other": null, "n": "12"}`, nil},
		{"a field that no format knows", `{"instruction": "q", "output": "a", "category": "c"}`,
			[]string{`"category" is not read (rows with it: 1)`}},
		{"a misspelt one", `{"instruction": "q", "output": "a", "inptu": "c"}`, []string{`did you mean "input"?`}},
		{"a second name", `{"instruction": "q", "output": "a", "response": "b"}`, []string{`"output" is read in its place`}},
		{"of a message", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", ` +
			`"mood": "glad"}]}`, []string{`"messages[].mood" is not read`}},
		{"the other side of a pair, without the first", `{"prompt": "q", "output": "a", "rejected": "b"}`,
			[]string{"the chosen answer alone"}},
		{"a label that is no verdict", `{"prompt": "q", "completion": "a", "label": 1}`,
			[]string{"where it is true or false"}},
		{"a weight that no one reads", `{"instruction": "q", "output": "a", "weight": 0}`, []string{`"weight" is not read`}},
		{"a mask of a message", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", ` +
			`"mask": true}]}`, []string{`"messages[].mask" is not read`}},
		{"a mapping that the format does not use", `{"instruction": "q", "output": "a", "score": 3}`,
			[]string{`columns map it as "text", which these rows of the format alpaca do not use`}},
		{"more than one instance", `{"instruction": "q", "instances": [{"input": "", "output": "a"}, ` +
			`{"input": "", "output": "b"}]}`, []string{`"instances[1:]" is not read`}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			o := data.Options{}
			if c.reason == "a mapping that the format does not use" {
				o.Columns = map[string]string{"text": "score"}
			}
			_, s, err := shown(t, "vicuna", c.row, o)
			require.NoError(t, err)
			require.Equal(t, len(c.want), s.Report.Counts["unread-field"], "%v", s.Report.Findings)
			for i, f := range s.Report.Findings {
				require.Contains(t, f.Text, c.want[i])
				require.Equal(t, "warning", string(f.Severity))
			}
		})
	}
	_, s, err := shown(t, "alpaca", `{"id": 1, "instruction": "q", "context": "c", "output": "a", "lang": "en"}`,
		data.Options{})
	require.NoError(t, err)
	require.Equal(t, []data.Field{{Name: "context", Read: 1}, {Name: "instruction", Read: 1}, {Name: "output", Read: 1},
		{Name: "id", Rest: 1}}, append(s.Fields[:3:3], s.Fields[3]))
	require.Equal(t, "lang", s.Fields[4].Name)
	require.Equal(t, 1, s.Fields[4].Unread)
}

func TestMappingsOfUnknownFieldsAreErrors(t *testing.T) {
	for _, c := range []struct {
		reason string
		list   []string
		want   string
	}{
		{"no such field", []string{"inptu=context"}, `unknown field "inptu", did you mean "input"`},
		{"no name", []string{"input="}, `"input=", want field=name`},
		{"two names of a field", []string{"prompt=a", "query=b"},
			"prompt and query are names of the same field, instruction"},
		{"the wrong way round", []string{"notes=input"}, `the file's name is on the right: input=notes`},
		{"twice", []string{"input=a", "input=b"}, `input is mapped to "a" and to "b"`},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, err := source.ParseColumns(c.list)
			require.ErrorContains(t, err, c.want)
		})
	}
	got, err := source.ParseColumns([]string{"prompt=ask", "response = say"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"instruction": "ask", "output": "say"}, got)
}

func TestAMappingThatNoRowHasIsAnError(t *testing.T) {
	row := `{"instruction": "q", "passage": "c", "output": "a"}`
	_, _, err := shown(t, "alpaca", row, data.Options{Columns: map[string]string{"input": "pasage"}})
	require.ErrorContains(t, err, `no row has the field "pasage", which columns map as "input", did you mean "passage"`)
	_, _, err = shown(t, "alpaca", row, data.Options{Columns: map[string]string{"output": "outptu"}})
	require.ErrorContains(t, err, `no "outptu" among the fields "instruction", "output", "passage", did you mean "output"`)
	_, _, err = shown(t, "vicuna", `{"convo": [{"role": "user", "content": "q"}]}`,
		data.Options{Columns: map[string]string{"messages": "conv"}})
	require.ErrorContains(t, err, `columns map messages to "conv", did you mean "convo"`)
	talk := `{"messages": [{"who": "Anna", "content": "q"}, {"who": "Bob", "content": "a"}]}`
	names := map[string]string{"role": "who", "role:user": "Anna", "role:assistant": "Bob"}
	_, _, err = shown(t, "vicuna", talk, data.Options{Columns: names})
	require.NoError(t, err)
	names["role:tool"] = "Carl"
	_, _, err = shown(t, "vicuna", talk, data.Options{Columns: names})
	require.ErrorContains(t, err, `no message has the role "Carl", which columns map as "role:tool"`)
	for _, field := range []string{"role", "weight"} {
		_, _, err = shown(t, "alpaca", row, data.Options{Columns: map[string]string{field: "passage"}})
		require.ErrorContains(t, err, `no message has the field "passage", which columns map as "`+field+`"`)
	}
	got, _, err := shown(t, "alpaca", row+"\n"+`{"instruction": "q", "output": "a"}`,
		data.Options{Columns: map[string]string{"input": "passage"}})
	require.NoError(t, err, "a row may lack it")
	require.Equal(t, "q | c →⟦a¶⟧", got)
}

func TestCellsHoldMessages(t *testing.T) {
	r, err := recipe.Find("vicuna")
	require.NoError(t, err)
	d := *r.Dialogue
	d.System, d.SystemEnd = "", " · "
	r.Dialogue = &d
	cell := func(list string) string { return `"` + strings.ReplaceAll(list, `"`, `""`) + `"` }
	path := datatest.Write(t, "a.csv", "prompt,completion\n"+
		cell(`[{"role": "system", "content": "S."}, {"role": "user", "content": "q"}]`)+","+
		cell(`[{"role": "assistant", "content": "a"}]`)+"\n"+cell(`[{"x": 1}]`)+",b\n")
	s, err := datatest.Load(datatest.Letters{}, r, path, data.Options{})
	require.NoError(t, err)
	require.Equal(t, "S. · USER: q ASSISTANT:⟦ a¶⟧", datatest.Marked(s.Examples[0]))
	require.Equal(t, `USER: [{"x": 1}] ASSISTANT:⟦ b¶⟧`, datatest.Marked(s.Examples[1]))
}
