package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"fettle/adapter"
	"fettle/data"
	"fettle/data/encode"
	"fettle/data/lint"
	"fettle/data/recipe"
	datasource "fettle/data/source"
	"fettle/internal/console"
	"fettle/internal/human"
	"fettle/model"
	"fettle/model/chat"
	"fettle/model/tokenizer"
	"fettle/train"
)

// runData holds the data of a run, with its recipe, tokenizer and the shape of the base.
type runData struct {
	training, evaluation *data.Set
	recipe               recipe.Recipe
	template             chat.Template        // the recipe's, if it has one
	shape                *model.Config        // of the base, with the vocabulary of the adapter that the run continues
	tok                  *tokenizer.Tokenizer // nil: the data is tokenized already
	tokenizerDir         string
	hash                 string // of the tokenizer
	duplicates           int    // rows left out because the evaluation holds the same
	ranks                int    // processes that share the run; 0 or 1: one
	here                 *neighbours
}

// readRunData reads the data of a run and fills in the settings that depend on the base. On a terminal, progress shows
// how far it is.
func readRunData(c *train.Config, progress io.Writer) (*runData, error) {
	m, err := describeData(baseShape, c)
	if err != nil {
		return nil, err
	}
	return m, m.load(c, progress)
}

// describeData finds recipe, tokenizer and, by base, the shape of the base and the directory of its tokenizer. It fills
// in the settings that depend on the base.
func describeData(base func(train.Config) (*model.Config, string, error), c *train.Config) (*runData, error) {
	m := &runData{evaluation: &data.Set{}}
	var err error
	if c.Adapter != "" {
		if err := checkAdapter(c.Adapter); err != nil {
			return nil, err
		}
	}
	if err := checkResume(c.Resume); err != nil {
		return nil, err
	}
	if m.shape, m.tokenizerDir, err = base(*c); err != nil {
		return nil, err
	}
	if c.Adapter != "" && c.Type != adapter.TypeFull {
		if m.shape, err = adapter.Resized(c.Adapter, m.shape); err != nil {
			return nil, input(err)
		}
	}
	c.Resolve(m.shape)
	if err := checkMethod(*c, m.shape); err != nil {
		return nil, err
	}
	dirs := partDirs(c.Adapter, m.tokenizerDir)
	m.tokenizerDir = tokenizerDir(dirs)
	if t, err := tokenizer.Load(m.tokenizerDir); err == nil {
		m.tok, m.hash = t, t.Hash()
		if err := t.Fits(m.shape.Vocab); err != nil {
			return nil, input(fmt.Errorf("load tokenizer %s: %w", m.tokenizerDir, err))
		}
	} else if c.DatasetFormat != "tokenized" {
		return nil, input(err)
	}
	if m.recipe, m.template, err = chat.FindRecipe(c.Recipe, m.encoder(), dirs...); err != nil {
		return nil, err
	}
	switch {
	case c.Cutoff == 0 && c.DatasetFormat == "tokenized":
		c.Cutoff = m.shape.MaxPositions
	case c.Cutoff == 0:
		c.Cutoff = min(m.recipe.Cutoff, m.shape.MaxPositions)
	case c.Cutoff > m.shape.MaxPositions:
		return nil, usage(fmt.Errorf("max_seq_length is %d, want at most %d, the positions of the base", c.Cutoff,
			m.shape.MaxPositions))
	}
	return m, nil
}

// encoder returns the tokenizer, nil if there is none.
func (m *runData) encoder() encode.Tokenizer {
	if m.tok == nil {
		return nil
	}
	return m.tok
}

// load reads the files of a run.
func (m *runData) load(c *train.Config, progress io.Writer) error {
	if err := m.read(c, m.encoder(), progress); err != nil {
		return err
	}
	m.training.Report.Longest = c.Cutoff >= m.shape.MaxPositions
	c.ResolvePerEpoch(len(m.training.Examples))
	for _, e := range slices.Concat(m.training.Examples, m.evaluation.Examples) {
		for s := range e.Sequences() {
			if err := m.within(s.Tokens); err != nil {
				return input(fmt.Errorf("read %s: %w", e.Source, err))
			}
		}
	}
	return nil
}

// within returns an error for a token without a row in the embedding.
func (m *runData) within(ids []int32) error {
	if m.tok != nil {
		return m.tok.Within(ids, m.shape.Vocab)
	}
	for _, id := range ids {
		if id < 0 || int(id) >= m.shape.Vocab {
			return fmt.Errorf("token %d is outside the model's vocabulary of %d", id, m.shape.Vocab)
		}
	}
	return nil
}

