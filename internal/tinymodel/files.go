package tinymodel

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
)

func writeTensors(path string, tensors []checkpoint.Tensor) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return safetensors.Encode(f, tensors, map[string]string{"format": "pt"})
}

// writeShards writes tensor i to file i mod n, and the index.
func writeShards(dir string, tensors []checkpoint.Tensor, n int) error {
	index := map[string]string{}
	for i := range n {
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, n)
		var part []checkpoint.Tensor
		for j := i; j < len(tensors); j += n {
			part = append(part, tensors[j])
			index[tensors[j].Name] = name
		}
		if err := writeTensors(filepath.Join(dir, name), part); err != nil {
			return err
		}
	}
	text, err := json.Marshal(map[string]any{"metadata": map[string]any{}, "weight_map": index})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), text, 0o644)
}
