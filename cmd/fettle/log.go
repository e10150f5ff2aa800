package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/rs/zerolog"

	"fettle/internal/human"
	"fettle/internal/machine"
)

// newLog writes lines with levels for people on a terminal, JSON lines otherwise.
func newLog(w io.Writer) zerolog.Logger {
	if machine.IsTerminal(w) {
		w = console(w, os.Getenv("NO_COLOR") != "")
	}
	return zerolog.New(w).With().Timestamp().Logger()
}

func console(w io.Writer, plain bool) zerolog.ConsoleWriter {
	return zerolog.ConsoleWriter{
		Out: w, NoColor: plain, PartsExclude: []string{zerolog.TimestampFieldName},
		FormatFieldValue: func(v any) string {
			if number, ok := v.(json.Number); ok {
				if n, err := number.Int64(); err == nil {
					return human.Count(int(n))
				}
			}
			return fmt.Sprintf("%s", v)
		},
	}
}
