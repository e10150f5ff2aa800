package tinymodel

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"fettle/internal/safetensors"
)

func writeTensors(path string, tensors []safetensors.Tensor) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return safetensors.Encode(f, tensors, map[string]string{"format": "pt"})
}

// writeShards deals the tensors out to n files, in turn, and writes the index.
func writeShards(dir string, tensors []safetensors.Tensor, n int) error {
	index := map[string]string{}
	for i := range n {
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, n)
		var part []safetensors.Tensor
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

// half truncates a float32 to a half; too small becomes zero.
func half(x float32) uint16 {
	bits := math.Float32bits(x)
	sign := uint16(bits >> 16 & 0x8000)
	exp := int(bits>>23&255) - 127 + 15
	if exp <= 0 {
		return sign
	}
	return sign | uint16(exp)<<10 | uint16(bits>>13&1023)
}
