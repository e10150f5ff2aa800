package source

import (
	"strings"

	"fettle/data/recipe"
)

// roles are the names of roles in data sets, by the name that columns give the role.
var roles = map[string][]string{
	"role:user":      {"user", "human", "prompter", "utilisateur", "instruction"},
	"role:assistant": {"assistant", "gpt", "bot", "chatgpt", "bing", "bard", "model", "assistante", "output"},
	"role:call":      {"function_call"},
	"role:system":    {"system", "developer"},
	"role:tool":      {"tool", "function", "observation", "ipython", "environment", "tool_response"},
}

// role returns the role that a data set's name for one stands for, "" if the name is unknown, and whether the role's
// messages are tool calls.
func (f fields) role(name string) (role recipe.Role, calls bool) {
	for _, c := range roleColumns {
		if f.columns[c] == name && name != "" {
			f.sees(c)
			return roleOf(c)
		}
	}
	for _, c := range roleColumns {
		for _, known := range roles[c] {
			if !f.tags && strings.EqualFold(strings.TrimSpace(name), known) {
				return roleOf(c)
			}
		}
	}
	return "", false
}

// roleOf returns the role of one of roleColumns, and whether its messages are tool calls.
func roleOf(column string) (role recipe.Role, calls bool) {
	if column == "role:call" {
		return recipe.Assistant, true
	}
	return recipe.Role(strings.TrimPrefix(column, "role:")), false
}
