package lint

// Severity is what a finding means for a run.
type Severity string

// The severities. An error stops a run unless its rule is allowed.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Rule is something that can be wrong with a data set.
type Rule struct {
	Name     string
	Severity Severity
	Limit    float64 // the share of rows from which on it is an error; 0: never more than Severity says
	Fix      string  // what to do about it
	Fixable  bool    // Options.Fix does it
}

// Rules lists what is looked for.
func Rules() []Rule {
	return []Rule{
		{"no-learned-tokens", Warning, 0.05, "raise max_seq_length, or set over_long to drop or truncate_prompt; look at empty answers", false},
		{"end-not-learned", Warning, 0.05, "the model will not stop by itself: choose a recipe that ends answers, or raise max_seq_length", false},
		{"double-bos", Error, 0, "take the begin-of-sequence token out of the data or the template", false},
		{"template-mismatch", Error, 0, "use the recipe that the adapter was trained with", false},
		{"boundary-fusion", Note, 0, "the recipe's prompt ends where an answer's first sign can join its token: recipes with a line break or a space there do not have this", false},
		{"over-long", Warning, 0.5, "raise max_seq_length (the table says how far), or choose with over_long what happens", false},
		{"duplicate", Warning, 0.5, "rows that say the same count twice: take them out", true},
		{"leakage", Warning, 0.01, "rows of the evaluation are in the training too: take them out of one, or the held-out loss means little", false},
		{"empty-answer", Warning, 0.05, "rows without an answer teach the model to say nothing: take them out", true},
		{"identical-answers", Warning, 0.9, "one answer for many questions: is the right column mapped to the answer?", false},
		{"role-order", Warning, 0.2, "turns should alternate, user first, and end with an answer", true},
		{"control-tokens", Warning, 0.05, "the names of control tokens stand in the data's text, and the recipe makes control tokens of them, which end or begin a sequence: --parse_specials no keeps them text", false},
		{"control-names", Note, 0, "the names of control tokens stand in the data's text and stay text: nothing is wrong with that unless they are meant", false},
		{"byte-order-mark", Warning, 0, "invisible marks inside texts become tokens of their own", true},
		{"mojibake", Warning, 0, "UTF-8 that was read as Windows-1252 once: repair the file", true},
		{"replacement-character", Warning, 0.05, "U+FFFD stands where bytes were not UTF-8: read the source again with its true encoding", false},
		{"placeholder", Warning, 0, "{{names}} in braces are learned as they stand: fill them in", false},
		{"tools-ignored", Warning, 0, "the recipe has no place for the tools that rows offer: use a chat template that has", false},
		{"unknown-token", Error, 0, "token ids outside the vocabulary: is the data tokenized for another model?", false},
		{"bad-row", Warning, 0.05, "rows that could not be read were skipped", false},
	}
}
