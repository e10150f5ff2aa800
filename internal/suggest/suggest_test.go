package suggest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDistanceCountsEdits(t *testing.T) {
	for _, c := range []struct {
		reason, a, b string
		want         int
	}{
		{"equal", "rank", "rank", 0},
		{"nothing against something", "", "rank", 4},
		{"an insertion", "rank", "ranks", 1},
		{"a deletion", "rank", "ran", 1},
		{"a substitution", "rank", "rink", 1},
		{"neighbours swapped", "learning", "lerarning", 1},
		{"a swap at the end", "rank", "rakn", 1},
		{"two edits", "kitten", "mittens", 2},
		{"a swap with an insertion inside counts three", "ca", "abc", 3},
	} {
		require.Equal(t, c.want, Distance(c.a, c.b), c.reason)
		require.Equal(t, c.want, Distance(c.b, c.a), c.reason)
	}
}

func TestTheNearestIsSuggestedIfItIsNear(t *testing.T) {
	names := []string{"lora_alpha", "learning_rate", "lora_rank", "top_p", "top_k"}
	require.Equal(t, "learning_rate", Nearest("lerning_rate", names))
	require.Equal(t, "top_p", Nearest("top_x", names), "the first of those equally near")
	require.Equal(t, "", Nearest("quantum", names))
	require.Equal(t, "", Nearest("x", nil))
	require.Equal(t, `, did you mean "--lora_rank"`, DidYouMean("lora_rnak", names, "--"))
	require.Equal(t, "", DidYouMean("quantum", names, "--"))
}

func TestUnknownNamesGetSuggestionsOrAList(t *testing.T) {
	known := []string{"alpaca", "vicuna"}
	require.EqualError(t, Unknown("recipe", "alpacca", known), `unknown recipe "alpacca", did you mean "alpaca"`)
	require.EqualError(t, Unknown("recipe", "x", known), `unknown recipe "x", want one of alpaca, vicuna`)
}

func FuzzDistanceIsAMetric(f *testing.F) {
	f.Add("lora_rank", "lora_alpha")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 100 {
			t.Skip("long words take long")
		}
		d := Distance(a, b)
		require.Equal(t, d, Distance(b, a))
		require.Equal(t, a == b, d == 0)
		require.LessOrEqual(t, d, max(len(a), len(b)))
		require.GreaterOrEqual(t, d, max(len(a)-len(b), len(b)-len(a)))
	})
}
