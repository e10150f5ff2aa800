package validtext

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The wanted texts are those of Python's bytes.decode(errors="replace").
func TestInvalidBytesAreReplacedAsPythonDoes(t *testing.T) {
	for text, want := range map[string]string{
		"a\xff\xff\xffb": "a\ufffd\ufffd\ufffdb", "\xe2\x82a": "\ufffda", "\xed\xa0\x80": "\ufffd\ufffd\ufffd",
		"\xf0\x9f\xa6\xf0\x9f": "\ufffd\ufffd", "\xc0\xaf": "\ufffd\ufffd", "\xf4\x90\x80\x80": "\ufffd\ufffd\ufffd\ufffd",
		"€\x80": "€\ufffd", "": "", "\ufffd🦙": "\ufffd🦙",
	} {
		require.Equal(t, want, Of(text), "% x", text)
	}
}
