package lint_test

import (
	"fmt"

	"fettle/data/lint"
	"fettle/data/recipe"
)

// Repair returns the rules of the repairs that it made.
func ExampleRepair() {
	c := recipe.Conversation{Turns: []recipe.Turn{
		{Role: recipe.User, Text: "Où est le cafÃ©?"},
		{Role: recipe.Assistant, Text: "Là-bas."},
		{Role: recipe.User, Text: "Merci."},
	}}
	rules, drop := lint.Repair(&c)
	fmt.Println(rules, drop)
	fmt.Println(len(c.Turns), c.Turns[0].Text)
	// Output:
	// [mojibake role-order] false
	// 2 Où est le café?
}

// Findings stop a run if their rule is an error and not allowed.
func ExampleReport_Errors() {
	var r lint.Report
	r.Template("alpaca", "vicuna")
	for _, allowed := range [][]string{nil, {"template-mismatch"}} {
		findings, err := r.Errors(allowed)
		if err != nil {
			panic(err)
		}
		for _, f := range findings {
			fmt.Println(f.Rule+":", f.Text)
		}
	}
	// Output:
	// template-mismatch: the adapter was trained with recipe alpaca, this run uses vicuna
}
