package tokenizer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fettle/internal/checkpoint/gguf"
)

// GGUF returns the keys of a GGUF file for the tokenizer, as llama.cpp's converter writes them: SentencePiece's or, for
// merges of bytes, GPT-2's. The vocabulary is padded to the rows of the model's embedding, or cut to them; 0 leaves it.
// pre names how text is divided into words (tokenizer.ggml.pre); with "" the tokenizer's own expressions tell, and
// those that llama.cpp does not have are an error. ends are the tokens that end an answer: llama.cpp knows EOS and
// the usual names, and two others get keys.
//
// What llama.cpp has no keys for is left out; Unsaid lists it.
func (t *Tokenizer) GGUF(rows int, pre string, ends ...int32) ([]gguf.Key, error) {
	var v written
	var err error
	switch {
	case t.spm != nil:
		v = t.spm.written()
	case t.json != nil && t.byteLevel:
		v, err = t.json.written(pre)
	case t.json != nil:
		v, err = t.json.scored()
	case t.ranked:
		v, err = t.rankedMerges()
	default:
		err = errors.New("unknown kind")
	}
	if err == nil {
		err = t.checkEnds()
	}
	if err != nil {
		return nil, fmt.Errorf("write the tokenizer's keys: %w", err)
	}
	tokens, scores, types := t.columns(rows, v.scores != nil)
	keys := []gguf.Key{{Name: ggufPrefix + "model", Value: v.model}, {Name: ggufPrefix + "pre", Value: v.pre},
		{Name: ggufPrefix + "tokens", Value: tokens}}
	if v.scores != nil {
		for id, score := range v.scores[:min(len(v.scores), len(scores))] {
			if scores[id] == 0 {
				scores[id] = score
			}
		}
		keys = append(keys, gguf.Key{Name: ggufPrefix + "scores", Value: scores})
	}
	keys = append(keys, gguf.Key{Name: ggufPrefix + "token_type", Value: types})
	if v.merges != nil {
		keys = append(keys, gguf.Key{Name: ggufPrefix + "merges", Value: v.merges})
	}
	keys = append(keys, t.roles(len(tokens), v)...)
	for i, id := range t.unnamedEnds(ends) {
		if i < len(endKeys) && int(id) < len(tokens) {
			keys = append(keys, gguf.Key{Name: ggufPrefix + endKeys[i], Value: uint32(id)})
		}
	}
	return keys, nil
}

// endKeys name other tokens than EOS that end an answer.
var endKeys = [...]string{"eom_token_id", "eot_token_id"}

// written holds the parts of a vocabulary that depend on its kind.
type written struct {
	model, pre string
	scores     []float32 // of each piece, where merges have no list
	merges     []string
	prefix     bool // text gets a leading space
}

func (m *sentencePiece) written() written {
	v := written{model: "llama", pre: "default", scores: make([]float32, len(m.pieces)), prefix: m.addDummyPrefix}
	for id, p := range m.pieces {
		v.scores[id] = p.score
	}
	return v
}

// The scores of tokens without one: added tokens, and rows without a token.
const (
	addedScore = -1000
	emptyScore = -10000
)

// columns returns the tokens with their scores, as far as these are none of SentencePiece's, and types.
func (t *Tokenizer) columns(rows int, scored bool) (tokens []string, scores []float32, types []int32) {
	if rows <= 0 {
		rows = len(t.pieces)
	}
	tokens, scores, types = make([]string, rows), make([]float32, rows), make([]int32, rows)
	for id := range rows {
		tokens[id], scores[id], types[id] = fmt.Sprintf("[PAD%d]", id), emptyScore, int32(unused)
		if id >= len(t.pieces) || t.pieces[id].name == "" {
			continue
		}
		p := t.pieces[id]
		tokens[id], scores[id], types[id] = p.name, 0, int32(p.kind)
		if p.kind == userDefined && t.spm != nil {
			types[id] = int32(normal) // SentencePiece finds it by its score
		}
	}
	for _, a := range t.placed {
		if int(a.ID) >= rows {
			continue
		}
		tokens[a.ID], scores[a.ID] = a.Content, addedScore
		if t.spm != nil && int(a.ID) < len(t.spm.pieces) && t.spm.pieces[a.ID].score != 0 {
			scores[a.ID] = 0 // its own
		}
		switch {
		case types[a.ID] == int32(unknown):
		case a.Special || looksSpecial(a.Content):
			types[a.ID] = int32(control)
		default:
			if tokens[a.ID] = a.Content; t.spm == nil || !t.spm.definedMerge {
				tokens[a.ID] = strings.ReplaceAll(a.Content, space, " ")
			}
			types[a.ID] = int32(userDefined)
		}
	}
	return tokens, scores, types
}

