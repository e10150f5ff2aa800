package data_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

// Conversations of every format, with the learned spans marked.
func TestT10EveryTurnHasItsSpan(t *testing.T) {
	const system = "A chat between a curious user and an artificial intelligence assistant. " +
		"The assistant gives helpful, detailed, and polite answers to the user's questions. "
	for _, c := range []struct{ name, recipe, trainOn, row, want string }{
		{"one turn", "vicuna", "", `{"conversations": [{"from": "human", "value": "q"}, ` +
			`{"from": "gpt", "value": "a"}]}`,
			system + "USER: q ASSISTANT:⟦ a¶⟧"},
		{"two turns", "vicuna", "", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}, {"role": "user", "content": "r"}, ` +
			`{"role": "assistant", "content": "b"}]}`,
			system + "USER: q ASSISTANT:⟦ a¶⟧USER: r ASSISTANT:⟦ b¶⟧"},
		{"last turn", "vicuna", "last_turn", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}, {"role": "user", "content": "r"}, ` +
			`{"role": "assistant", "content": "b"}]}`,
			system + "USER: q ASSISTANT: a¶USER: r ASSISTANT:⟦ b¶⟧"},
		{"system", "vicuna", "", `{"messages": [{"role": "system", "content": "Be brief."}, ` +
			`{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}`,
			"Be brief. USER: q ASSISTANT:⟦ a¶⟧"},
		{"a tool's answer", "vicuna", "", `{"conversations": [{"from": "human", "value": "q"}, ` +
			`{"from": "function_call", "value": "f()"}, {"from": "observation", "value": "7"}, ` +
			`{"from": "gpt", "value": "a"}], "tools": "[]"}`,
			system + "USER: q ASSISTANT:⟦ f()¶⟧USER: 7 ASSISTANT:⟦ a¶⟧"},
		{"completion", "vicuna", "completion", `{"conversations": [{"from": "human", "value": "q"}, ` +
			`{"from": "gpt", "value": "z"}, {"from": "human", "value": "r"}, ` +
			`{"from": "function_call", "value": "f()"}, {"from": "observation", "value": "7"}, ` +
			`{"from": "gpt", "value": "a"}]}`,
			system + "USER: q ASSISTANT: z¶USER: r ASSISTANT:⟦ f()¶⟧USER: 7 ASSISTANT:⟦ a¶⟧"},
		{"two answers in a row", "vicuna", "", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]}`,
			system + "USER: q ASSISTANT:⟦ a¶⟧ASSISTANT:⟦ b¶⟧"},
		{"weights", "vicuna", "", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a", "weight": 0}, {"role": "user", "content": "r", "loss": true}, ` +
			`{"role": "assistant", "content": "b", "train": true}]}`,
			system + "USER: q ASSISTANT: a¶⟦USER: r ⟧ASSISTANT:⟦ b¶⟧"},
		{"a bad answer", "koala", "", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}], "label": false}`,
			"BEGINNING OF CONVERSATION: USER: q An Unhelpful Answer:⟦a¶¶⟧"},
		{"a bad answer elsewhere", "vicuna", "", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}, {"role": "user", "content": "r"}, ` +
			`{"role": "assistant", "content": "b"}], "kto_tag": false}`,
			system + "USER: q ASSISTANT:⟦ a¶⟧USER: r ASSISTANT: b¶"},
		{"everything", "vicuna", "all", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}]}`,
			"⟦" + system + "USER: q ASSISTANT: a¶⟧"},
		{"v0 learns its frame", "vicuna-v0", "", `{"conversations": [{"from": "human", "value": "q"}, ` +
			`{"from": "gpt", "value": "a"}]}`,
			"⟦" + strings.ReplaceAll(strings.TrimSpace(system), "user", "human") +
				"\n\n⟧### Human: q\n⟦### Assistant: a\n⟧"},
		{"v0, answers only", "vicuna-v0", "assistant", `{"conversations": [{"from": "human", "value": "q"}, ` +
			`{"from": "gpt", "value": "a"}]}`,
			strings.ReplaceAll(strings.TrimSpace(system), "user", "human") + "\n\n### Human: q\n### Assistant:⟦ a\n⟧"},
		{"baize", "baize", "", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}]}`,
			"⟦The conversation between human and AI assistant.\n[|Human|] q\n[|AI|] a\n[|Human|] ¶⟧"},
		{"baize's own rows", "baize", "", `{"topic": "x", "input": "The conversation\n[|Human|] "}`,
			"⟦The conversation\n[|Human|] ¶⟧"},
		{"segments", "alpaca", "", `{"segments": [{"text": "q ", "label": false}, {"text": "a", "label": true}, ` +
			`{"text": " r ", "label": false}, {"text": "b", "label": true}]}`,
			"q ⟦a⟧ r ⟦b¶⟧"},
		{"koala's fields", "koala", "",
			`{"marker_user": "USER:", "marker_gpt": "GPT:", "human_0": "q", "gpt_1": "a", "human_2": "r", ` +
				`"gpt_3": "b", ` +
				`"fields": ` +
				`"[marker_user+human_0+marker_gpt],gpt_1,<|eos|>,[marker_user+human_2+marker_gpt],gpt_3,<|eos|>"}`,
			"BEGINNING OF CONVERSATION: USER: q GPT:⟦a¶⟧USER: r GPT:⟦b¶¶⟧"},
		{"koala's bad marker and a quote", "koala", "",
			`{"marker_user": "USER:", "bad": "An Unhelpful Answer:", "quote": "It says so.", "human_0": "q", ` +
				`"gpt_1": "a", "fields": "[marker_user+human_0+quote+bad],gpt_1,<|eos|>"}`,
			"BEGINNING OF CONVERSATION: USER: q It says so. An Unhelpful Answer:⟦a¶¶⟧"},
		{"history", "vicuna", "",
			`{"instruction": "r", "input": "about this", "output": "b", "history": [["q", "a"]], "system": "S."}`,
			"S. USER: q ASSISTANT:⟦ a¶⟧USER: r\nabout this ASSISTANT:⟦ b¶⟧"},
		{"preference", "vicuna", "", `{"prompt": "q", "chosen": "a", "rejected": "b"}`, system +
			"USER: q ASSISTANT:⟦ a¶⟧"},
		{"a preferred message", "vicuna", "", `{"conversations": [{"from": "human", "value": "q"}], ` +
			`"chosen": {"from": "gpt", "value": "a"}, "rejected": {"from": "gpt", "value": "b"}}`,
			system + "USER: q ASSISTANT:⟦ a¶⟧"},
		{"a preferred transcript", "vicuna", "",
			`{"chosen": "\n\nHuman: q\n\nAssistant: a\n\nb", "rejected": "\n\nHuman: q\n\nAssistant: c"}`,
			system + "USER: q ASSISTANT:⟦ a\n\nb¶⟧"},
		{"parts of a message", "vicuna", "",
			`{"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}, ` +
				`{"type": "text", "text": "!"}]}, {"role": "assistant", "content": null, ` +
				`"tool_calls": [{"name": "f"}]}]}`,
			system + "USER: q! ASSISTANT:⟦ [{\"name\": \"f\"}]¶⟧"},
		{"words beside a call", "vicuna", "", `{"messages": [{"role": "user", "content": "q"}, {"role": ` +
			`"assistant", "content": "I look.", "function_call": {"name": "f", "arguments": "{}"}}]}`,
			system + "USER: q ASSISTANT:⟦ I look.\n{\"name\": \"f\", \"arguments\": \"{}\"}¶⟧"},
		{"prompt and completion as messages", "vicuna", "", `{"prompt": [{"role": "user", "content": "q"}], ` +
			`"completion": [{"role": "assistant", "content": "a"}]}`,
			system + "USER: q ASSISTANT:⟦ a¶⟧"},
		{"an answer in the prompt", "vicuna", "", `{"prompt": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}, {"role": "user", "content": "r"}], ` +
			`"completion": [{"role": "assistant", "content": "b"}]}`,
			system + "USER: q ASSISTANT: a¶USER: r ASSISTANT:⟦ b¶⟧"},
		{"an answer in the prompt, every answer", "vicuna", "assistant", `{"prompt": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}, {"role": "user", "content": "r"}], ` +
			`"completion": [{"role": "assistant", "content": "b"}]}`,
			system + "USER: q ASSISTANT:⟦ a¶⟧USER: r ASSISTANT:⟦ b¶⟧"},
		{"a prompt as text", "koala", "", `{"prompt": "q", "completion": [{"role": "assistant", "content": "a"}, ` +
			`{"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}]}`,
			"BEGINNING OF CONVERSATION: USER: q GPT:⟦a¶⟧USER: r GPT:⟦b¶¶⟧"},
		{"a completion as text", "baize", "", `{"prompt": [{"role": "user", "content": "q"}], "completion": "a"}`,
			"The conversation between human and AI assistant.\n[|Human|] q\n[|AI|]⟦ a\n[|Human|] ¶⟧"},
		{"a prompt with a system message, v0", "vicuna-v0", "", `{"prompt": [{"role": "system", "content": "S."}, ` +
			`{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "a"}]}`,
			"S.\n\n### Human: q\n### Assistant:⟦ a\n⟧"},
		{"a prompt that a recipe would learn", "alpaca-lora-short", "", `{"prompt": [{"role": "user", "content": "q"}], ` +
			`"completion": [{"role": "assistant", "content": "a"}]}`,
			"### Instruction:\nq\n\n### Response:\n⟦a¶⟧"},
		{"a greeting", "vicuna", "", `{"conversations": [{"from": "gpt", "value": "Welcome"}, ` +
			`{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}`,
			system + "USER: q ASSISTANT:⟦ a¶⟧"},
		{"a greeting and a system message, v0", "vicuna-v0", "assistant", `{"messages": [` +
			`{"role": "system", "content": "S."}, {"role": "assistant", "content": "Welcome"}, ` +
			`{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}]}`,
			"S.\n\n### Human: q\n### Assistant:⟦ a\n⟧"},
		{"a greeting and a last question", "baize-v1.5", "", `{"conversations": [{"from": "gpt", "value": "Welcome"}, ` +
			`{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}, {"from": "human", "value": "r"}]}`,
			"The conversation between human and AI assistant.\n[|Human|] q\n[|AI|]⟦ a\n[|Human|] ¶⟧"},
		{"an empty answer amid others", "vicuna", "", `{"conversations": [{"from": "human", "value": "q"}, ` +
			`{"from": "gpt", "value": ""}, {"from": "human", "value": "r"}, {"from": "gpt", "value": "b"}]}`,
			system + "USER: q ASSISTANT:USER: r ASSISTANT:⟦ b¶⟧"},
		{"text", "alpaca", "", `{"text": "all of it"}`, "⟦all of it¶⟧"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := recipe.Find(c.recipe)
			require.NoError(t, err)
			r.Stream = false
			s, err := datatest.Load(datatest.Letters{}, r, datatest.Write(t, "a.jsonl", c.row),
				data.Options{TrainOn: c.trainOn})
			require.NoError(t, err)
			require.Equal(t, c.want, strings.TrimPrefix(datatest.Marked(s.Examples[0]), "¶"))
		})
	}
}
