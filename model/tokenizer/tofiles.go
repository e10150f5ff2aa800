package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Files returns the tokenizer as the files of a Hugging Face directory, by name: tokenizer.json for merges of bytes,
// SentencePiece's tokenizer.model for pieces with scores, and tokenizer_config.json. A tokenizer that was read from
// such files has these already, and more in them than is written here.
func (t *Tokenizer) Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	var err error
	class := "PreTrainedTokenizerFast"
	switch {
	case t.spm != nil:
		class, files["tokenizer.model"] = "LlamaTokenizer", t.spm.marshal(t)
	case t.json != nil:
		files["tokenizer.json"], err = t.json.marshal(t)
	case t.ranked:
		var f *jsonFile
		if f, err = t.rankedJSON(); err == nil {
			files["tokenizer.json"], err = f.marshal(t)
		}
	default:
		err = errors.New("unknown kind")
	}
	if err == nil {
		files["tokenizer_config.json"], err = t.config(class)
	}
	if err != nil {
		return nil, fmt.Errorf("write the tokenizer: %w", err)
	}
	return files, nil
}

// encodeJSON returns indented JSON without HTML's escapes.
func encodeJSON(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(value)
	return b.Bytes(), err
}

// savedToken is an added token as Hugging Face's files have it.
type savedToken struct {
	ID         *int32 `json:"id,omitempty"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// saved returns the added tokens by id: those of the files, and a vocabulary's own control tokens.
func (t *Tokenizer) saved() (list []savedToken) {
	seen := map[int32]bool{}
	for _, a := range t.placed {
		seen[a.ID] = true
		list = append(list, savedToken{&a.ID, a.Content, a.SingleWord, a.LStrip, a.RStrip, a.Normalized, a.Special})
	}
	for id, p := range t.pieces {
		if id := int32(id); (p.kind == control || p.kind == unknown) && p.name != "" && !seen[id] {
			list = append(list, savedToken{ID: &id, Content: p.name, Special: true})
		}
	}
	slices.SortFunc(list, func(a, b savedToken) int { return int(*a.ID - *b.ID) })
	return list
}

// config returns tokenizer_config.json.
func (t *Tokenizer) config(class string) ([]byte, error) {
	decoder := map[string]savedToken{}
	for _, a := range t.saved() {
		key := strconv.Itoa(int(*a.ID))
		a.ID = nil
		decoder[key] = a
	}
	c := struct {
		Class   string                `json:"tokenizer_class"`
		BOS     *string               `json:"bos_token"`
		EOS     *string               `json:"eos_token"`
		UNK     *string               `json:"unk_token"`
		PAD     *string               `json:"pad_token"`
		AddBOS  bool                  `json:"add_bos_token"`
		AddEOS  bool                  `json:"add_eos_token"`
		Prefix  *bool                 `json:"add_prefix_space,omitempty"`
		Legacy  *bool                 `json:"legacy,omitempty"`
		Cleanup bool                  `json:"clean_up_tokenization_spaces"`
		Length  float64               `json:"model_max_length"`
		Decoder map[string]savedToken `json:"added_tokens_decoder"`
	}{
		Class: class, BOS: t.nameOf(t.bos), EOS: t.nameOf(t.eos), UNK: t.nameOf(t.unk), PAD: t.nameOf(t.pad),
		AddBOS: len(t.before) > 0, AddEOS: len(t.after) > 0, Length: 1e30, Decoder: decoder,
	}
	if t.spm != nil {
		yes := true
		c.Prefix, c.Legacy = &t.spm.addDummyPrefix, &yes
	}
	return encodeJSON(c)
}

// nameOf returns the name of a token, nil for none.
func (t *Tokenizer) nameOf(id int32) *string {
	name := t.Piece(id)
	if name == "" {
		return nil
	}
	return &name
}
