package recipe_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data/internal/datatest"
	"fettle/data/recipe"
	"fettle/data/source"
)

// Every recipe has its origin and hyper-parameters.
func TestRecipesAreComplete(t *testing.T) {
	names := map[string]bool{}
	datatest.EachRecipe(t, func(t *testing.T, r recipe.Recipe) {
		require.False(t, names[r.Name])
		names[r.Name] = true
		for _, text := range []string{r.Paper, r.Source, r.License, r.Note} {
			require.NotEmpty(t, text)
		}
		require.Contains(t, source.Formats(), r.Format)
		require.Positive(t, r.Cutoff)
		require.NotEmpty(t, r.Presets)
		for _, p := range r.Presets {
			require.Contains(t, []string{"repo", "paper", "official", "ours"}, p.Name)
			require.Contains(t, []string{"linear", "cosine", "constant_with_warmup"}, p.Schedule)
			require.Contains(t, []string{"micro-batch", "row", "step"}, p.Normalise)
			require.Positive(t, p.LearningRate*p.Epochs*p.Beta2*float64(p.Batch)*float64(p.Cutoff))
			lora, prompt := p.Rank > 0, p.PromptLen > 0
			require.False(t, lora && prompt)
			require.Equal(t, []bool{lora, lora}, []bool{p.Alpha > 0, len(p.Targets) > 0})
			require.Equal(t, prompt, p.PromptLayers > 0)
		}
	})
	require.Len(t, names, 19)
}

func TestPresetsAreFound(t *testing.T) {
	r, err := recipe.Find("chatdoctor")
	require.NoError(t, err)
	p, err := r.Preset("paper")
	require.NoError(t, err)
	require.Equal(t, []float64{2e-5, 3, 192}, []float64{p.LearningRate, p.Epochs, float64(p.Batch)})
	_, err = r.Preset("papers")
	require.ErrorContains(t, err, `did you mean "paper"`)
}

// A change of one copy of a recipe does not change another.
func TestRecipesAreValues(t *testing.T) {
	r, err := recipe.Find("vicuna")
	require.NoError(t, err)
	r.Dialogue.User = "changed"
	r.Presets[0].Batch = 1
	again, err := recipe.Find("vicuna")
	require.NoError(t, err)
	require.Equal(t, "USER: ", again.Dialogue.User)
	require.Equal(t, 128, again.Presets[0].Batch)
	require.False(t, slices.ContainsFunc(recipe.All(),
		func(r recipe.Recipe) bool { return r.Dialogue != nil && r.Dialogue.User == "changed" }))
}

func TestUnknownRecipesAreRefused(t *testing.T) {
	_, err := recipe.Find("alpacca")
	require.ErrorContains(t, err, `did you mean "alpaca"`)
	_, err = recipe.Find("something else")
	require.ErrorContains(t, err, "want one of alpaca,")
}
