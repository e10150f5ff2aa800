package source

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"fettle/internal/suggest"
)

// infoEntry is an entry of LLaMA-Factory's dataset_info.json.
type infoEntry struct {
	FileName   string            `json:"file_name"`
	Formatting string            `json:"formatting"`
	Ranking    bool              `json:"ranking"`
	Columns    map[string]string `json:"columns"`
	Tags       map[string]string `json:"tags"`
}

// infoColumns maps the names of columns in dataset_info.json to ours.
var infoColumns = map[string]string{
	"prompt": "instruction", "query": "input", "response": "output", "history": "history", "system": "system",
	"tools": "tools", "chosen": "chosen", "messages": "conversations", "kto_tag": "kto_tag",
}

// infoTags maps its tags.
var infoTags = map[string]string{
	"role_tag": "role", "content_tag": "content", "user_tag": "role:user", "assistant_tag": "role:assistant",
	"system_tag": "role:system", "observation_tag": "role:tool",
}

// DatasetInfo returns the file of a data set by its name in a dataset_info.json,
// which LLaMA-Factory keeps beside the files.
func DatasetInfo(path, name string) (File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return File{}, fmt.Errorf("read data set: %w", err)
	}
	var all map[string]infoEntry
	if err := json.Unmarshal(text, &all); err != nil {
		return File{}, fmt.Errorf("read %s: %w", path, err)
	}
	entry, ok := all[name]
	switch {
	case !ok && len(all) == 0:
		return File{}, fmt.Errorf("read %s: it has no data set", path)
	case !ok:
		names := slices.Sorted(maps.Keys(all))
		return File{}, fmt.Errorf("read %s: %w", path, suggest.Unknown("data set", name, names))
	case entry.FileName == "":
		return File{}, fmt.Errorf("read %s: data set %s has no file_name; only local files are read", path, name)
	}
	f := File{Path: filepath.Join(filepath.Dir(path), entry.FileName), Columns: map[string]string{}}
	for theirs, column := range entry.Columns {
		if ours, ok := infoColumns[theirs]; ok {
			f.Columns[ours] = column
		}
	}
	for theirs, tag := range entry.Tags {
		if ours, ok := infoTags[theirs]; ok {
			f.Columns[ours] = tag
		}
	}
	switch {
	case entry.Ranking:
		f.Format = "preference"
	case entry.Formatting == "sharegpt":
		f.Format = "sharegpt"
	default:
		f.Format = "alpaca"
	}
	return f, nil
}
