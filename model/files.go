package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/pth"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/identify"
	"fettle/internal/readfile"
)

// layouts lists the weights of a Hugging Face directory, in order of preference: a file, or the index of its parts.
var layouts = []struct{ file, index string }{
	{"model.safetensors", "model.safetensors.index.json"},
	{"pytorch_model.bin", "pytorch_model.bin.index.json"},
}

// openTensors maps the checkpoint of a Hugging Face directory.
func openTensors(dir string, to extent) (map[string]checkpoint.Tensor, error) {
	for _, l := range layouts {
		text, err := readfile.WholeIn(dir, l.index, readfile.Index)
		if err == nil {
			return openShards(dir, filepath.Join(dir, l.index), text, to)
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if exists(filepath.Join(dir, l.file)) {
			return openFile(dir, l.file, to)
		}
	}
	return openFile(dir, layouts[0].file, to)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// openShards maps the files that an index names.
func openShards(dir, index string, text []byte, to extent) (map[string]checkpoint.Tensor, error) {
	parts, err := readIndex(index, text)
	if err != nil {
		return nil, err
	}
	shards := map[string]map[string]checkpoint.Tensor{}
	all := map[string]checkpoint.Tensor{}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		shard := parts[name]
		if shards[shard] == nil {
			if shards[shard], err = openFile(dir, shard, to); err != nil {
				return nil, err
			}
		}
		t, ok := shards[shard][name]
		if !ok {
			return nil, fmt.Errorf("read %s: tensor %s is not in %s", index, name, shard)
		}
		all[name] = t
	}
	return all, nil
}

// readIndex returns the file of each tensor, which lies beside the index.
func readIndex(index string, text []byte) (map[string]string, error) {
	var file struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	err := identify.Damage(text)
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", index, err)
	}
	for _, name := range slices.Sorted(maps.Keys(file.WeightMap)) {
		if err := readfile.Beside(file.WeightMap[name]); err != nil {
			return nil, fmt.Errorf("read %s: shard %w", index, err)
		}
	}
	return file.WeightMap, nil
}

// openFile maps a file of a directory.
func openFile(dir, name string, to extent) (map[string]checkpoint.Tensor, error) {
	path, err := readfile.Inside(dir, name)
	if err != nil {
		return nil, err
	}
	var all map[string]checkpoint.Tensor
	var noted map[string]string
	if filepath.Ext(path) == ".bin" {
		var f *pth.File
		if f, err = openPickle(path, to); err == nil {
			all = f.ByName
		}
	} else {
		var f *safetensors.File
		if f, err = safetensors.Open(path); err == nil {
			all, noted = f.ByName, f.Metadata()
		}
	}
	if errors.Is(err, os.ErrNotExist) {
		err = absent(fmt.Sprintf("%s is not there: %s", path, instead(dir)))
	}
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(noted)) {
		// safetensors' save_model keeps one name of a shared tensor and notes the others: {"left out": "kept"}.
		kept, ok := all[noted[name]]
		if _, twice := all[name]; ok && !twice {
			kept.Name = name
			all[name] = kept
		}
	}
	return all, nil
}

// openPickle opens a file of PyTorch's, whose data have checksums.
func openPickle(path string, to extent) (*pth.File, error) {
	if to < everything {
		return pth.Describe(path)
	}
	return pth.Open(path)
}
