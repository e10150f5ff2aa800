package data_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
)

// marked shows what is learned between ⟦ and ⟧, ends as ¶.
func marked(e data.Example) string {
	var b strings.Builder
	on := false
	for i, id := range e.Tokens {
		if learn := i > 0 && e.Labels[i] != data.Ignore; learn != on {
			b.WriteString(map[bool]string{true: "⟦", false: "⟧"}[learn])
			on = learn
		}
		switch id {
		case 1:
		case 2:
			b.WriteString("¶")
		default:
			b.WriteString(letters{}.Decode([]int32{id}))
		}
	}
	if on {
		b.WriteString("⟧")
	}
	return b.String()
}

// Ten conversations, with what is learned of them written down.
func TestT10EveryTurnHasItsSpan(t *testing.T) {
	const system = "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions. "
	for _, c := range []struct{ name, recipe, trainOn, row, want string }{
		{"one turn", "vicuna", "", `{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}`,
			system + "USER: q ASSISTANT:⟦ a¶⟧"},
		{"two turns", "vicuna", "", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, {"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}]}`,
			system + "USER: q ASSISTANT:⟦ a¶⟧USER: r ASSISTANT:⟦ b¶⟧"},
		{"last turn", "vicuna", "last_turn", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, {"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}]}`,
			system + "USER: q ASSISTANT: a¶USER: r ASSISTANT:⟦ b¶⟧"},
		{"system", "vicuna", "", `{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}`,
			"Be brief. USER: q ASSISTANT:⟦ a¶⟧"},
		{"a tool's answer", "vicuna", "", `{"conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": "f()"}, {"from": "observation", "value": "7"}, {"from": "gpt", "value": "a"}], "tools": "[]"}`,
			system + "USER: q ASSISTANT:⟦ f()¶⟧USER: 7 ASSISTANT:⟦ a¶⟧"},
		{"completion", "vicuna", "completion", `{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "z"}, {"from": "human", "value": "r"}, {"from": "function_call", "value": "f()"}, {"from": "observation", "value": "7"}, {"from": "gpt", "value": "a"}]}`,
			system + "USER: q ASSISTANT: z¶USER: r ASSISTANT:⟦ f()¶⟧USER: 7 ASSISTANT:⟦ a¶⟧"},
		{"two answers in a row", "vicuna", "", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]}`,
			system + "USER: q ASSISTANT:⟦ a¶⟧ASSISTANT:⟦ b¶⟧"},
		{"weights", "vicuna", "", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 0}, {"role": "user", "content": "r", "loss": true}, {"role": "assistant", "content": "b", "train": true}]}`,
			system + "USER: q ASSISTANT: a¶⟦USER: r ⟧ASSISTANT:⟦ b¶⟧"},
		{"a bad answer", "koala", "", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "label": false}`,
			"BEGINNING OF CONVERSATION: USER: q An Unhelpful Answer:⟦a¶¶⟧"},
		{"a bad answer elsewhere", "vicuna", "", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, {"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}], "kto_tag": false}`,
			system + "USER: q ASSISTANT:⟦ a¶⟧USER: r ASSISTANT: b¶"},
		{"everything", "vicuna", "all", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}`,
			"⟦" + system + "USER: q ASSISTANT: a¶⟧"},
		{"v0 learns its frame", "vicuna-v0", "", `{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}`,
			"⟦" + strings.ReplaceAll(strings.TrimSpace(system), "user", "human") + "\n\n⟧### Human: q\n⟦### Assistant: a\n⟧"},
		{"v0, answers only", "vicuna-v0", "assistant", `{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}`,
			strings.ReplaceAll(strings.TrimSpace(system), "user", "human") + "\n\n### Human: q\n### Assistant:⟦ a\n⟧"},
		{"baize", "baize", "", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}`,
			"⟦The conversation between human and AI assistant.\n[|Human|] q\n[|AI|] a\n[|Human|] ¶⟧"},
		{"baize's own rows", "baize", "", `{"topic": "x", "input": "The conversation\n[|Human|] "}`, "⟦The conversation\n[|Human|] ¶⟧"},
		{"segments", "alpaca", "", `{"segments": [{"text": "q ", "label": false}, {"text": "a", "label": true}, {"text": " r ", "label": false}, {"text": "b", "label": true}]}`,
			"q ⟦a⟧ r ⟦b¶⟧"},
		{"koala's fields", "koala", "", `{"marker_user": "USER:", "marker_gpt": "GPT:", "human_0": "q", "gpt_1": "a", "human_2": "r", "gpt_3": "b", "fields": "[marker_user+human_0+marker_gpt],gpt_1,<|eos|>,[marker_user+human_2+marker_gpt],gpt_3,<|eos|>"}`,
			"BEGINNING OF CONVERSATION: USER: q GPT:⟦a¶⟧USER: r GPT:⟦b¶¶⟧"},
		{"koala's bad marker and a quote", "koala", "", `{"marker_user": "USER:", "bad": "An Unhelpful Answer:", "quote": "It says so.", "human_0": "q", "gpt_1": "a", "fields": "[marker_user+human_0+quote+bad],gpt_1,<|eos|>"}`,
			"BEGINNING OF CONVERSATION: USER: q It says so. An Unhelpful Answer:⟦a¶¶⟧"},
		{"history", "vicuna", "", `{"instruction": "r", "input": "about this", "output": "b", "history": [["q", "a"]], "system": "S."}`,
			"S. USER: q ASSISTANT:⟦ a¶⟧USER: r\nabout this ASSISTANT:⟦ b¶⟧"},
		{"preference", "vicuna", "", `{"prompt": "q", "chosen": "a", "rejected": "b"}`, system + "USER: q ASSISTANT:⟦ a¶⟧"},
		{"a preferred message", "vicuna", "", `{"conversations": [{"from": "human", "value": "q"}], "chosen": {"from": "gpt", "value": "a"}, "rejected": {"from": "gpt", "value": "b"}}`,
			system + "USER: q ASSISTANT:⟦ a¶⟧"},
		{"a preferred transcript", "vicuna", "", `{"chosen": "\n\nHuman: q\n\nAssistant: a\n\nb", "rejected": "\n\nHuman: q\n\nAssistant: c"}`,
			system + "USER: q ASSISTANT:⟦ a\n\nb¶⟧"},
		{"parts of a message", "vicuna", "", `{"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}, {"type": "text", "text": "!"}]}, {"role": "assistant", "content": null, "tool_calls": [{"id": 1}]}]}`,
			system + "USER: q! ASSISTANT:⟦ [{\"id\": 1}]¶⟧"},
		{"prompt and completion as messages", "vicuna", "", `{"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "a"}]}`,
			system + "USER: q ASSISTANT:⟦ a¶⟧"},
		{"text", "alpaca", "", `{"text": "all of it"}`, "⟦all of it¶⟧"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := data.Find(c.recipe)
			require.NoError(t, err)
			r.Stream = false
			s, err := data.Load(letters{}, r, []string{write(t, "a.jsonl", c.row)}, data.Options{TrainOn: c.trainOn})
			require.NoError(t, err)
			require.Equal(t, c.want, strings.TrimPrefix(marked(s.Examples[0]), "¶"))
		})
	}
}

