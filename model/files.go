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
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute"
)

// openTensors maps the checkpoint of a Hugging Face directory: its model.safetensors, or the shards that
// model.safetensors.index.json names. The files stay open for as long as the program runs.
func openTensors(dir string) (map[string]checkpoint.Tensor, error) {
	index := filepath.Join(dir, "model.safetensors.index.json")
	text, err := os.ReadFile(index)
	if errors.Is(err, os.ErrNotExist) {
		return openFile(filepath.Join(dir, "model.safetensors"), dir)
	}
	if err != nil {
		return nil, err
	}
	var file struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("read %s: %w", index, err)
	}
	shards := map[string]map[string]checkpoint.Tensor{}
	all := map[string]checkpoint.Tensor{}
	for _, name := range slices.Sorted(maps.Keys(file.WeightMap)) {
		shard := file.WeightMap[name]
		if filepath.Base(shard) != shard {
			return nil, fmt.Errorf("read %s: shard %q is not a file name", index, shard)
		}
		if shards[shard] == nil {
			if shards[shard], err = openFile(filepath.Join(dir, shard), dir); err != nil {
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

func openFile(path, dir string) (map[string]checkpoint.Tensor, error) {
	f, err := safetensors.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: %s", err, instead(dir))
	}
	if err != nil {
		return nil, err
	}
	all := map[string]checkpoint.Tensor{}
	for _, name := range f.Names() {
		all[name], _ = f.Tensor(name)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Metadata())) {
		// safetensors' save_model keeps one name of a shared tensor and notes the others: {"left out": "kept"}.
		kept, ok := all[f.Metadata()[name]]
		if _, twice := all[name]; ok && !twice {
			kept.Name = name
			all[name] = kept
		}
	}
	return all, nil
}

// instead states what a directory has in place of the weights that are missing.
func instead(dir string) string {
	matches := func(pattern string) []string {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		return found
	}
	if found := matches("*.safetensors"); len(found) > 0 {
		return fmt.Sprintf("the directory has %d other safetensors files, such as %s: is a part of it missing?", len(found),
			filepath.Base(found[0]))
	}
	for _, pattern := range []string{"*.bin", "*.pth", "*.pt"} {
		if found := matches(pattern); len(found) > 0 {
			return fmt.Sprintf("%s is in PyTorch's pickle format; convert the weights to safetensors first",
				filepath.Base(found[0]))
		}
	}
	return "the directory has no weights; was it downloaded whole?"
}

// StoredType returns the element type of a directory's projections, F32 where it is none that Load accepts.
func StoredType(dir string) (compute.DType, error) {
	tensors, err := openTensors(dir)
	if err != nil {
		return 0, fmt.Errorf("load model: %w", err)
	}
	return matrixTypes[tensors[Site{0, QProj}.WeightName()].Type], nil
}
