package data_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/chattemplate"
	"fettle/data/encode"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
	"fettle/model/tokenizer"
)

// vector is a sequence as another package made it from a row, or the error with which
// it stopped.
type vector struct {
	Error       string
	IDs, Labels []int32
}

// relation states how our reading of a row stands to another package's.
type relation string

const (
	equal    relation = "equal ids and labels"
	silent   relation = "neither learns a token"
	labels   relation = "equal ids, other labels"
	differs  relation = "other ids"
	refused  relation = "refused by us"
	theyStop relation = "refused by them, named by us"
	unnamed  relation = "refused by them, unnamed by us"
)

// pipeline reads a file of ids and labels that another package made.
func pipeline(t *testing.T, name string, v any) {
	text, err := os.ReadFile(filepath.Join(datatest.Shared(t), "golden/pipelines", name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, v))
}

// relate loads one row and compares it with a vector.
func relate(t *testing.T, tok encode.Tokenizer, r recipe.Recipe, row json.RawMessage, o data.Options,
	v vector) relation {
	o.Cutoff = max(o.Cutoff, 64)
	s, err := datatest.Load(tok, r, datatest.Write(t, "rows.jsonl", string(row)+"\n"), o)
	silence := encode.Sequence{Tokens: v.IDs, Labels: v.Labels}.Learned() == 0
	switch {
	case v.Error != "" && (err != nil || len(s.Report.Findings) > 0):
		return theyStop
	case v.Error != "":
		return unnamed
	case err != nil && silence:
		return silent
	case err != nil:
		return refused
	case !slices.Equal(s.Examples[0].Tokens, v.IDs):
		return differs
	case !slices.Equal(s.Examples[0].Labels[1:], v.Labels[1:]):
		return labels
	}
	return equal
}

// relations counts the relations of rows to vectors.
func relations(t *testing.T, tok encode.Tokenizer, r recipe.Recipe, rows []json.RawMessage, o data.Options,
	vectors []vector) map[relation]int {
	require.Len(t, vectors, len(rows))
	count := map[relation]int{}
	for i, row := range rows {
		count[relate(t, tok, r, row, o, vectors[i])]++
	}
	return count
}

// templated returns a tokenizer of the reference data and the recipe of a chat template.
func templated(t *testing.T, file, template string) (*tokenizer.Tokenizer, recipe.Recipe) {
	tok, err := tokenizer.Load(filepath.Join(datatest.Shared(t), "data", file))
	require.NoError(t, err)
	r, err := chattemplate.Recipe("c.jinja", chattemplate.Templates{Default: template}, tok)
	require.NoError(t, err)
	return tok, r
}

