package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/internal/compute"
	"fettle/internal/human"
	"fettle/model"
	"fettle/train"
)

// described tells what a run's base is. A base that is initialized has no source.
type described struct {
	config *model.Config
	source *model.Source
}

// String returns the dimensions and, of a model on disk, its format and the types of its matrices, the largest part
// first.
func (d described) String() string {
	c := d.config
	text := fmt.Sprintf("%s, %d layers of width %d, %s parameters", cmp.Or(c.Type, "llama"), c.Layers, c.Hidden,
		human.Count(c.Parameters()))
	if d.source == nil {
		return text
	}
	size, types := map[string]int64{}, d.source.Types()
	for _, t := range c.Tensors() {
		if dtype, ok := types[t.Name]; ok && len(t.Shape) == 2 {
			size[dtype.String()] += int64(t.Size())
		}
	}
	names := slices.SortedFunc(maps.Keys(size), func(a, b string) int {
		return cmp.Or(cmp.Compare(size[b], size[a]), strings.Compare(a, b))
	})
	return fmt.Sprintf("%s; %s, %s", text, d.source.Format, strings.Join(names, ", "))
}

// notes returns what a user should know about the base under the settings of a run.
func (d described) notes(c train.Config) (all []string) {
	if d.source == nil {
		return nil
	}
	stored := d.source.Stored()
	if _, blocks := stored.Block(); !blocks {
		return nil
	}
	if coarse := compute.ResolveQuantization(c.Compute, c.Quantized, stored); coarse != compute.NotQuantized {
		all = append(all, fmt.Sprintf("quantization %s rounds weights a second time that the file keeps in %s: none keeps "+
			"them as they are, in about as much memory", coarse, stored))
	}
	return all
}
