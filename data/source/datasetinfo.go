package source

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/internal/plainjson"
	"fettle/internal/readfile"
	"fettle/internal/suggest"
)

// infoEntry is an entry of LLaMA-Factory's dataset_info.json.
type infoEntry struct {
	FileName   string             `json:"file_name"`
	Formatting string             `json:"formatting"`
	Ranking    bool               `json:"ranking"`
	Split      string             `json:"split"`
	NumSamples *int               `json:"num_samples"`
	Columns    map[string]*string `json:"columns"`
	Tags       map[string]*string `json:"tags"`
}

// infoKeys are the keys of an entry that are read, or change nothing.
var infoKeys = []string{"file_name", "formatting", "ranking", "split", "num_samples", "columns", "tags", "file_sha1"}

// infoElsewhere are the keys that name data outside of this machine, or a part of it.
var infoElsewhere = []string{
	"hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name", "subset", "folder",
}

// infoColumns maps the names of columns in dataset_info.json to ours.
var infoColumns = map[string]string{
	"prompt": "instruction", "query": "input", "response": "output", "history": "history", "system": "system",
	"tools": "tools", "messages": "messages", "chosen": "chosen", "rejected": "rejected", "kto_tag": "kto_tag",
	"images": "images", "videos": "videos", "audios": "audios",
}

// infoTags maps its tags.
var infoTags = map[string]string{
	"role_tag": "role", "content_tag": "content", "user_tag": "role:user", "assistant_tag": "role:assistant",
	"system_tag": "role:system", "observation_tag": "role:tool", "function_tag": "role:call",
}

// infoFormats maps its formattings to formats.
var infoFormats = map[string]string{"": "alpaca", "alpaca": "alpaca", "sharegpt": "sharegpt", "openai": "messages"}

// infoOptional are the fields that an entry without columns does not read.
var infoOptional = []string{"history", "system", "tools", "choices"}

// DatasetInfo returns the files of a data set by its name in a dataset_info.json, which LLaMA-Factory keeps beside the
// files: one, or those of a directory.
func DatasetInfo(path, name string) ([]File, error) {
	text, err := readfile.Whole(path, readfile.Settings)
	if err != nil {
		return nil, fmt.Errorf("read data set: %w", err)
	}
	if err := refuseForeign(text, false); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, plainjson.In(text, err))
	}
	raw, ok := all[name]
	switch {
	case !ok && len(all) == 0:
		return nil, fmt.Errorf("read %s: it has no data set", path)
	case !ok:
		return nil, fmt.Errorf("read %s: %w", path, suggest.Unknown("data set", name, slices.Sorted(maps.Keys(all))))
	}
	f, err := infoFile(raw, fmt.Sprintf("%s:%s", path, name))
	if err != nil {
		return nil, fmt.Errorf("read %s: data set %s: %w", path, name, err)
	}
	files, err := inDirectory(f, filepath.Join(filepath.Dir(path), filepath.FromSlash(f.Path)))
	if err != nil {
		return nil, fmt.Errorf("read %s: data set %s: %w", path, name, err)
	}
	return files, nil
}

// infoFile decodes an entry.
func infoFile(raw json.RawMessage, name string) (File, error) {
	f := File{Columns: map[string]string{}, Entry: name}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(raw, &keys); err != nil {
		return f, plainjson.Explain(err)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		switch {
		case slices.Contains(infoElsewhere, key) && !empty(keys[key]):
			return f, fmt.Errorf("%s: data sets are read from local files: download it, and write file_name instead", key)
		case !slices.Contains(infoKeys, key) && !slices.Contains(infoElsewhere, key):
			return f, suggest.Unknown("key", key, infoKeys)
		}
	}
	var e infoEntry
	if err := json.Unmarshal(raw, &e); err != nil {
		return f, plainjson.Explain(err)
	}
	format, ok := infoFormats[e.Formatting]
	switch {
	case e.FileName == "":
		return f, fmt.Errorf("no file_name; only local files are read")
	case readfile.Local(e.FileName) != nil:
		return f, fmt.Errorf("file_name %w: give the file itself as --dataset", readfile.Local(e.FileName))
	case !ok:
		return f, suggest.Unknown("formatting", e.Formatting, []string{"alpaca", "sharegpt", "openai"})
	case e.Ranking:
		format = "preference"
	}
	if e.Split != "" {
		if _, err := parseSplit(e.Split); err != nil {
			return f, err
		}
	}
	if e.NumSamples != nil {
		if f.Samples = *e.NumSamples; f.Samples < 1 {
			return f, fmt.Errorf("num_samples is %d, want 1 or more", f.Samples)
		}
	}
	f.Path, f.Format, f.Split, f.Only, f.Tags = e.FileName, format, e.Split, e.Columns != nil, e.Tags != nil
	if err := mapNames(f.Columns, "column", infoColumns, e.Columns); err != nil {
		return f, err
	}
	if e.Columns == nil {
		f.Except = infoOptional
	}
	return f, mapNames(f.Columns, "tag", infoTags, e.Tags)
}

// mapNames adds the names of an entry to columns; null and "" name nothing.
func mapNames(columns map[string]string, what string, ours map[string]string, theirs map[string]*string) error {
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		mapped, ok := ours[name]
		if !ok {
			return suggest.Unknown(what, name, slices.Sorted(maps.Keys(ours)))
		}
		if column := theirs[name]; column != nil && *column != "" {
			columns[mapped] = *column
		}
	}
	return nil
}

// inDirectory returns a file, or those of the directory that it names, which must be of one kind.
func inDirectory(f File, path string) ([]File, error) {
	f.Path = path
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []File{f}, nil // opening it reports what is wrong
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, entry := range entries {
		if entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		f.Path = filepath.Join(path, entry.Name())
		if n := len(files); n > 0 && filepath.Ext(f.Path) != filepath.Ext(files[n-1].Path) {
			return nil, fmt.Errorf("%s and %s are of different kinds", files[n-1].Path, f.Path)
		}
		files = append(files, f)
	}
	switch {
	case len(files) == 0:
		return nil, fmt.Errorf("%s has no file", path)
	case len(files) > 1 && (f.Samples > 0 || f.Split != "" && f.Split != "train"):
		return nil, fmt.Errorf("split and num_samples act on one file, %s has %d", path, len(files))
	}
	return files, nil
}
