//go:build unix

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// chatOnTerminal begins a chat and waits for its prompt.
func chatOnTerminal(t *testing.T, base string, more ...string) *terminal {
	s := onTerminal(t, 60, append([]string{"chat", "--model_name_or_path", base, "--recipe", "vicuna",
		"--max_new_tokens", "3", "--temperature", "0"}, more...)...)
	s.see("/help lists commands")
	s.see("> ")
	return s
}

// answered waits for an answer and the prompt behind it. Before, the terminal still edits lines itself: Ctrl-D and
// backspace would be its own.
func (s *terminal) answered() {
	s.see("(The answer is cut after 3 tokens")
	s.see("> ")
}

// asked returns the user's messages of a saved conversation.
func asked(t *testing.T, path string) (messages []string) {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var s saved
	require.NoError(t, json.Unmarshal(text, &s))
	for _, m := range s.Messages {
		if m.Role == "user" {
			messages = append(messages, m.Content)
		}
	}
	return messages
}

func TestTypedMessagesAreEdited(t *testing.T) {
	s := chatOnTerminal(t, tiny(t, tinymodel.Config{MaxPositions: 16384}))
	path := filepath.Join(t.TempDir(), "talk.jsonl")
	long := strings.TrimSpace(strings.Repeat("a löng line of wörds\r", 400)) // beyond 4,095 bytes, and many lines
	for _, keys := range []string{
		"two\x1b[D\x1b[D\x1b[Dthat \r",                   // arrows move the cursor
		"taken back\x03keep this\r",                      // Ctrl-C clears the line
		"\x1b[A\x1b[A\x1b[Bx\r",                          // arrows go through the history
		"see: \x1b[200~one\rtwo\x1b[201~ three\r",        // a paste of lines is a part of the message
		"\x1b[200~" + long + "\r\x1b[201~\r",             // however long
		"\"\"\"\r/not a command\r\r\"quoted\"\r\"\"\"\r", // quotes around lines
		"äöü ß\x1b[D\x7f_é\r",                            // letters of two bytes
		"日本語\x1b[D\x7fé👩‍🚀\r",                            // wide characters
		"/save " + path + "\r",
	} {
		s.send(keys)
		if keys[0] != '/' {
			s.answered()
		}
	}
	s.see("Saved to")
	s.see("> ")
	s.send("\x04")
	code, _ := s.end()
	require.Zero(t, code)
	require.Less(t, s.shown.Len(), 100_000, "a long paste is not shown")
	require.Contains(t, s.shown.String(), "[paste 1: 400 lines, 8,399 characters]")
	require.Equal(t, []string{
		"that two", "keep this", "keep thisx", "see: one\ntwo three", strings.ReplaceAll(long, "\r", "\n"),
		"/not a command\n\n\"quoted\"", "äöü_éß", "日é👩‍🚀語",
	}, asked(t, path))
}

func TestHistoryIsKeptForTheNextChat(t *testing.T) {
	base, path := tiny(t, tinymodel.Config{}), filepath.Join(t.TempDir(), "history")
	s := chatOnTerminal(t, base, "--history", path)
	s.send("remember me\r")
	s.answered()
	s.send("\x04")
	s.end()
	s = chatOnTerminal(t, base, "--history", path)
	s.send("\x1b[A")
	s.see("remember me")
	s.send("\x03")
	s.see("again ends the chat")
	require.FileExists(t, path)
	s = chatOnTerminal(t, base, "--history", "none")
	s.send("not this\r\x04")
	s.end()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(text), "not this")
}

func TestCtrlCClearsTheLineAndThenEndsTheChat(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	for reason, keys := range map[string]string{
		"behind a text":        "half a message\x03\x03",
		"in an empty line":     "\x03\x03",
		"not twice in a row":   "\x03x\r\x03\x03",
		"Ctrl-C, then Ctrl-D":  "half\x03\x04",
		"by a command":         "/quit\r",
		"by a word":            "exit\r",
		"by SIGTERM":           "",
		"by SIGINT, two times": "^C",
	} {
		t.Run(reason, func(t *testing.T) {
			s := chatOnTerminal(t, base)
			want, said := exitStopped, "fettle: chat: stopped; the conversation is not kept"
			switch {
			case keys == "":
				s.cmd.Process.Signal(syscall.SIGTERM)
			case keys == "^C":
				s.cmd.Process.Signal(syscall.SIGINT)
				s.see("Ctrl-C again ends the chat")
				s.cmd.Process.Signal(syscall.SIGINT)
			default:
				s.send(keys)
			}
			if strings.HasSuffix(keys, "\x04") || strings.HasSuffix(keys, "t\r") {
				want, said = 0, "> "
			}
			code, rest := s.end()
			require.Equal(t, want, code, rest)
			require.Contains(t, rest, said)
			require.NotContains(t, rest, "context canceled")
		})
	}
}

// A model cannot move the cursor of the person that it talks to.
func TestControlCharactersAreNotPrinted(t *testing.T) {
	require.Equal(t, "a\n\tb�[2J�c�", visible("a\n\tb\x1b[2J\rc\u009b"))
}