// read encodes the files of a run.
func (m *runData) read(c *train.Config, tok encode.Tokenizer, progress io.Writer) error {
	options, files, err := dataOptions(c)
	if err != nil {
		return err
	}
	if to, ok := progress.(*console.Stream); ok && to.Live() {
		options.Progress = func(rows int, share float64) { to.Status(readingBars(rows, share)...) }
		defer to.Clear()
	}
	if m.training, err = data.Load(tok, m.recipe, files, options); err != nil {
		return input(err)
	}
	if len(c.EvalDataset) > 0 {
		held, err := dataFiles(c.EvalDataset, nil, options)
		if err != nil {
			return err
		}
		held = firstRows(held, c.MaxSamples)
		m.evaluation, err = data.Load(tok, m.recipe, held, options)
		return input(err)
	}
	if c.ValSize > 0 {
		return m.split(c)
	}
	return nil
}

// readingBars draws the progress of reading, from the longest form to the shortest.
func readingBars(rows int, share float64) []string {
	const width = 30
	done := int(share * width)
	bar := strings.Repeat("█", done) + strings.Repeat("░", width-done)
	percent, count := fmt.Sprintf("%3.0f %%", 100*share), human.Plural(rows, "row")
	return []string{
		fmt.Sprintf("reading data %s %s, %s", bar, percent, count),
		fmt.Sprintf("reading data %s, %s", percent, count), "reading data " + percent, percent,
	}
}

// split holds examples out. Their duplicates leave the training data, so that the held-out loss is of unseen examples.
func (m *runData) split(c *train.Config) error {
	all, held, err := data.Split(m.training.Examples, c.ValSize, c.Seed)
	if err != nil {
		return usage(err)
	}
	var doubles lint.Report
	if kept := doubles.Leakage(all, held); len(kept) > 0 {
		m.duplicates, all = len(all)-len(kept), kept
	}
	m.training.Examples, m.evaluation.Examples = all, held
	return nil
}

// dataOptions translates the settings of a run for data.
func dataOptions(c *train.Config) (data.Options, []datasource.File, error) {
	o := data.Options{
		Format: c.DatasetFormat, Cutoff: c.Cutoff, TrainOn: c.TrainOn, OnBadRow: c.OnBadRow,
		Seed: c.Seed, Fix: c.Fix, Clean: c.Clean, Cache: c.DataCache,
	}
	if c.OverLong != "auto" {
		o.OverLong = c.OverLong
	}
	if c.Specials != "recipe" {
		parse := c.Specials == "yes"
		o.ParseSpecials = &parse
	}
	var err error
	if o.Columns, err = datasource.ParseColumns(c.Columns); err != nil {
		return o, nil, usage(fmt.Errorf("columns: %w", err))
	}
	if n := len(c.Weights); n > 0 && n != len(c.Dataset) {
		return o, nil, usage(fmt.Errorf("dataset_weights has %d weights, want one for each file of dataset, %d", n,
			len(c.Dataset)))
	}
	var weights []float64
	for _, text := range c.Weights {
		w, err := strconv.ParseFloat(text, 64)
		if err != nil || !(w > 0 && w <= 1000) {
			return o, nil, usage(fmt.Errorf("dataset_weights: %q, want a number above 0, at most 1000", text))
		}
		weights = append(weights, w)
	}
	files, err := dataFiles(c.Dataset, weights, o)
	return o, firstRows(files, c.MaxSamples), err
}

// firstRows limits the rows of every file, 0 to all of them. Rows that are drawn at random are in random order.
func firstRows(files []datasource.File, most int) []datasource.File {
	for i, f := range files {
		switch {
		case most == 0:
		case f.Samples > 0:
			files[i].Samples = min(f.Samples, most)
		default:
			files[i].First = most
		}
	}
	return files
}

// infoFile is LLaMA-Factory's list of data sets. dataset_info.json:NAME names one of them.
const infoFile = "dataset_info.json:"

// dataFiles lists the files that a run names, with the weights of the names if there are any.
func dataFiles(names []string, weights []float64, o data.Options) ([]datasource.File, error) {
	names, err := dataPaths(names)
	if err != nil {
		return nil, err
	}
	var files []datasource.File
	for i, path := range names {
		named := []datasource.File{{Path: path, Format: o.Format, Columns: o.Columns}}
		if dir, name, ok := strings.Cut(path, infoFile); ok {
			if named, err = datasource.DatasetInfo(dir+strings.TrimSuffix(infoFile, ":"), name); err != nil {
				return nil, input(err)
			}
		}
		for _, f := range named {
			if f.Entry != "" {
				maps.Copy(f.Columns, o.Columns)
			}
			if weights != nil {
				f.Weight = weights[i]
			}
			files = append(files, f)
		}
	}
	return files, nil
}
