package main

import (
	"github.com/rs/zerolog"

	"fettle/adapter"
	"fettle/internal/settings"
	"fettle/model/chat"
	"fettle/train"
)

// inherit gives a run that continues an adapter, or a model that fettle tuned, the recipe that this was trained with,
// and the quantization of its base, unless they are given. An adapter of another program goes with the chat template
// that is beside it or its base, as in chat. Names of nothing are reported where they are read.
func inherit(log zerolog.Logger, s *settings.Settings, c *train.Config) error {
	from := c.Adapter
	if from == "" || c.Type == adapter.TypeFull {
		from = directoryOf(c.ModelName)
	}
	if from == "" || c.DatasetFormat == "tokenized" {
		return nil
	}
	record, err := adapter.ReadRecord(from)
	if err != nil {
		return input(err)
	}
	if q := record.Quantization; q != "" && c.Type != adapter.TypeFull && !s.Given("quantization") &&
		!s.Given("compute") {
		c.Quantized = q
		log.Info().Msgf("quantization: %s, as %s was trained", q, from)
	}
	if s.Given("recipe") {
		return nil
	}
	switch where, err := locatedModel(c.ModelName); {
	case record.Recipe != "":
		c.Recipe = record.Recipe
		log.Info().Msgf("recipe: %s, as %s was trained", c.Recipe, from)
	case c.Adapter != "" && err == nil:
		why := "as neither the adapter nor its base has a prompt template"
		if t, err := chat.ReadTemplate(partDirs(c.Adapter, where)...); err == nil && t.Path != "" {
			c.Recipe, why = chat.OwnTemplate, "of "+t.Path+", as the adapter does not say how it was trained"
		}
		log.Info().Msgf("recipe: %s, %s", c.Recipe, why)
	}
	return nil
}
