package main

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestPeopleReadSentencesWithoutFields(t *testing.T) {
	var b strings.Builder
	log := zerolog.New(sentences{to: &b})
	log.Info().Int("trainable", 30720).Float64("loss", 1.25).Msg("Model: tiny has 30,720 parameters.")
	log.Warn().Strs("first", []string{"a b"}).Msg("1 row is cut.")
	log.Error().Err(errSaid).Msg("The answer failed")
	require.Equal(t, "Model: tiny has 30,720 parameters.\nwarning: 1 row is cut.\n"+
		"error: The answer failed: it rains\n", b.String())
}

const errSaid = stopped("it rains")

func TestJSONIsAskedForBeforeSettingsAreRead(t *testing.T) {
	for args, want := range map[string]bool{
		"train --log_format json": true, "train --log-format=json --x": true, "train --log_format text": false,
		"train log_format json": false, "train --log_format": false, "train": false,
	} {
		require.Equal(t, want, asksJSON(strings.Fields(args)), args)
	}
	t.Setenv("FETTLE_LOG_FORMAT", "json")
	require.True(t, asksJSON(nil))
	require.False(t, asksJSON([]string{"--log_format", "text"}))
}
