package data_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

// Rows without a learned token count nothing and are reported.
func TestT12SilentRowsCountNothing(t *testing.T) {
	s, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl",
		`{"input_ids": [1, 5], "labels": [-100, -100]}`+"\n"+`{"input_ids": [1, 5, 2]}`), data.Options{})
	require.NoError(t, err)
	require.Equal(t, []int{1, 2, 0}, []int{s.Silent, s.Learned, s.Examples[0].Learned()})
	require.Equal(t, 1, s.Report.Counts["no-learned-tokens"])
}

// Every policy for long rows, with its counts.
func TestT13LongRows(t *testing.T) {
	long := strings.Repeat("q", 300)
	rows := fmt.Sprintf(`{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
{"messages": [{"role": "user", "content": %q}, {"role": "assistant", "content": "short"}]}
{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": %q}, `+
		`{"role": "user", "content": "r"}, {"role": "assistant", "content": "c"}, `+
		`{"role": "user", "content": "s"}, {"role": "assistant", "content": "d"}]}
{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": %q}]}
`, long, strings.Repeat("x", 150), long)
	path := datatest.Write(t, "a.jsonl", rows)
	r, err := recipe.Find("koala")
	require.NoError(t, err)
	r.Stream, r.Finish = false, false
	for _, c := range []struct {
		policy              string
		examples            int
		cut, dropped, split int
	}{
		{"truncate", 4, 3, 0, 0}, {"drop", 1, 0, 3, 0}, {"truncate_prompt", 2, 1, 2, 0}, {"split", 3, 0, 2, 1},
	} {
		s, err := datatest.Load(datatest.Letters{}, r, path, data.Options{Cutoff: 200, OverLong: c.policy})
		require.NoError(t, err)
		require.Equal(t, []int{c.examples, c.cut, c.dropped, c.split}, []int{len(s.Examples), s.Cut, s.Dropped,
			s.Split}, c.policy)
		require.Contains(t, s.OverLongTable(), "3 of 4 rows are longer than max_seq_length 200")
		for _, e := range s.Examples {
			require.LessOrEqual(t, len(e.Tokens), 200)
		}
	}
	s, err := datatest.Load(datatest.Letters{}, r, path, data.Options{Cutoff: 200, OverLong: "truncate_prompt"})
	require.NoError(t, err)
	require.Equal(t, 200, len(s.Examples[1].Tokens), "no more is taken than must be")
	require.Contains(t, datatest.Marked(s.Examples[1]), "qqq GPT:⟦short¶⟧")
	s, err = datatest.Load(datatest.Letters{}, r, path, data.Options{Cutoff: 240, OverLong: "split"})
	require.NoError(t, err)
	require.Equal(t, []int{2, 0, 2}, []int{len(s.Examples), s.Split, s.Dropped}, "all three turns fit now")
	_, err = datatest.Load(datatest.Letters{}, r, path, data.Options{Cutoff: 200, OverLong: "error"})
	require.ErrorContains(t, err, "a.jsonl:2: ")
	_, err = datatest.Load(datatest.Letters{}, r, path, data.Options{OverLong: "drap"})
	require.ErrorContains(t, err, `unknown over_long "drap", did you mean "drop"`)
}

func TestKeepsCountsRows(t *testing.T) {
	s := data.Set{Lengths: []int32{10, 20, 30, 40, 50, 60, 70, 80, 90, 100}}
	for share, want := range map[float64]int{0.1: 10, 0.95: 100, 0.9: 90, 0.5: 50, 1: 100, 0: 10} {
		require.Equal(t, want, s.Keeps(share))
	}
}

// A text is split so that every part begins as a sequence does and no token is
// lost.
func TestTextIsSplitWhole(t *testing.T) {
	text := strings.Repeat("0123456789", 30)
	s, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", fmt.Sprintf(`{"text": %q}`, text)),
		data.Options{Cutoff: 64})
	require.NoError(t, err)
	require.Equal(t, []int{5, 1}, []int{len(s.Examples), s.Split})
	var whole []int32
	for _, e := range s.Examples {
		require.Equal(t, int32(1), e.Tokens[0])
		whole = append(whole, e.Tokens[1:]...)
	}
	require.Equal(t, append(datatest.Letters{}.Encode(text), 2), whole)
}

// Ids outside the vocabulary are reported.
func TestT15UnknownTokensAreReported(t *testing.T) {
	r, err := recipe.Find("alpaca")
	require.NoError(t, err)
	s, err := datatest.Load(datatest.Spelled{}, r, datatest.Write(t, "a.jsonl",
		`{"input_ids": [1, 258, 2]}`+"\n"+`{"input_ids": [1, 259, 2]}`), data.Options{})
	require.NoError(t, err)
	require.Equal(t, 1, s.Report.Counts["unknown-token"])
	require.Contains(t, s.Report.Findings[0].Text, "token 259 at 1, the vocabulary has 259")
}

// Every example is in every epoch once, the last few too.
func TestT22NothingIsDropped(t *testing.T) {
	for epoch := range 3 {
		seen := make([]int, 103)
		for _, i := range data.Order(len(seen), 5, epoch) {
			seen[i]++
		}
		for i, n := range seen {
			require.Equal(t, 1, n, i)
		}
	}
}

// Neighbours in the file are not always neighbours in a batch.
func TestT23BatchesAreMixed(t *testing.T) {
	together := 0
	for epoch := range 20 {
		place := make([]int, 1000)
		for i, example := range data.Order(1000, 9, epoch) {
			place[example] = i
		}
		for i := 0; i < 1000; i += 2 {
			if place[i]/4 == place[i+1]/4 {
				together++
			}
		}
	}
	require.InDelta(t, 20*500*3.0/999, together, 25, "3 of 999 places, as chance has it")
}
