package main

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestTheTerminalShowsLevelsAndCommas(t *testing.T) {
	var b strings.Builder
	log := zerolog.New(console(&b, true))
	log.Info().Int("trainable", 30720).Float64("loss", 1.25).Str("method", "lora").Msg("model ready")
	log.Warn().Strs("first", []string{"a b"}).Msg("some rows were left out")
	require.Equal(t,
		"INF model ready loss=1.25 method=lora trainable=30,720\nWRN some rows were left out first=[\"a b\"]\n",
		b.String())
}
