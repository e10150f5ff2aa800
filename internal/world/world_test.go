package world_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/world"
)

func TestHeldOutFactsAreInTheCorpusOnly(t *testing.T) {
	corpus := strings.Join(world.Corpus(1, 4000), "\n")
	rows := world.Instructions()
	var told strings.Builder
	for _, r := range rows {
		told.WriteString(r.Instruction + " " + r.Output + "\n")
	}
	require.GreaterOrEqual(t, len(rows), 1000)
	require.LessOrEqual(t, len(rows), 3000)
	held := world.HeldOut()
	require.GreaterOrEqual(t, len(held), 100)
	for _, r := range held {
		require.Contains(t, corpus, r.Output)
		require.NotContains(t, told.String(), r.Output)
		require.NotContains(t, told.String(), r.Instruction)
	}
	for _, f := range world.Facts() {
		if !f.Held {
			continue
		}
		for _, s := range append(f.Says, f.Asks...) {
			require.NotContains(t, told.String(), s)
		}
	}
	t.Logf("%d facts, %d rows, %d held out", len(world.Facts()), len(rows), len(held))
}

func TestCorpusHasNoInstructionFormat(t *testing.T) {
	for _, d := range world.Corpus(1, 2000) {
		for _, mark := range []string{"?", "#", "Instruction", "Response", "Question", "Answer", "\n", "Tell me", "Name "} {
			require.NotContains(t, d, mark)
		}
	}
}

// TestGuessingRarelySucceeds holds that no answer is much more common in its family than others.
func TestGuessingRarelySucceeds(t *testing.T) {
	counts, total := map[string]map[string]int{}, map[string]int{}
	for _, f := range world.Facts() {
		words := strings.Fields(f.Says[0])
		last := words[len(words)-1]
		if counts[f.Family] == nil {
			counts[f.Family] = map[string]int{}
		}
		counts[f.Family][last]++
		total[f.Family]++
	}
	for family, c := range counts {
		for answer, n := range c {
			require.LessOrEqual(t, float64(n), 0.1*float64(total[family])+1, "%s: %s", family, answer)
		}
	}
}

func TestSameSeedSameWorld(t *testing.T) {
	require.Equal(t, world.Corpus(5, 50), world.Corpus(5, 50))
	require.NotEqual(t, world.Corpus(5, 50), world.Corpus(6, 50))
}
