package lint

import (
	"hash/maphash"

	"fettle/data/encode"
)

// Duplicates reports examples whose tokens equal an earlier one's. first maps the
// hashes of earlier examples to their rows and receives the new ones. With remove,
// duplicates are counted as fixed and the examples without them returned.
func (r *Report) Duplicates(examples []encode.Example, first map[uint64]string, remove bool) []encode.Example {
	kept := examples[:0:0]
	for _, e := range examples {
		key := hashTokens(e)
		earlier, again := first[key]
		if !again {
			first[key] = e.Source
			kept = append(kept, e)
			continue
		}
		if remove {
			r.CountFixed("duplicate")
		} else {
			r.Add("duplicate", e.Source, "the same as %s", earlier)
		}
	}
	if remove {
		return kept
	}
	return examples
}

// Template reports a run that continues an adapter with another recipe than it was
// trained with; trained is "" if that is not known.
func (r *Report) Template(trained, now string) {
	switch {
	case trained == "":
		r.Add("template-mismatch", "", "the recipe that the adapter was trained with is not recorded")
	case trained != now:
		r.Add("template-mismatch", "", "the adapter was trained with recipe %s, this run uses %s", trained, now)
	}
	r.Settle()
}

// Answers counts how often each answer is given.
type Answers struct {
	counts map[uint64]int
	rows   map[uint64]string // the last row of each
}

// Add counts an answer, by its Hash, and the row that gives it.
func (a *Answers) Add(answer uint64, row string) {
	if a.counts == nil {
		a.counts, a.rows = map[uint64]int{}, map[uint64]string{}
	}
	a.counts[answer]++
	a.rows[answer] = row
}

// Empty reports whether no answer was counted.
func (a *Answers) Empty() bool { return len(a.counts) == 0 }

// fewRows is the least number of equal answers that are reported.
const fewRows = 20

// Identical reports an answer that more than half of the rows give. There is one
// at most.
func (r *Report) Identical(a Answers) {
	total := 0
	for _, n := range a.counts {
		total += n
	}
	for key, n := range a.counts {
		if n >= fewRows && float64(n) > 0.5*float64(total) {
			r.Add("identical-answers", a.rows[key], "%d of %d rows have this answer", n, total)
			r.Counts["identical-answers"] = n
		}
	}
}

// Ends reports a set in which no example ends with a learned EOS.
func (r *Report) Ends(examples []encode.Example, eos int32) {
	for _, e := range examples {
		if n := len(e.Labels); n > 0 && e.Labels[n-1] == eos {
			return
		}
	}
	if eos >= 0 && len(examples) > 0 {
		r.Add("end-not-learned", "", "no example ends with token %d learned", eos)
	}
}

// CountFixed counts a row that a rule's repair changed.
func (r *Report) CountFixed(rule string) {
	if r.Fixed == nil {
		r.Fixed = map[string]int{}
	}
	r.Fixed[rule]++
}

// seed makes hashes comparable within a process.
var seed = maphash.MakeSeed()

// Hash hashes a text, for comparison within a process.
func Hash(text string) uint64 { return maphash.String(seed, text) }

// hashTokens hashes the tokens of an example.
func hashTokens(e encode.Example) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, id := range e.Tokens {
		maphash.WriteComparable(&h, id)
	}
	return h.Sum64()
}
