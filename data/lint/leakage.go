package lint

import "fettle/data/encode"

// Leakage reports the examples of an evaluation that are in the training too, and
// returns the training without them.
func (r *Report) Leakage(training, evaluation []encode.Example) []encode.Example {
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
			r.Add("leakage", source, "also at %s, in the training", e.Source)
		}
	}
	r.settleAgainst("leakage", len(evaluation))
	return kept
}

// settleAgainst sets the severity of a rule's findings by their share of rows,
// not of the report's rows.
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
