package data_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/internal/datatest"
)

func TestLongRows(t *testing.T) {
	text := datatest.TwoRows + fmt.Sprintf(`{"instruction": "x", "output": %q}`, strings.Repeat("long ", 100))
	path := datatest.Write(t, "a.jsonl", text)
	s, err := datatest.LoadAlpaca(path, data.Options{Cutoff: 300, OverLong: "truncate"})
	require.NoError(t, err)
	require.Equal(t, []int{3, 1, 0, 300}, []int{len(s.Examples), s.Cut, s.Dropped, len(s.Examples[2].Tokens)})
	s, err = datatest.LoadAlpaca(path, data.Options{Cutoff: 300, OverLong: "drop"})
	require.NoError(t, err)
	require.Equal(t, []int{2, 0, 1}, []int{len(s.Examples), s.Cut, s.Dropped})
	_, err = datatest.LoadAlpaca(path, data.Options{Cutoff: 300, OverLong: "error"})
	require.ErrorContains(t, err, "a.jsonl:3: 642 tokens, more than max_seq_length 300")
	_, err = datatest.LoadAlpaca(path, data.Options{Cutoff: 100, OverLong: "truncate"})
	require.ErrorContains(t, err, "beyond max_seq_length")
	_, err = datatest.LoadAlpaca(path, data.Options{Cutoff: 100, OverLong: "drop"})
	require.ErrorContains(t, err, "all 3 records are longer")
}

func TestManyRowsKeepTheirOrder(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, `{"instruction": "say", "output": "%d"}`+"\n", i)
	}
	told, part := 0, 0.0
	s, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", b.String()),
		data.Options{Progress: func(rows int, share float64) { told, part = rows, share }})
	require.NoError(t, err)
	require.Equal(t, 960, told)
	require.Equal(t, 1.0, part, "all bytes are read by then")
	for i, e := range s.Examples {
		require.Contains(t, datatest.Letters{}.Decode(e.Tokens), fmt.Sprintf("Response:%d", i))
		require.Equal(t, i+1, line(e.Source))
	}
}

func line(source string) (n int) {
	fmt.Sscan(source[strings.LastIndexByte(source, ':')+1:], &n)
	return n
}

func TestOrderIsAPermutation(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000} {
		seen := make([]bool, n)
		for _, i := range data.Order(n, 7, 3) {
			require.False(t, seen[i])
			seen[i] = true
		}
	}
	require.Equal(t, data.Order(100, 7, 3), data.Order(100, 7, 3))
	require.NotEqual(t, data.Order(100, 7, 3), data.Order(100, 7, 4))
	require.NotEqual(t, data.Order(100, 7, 3), data.Order(100, 8, 3))
}

func TestSplit(t *testing.T) {
	all := make([]data.Example, 100)
	for i := range all {
		all[i].Source = fmt.Sprint("f:", i)
	}
	for size, want := range map[float64]int{0: 0, 0.05: 5, 0.999: 99, 10: 10, 99: 99} {
		training, held, err := data.Split(all, size, 1)
		require.NoError(t, err)
		require.Len(t, held, want)
		require.Len(t, training, 100-want)
	}
}

func TestSplitLeavesTraining(t *testing.T) {
	all := make([]data.Example, 100)
	for i := range all {
		all[i].Source = fmt.Sprint("f:", i)
	}
	for _, size := range []float64{100, 500} {
		_, _, err := data.Split(all, size, 1)
		require.EqualError(t, err,
			fmt.Sprintf("val_size is %v, but there are 100 examples: none is left for training; "+
				"set it to 10, a tenth, or fewer", size))
	}
	_, _, err := data.Split(all[:1], 1, 1)
	require.ErrorContains(t, err, "set it to 0: one example cannot be divided")
	for _, rows := range []int{1, 2} { // a held-out row takes all of its examples with it
		for i := range all {
			all[i].Source = fmt.Sprint("f:", i%rows)
		}
		training, held, err := data.Split(all, 0.9, 1)
		require.NoError(t, err)
		require.Len(t, held, 100-100/rows)
		require.Len(t, training, 100/rows)
	}
}

// Parts and repetitions of one row are on one side.
func TestSplitKeepsRowsTogether(t *testing.T) {
	all := make([]data.Example, 300)
	for i := range all {
		all[i].Source = fmt.Sprint("f:", i%100)
	}
	training, held, err := data.Split(all, 0.1, 1)
	require.NoError(t, err)
	require.Len(t, held, 30)
	sides := map[string]bool{}
	for _, e := range held {
		sides[e.Source] = true
	}
	require.Len(t, sides, 10)
	for _, e := range training {
		require.False(t, sides[e.Source])
	}
}