// FastChat 0.2.36 on odd dialogues. It stops at turns out of order and at other names of
// roles, of which we read "user" and "assistant" as its own.
func TestVicunaMasksWhatFastChatMasks(t *testing.T) {
	var file struct {
		Rows              []json.RawMessage
		Legacy, NonLegacy []vector
	}
	pipeline(t, "fastchat_vicuna.json", &file)
	tok := datatest.LLaMA(t)
	for _, c := range []struct {
		recipe  string
		vectors []vector
		want    map[relation]int
	}{
		{"vicuna", file.Legacy, map[relation]int{equal: 15, silent: 11, theyStop: 2, unnamed: 2}},
		{"vicuna-v1.5", file.NonLegacy, map[relation]int{equal: 15, silent: 11, theyStop: 2, unnamed: 2}},
	} {
		r, err := recipe.Find(c.recipe)
		require.NoError(t, err)
		require.Equal(t, c.want, relations(t, tok, r, file.Rows, data.Options{Cutoff: 2048}, c.vectors), c.recipe)
	}

	// With "legacy": false in tokenizer_config.json vicuna needs no recipe of its own.
	dir := t.TempDir()
	model, err := os.ReadFile(filepath.Join(datatest.Shared(t), "data/tokenizers/llama12/tokenizer.model"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer.model"), model, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), []byte(`{"legacy": false}`), 0o644))
	plain, err := tokenizer.Load(dir)
	require.NoError(t, err)
	r, err := recipe.Find("vicuna")
	require.NoError(t, err)
	require.Equal(t, map[relation]int{equal: 15, silent: 11, theyStop: 2, unnamed: 2},
		relations(t, plain, r, file.Rows, data.Options{Cutoff: 2048}, file.NonLegacy))
}

// LLaMA-Factory 0.9.5 with its template llama3: train_on_prompt is train_on all,
// mask_history is last_turn; cut64 has cutoff_len 64.
func TestChatTemplatesLearnWhatLLaMAFactoryLearns(t *testing.T) {
	var file struct {
		Template       string
		Alp, Conv, Sys []json.RawMessage
		Vectors        map[string][]vector
	}
	pipeline(t, "llamafactory_llama3.json", &file)
	tok, r := templated(t, "tokenizers/llama3/tokenizer.model", file.Template)
	for variant, o := range map[string]data.Options{
		"": {Cutoff: 2048}, "top": {Cutoff: 2048, TrainOn: "all"}, "mh": {Cutoff: 2048, TrainOn: "last_turn"},
		"cut64":   {Cutoff: 64, OverLong: "proportional"},
		"cut64mh": {Cutoff: 64, OverLong: "proportional", TrainOn: "last_turn"},
	} {
		for name, rows := range map[string][]json.RawMessage{"alp": file.Alp, "conv": file.Conv, "sys": file.Sys} {
			got := relations(t, tok, r, rows, o, file.Vectors["llama3:"+name+":"+variant])
			require.Equal(t, map[relation]int{equal: len(rows)}, got, name+variant)
		}
	}
}

// TRL 1.16: msg with every token, msg_asst with assistant_only_loss and generation tags,
// mpc and mpc3 with a prompt of one and of three messages and a completion.
func TestChatTemplatesLearnWhatTRLLearns(t *testing.T) {
	var file struct {
		Template  string
		Msg, Mpc3 []json.RawMessage
		Vectors   map[string][]vector
	}
	pipeline(t, "trl_sft.json", &file)
	tok, r := templated(t, "weights/stories260K/tok512.model", file.Template)
	var mpc []json.RawMessage
	for _, row := range file.Msg {
		var m struct{ Messages []json.RawMessage }
		require.NoError(t, json.Unmarshal(row, &m))
		text, err := json.Marshal(map[string]any{"prompt": m.Messages[:1], "completion": m.Messages[1:2]})
		require.NoError(t, err)
		mpc = append(mpc, text)
	}
	for _, c := range []struct {
		key, trainOn string
		rows         []json.RawMessage
	}{{"512:msg", "all", file.Msg}, {"512:msg_asst", "", file.Msg}, {"512:mpc", "", mpc}, {"512:mpc3", "", file.Mpc3}} {
		got := relations(t, tok, r, c.rows, data.Options{Cutoff: 2048, TrainOn: c.trainOn}, file.Vectors[c.key])
		require.Equal(t, map[relation]int{equal: len(c.rows)}, got, c.key)
	}
}

// axolotl 0.19: train_on_eos turn with roles_to_train assistant, its defaults, is
// train_on assistant. The other values have no setting here: they learn ends without
// their answers, or answers without their ends, or the user's turns.
func TestChatTemplatesLearnWhatAxolotlLearnsByDefault(t *testing.T) {
	var file struct {
		Template string
		Rows     []json.RawMessage
		Vectors  map[string][]vector
	}
	pipeline(t, "axolotl_chat_template.json", &file)
	tok, r := templated(t, "tokenizers/llama3/tokenizer.model", file.Template)
	require.Len(t, file.Vectors, 8)
	for key, vectors := range file.Vectors {
		want := map[relation]int{labels: len(file.Rows)}
		if key == "ct:tkl3:turn:assistant" {
			want = map[relation]int{equal: len(file.Rows)}
		}
		require.Equal(t, want, relations(t, tok, r, file.Rows, data.Options{Cutoff: 2048}, vectors), key)
	}
}
