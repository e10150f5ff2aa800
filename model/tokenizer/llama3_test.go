package tokenizer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/tokenizer"
)

// files are the real tokenizers: LLaMA 1 and 2's, and LLaMA 3's, each in two
// formats.
func files(t testing.TB, root string) map[string]string {
	return map[string]string{
		"llama2/sentencepiece": filepath.Join(root, "data/tokenizers/llama12/tokenizer.model"),
		"llama2/json":          filepath.Join(root, "data/tokenizers/llama12/tokenizer.json"),
		"llama3/tiktoken":      filepath.Join(root, "data/tokenizers/llama3/tokenizer.model"),
		"llama3/json":          filepath.Join(llama3JSON(t, root), "tokenizer.json"),
	}
}

// llama3Pattern is in LLaMA 3's tokenizer.json.
const llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}` +
	`| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// llama3JSON puts LLaMA 3's vocabulary and merges, as published, together to a
// tokenizer.json with the stages that Hugging Face's has.
func llama3JSON(t testing.TB, root string) (dir string) {
	dir = t.TempDir()
	from := filepath.Join(root, "data/tokenizers/llama3")
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join(from, name))
		require.NoError(t, err)
		return text
	}
	var config struct {
		Added map[string]map[string]any `json:"added_tokens_decoder"`
	}
	require.NoError(t, json.Unmarshal(read("tokenizer_config.json"), &config))
	var added []map[string]any
	for id, token := range config.Added {
		token["id"] = json.Number(id)
		added = append(added, token)
	}
	type object = map[string]any
	text, err := json.Marshal(object{
		"version": "1.0", "added_tokens": added, "normalizer": nil,
		"pre_tokenizer": object{"type": "Sequence", "pretokenizers": []object{
			{"type": "Split", "pattern": object{"Regex": llama3Pattern}, "behavior": "Isolated", "invert": false},
			{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
		}},
		"post_processor": object{"type": "Sequence", "processors": []object{
			{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
			{"type": "TemplateProcessing", "single": []object{
				{"SpecialToken": object{"id": "<|begin_of_text|>", "type_id": 0}}, {"Sequence": object{"id": "A", "type_id": 0}},
			}},
		}},
		"decoder": object{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
		"model": object{
			"type": "BPE", "ignore_merges": true, "byte_fallback": false, "unk_token": nil, "dropout": nil,
			"vocab":  json.RawMessage(read("encoder.json")),
			"merges": strings.Split(strings.TrimSpace(string(read("vocab.bpe"))), "\n"),
		},
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer.json"), text, 0o644))
	return dir
}

func TestLLaMA3JSONEqualsTiktoken(t *testing.T) {
	root := shared(t)
	dir := llama3JSON(t, root)
	one, err := tokenizer.Load(filepath.Join(root, "data/tokenizers/llama3/tokenizer.model"))
	require.NoError(t, err)
	other, err := tokenizer.Load(dir)
	require.NoError(t, err)
	require.Equal(t, one.Size(), other.Size())
	require.Equal(t, 128256, one.Size())
	for id := range int32(one.Size()) {
		if one.Piece(id) != other.Piece(id) || one.Control(id) != other.Control(id) ||
			one.Decode([]int32{id}) != other.Decode([]int32{id}) {
			t.Fatalf("token %d is %q and %q", id, one.Piece(id), other.Piece(id))
		}
	}
	n := 0
	for _, v := range vectors(t, filepath.Join(root, "data/references/tokenizer_vectors/llamacpp_llama-bpe.jsonl")) {
		require.Equal(t, v.IDs, append([]int32{}, one.Encode(v.Text)...), "%q", v.Text)
		require.Equal(t, v.IDs, append([]int32{}, other.Encode(v.Text)...), "%q", v.Text)
		n++
	}
	for _, v := range vectors(t, filepath.Join(root, "data/references/tokenizer_vectors/sp_llama12.jsonl")) {
		ids := one.Encode(v.Text)
		require.Equal(t, ids, other.Encode(v.Text), "%q", v.Text)
		require.Equal(t, v.Text, one.Decode(ids))
		n++
	}
	t.Logf("%d texts", n)
	require.Equal(t, "<|begin_of_text|>", other.Piece(other.BOS()))
	require.Equal(t, "<|end_of_text|>", other.Piece(other.EOS()))
}

func TestLLaMA2JSONEqualsSentencePiece(t *testing.T) {
	dir := filepath.Join(shared(t), "data/tokenizers/llama12")
	one, err := tokenizer.Load(filepath.Join(dir, "tokenizer.model"))
	require.NoError(t, err)
	other, err := tokenizer.Load(filepath.Join(dir, "tokenizer.json"))
	require.NoError(t, err)
	require.Equal(t, []int32{one.BOS(), one.EOS(), int32(one.Size())},
		[]int32{other.BOS(), other.EOS(), int32(other.Size())})
	for id := range int32(one.Size()) {
		if one.Piece(id) != other.Piece(id) || one.Control(id) != other.Control(id) ||
			id > 0 && one.Decode([]int32{5, id}) != other.Decode([]int32{5, id}) {
			t.Fatalf("token %d is %q and %q", id, one.Piece(id), other.Piece(id))
		}
	}
	for _, text := range []string{"<s>Hello</s> world", "a<s></s>", " <s> x", "<unk>a", "</s", "a\xffb"} {
		require.Equal(t, one.EncodeSpecial(text), other.EncodeSpecial(text), text)
		require.Equal(t, one.Encode(text), other.Encode(text), text)
	}
}

func TestTypedControlTokensStayText(t *testing.T) {
	root := shared(t)
	for name, path := range files(t, root) {
		tok, err := tokenizer.Load(path)
		require.NoError(t, err, name)
		for id := range int32(tok.Size()) {
			if !tok.Control(id) {
				continue
			}
			text := "say " + tok.Piece(id) + " now"
			ids := tok.Encode(text)
			for _, id := range ids {
				require.False(t, tok.Control(id), "%s: %q", name, text)
			}
			require.Equal(t, text, tok.Decode(ids), name)
			require.Contains(t, tok.EncodeSpecial(text), id, "%s: %q", name, text)
		}
	}
}
