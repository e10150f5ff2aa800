package adapter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const qProj = "model.layers.10.self_attn.q_proj"

// The expected values are those of Python 3.11's re.fullmatch, and of PEFT's re.match(r"(.*\.)?(KEY)$", path).
func TestExpressionsMatchAsPythonsDo(t *testing.T) {
	for _, c := range []struct {
		name, text   string
		full, ending bool
	}{
		{"an ending", `q_proj`, false, true},
		{"part of a name is no ending", `_proj`, false, false},
		{"all of it", `.*q_proj`, true, true},
		{"anchors", `^model\..*q_proj$`, true, true},
		{"an anchor behind the dot", `^q_proj`, false, false},
		{"alternatives", `k_proj|q_proj`, false, true},
		{"the second alternative fits all", `model|model.*`, true, true},
		{"an unescaped dot matches any character", `layers.10.self_attn.q_proj`, false, true},
		{"look-ahead", `.*layers\.(?!1\.).*q_proj`, true, true},
		{"look-ahead that forbids it", `^(?!.*layers\.10\.).*q_proj`, false, false},
		{"look-behind", `.*(?<!k_)(?<=\.)q_proj`, true, true},
		{"a named group", `.*\.(?P<n>\d)(?P=n)?0?\..*`, true, true},
		{"PEFT's groups count before those of an ending", `.*(o)r?.*\1j`, true, false},
		{"\\Z", `.*q_proj\Z`, true, true},
		{"from nothing", `.*\.\d{,2}\..*`, true, true},
		{"from nothing, too few", `.*\.\d{,1}\.self.*`, false, false},
		{"a class", `.*\.[q-v]_proj`, true, true},
		{"a bracket in a class", `.*[[.]q_proj`, true, true},
		{"a class difference is a class in Python", `.*\.[a-z-[q]]_proj`, false, false},
		{"a leading ] in a class", `.*[].]q_proj`, true, true},
		{"(?P in a class", `.*[(?P<.]q_proj`, true, true},
		{"an escaped brace", `.*\{,2}`, false, false},
		{"flags", `(?i:MODEL).*Q_PROJ|.*(?i:Q_PROJ)`, true, true},
		{"nothing", ``, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			full, err := compileFull(c.text)
			require.NoError(t, err)
			ending, err := compileEnding(c.text)
			require.NoError(t, err)
			gotFull, err := full.matches(qProj)
			require.NoError(t, err)
			gotEnding, err := ending.matches(qProj)
			require.NoError(t, err)
			require.Equal(t, []bool{c.full, c.ending}, []bool{gotFull, gotEnding})
		})
	}
}

func TestNamedGroupsAreNumberedInTheirOrder(t *testing.T) {
	re, err := compileFull(`.*(?P<n>a)(t)\2n.*`)
	require.NoError(t, err)
	ok, err := re.matches(qProj)
	require.NoError(t, err)
	require.True(t, ok)
}

func TestBadExpressionsAreNamed(t *testing.T) {
	for _, text := range []string{`(`, `[`, `*q`, `(?P<n`, `a{2,1}`} {
		_, err := compileFull(text)
		require.ErrorContains(t, err, "regular expression", text)
		_, err = compileEnding(text)
		require.ErrorContains(t, err, "regular expression", text)
	}
}

func TestErrorsHaveTheExpressionAlone(t *testing.T) {
	_, err := compileEnding(`(`)
	require.EqualError(t, err, `regular expression "(": missing closing )`)
}

func TestVerboseExpressionsMayEndInAComment(t *testing.T) {
	re, err := compileFull("(?x) .* \\. q_proj  # queries")
	require.NoError(t, err)
	ok, err := re.matches(qProj)
	require.NoError(t, err)
	require.True(t, ok)
}

func TestExpressionsOfExponentialTimeEnd(t *testing.T) {
	re, err := compileFull(`(.+)+(.+)+(.+)+#`)
	require.NoError(t, err)
	_, err = re.matches(strings.Repeat("x", 60))
	require.ErrorContains(t, err, `"(.+)+(.+)+(.+)+#"`)
	require.ErrorContains(t, err, "time may be exponential")
}
