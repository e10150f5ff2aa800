package serve

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestACardReadsAsAPhrase(t *testing.T) {
	p := &parrot{}
	require.Equal(t, "lora; prompt template vicuna; context 64 tokens", p.Card("parrot").String())
	require.Equal(t, "no adapter; prompt template alpaca, one instruction at a time; context 64 tokens",
		p.Card("base").String())
	require.Equal(t, "no adapter; no prompt template, it continues texts; context 8 tokens", Card{Context: 8}.String())
}

func TestTimingsCountTokensAfterTheFirst(t *testing.T) {
	got := newTimings(Result{NewTokens: 5, Reading: time.Second, Writing: 2 * time.Second})
	require.Equal(t, &timings{Read: 1000, Written: 2000, Speed: 2}, got)
	require.Zero(t, newTimings(Result{NewTokens: 1, Reading: time.Second}).Speed, "one token has no speed")
	require.Nil(t, newTimings(Result{}))
}

func TestAPromptThatIsTooLongHasItsCode(t *testing.T) {
	s := New(&parrot{}, Options{})
	status, f := s.classify(nil, nil, TooLong{Wrong{"messages", "long"}})
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, "context_length_exceeded", *f.Error.Code)
	require.Equal(t, "messages", *f.Error.Param)
	require.Equal(t, "long", f.Error.Message)
}
