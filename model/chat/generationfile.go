package chat

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"fettle/internal/readfile"
)

// GenerationJSON returns a generation_config.json for the model: its own, with every token that ends an answer, those
// of its recipe too, in eos_token_id. Without one of its own it has nothing but BOS and these; nil if there are none.
func (m *Model) GenerationJSON() ([]byte, error) {
	ends := m.Ends()
	slices.Sort(ends)
	ends = slices.Compact(ends)
	own := slices.Sorted(slices.Values(m.Generation.Ends))
	if filepath.Base(m.Generation.Path) == GenerationFile && slices.Equal(slices.Compact(own), ends) {
		return readfile.Whole(m.Generation.Path, readfile.Settings)
	}
	all := maps.Clone(m.Generation.other)
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	if bos := m.Weights.Config().BOS; filepath.Base(m.Generation.Path) != GenerationFile && bos >= 0 {
		all["bos_token_id"] = json.RawMessage(fmt.Sprint(bos))
	}
	var err error
	switch len(ends) {
	case 0:
	case 1:
		all["eos_token_id"] = json.RawMessage(fmt.Sprint(ends[0]))
	default:
		all["eos_token_id"], err = json.Marshal(ends)
	}
	if err != nil || len(all) == 0 {
		return nil, err
	}
	text, err := json.MarshalIndent(all, "", "  ")
	return append(text, '\n'), err
}
