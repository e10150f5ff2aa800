package data

// duplicates finds examples that are equal token by token to one that first
// knows, and adds the new ones to it. remove: duplicates are taken out.
func (r *Report) duplicates(examples []Example, first map[uint64]string, remove bool) []Example {
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
			r.fixed("duplicate")
		} else {
			r.add("duplicate", e.Source, "the same as %s", earlier)
		}
	}
	if remove {
		return kept
	}
	return examples
}

// Leakage adds the examples of an evaluation that are in the training too, and
// returns the training without them.
func (r *Report) Leakage(training, evaluation []Example) []Example {
	where := make(map[uint64]string, len(evaluation))
	for _, e := range evaluation {
		where[hashTokens(e)] = e.Source
	}
	kept, leaked := training[:0:0], map[string]bool{}
	for _, e := range training {
		source, ok := where[hashTokens(e)]
		if !ok {
			kept = append(kept, e)
		} else if !leaked[source] {
			leaked[source] = true
			r.add("leakage", source, "also at %s, in the training", e.Source)
		}
	}
	r.settleAgainst("leakage", len(evaluation))
	return kept
}

// settleAgainst settles a rule by its share of other rows than the report's.
func (r *Report) settleAgainst(rule string, rows int) {
	all := r.Rows
	r.Rows = rows
	severity := Warning
	for _, known := range Rules() {
		if known.Name == rule {
			severity = r.Severity(known)
		}
	}
	r.Rows = all
	for i := range r.Findings {
		if r.Findings[i].Rule == rule {
			r.Findings[i].Severity = severity
		}
	}
}

// Template checks that an adapter goes on with the recipe it was trained with.
// trained is "" where that is not known.
func (r *Report) Template(trained, now string) {
	switch {
	case trained == "":
		r.add("template-mismatch", "", "nobody wrote down which recipe the adapter was trained with")
	case trained != now:
		r.add("template-mismatch", "", "the adapter was trained with recipe %s, this run uses %s", trained, now)
	}
	r.settle()
}

// sameFew is from how many rows on equal answers are looked at.
const sameFew = 20

// identical finds an answer that most rows give; texts has one row of each.
func (r *Report) identical(counts map[uint64]int, texts map[uint64]string) {
	total := 0
	for _, n := range counts {
		total += n
	}
	for key, n := range counts {
		if n >= sameFew && float64(n) > 0.5*float64(total) {
			r.add("identical-answers", texts[key], "%d of %d rows have this answer", n, total)
			r.Counts["identical-answers"] = n
		}
	}
}

// ends warns where no example learns how a sequence ends.
func (r *Report) ends(examples []Example, eos int32) {
	for _, e := range examples {
		if n := len(e.Labels); n > 0 && e.Labels[n-1] == eos {
			return
		}
	}
	if eos >= 0 && len(examples) > 0 {
		r.add("end-not-learned", "", "no example ends with token %d learned", eos)
	}
}

func (r *Report) fixed(rule string) {
	if r.Fixed == nil {
		r.Fixed = map[string]int{}
	}
	r.Fixed[rule]++
}
