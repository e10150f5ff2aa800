package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"fettle/internal/console"
	"fettle/internal/machine"
	"fettle/internal/settings"
)

// voice holds the setting of how a program speaks.
type voice struct {
	Format string `yaml:"log_format" group:"output" help:"text: sentences; json: every message is a line of JSON"`
}

// voiceKey is the setting of voice.
const voiceKey = "log_format"

// speak makes the console of a command speak as the settings say.
func speak(cmd *cobra.Command, s *settings.Settings) error {
	switch format := s.Value(voiceKey).(string); format {
	case "text":
	case "json":
		if to, ok := cmd.ErrOrStderr().(*console.Stream); ok {
			to.Console().JSON(slices.Contains(resultsOnOut(), cmd.Name()))
		}
	default:
		return fmt.Errorf("log_format is %q, want text or json", format)
	}
	return nil
}

// resultsOnOut lists the commands whose standard output is a result and no log.
func resultsOnOut() []string {
	return []string{"generate", "chat", "plan", "inspect", "init", "doctor", "version", "ls", "show", "compare"}
}

// asksJSON reports whether a command line or the environment asks for JSON: mistakes in settings are told so as well.
func asksJSON(args []string) bool {
	format := os.Getenv("FETTLE_LOG_FORMAT")
	for i, arg := range args {
		name, value, ok := strings.Cut(strings.ReplaceAll(strings.TrimLeft(arg, "-"), "-", "_"), "=")
		if name != voiceKey || !strings.HasPrefix(arg, "--") {
			continue
		}
		if format = value; !ok && i+1 < len(args) {
			format = args[i+1]
		}
	}
	return format == "json"
}

// speaksJSON reports whether a command speaks JSON.
func speaksJSON(cmd *cobra.Command) bool {
	to, ok := cmd.ErrOrStderr().(*console.Stream)
	return ok && to.JSON()
}

// newLog returns a log for w: sentences for people, whose numbers are fields in the lines for programs.
func newLog(w io.Writer) zerolog.Logger {
	if to, ok := w.(*console.Stream); ok && to.JSON() {
		return zerolog.New(w).With().Timestamp().Logger()
	}
	return zerolog.New(sentences{to: w, color: machine.IsTerminal(w) && os.Getenv("NO_COLOR") == ""})
}

// sentences writes the messages of a log.
type sentences struct {
	to    io.Writer
	color bool
}

func (s sentences) Write(p []byte) (int, error) { return s.WriteLevel(zerolog.NoLevel, p) }

// WriteLevel writes a message, and before it what a reader must not miss.
func (s sentences) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	var event struct{ Message, Error string }
	if err := json.Unmarshal(p, &event); err != nil {
		return 0, err
	}
	text, before, paint := event.Message, "", ""
	if event.Error != "" {
		text += ": " + event.Error
	}
	switch level {
	case zerolog.WarnLevel:
		before, paint = "warning:", "\x1b[33m"
	case zerolog.ErrorLevel:
		before, paint = "error:", "\x1b[31m"
	}
	if before != "" {
		if s.color {
			before = paint + before + "\x1b[0m"
		}
		text = before + " " + text
	}
	_, err := fmt.Fprintln(s.to, text)
	return len(p), err
}
