package model

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"fettle/internal/identify"
	"fettle/internal/readfile"
)

// absent is the explanation of a file of weights that is not there.
type absent string

func (a absent) Error() string { return string(a) }

// Is makes absent count as fs.ErrNotExist.
func (absent) Is(target error) bool { return target == os.ErrNotExist }

// shardName matches a part of a model's weights.
var shardName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.(safetensors|bin)$`)

// missingParts names the parts of weights in several files that a directory lacks, and says what to do; "" where there
// are no parts.
func missingParts(dir string) string {
	entries, _ := os.ReadDir(dir)
	have, like, last := map[string]bool{}, "", 0
	for _, e := range entries {
		if m := shardName.FindStringSubmatch(e.Name()); m != nil {
			have[e.Name()] = true
			like = strings.ReplaceAll(m[1], "%", "%%") + "-%05d-of-" + m[3] + "." + m[4]
			last, _ = strconv.Atoi(m[3])
		}
	}
	var lacks []string
	for i := 1; i <= last; i++ {
		if name := fmt.Sprintf(like, i); !have[name] {
			lacks = append(lacks, name)
		}
	}
	switch n := len(lacks); {
	case last == 0:
		return ""
	case n == 0:
		return fmt.Sprintf("all %d parts are, but not the index that lists them (model.safetensors.index.json or "+
			"pytorch_model.bin.index.json): download it", last)
	case n > 3:
		lacks = append(lacks[:3], "…")
	}
	return fmt.Sprintf("of its %d parts these are missing: %s: download them", last, strings.Join(lacks, ", "))
}

// instead states what a directory has in place of the weights that are missing.
func instead(dir string) string {
	matches := func(pattern string) []string {
		found, _ := readfile.Matches(filepath.Join(dir, pattern))
		return found
	}
	if name := identify.Unended(dir); name != "" {
		return name + " is a download that has not ended: continue it"
	}
	if text := missingParts(dir); text != "" {
		return text
	}
	if found := matches("*.safetensors"); len(found) > 0 {
		return fmt.Sprintf("the directory has %d other safetensors files, such as %s: is a part of it missing?", len(found),
			filepath.Base(found[0]))
	}
	for _, pattern := range []string{"*.bin", "*.pth", "*.pt", "*.gguf"} {
		if found := matches(pattern); len(found) > 0 {
			return fmt.Sprintf("the directory has %s, want model.safetensors or pytorch_model.bin, or an index of its parts",
				filepath.Base(found[0]))
		}
	}
	return "the directory has no weights; was it downloaded whole?"
}
