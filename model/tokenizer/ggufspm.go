package tokenizer

import (
	"fmt"
	"math"
	"strings"
)

// sentencePiece returns the tokenizer of a file whose model is "llama".
func (v *ggufVocabulary) sentencePiece() (*Tokenizer, error) {
	unk, err := v.id("unknown", 0)
	if err != nil {
		return nil, err
	}
	prefix, err := v.flag("add_space_prefix", true)
	if err != nil {
		return nil, err
	}
	scores, err := v.scores()
	if err != nil {
		return nil, err
	}
	if v.kinds == nil {
		v.guessKinds(unk)
	}
	m := sentencePiece{unk: unk, bos: -1, eos: -1, addDummyPrefix: prefix, definedMerge: true}
	m.pieces = make([]piece, len(v.tokens))
	for id, name := range v.tokens {
		p := piece{name: name, text: strings.ReplaceAll(name, space, " "), score: float32(scores[id]), kind: v.kinds[id]}
		switch p.kind {
		case byteValue:
			value, ok := byteName(name)
			if !ok {
				return nil, fmt.Errorf("%stokens: token %d, %q, is no byte, as its type says", ggufPrefix, id, name)
			}
			p.text = string([]byte{value})
		case unknown:
			if p.text = " ⁇ "; int32(id) != unk {
				p.kind, p.text = control, ""
			}
		case userDefined:
			p.text = name // not escaped
		case control, unused:
			p.text = ""
		}
		if name == "" {
			p = piece{kind: control}
		}
		m.pieces[id] = p
	}
	t, err := m.tokenizer(v.addedTokens(), side{})
	if err != nil {
		return nil, fmt.Errorf("%stokens: %w", ggufPrefix, err)
	}
	return t, nil
}

// scores returns the tokens' scores: of two pairs, the one whose token has the higher score merges first.
func (v *ggufVocabulary) scores() ([]float64, error) {
	key := ggufPrefix + "scores"
	var scores []float64
	switch list := v.Metadata[key].(type) {
	case []float64:
		scores = list
	case []int64:
		for _, n := range list {
			scores = append(scores, float64(n))
		}
	case nil:
		return nil, fmt.Errorf("%s is missing: without them the order of merges is unknown", key)
	}
	if len(scores) != len(v.tokens) {
		return nil, fmt.Errorf("%s is no list of %d numbers, one for each token", key, len(v.tokens))
	}
	for id, s := range scores {
		if math.IsNaN(s) {
			return nil, fmt.Errorf("%s: the score of token %d, %q, is not a number", key, id, v.tokens[id])
		}
	}
	return scores, nil
}

// guessKinds tells the types of tokens by their names, for files without token_type.
func (v *ggufVocabulary) guessKinds(unk int32) {
	v.kinds = make([]kind, len(v.tokens))
	for id, name := range v.tokens {
		v.kinds[id] = normal
		if _, ok := byteName(name); ok {
			v.kinds[id] = byteValue
		} else if int32(id) == unk {
			v.kinds[id] = unknown
		} else if name == "<s>" || name == "</s>" || endsGeneration(name) {
			v.kinds[id] = control
		}
	}
}

// bytes returns the tokenizer of a file whose model is "gpt2": byte-pair encoding of bytes, which tokens and merges
// spell in GPT-2's alphabet.
func (v *ggufVocabulary) bytes() (*Tokenizer, error) {
	pre, _ := v.Text(ggufPrefix + "pre")
	words := layoutOf(pre)
	if words.names == nil {
		return nil, fmt.Errorf("%spre is %q, want one of %s: how it divides text into words is unknown", ggufPrefix, pre,
			strings.Join(layoutNames(), ", "))
	}
	f := &jsonFile{PreTokenizer: words.stage(), Decoder: byteLevelStage(true)}
	f.Model = jsonModel{Type: "BPE", IgnoreMerges: words.whole, names: v.tokens, unused: map[int32]bool{}}
	if v.kinds == nil {
		v.guessKinds(-1)
	}
	for id, k := range v.kinds {
		if k == unused {
			f.Model.unused[int32(id)] = true
		}
	}
	f.Added = v.addedTokens()
	var err error
	if f.Model.merges, err = v.merges(); err != nil {
		return nil, err
	}
	t, err := f.tokenizer(side{})
	if err != nil {
		return nil, fmt.Errorf("%stokens and merges: %w", ggufPrefix, err)
	}
	t.bos, t.eos = -1, -1
	return t, nil
}

// merges returns the merges, "left right", by the ids of the pieces and of the piece that they join to.
func (v *ggufVocabulary) merges() ([]merge, error) {
	key := ggufPrefix + "merges"
	lines, ok := v.Texts(key)
	if !ok {
		return nil, fmt.Errorf("%s is missing or no list of texts", key)
	}
	vocabulary, err := newVocabulary(v.tokens)
	if err != nil {
		return nil, fmt.Errorf("%stokens: %w", ggufPrefix, err)
	}
	merges, err := vocabulary.merges(len(lines), spaced(lines))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return merges, nil
}
