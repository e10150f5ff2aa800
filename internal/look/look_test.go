package look_test

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/look"
)

// themes returns the colours of the style sheet's :root blocks: light, dark and printed.
func themes(t *testing.T) map[string]map[string]string {
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(look.CSS(), -1)
	require.Len(t, blocks, 3)
	all := map[string]map[string]string{}
	for i, name := range []string{"light", "dark", "printed"} {
		all[name] = map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(blocks[i][1], -1) {
			all[name][m[1]] = m[2]
		}
	}
	return all
}

// luminance returns the relative luminance of #rrggbb, as WCAG 2.2 defines it.
func luminance(colour string) float64 {
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, _ := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func contrast(a, b string) float64 {
	hi, lo := luminance(a), luminance(b)
	return (max(hi, lo) + 0.05) / (min(hi, lo) + 0.05)
}

func TestContrastIsThatOfWhiteAndBlack(t *testing.T) {
	require.InDelta(t, 21, contrast("#ffffff", "#000000"), 1e-9)
	require.InDelta(t, 4.54, contrast("#767676", "#ffffff"), 0.01, "the lightest grey that WCAG's authors name")
}

func TestTextAndLinesHaveContrast(t *testing.T) {
	for _, c := range []struct {
		least       float64
		front, back string
	}{
		{4.5, "ink soft accent good error warning note", "paper card tint"},
		{4.5, "on-accent", "accent"},
		{4.5, "ink accent", "learn"},
		{4.5, "soft", "line"}, // a disabled button
		{3, "edge series-1 series-2 series-3 series-4", "paper card"},
	} {
		for name, theme := range themes(t) {
			for _, front := range strings.Fields(c.front) {
				for _, back := range strings.Fields(c.back) {
					if name == "printed" && front == "on-accent" {
						continue // buttons are not printed
					}
					pair := fmt.Sprintf("%s on %s, %s", front, back, name)
					require.Contains(t, theme, front, pair)
					require.Contains(t, theme, back, pair)
					require.GreaterOrEqual(t, contrast(theme[front], theme[back]), c.least, pair)
				}
			}
		}
	}
}

func TestTheStyleSheetLoadsNothing(t *testing.T) {
	require.NotContains(t, look.CSS(), "url(")
	require.NotContains(t, look.CSS(), "@import")
	require.NotContains(t, look.CSS(), "</", "it would end the style element")
	require.True(t, strings.HasPrefix(string(look.Icon()), "data:image/svg+xml;base64,"))
}

func TestHashIsThatOfContentSecurityPolicy(t *testing.T) {
	// The example of the recommendation "Content Security Policy Level 3", 2.3.1: alert('Hello, world.');
	require.Equal(t, "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='", look.Hash("alert('Hello, world.');"))
}
