package lint

// Severity decides whether a finding stops a run.
type Severity string

// The severities. An error stops a run unless its rule is allowed.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Rule describes a fault of data sets.
type Rule struct {
	Name     string
	Severity Severity
	Limit    float64 // above this share of the rows it is an error; 0: Severity always holds
	Fixable  bool    // Repair, or the removal of duplicates, corrects it
	Fix      string  // advice
}

// Names of rules that are found outside this package.
const (
	OverLong        = "over-long"
	NoLearnedTokens = "no-learned-tokens"
	PreferencePairs = "preference-pairs"
)

// Rules returns all rules, in the order of reports.
func Rules() []Rule {
	return []Rule{
		{NoLearnedTokens, Warning, 0.05, false,
			"raise max_seq_length, or set over_long to drop or truncate_prompt; look at empty answers"},
		{"end-not-learned", Warning, 0.05, false,
			"the model will not stop by itself: choose a recipe that ends answers, or raise max_seq_length"},
		{"double-bos", Error, 0, false,
			"remove the begin-of-sequence token from the data or the template"},
		{"template-mismatch", Error, 0, false,
			"leave recipe out: the run then has the one that the adapter was trained with"},
		{"boundary-fusion", Note, 0, false,
			"the first sign of an answer can share a token with the end of the recipe's prompt; " +
				"recipes whose prompt ends with a line break or a space do not have this"},
		{OverLong, Warning, 0.5, false,
			"raise max_seq_length, or choose with over_long what happens to longer rows: drop, truncate, truncate_prompt " +
				"or proportional"},
		{"duplicate", Warning, 0.5, true,
			"equal rows count twice: remove them"},
		{"leakage", Warning, 0.01, false,
			"rows of the evaluation are in the training too: remove them from one, or the held-out loss is not of unseen rows"},
		{"empty-answer", Warning, 0.05, true,
			"rows without an answer teach the model to say nothing: remove them"},
		{"identical-answers", Warning, 0.9, false,
			"one answer for many questions: is the right column mapped to the answer?"},
		{"role-order", Warning, 0.2, true,
			"turns should alternate, user first, and end with an answer"},
		{"turns-dropped", Warning, 0, false,
			"the recipe leaves these turns out, as the system's own code does, or they are too long by themselves"},
		{"row-dropped", Note, 0, false,
			"--clean leaves these rows out, as FastChat did"},
		{"html", Warning, 0, false,
			"text copied off a page: tags and the words of its buttons are learned; --clean turns HTML into Markdown " +
				"as FastChat did for Vicuna"},
		{"control-tokens", Warning, 0.05, false,
			"the text has names of control tokens, and the recipe turns them into the tokens, " +
				"which end or begin a sequence: --parse_specials no keeps them as text"},
		{"control-names", Note, 0, false,
			"the text has names of control tokens, which stay text: correct, unless the tokens are meant"},
		{"lost-bytes", Note, 0, false,
			"the vocabulary has no piece for these bytes, which become no token: the model does not see them"},
		{"byte-order-mark", Warning, 0, true,
			"invisible marks inside texts become tokens of their own"},
		{"mojibake", Warning, 0, true,
			"UTF-8 was once read as Windows-1252: repair the file"},
		{"replacement-character", Warning, 0.05, false,
			"U+FFFD replaces bytes that were not UTF-8: read the source again in its own encoding"},
		{"placeholder", Warning, 0, false,
			"{{names}} in braces are learned literally: fill them in"},
		{"unread-field", Warning, 0, false,
			"fields with text that are in no prompt and no answer: map them (--columns input=NAME), or leave them out"},
		{PreferencePairs, Warning, 0, false,
			"the chosen answers are learned, as in supervised fine-tuning; the rejected ones are not read: fettle has no DPO"},
		{"media-placeholder", Error, 0, false,
			"<image>, <video> and <audio> stand for files, and this model reads text: leave such rows out"},
		{"tools-ignored", Warning, 0, false,
			"the recipe has no place for the tools of these rows: use a chat template that has"},
		{"unknown-token", Error, 0, false,
			"token ids outside the vocabulary: is the data tokenized for another model?"},
		{"bad-row", Warning, 0.05, false,
			"rows that could not be read were skipped"},
	}
}

// longestAdvice replaces the advice of rules where max_seq_length is all that the base has positions for.
func longestAdvice() map[string]string {
	return map[string]string{
		OverLong: "max_seq_length is all that the base has positions for: choose with over_long what happens to longer " +
			"rows: drop, truncate, truncate_prompt or proportional",
		NoLearnedTokens: "set over_long to drop or truncate_prompt (max_seq_length is all that the base has positions " +
			"for); look at empty answers",
		"end-not-learned": "the model will not stop by itself: choose a recipe that ends answers",
	}
}