// fastChat masks as FastChat's trainer does: by the lengths of the parts of
// the rendered text, tokenized one by one. The plain twin of the spans.
func fastChat(tok data.Tokenizer, text string, ids []int32, cutoff int) []int32 {
	labels := append([]int32(nil), ids...)
	ignore := func(from, to int) {
		for i := min(from, len(labels)); i < min(to, len(labels)); i++ {
			labels[i] = data.Ignore
		}
	}
	count := func(text string) int { return 1 + len(tok.EncodeSpecial(text)) }
	at := 1
	ignore(0, 1)
	for _, turn := range strings.Split(text, "</s>") {
		parts := strings.Split(turn, " ASSISTANT: ")
		if turn == "" || len(parts) != 2 {
			break
		}
		ignore(at, at+count(parts[0]+" ASSISTANT: ")-2)
		at += count(turn)
	}
	ignore(at, len(labels))
	if at < cutoff && at != len(ids) {
		ignore(0, len(labels))
	}
	return labels
}

func TestSpansEqualFastChatsMasks(t *testing.T) {
	tok := llama(t)
	r, err := data.Find("vicuna")
	require.NoError(t, err)
	n := 0
	for _, file := range []string{"vicuna/dummy_conversation.json", "oasst/oasst_20230412_fr_1k.jsonl"} {
		for row, err := range data.Rows(filepath.Join(shared(t), "data/datasets", file)) {
			require.NoError(t, err)
			var list []struct{ From, Role, Value, Content string }
			for _, key := range []string{"conversations", "conversation"} {
				if raw, ok := row.Fields[key]; ok {
					require.NoError(t, json.Unmarshal(raw, &list))
				}
			}
			var texts []string
			rendered := r.Dialogue.System + " "
			for i, m := range list {
				texts = append(texts, m.Value+m.Content)
				rendered += []string{"USER: ", "ASSISTANT: "}[i%2] + texts[i] + []string{" ", "</s>"}[i%2]
			}
			if len(texts)%2 == 1 {
				continue // FastChat learns nothing where a question ends it
			}
			for _, cutoff := range []int{2048, 300} {
				e, err := r.Encode(tok, talk(texts...), cutoff)
				require.NoError(t, err)
				ids := append([]int32{1}, tok.EncodeSpecial(rendered)...)
				ids = ids[:min(len(ids), cutoff)]
				require.Equal(t, ids, e.Tokens)
				require.Equal(t, fastChat(tok, rendered, ids, cutoff), e.Labels)
			}
			if n++; n > 600 {
				break
			}
		}
	}
	require.Greater(t, n, 500)
}

// Time does not grow faster than the text: else this would not end.
func TestLongTextsAreNotQuadratic(t *testing.T) {
	tok := llama(t)
	r, err := data.Find("vicuna")
	require.NoError(t, err)
	for _, text := range []string{strings.Repeat(" ", 1<<16), strings.Repeat("a", 1<<16), strings.Repeat("\n", 1<<16), strings.Repeat("</s", 1<<14), strings.Repeat("😀", 1<<13)} {
		var turns []string
		for range 8 {
			turns = append(turns, "q", text)
		}
		_, err := r.Encode(tok, talk(turns...), 1<<30)
		require.NoError(t, err)
	}
}
