package lint

import (
	"slices"
	"strings"

	"fettle/data/recipe"
)

// Repair makes the repairs that are safe and returns their rules. drop: nothing is
// left to learn from.
func Repair(c *recipe.Conversation) (rules []string, drop bool) {
	for text := range texts(c) {
		if strings.ContainsRune(*text, '\ufeff') {
			*text = strings.ReplaceAll(*text, "\ufeff", "")
			rules = append(rules, "byte-order-mark")
		}
		if fixed := unMojibake(*text); fixed != *text {
			*text = fixed
			rules = append(rules, "mojibake")
		}
	}
	turns := c.Turns
	for len(turns) > 0 && turns[0].Role == recipe.Assistant {
		turns = turns[1:]
	}
	for len(turns) > 0 && turns[len(turns)-1].Asks() {
		turns = turns[:len(turns)-1]
	}
	if len(turns) < len(c.Turns) {
		c.Turns = turns
		rules = append(rules, "role-order")
	}
	if strings.TrimSpace(c.Answers()) == "" {
		rules, drop = append(rules, "empty-answer"), true
	}
	slices.Sort(rules)
	return slices.Compact(rules), drop
}