// looksSpecial reports whether a token is written as a control token though its file does not call it special, as
// llama.cpp's converter does.
func looksSpecial(name string) bool {
	return slices.Contains([]string{"<pad>", "<mask>", "<2mass>", "[@BOS@]"}, name) || spelledAsControl(name) ||
		strings.HasPrefix(name, "<｜") && strings.HasSuffix(name, "｜>") ||
		strings.HasPrefix(name, "<unused") && strings.HasSuffix(name, ">")
}

// checkEnds returns an error for tokens around a text that no keys describe.
func (t *Tokenizer) checkEnds() error {
	for _, ids := range [][]int32{t.before, t.after} {
		if len(ids) > 1 {
			return fmt.Errorf("it puts %d tokens at one end of a text, a GGUF file can name one", len(ids))
		}
	}
	return nil
}

// roles returns the keys of tokens with a role, and of what is put around a text.
func (t *Tokenizer) roles(tokens int, v written) (keys []gguf.Key) {
	bos, eos := t.bos, t.eos
	if len(t.before) == 1 {
		bos = t.before[0]
	}
	if len(t.after) == 1 {
		eos = t.after[0]
	}
	unk := t.unk
	for id, p := range t.pieces {
		if unk < 0 && p.kind == unknown {
			unk = int32(id)
		}
	}
	for _, role := range []struct {
		name string
		id   int32
	}{{"bos", bos}, {"eos", eos}, {"unknown", unk}, {"padding", t.pad}} {
		if role.id >= 0 && int(role.id) < tokens {
			keys = append(keys, gguf.Key{Name: ggufPrefix + role.name + "_token_id", Value: uint32(role.id)})
		}
	}
	flags := []gguf.Key{{Name: ggufPrefix + "add_bos_token", Value: len(t.before) > 0},
		{Name: ggufPrefix + "add_eos_token", Value: len(t.after) > 0}}
	if v.model == "llama" && !v.prefix || v.model == "gpt2" && t.addsNoSpace {
		flags = append(flags, gguf.Key{Name: ggufPrefix + "add_space_prefix", Value: false})
	}
	return append(keys, flags...)
}

// written returns a byte-level vocabulary.
func (f *jsonFile) written(pre string) (written, error) {
	v := written{model: "gpt2", pre: pre}
	for _, s := range f.Normalizer.flat() {
		if s.Type != "NFC" { // which llama.cpp leaves out
			return v, fmt.Errorf("normalizer %s has no key", s.Type)
		}
	}
	if pre != "" && layoutOf(pre).names == nil {
		return v, fmt.Errorf("pre is %q, want one of %s", pre, strings.Join(layoutNames(), ", "))
	}
	if pre == "" {
		words, err := f.PreTokenizer.expressions()
		if err != nil {
			return v, err
		}
		for _, l := range layouts() {
			if v.pre == "" && slices.EqualFunc(l.words, words, sameExpression) && l.whole == f.Model.IgnoreMerges {
				v.pre = l.names[0]
			}
		}
		if v.pre == "" {
			return v, fmt.Errorf("pre_tokenizer: llama.cpp has no name for the expressions %q (ignore_merges %t): pass pre, "+
				"one of %s, if one of them fits", words, f.Model.IgnoreMerges, strings.Join(layoutNames(), ", "))
		}
	}
	v.merges = make([]string, len(f.Model.merges))
	for i, m := range f.Model.merges {
		v.merges[i] = f.Model.names[m.left] + " " + f.Model.names[m.right]
	}
	return v, nil
}

// sameExpression compares expressions, whether line breaks in them are escaped or not.
func sameExpression(a, b string) bool {
	escape := strings.NewReplacer("\r", `\r`, "\n", `\n`)
	return escape.Replace(a) == escape.Replace(b)
}

// expressions returns a pre_tokenizer as a layout's words.
func (s *stage) expressions() (words []string, err error) {
	for _, s := range s.flat() {
		switch {
		case s.Type == "Split" && s.Pattern != nil && s.Pattern.Regex != nil &&
			(s.Behavior == "Isolated" || s.Behavior == "Removed" && s.Invert != nil && *s.Invert):
			words = append(words, *s.Pattern.Regex)
		case s.Type == "Digits" && s.Individual != nil && *s.Individual:
			words = append(words, `\p{N}`)
		case s.Type == "ByteLevel" && (s.AddPrefixSpace == nil || *s.AddPrefixSpace):
			return nil, errors.New("pre_tokenizer ByteLevel with add_prefix_space has no key")
		case s.Type == "ByteLevel" && (s.UseRegex == nil || *s.UseRegex):
			words = append(words, gpt2Words)
		case s.Type != "ByteLevel":
			return nil, fmt.Errorf("pre_tokenizer %s has no key: pass pre if one of %s fits", cmp.Or(s.Type, "?"),
				strings.Join(layoutNames(), ", "))
		}
	}
	return words, nil
}
