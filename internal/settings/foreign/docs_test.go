package foreign

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/SETTINGS.md")

func TestTheDocumentHasTheTables(t *testing.T) {
	const path, mark = "../../../docs/SETTINGS.md", "settings/foreign -update -->\n"
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	head, _, ok := strings.Cut(string(text), mark)
	require.True(t, ok)
	var b strings.Builder
	b.WriteString(head + mark + "\n### Defaults of other programs\n\n" +
		"| program | settings that its files leave out |\n| --- | --- |\n")
	for _, row := range Defaults() {
		fmt.Fprintf(&b, "| %s | %s |\n", row[0], row[1])
	}
	b.WriteString("\n### Keys of other programs\n\n| keys | | meaning here |\n| --- | --- | --- |\n")
	rows := Table()
	for i := 0; i < len(rows); {
		end := i + 1
		for end < len(rows) && rows[end][1] == rows[i][1] && rows[end][2] == rows[i][2] {
			end++
		}
		var keys []string
		for _, row := range rows[i:end] {
			keys = append(keys, "`"+row[0]+"`")
		}
		slices.Sort(keys)
		fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.Join(keys, " "), rows[i][1], rows[i][2])
		i = end
	}
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	require.Equal(t, b.String(), string(text), "go test ./internal/settings/foreign -update")
}
