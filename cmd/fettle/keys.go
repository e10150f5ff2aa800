package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"fettle/internal/readfile"
	"fettle/model/serve"
)

// readKeys returns the keys of clients: those of a file, or else the one of FETTLE_API_KEY. The file has one in each
// line, behind its client's name if it has one, else it is called by its line. Empty lines and those that begin with #
// do not count.
func readKeys(path string) ([]serve.Key, error) {
	if path == "" {
		if key := strings.TrimSpace(os.Getenv("FETTLE_API_KEY")); key != "" {
			return []serve.Key{{Secret: serve.Secret(key)}}, nil
		}
		return nil, nil
	}
	text, err := readfile.Whole(path, readfile.Settings)
	if err != nil {
		return nil, fmt.Errorf("serve: read key: %w", err)
	}
	var keys []serve.Key
	for i, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		k := serve.Key{Name: fmt.Sprint(i + 1), Secret: serve.Secret(words[len(words)-1])}
		if len(words) == 2 {
			k.Name = words[0]
		}
		switch {
		case len(words) > 2:
			return nil, input(fmt.Errorf("serve: read key: %s:%d has %d words, want a key, or a name and its key", path, i+1,
				len(words)))
		case slices.ContainsFunc(keys, func(o serve.Key) bool { return o.Name == k.Name }):
			return nil, input(fmt.Errorf("serve: read key: %s:%d: there are two keys called %s", path, i+1, k.Name))
		case slices.ContainsFunc(keys, func(o serve.Key) bool { return o.Secret == k.Secret }):
			return nil, input(fmt.Errorf("serve: read key: %s:%d: the key stands twice, give each client its own", path, i+1))
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, input(fmt.Errorf("serve: read key: %s is empty: write the key into it", path))
	}
	return keys, nil
}
