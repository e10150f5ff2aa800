package inspect

import (
	"fmt"

	"fettle/data"
)

// note explains a set whose every token but the first is learned, "" for others. Plain text has no prompts.
func note(recipe string, s *data.Set) string {
	if s.Stream || s.Learned == 0 || s.Learned < s.Tokens-len(s.Examples) {
		return ""
	}
	return fmt.Sprintf("Every token is learned, those of the prompts too, as the recipe %s has it; train_on assistant "+
		"learns the answers alone.", recipe)
}
