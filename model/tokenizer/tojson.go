package tokenizer

import "encoding/json"

// vocabularyJSON is a vocabulary in the order of its ids.
type vocabularyJSON []string

// MarshalJSON writes {"name": id, …}, without the ids that have no name.
func (v vocabularyJSON) MarshalJSON() ([]byte, error) {
	text := []byte{'{'}
	for id, name := range v {
		if name == "" {
			continue
		}
		quoted, err := encodeJSON(name)
		if err != nil {
			return nil, err
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(append(text, quoted[:len(quoted)-1]...), ':') // without the line break
		id, err := json.Marshal(id)
		if err != nil {
			return nil, err
		}
		text = append(text, id...)
	}
	return append(text, '}'), nil
}

// marshal returns a tokenizer.json.
func (f *jsonFile) marshal(t *Tokenizer) ([]byte, error) {
	m := f.Model
	names := make(vocabularyJSON, len(m.names))
	for id, name := range m.names {
		if !m.unused[int32(id)] {
			names[id] = name
		}
	}
	merges := make([][2]string, len(m.merges))
	for i, p := range m.merges {
		merges[i] = [2]string{m.names[p.left], m.names[p.right]}
	}
	type model struct {
		Type         string         `json:"type"`
		Dropout      *float64       `json:"dropout"`
		Unk          *string        `json:"unk_token"`
		Prefix       *string        `json:"continuing_subword_prefix"`
		Suffix       *string        `json:"end_of_word_suffix"`
		FuseUnk      bool           `json:"fuse_unk"`
		ByteFallback bool           `json:"byte_fallback"`
		IgnoreMerges bool           `json:"ignore_merges"`
		Vocab        vocabularyJSON `json:"vocab"`
		Merges       [][2]string    `json:"merges"`
	}
	return encodeJSON(struct {
		Version       string       `json:"version"`
		Truncation    *struct{}    `json:"truncation"`
		Padding       *struct{}    `json:"padding"`
		Added         []savedToken `json:"added_tokens"`
		Normalizer    *stage       `json:"normalizer"`
		PreTokenizer  *stage       `json:"pre_tokenizer"`
		PostProcessor any          `json:"post_processor"`
		Decoder       *stage       `json:"decoder"`
		Model         model        `json:"model"`
	}{
		Version: "1.0", Added: t.saved(), Normalizer: f.Normalizer, PreTokenizer: f.PreTokenizer,
		PostProcessor: t.postProcessor(), Decoder: f.Decoder,
		Model: model{
			Type: "BPE", Unk: m.Unk, FuseUnk: m.FuseUnk, ByteFallback: m.ByteFallback, IgnoreMerges: m.IgnoreMerges,
			Vocab: names, Merges: merges,
		},
	})
}

// postProcessor returns the TemplateProcessing that puts the tokens around a text, nil if there are none.
func (t *Tokenizer) postProcessor() any {
	if len(t.before)+len(t.after) == 0 {
		return nil
	}
	type object map[string]any
	special := object{}
	template := func(texts ...string) (parts []object) {
		around := func(ids []int32, kind int) {
			for _, id := range ids {
				name := t.Piece(id)
				parts = append(parts, object{"SpecialToken": object{"id": name, "type_id": kind}})
				special[name] = object{"id": name, "ids": []int32{id}, "tokens": []string{name}}
			}
		}
		for kind, text := range texts {
			around(t.before, kind)
			parts = append(parts, object{"Sequence": object{"id": text, "type_id": kind}})
			around(t.after, kind)
		}
		return parts
	}
	return object{
		"type": "TemplateProcessing", "single": template("A"), "pair": template("A", "B"), "special_tokens": special,
	}
}

// rankedJSON returns a tiktoken file as a tokenizer.json.
func (t *Tokenizer) rankedJSON() (*jsonFile, error) {
	v, err := t.rankedMerges()
	if err != nil {
		return nil, err
	}
	f := &jsonFile{PreTokenizer: layoutOf(v.pre).stage(), Decoder: byteLevelStage(true)}
	f.Model = jsonModel{IgnoreMerges: true}
	for _, p := range t.pieces {
		f.Model.names = append(f.Model.names, p.name)
	}
	vocabulary, err := newVocabulary(f.Model.names)
	if err != nil {
		return nil, err
	}
	f.Model.merges, err = vocabulary.merges(len(v.merges), spaced(v.merges))
	return f, err
}
