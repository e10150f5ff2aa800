package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/identify"
	"fettle/internal/readfile"
	"fettle/model"
)

// The files of a directory in Hugging Face's layout.
const (
	configFile  = "config.json"
	weightsFile = "model.safetensors"
	indexFile   = "model.safetensors.index.json"
)

// DirectoryOptions holds the choices of Directory.
type DirectoryOptions struct {
	DType     checkpoint.Type // of the weights; "": as each is stored
	ShardSize int64           // bytes of a file of weights, where the source is not in shards itself; 0: no limit
}

// Directory writes a model into an empty directory, in Hugging Face's layout. Shards, their names, and unknown keys of
// config.json are those of a source in this layout.
func (m Model) Directory(dir string, o DirectoryOptions) error {
	if q := m.Quantized(); q != "" && o.DType == "" {
		return fmt.Errorf("write %s: the weights are quantized (%s), which this layout does not hold: choose one of %s",
			dir, q, strings.Join(DTypes(), ", "))
	}
	shards, err := m.shards(o)
	if err != nil {
		return err
	}
	if err := room(dir, slices.Concat(slices.Collect(maps.Values(shards))...)); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(shards)) {
		content := func(w io.Writer) error {
			return safetensors.Write(w, m.stoppable(shards[name]), map[string]string{"format": "pt"})
		}
		if err := atomicfile.Replace(atomicfile.OS{}, filepath.Join(dir, name), content); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	files := maps.Clone(m.Files)
	if files == nil {
		files = map[string][]byte{}
	}
	if len(shards) > 1 {
		if files[indexFile], err = index(shards); err != nil {
			return err
		}
	}
	if files[configFile], err = m.config(o.DType); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := atomicfile.Replace(atomicfile.OS{}, filepath.Join(dir, name), atomicfile.Bytes(files[name])); err != nil {
			return err
		}
	}
	return nil
}

// as returns a tensor in the type that it is written in. Only numbers that are no integers change their type.
func (o DirectoryOptions) as(t checkpoint.Computed) checkpoint.Lazy {
	as := t.Type
	if plain := dtypeName(t.Type) != "" || t.Type == checkpoint.F64; o.DType != "" && (plain || t.Type.Block() > 1) {
		as = o.DType
	}
	return t.As(as)
}

// shards distributes the tensors over files.
func (m Model) shards(o DirectoryOptions) (map[string][]checkpoint.Lazy, error) {
	was, err := m.sourceShards()
	if err != nil {
		return nil, err
	}
	tensors, err := m.Config.Together(m.releasing())
	if err != nil {
		return nil, err
	}
	if was == nil {
		return o.split(tensors)
	}
	out := map[string][]checkpoint.Lazy{}
	files := map[string]bool{}
	for _, t := range tensors {
		files[was[m.origin(t.Name)]] = true // a part beside a language model may have files of its own
	}
	delete(files, "")
	numbers := slices.Sorted(maps.Keys(files))
	for _, t := range tensors {
		shard, ok := was[m.origin(t.Name)]
		if !ok {
			shard = numbers[len(numbers)-1] // a head that was tied
		}
		if !strings.HasSuffix(shard, ".safetensors") || len(numbers) == 1 {
			i, _ := slices.BinarySearch(numbers, shard)
			shard = shardName(i, len(numbers))
		}
		out[shard] = append(out[shard], o.as(t))
	}
	return out, nil
}

// shardName returns the name of file i of n.
func shardName(i, n int) string {
	if n == 1 {
		return weightsFile
	}
	return fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, n)
}

// sourceShards returns the file of every tensor of a source in shards, nil for another one.
func (m Model) sourceShards() (map[string]string, error) {
	if m.Source.Format != identify.HuggingFace {
		return nil, nil
	}
	for i, name := range []string{indexFile, "pytorch_model.bin.index.json"} {
		if _, err := os.Stat(filepath.Join(m.Source.Path, weightsFile)); err == nil && i > 0 {
			break // the weights are those of this file
		}
		path := filepath.Join(m.Source.Path, name)
		text, err := readfile.WholeIn(m.Source.Path, name, readfile.Index)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		var file struct {
			Map map[string]string `json:"weight_map"`
		}
		if err == nil {
			err = json.Unmarshal(text, &file)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		plain := map[string]string{}
		for name, shard := range file.Map {
			plain[model.PlainName(name)] = shard
		}
		return plain, nil
	}
	return nil, nil
}

// origin returns the name of the source's tensor at the place of a tensor.
func (m Model) origin(name string) string {
	if m.Layers == nil {
		return name
	}
	var layer int
	if n, _ := fmt.Sscanf(name, "model.layers.%d.", &layer); n == 1 && layer < len(m.Layers) {
		_, rest, _ := strings.Cut(strings.TrimPrefix(name, "model.layers."), ".")
		return fmt.Sprintf("model.layers.%d.%s", m.Layers[layer], rest)
	}
	return name
}

// split fills files of at most o.ShardSize bytes, one tensor at least, with the tensors in their order.
func (o DirectoryOptions) split(tensors []checkpoint.Computed) (map[string][]checkpoint.Lazy, error) {
	var parts [][]checkpoint.Lazy
	room := int64(0)
	for _, c := range tensors {
		t := o.as(c)
		size, err := t.Type.Bytes(t.Shape)
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", t.Name, err)
		}
		if len(parts) == 0 || o.ShardSize > 0 && int64(size) > room {
			parts, room = append(parts, nil), o.ShardSize
		}
		room -= int64(size)
		parts[len(parts)-1] = append(parts[len(parts)-1], t)
	}
	out := map[string][]checkpoint.Lazy{}
	for i, part := range parts {
		out[shardName(i, len(parts))] = part
	}
	return out, nil
}

// index returns the index of shards: total_size is the bytes of all tensors.
func index(shards map[string][]checkpoint.Lazy) ([]byte, error) {
	var total uint64
	where := map[string]string{}
	for shard, tensors := range shards {
		for _, t := range tensors {
			size, err := t.Type.Bytes(t.Shape)
			if err != nil {
				return nil, err
			}
			total += size
			where[t.Name] = shard
		}
	}
	text, err := json.MarshalIndent(struct {
		Metadata  map[string]uint64 `json:"metadata"`
		WeightMap map[string]string `json:"weight_map"`
	}{map[string]uint64{"total_size": total}, where}, "", "  ")
	return append(text, '\n'), err
}
