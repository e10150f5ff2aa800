package inspect

import (
	"encoding/json"

	"fettle/data"
	"fettle/internal/chart"
)

// JSON writes a line for each sample, and one with the counts.
func (v View) JSON(shown []data.Example, s *data.Set) error {
	out := json.NewEncoder(v.Out)
	out.SetEscapeHTML(false)
	for _, e := range shown {
		text := View{Tokenizer: v.Tokenizer}.marked(e, plainText)
		if err := out.Encode(map[string]any{
			"source": e.Source, "text": text, "input_ids": e.Tokens, "labels": e.Labels,
		}); err != nil {
			return err
		}
	}
	return out.Encode(map[string]any{
		"examples": len(s.Examples), "rows": s.Rows, "tokens": s.Tokens, "learned": s.Learned, "cut": s.Cut,
		"dropped": s.Dropped, "split": s.Split,
		"labelled_false": s.Refused, "fields": s.Fields, "left_out": s.Reasons,
		"bad_rows": s.BadRows, "without_learned": s.Silent, "max_seq_length": s.Cutoff, "keeps_95": s.Keeps(0.95),
		"keeps_99": s.Keeps(0.99), "keeps_all": s.Keeps(1),
		"lengths": chart.Histogram(lengthsOf(s, allTokens)), "report": s.Report,
	})
}
