package source

import (
	"fmt"
	"os"
	"path/filepath"

	"fettle/internal/identify"
	"fettle/internal/readfile"
)

// directoryError explains a directory that was given as a data set: what it is, or the pattern of the files to give.
func directoryError(dir string) error {
	switch p := identify.Of(dir); p.Kind {
	case identify.Model:
		return fmt.Errorf("%s is %s, not a data set: give it as --model_name_or_path, and files of examples", dir, p.What)
	case identify.Adapter, identify.Checkpoint:
		return fmt.Errorf("%s is %s, not a data set: give it as --adapter_name_or_path, and files of examples", dir, p.What)
	case identify.Run:
		return fmt.Errorf("%s is %s, not a data set: give files of examples", dir, p.What)
	}
	info := filepath.Join(dir, "dataset_info.json")
	if _, err := os.Stat(info); err == nil {
		return fmt.Errorf("%s is a directory of LLaMA-Factory's data sets: give %s:NAME, or a file of it", dir, info)
	}
	endings := []string{".parquet", ".jsonl", ".jsonl.gz", ".json", ".json.gz", ".csv", ".csv.gz", ".tsv", ".txt"}
	for _, below := range []string{"", "data", "*"} {
		for _, ending := range endings {
			pattern := filepath.Join(dir, below, "*"+ending)
			if files, _ := readfile.Matches(pattern); len(files) > 0 {
				return fmt.Errorf("%s is a directory: give its files, %s (%d)", dir, pattern, len(files))
			}
		}
	}
	return fmt.Errorf("%s is a directory without files of data (parquet, jsonl, json, csv, tsv, txt)", dir)
}
