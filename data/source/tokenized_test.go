package source_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
)

// What TRL's SFTTrainer 1.16 learns of rows of token ids.
func TestMasksOfTokensAreFollowed(t *testing.T) {
	const no = data.Ignore
	for _, c := range []struct {
		reason, row    string
		tokens, labels []int32
	}{
		{"no mask", `{"input_ids": [1, 5, 6]}`, []int32{1, 5, 6}, []int32{1, 5, 6}},
		{"a completion", `{"input_ids": [1, 5, 6], "completion_mask": [0, 0, 1]}`, []int32{1, 5, 6}, []int32{no, no, 6}},
		{"answers", `{"input_ids": [1, 5, 6], "assistant_masks": [false, true, false]}`, []int32{1, 5, 6},
			[]int32{no, 5, no}},
		{"both", `{"input_ids": [1, 5, 6], "completion_mask": [0, 1, 1], "assistant_masks": [0, 0, 1]}`, []int32{1, 5, 6},
			[]int32{no, no, 6}},
		{"labels count alone", `{"input_ids": [1, 5, 6], "labels": [-100, 5, 6], "completion_mask": [0, 0, 1]}`,
			[]int32{1, 5, 6}, []int32{no, 5, 6}},
		{"padding behind", `{"input_ids": [1, 5, 0, 0], "attention_mask": [1, 1, 0, 0]}`, []int32{1, 5}, []int32{1, 5}},
		{"padding before", `{"input_ids": [0, 1, 5], "labels": [-100, -100, 5], "attention_mask": [0, 1, 1]}`,
			[]int32{1, 5}, []int32{no, 5}},
		{"positions", `{"input_ids": [1, 5, 6], "position_ids": [0, 1, 2]}`, []int32{1, 5, 6}, []int32{1, 5, 6}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			s, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", c.row), data.Options{})
			require.NoError(t, err)
			require.Equal(t, c.tokens, s.Examples[0].Tokens)
			require.Equal(t, c.labels, s.Examples[0].Labels)
		})
	}
	for row, want := range map[string]string{
		`{"input_ids": [1, 5], "completion_mask": [1]}`:          `"completion_mask" has 1 numbers for 2 input_ids`,
		`{"input_ids": [1, 5], "assistant_masks": [0, 2]}`:       `"assistant_masks" has 2 at 1, want 0 or 1`,
		`{"input_ids": [1, 5, 6], "attention_mask": [1, 0, 1]}`:  `"attention_mask" is 0 at 1, between tokens where it is 1`,
		`{"input_ids": [1, 5], "attention_mask": [0, 0]}`:        `"attention_mask" is 0 at every token`,
		`{"input_ids": [1, 5, 1, 6], "position_ids": [0,1,0,1]}`: `begins again at token 2 of 4`,
	} {
		_, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", row), data.Options{})
		require.ErrorContains(t, err, want)
	}
}

func TestFieldsBesideTokensAreNamed(t *testing.T) {
	path := datatest.Write(t, "a.jsonl",
		`{"ids": [1, 5, 6], "text": "a b", "completion_mask": [0, 1, 1], "labels": [1, 5, 6]}`)
	s, err := datatest.LoadAlpaca(path, data.Options{Columns: map[string]string{"input_ids": "ids"}})
	require.NoError(t, err)
	require.Equal(t, []string{"completion_mask", "text"}, s.Unread())
	_, err = datatest.LoadAlpaca(path, data.Options{Columns: map[string]string{"input_ids": "ids", "labels": "lables"}})
	require.ErrorContains(t, err, `no row has the field "lables", which columns map as "labels", did you mean "labels"`)
}
