package tokenizer

import (
	"fmt"
	"slices"
	"strings"
)

// Specials returns the tokens that the tokenizer puts before and after a whole text where Hugging Face's
// tokenizer(text) does: BOS, EOS, both or none. A tokenizer that has a BOS need not add it. Encode adds neither.
func (t *Tokenizer) Specials() (before, after []int32) { return t.before, t.after }

// addsBOS tells for the tokenizer classes of transformers that follow add_bos_token and add_eos_token, whatever the
// post-processor of tokenizer.json says, whether they add BOS if tokenizer_config.json does not say.
func addsBOS(class string) (adds, known bool) {
	class = strings.TrimSuffix(strings.TrimSuffix(class, "Fast"), "Tokenizer")
	adds, known = map[string]bool{
		"Llama": true, "LLaMA": true, "CodeLlama": true, "Gemma": true, "Cohere": true, "GPTNeoX": false,
	}[class]
	return adds, known
}

// choose sets BOS and EOS to the tokens that the side files name, and what is put around a text. SentencePiece's and
// tiktoken's files have no post-processor: BOS, unless add_bos_token is false. In tokenizer.json the post-processor
// decides, except for the classes of addsBOS; a file without post-processor and class is LLaMA's if its words are not
// bytes.
func (t *Tokenizer) choose(beside side, json, processed, byteLevel bool) {
	t.bos, t.eos = beside.pick(t, beside.BOS, t.bos), beside.pick(t, beside.EOS, t.eos)
	if t.eos < 0 {
		t.eos = t.usual(endNames()...)
	}
	t.unk, t.pad = beside.pick(t, beside.UNK, t.unk), beside.pick(t, beside.PAD, t.pad)
	adds, known := addsBOS(beside.Class)
	switch explicit := beside.AddBOS.given || beside.AddEOS.given; {
	case json && beside.Backend != "": // transformers 5 saved it, which leaves these settings to the post-processor
		return
	case known:
	case !json:
		adds = true
	case beside.Class == "" && (explicit || !processed && !byteLevel):
		adds = true
	default:
		return
	}
	if beside.AddBOS.given {
		adds = beside.AddBOS.on
	}
	t.before, t.after = nil, nil
	if adds && t.bos >= 0 {
		t.before = []int32{t.bos}
	}
	if beside.AddEOS.on && t.eos >= 0 {
		t.after = []int32{t.eos}
	}
}

// endNames lists the usual names of EOS.
func endNames() []string { return []string{"</s>", "<|end_of_text|>", "<|endoftext|>"} }

// usual returns the first control token with one of the names, or -1.
func (t *Tokenizer) usual(names ...string) int32 {
	for _, name := range names {
		if id, ok := t.added[name]; ok && t.Control(id) {
			return id
		}
	}
	return -1
}

// process reads a post_processor: what it puts before and after a text, and with that BOS and EOS. Without it BOS and
// EOS are the tokens with the usual names.
func (t *Tokenizer) process(s *stage) error {
	t.bos, t.eos = t.usual("<s>", "<|begin_of_text|>"), t.usual(endNames()...)
	for _, s := range s.flat() {
		var before, after []int32
		var err error
		switch s.Type {
		case "ByteLevel": // changes offsets alone
		case "TemplateProcessing":
			before, after, err = s.template(t)
		case "BertProcessing", "RobertaProcessing":
			before, err = t.pair(s.CLS)
			if err == nil {
				after, err = t.pair(s.SEP)
			}
		default:
			err = fmt.Errorf("type %q is not supported", s.Type)
		}
		if err != nil {
			return fmt.Errorf("post_processor %w", err)
		}
		t.before, t.after = slices.Concat(before, t.before), slices.Concat(t.after, after)
	}
	if n := len(t.before); n > 0 {
		t.bos = t.before[n-1]
	}
	if n := len(t.after); n > 0 {
		t.eos = t.after[n-1]
	}
	return nil
}

// template returns the tokens around $A in a TemplateProcessing's template for one text.
func (s *stage) template(t *Tokenizer) (before, after []int32, err error) {
	texts := 0
	for _, part := range s.Single {
		if part.SpecialToken == nil {
			texts++
			continue
		}
		ids := s.Specials[part.SpecialToken.ID].IDs
		if id, ok := t.added[part.SpecialToken.ID]; ok && len(ids) == 0 {
			ids = []int32{id}
		}
		for _, id := range ids {
			if id < 0 || int(id) >= len(t.pieces) {
				return nil, nil, fmt.Errorf("TemplateProcessing: %q is token %d of %d", part.SpecialToken.ID, id,
					len(t.pieces))
			}
		}
		if texts == 0 {
			before = append(before, ids...)
		} else {
			after = append(after, ids...)
		}
	}
	if texts > 1 {
		return nil, nil, fmt.Errorf("TemplateProcessing that repeats the text %d times is not supported", texts)
	}
	return before, after, nil
}

// pair reads a token as ["</s>", 2].
func (t *Tokenizer) pair(token []any) ([]int32, error) {
	if len(token) == 2 {
		if id, ok := token[1].(float64); ok && id >= 0 && int(id) < len(t.pieces) {
			return []int32{int32(id)}, nil
		}
	}
	return nil, fmt.Errorf("token %v, want [text, id]", token)
}

// Fits returns an error if the tokenizer is another model's: if its vocabulary, without added tokens, has more tokens
// than the model's embedding has rows. Added tokens may lie beyond the rows, as <pad> in published LLaMA 2 files does,
// as long as no text has them; see Within.
func (t *Tokenizer) Fits(rows int) error {
	if t.own > rows {
		return fmt.Errorf("it has %d tokens, the model only %d: is it another model's?", t.own, rows)
	}
	return nil
}

// Within returns an error that names the first token without a row in the model's embedding.
func (t *Tokenizer) Within(ids []int32, rows int) error {
	for _, id := range ids {
		if id < 0 || int(id) >= rows {
			return fmt.Errorf("token %d, %q, has no row in the model's embedding of %d rows: remove it from the text, or "+
				"from the tokenizer (added_tokens.json, added_tokens_decoder in tokenizer_config.json, or added_tokens in "+
				"tokenizer.json), or use the model whose embedding has it", id, t.Piece(id), rows)
		}
	}
	return nil
}
