package source

import (
	"strings"

	"fettle/data/recipe"
)

// roleOf returns the role that a data set's name for one stands for, "" if the
// name is unknown.
func roleOf(name string) recipe.Role {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "user", "human", "prompter", "utilisateur", "instruction":
		return recipe.User
	case "assistant", "gpt", "bot", "chatgpt", "bing", "bard", "model", "assistante", "function_call", "output":
		return recipe.Assistant
	case "system", "developer":
		return recipe.System
	case "tool", "function", "observation", "ipython", "environment", "tool_response":
		return recipe.Tool
	}
	return ""
}
