package encode_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data/encode"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

// Rounds share what is left of the cutoff; a letter is a token here.
func TestRoundsAreCutInProportion(t *testing.T) {
	a := func(n int) string { return strings.Repeat("a", n) }
	q := func(n int) string { return strings.Repeat("q", n) }
	r := recipe.Recipe{BOS: recipe.NoToken, Dialogue: &recipe.Dialogue{}}
	for _, c := range []struct {
		name, trainOn, want string
		turns               []string
	}{
		{"a short answer stays whole", "", "qqqqqqqq⟦aa⟧", []string{q(20), a(2)}},
		{"a short question stays whole", "", "qq⟦aaaaaaaa⟧", []string{q(2), a(20)}},
		{"both are long", "", "qqqqqqqq⟦aa⟧", []string{q(80), a(20)}},
		{"both are long, the answer longer", "", "qqqq⟦aaaaaa⟧", []string{q(20), a(30)}},
		{"the second round gets the rest", "", "qq⟦aa⟧qqq⟦aaa⟧", []string{q(2), a(2), q(9), a(9)}},
		{"the second round gets nothing", "", "qqqqq⟦aaaaa⟧", []string{q(5), a(5), q(9), a(9)}},
		{"the last round comes first", "last_turn", "qaqqqq⟦aaaa⟧", []string{q(9), a(9), q(4), a(4)}},
		{"the last round alone", "last_turn", "qqqqq⟦aaaaa⟧", []string{q(9), a(9), q(5), a(5)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			talk := datatest.Talk(c.turns...)
			r.Restrict(&talk, c.trainOn)
			fitted, err := encode.New(datatest.Letters{}, r.TrainOn(c.trainOn)).Fit(talk, 10, "proportional")
			require.NoError(t, err)
			require.Len(t, fitted.Examples[0].Tokens, 10)
			require.Equal(t, c.want, datatest.Marked(fitted.Examples[0]))
		})
	}
}
