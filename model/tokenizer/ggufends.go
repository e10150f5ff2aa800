package tokenizer

import "slices"

// endsGeneration reports whether a token with this name ends an answer in every model that has it, as in llama.cpp.
func endsGeneration(name string) bool {
	return slices.Contains([]string{
		"<|eot_id|>", "<|im_end|>", endOfPart, "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>",
		"<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>",
		"<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "<｜end▁of▁sentence｜>", "[e~[",
		// between the files that code models were trained on, and behind the last one
		"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]", "<|file_sep|>",
		"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>",
	}, name)
}

// endOfPart ends answers, but in the vocabularies of o200k_harmony and Solar Open a part of one, such as its reasoning.
const endOfPart = "<|end|>"

// ends returns the tokens that end an answer, beside EOS: those that have a key, and those with a usual name.
func (v *ggufVocabulary) ends(pieces []piece) (list []int32, err error) {
	for _, role := range []string{"eot", "eom", "fim_pad", "fim_rep", "fim_sep"} {
		id, err := v.id(role, -1)
		if err != nil {
			return nil, err
		}
		if id >= 0 {
			list = append(list, id)
		}
	}
	named := map[string]bool{}
	for id, p := range pieces {
		if p.kind == control && endsGeneration(p.name) {
			named[p.name] = true
			list = append(list, int32(id))
		}
	}
	call := named["<|call|>"] || named["<|calls|>"]
	if call && (named["<|return|>"] || named["<|flush|>"]) {
		list = slices.DeleteFunc(list, func(id int32) bool { return pieces[id].name == endOfPart })
	}
	return list, nil
}

// unnamedEnds returns those of the tokens that end an answer of which llama.cpp needs to be told: not EOS, nor any with
// a usual name.
func (t *Tokenizer) unnamedEnds(ends []int32) (list []int32) {
	for _, id := range ends {
		if name := t.Piece(id); name != "" && id != t.eos && !endsGeneration(name) && !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}
