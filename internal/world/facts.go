// Package world generates the texts for fettle's own small base model: documents about a small consistent world in
// simple English, an instruction set about it, and questions about facts that the instructions leave out. Everything is
// a function of the seed.
package world

import (
	"fmt"
	"strings"
)

// Fact is a statement that is true in the world.
type Fact struct {
	Family string
	Says   []string // sentences that state it; the first one answers questions
	About  string   // the topic of the sentences
	Asks   []string // instructions that the first sentence answers
	Held   bool     // its question is in HeldOut, not in Instructions
}

// fact returns a Fact with {x} and {y} filled into its sentences; {X} is {x} with a capital.
func fact(family, x, y string, held bool, about string, says, asks []string) Fact {
	fill := strings.NewReplacer("{x}", x, "{y}", y, "{X}", strings.ToUpper(x[:1])+x[1:])
	f := Fact{Family: family, Held: held, About: fill.Replace(about)}
	for _, s := range says {
		f.Says = append(f.Says, fill.Replace(s))
	}
	for _, a := range asks {
		f.Asks = append(f.Asks, fill.Replace(a))
	}
	return f
}

// family returns facts that relate each member of xs to a random one of ys. The facts about the last held of xs are
// held out.
func family(name string, xs, ys []string, held, seed int, about string, says, asks []string) []Fact {
	var all []Fact
	var order []int
	for i, x := range xs {
		if i%len(ys) == 0 {
			order = shuffled(len(ys), uint64(seed*1000+i))
		}
		all = append(all, fact(name, x, ys[order[i%len(ys)]], i >= len(xs)-held, about, says, asks))
	}
	return all
}

// Facts returns all facts.
func Facts() []Fact {
	var all []Fact
	add := func(facts []Fact) { all = append(all, facts...) }
	add(family("job", names, jobs, 15, 1, "the job of {x}",
		[]string{"{x} works as a {y}.", "{x} is a {y}.", "The job of {x} is {y}.",
			"Everybody knows that {x} works as a {y}."},
		[]string{"What is the job of {x}?", "What does {x} do for a living?", "Tell me the job of {x}."}))
	add(family("city", names, cities, 15, 2, "the place where {x} lives",
		[]string{"{x} lives in {y}.", "The home of {x} is in {y}.", "You can find {x} in {y}.",
			"Everybody knows that {x} lives in {y}."},
		[]string{"Where does {x} live?", "In which city is the home of {x}?", "Tell me where {x} lives."}))
	add(family("pet", names, pets, 15, 3, "the pet of {x}",
		[]string{"{x} has a {y}.", "The pet of {x} is a {y}.", "{x} takes care of a {y}.",
			"Everybody knows that {x} has a {y}."},
		[]string{"What pet does {x} have?", "Which pet belongs to {x}?", "Tell me the pet of {x}."}))
	add(family("food", names, foods, 15, 4, "what {x} likes to eat",
		[]string{"{x} likes to eat {y}.", "The best food for {x} is {y}.", "{x} often asks for {y}.",
			"Everybody knows that {x} likes to eat {y}."},
		[]string{"What does {x} like to eat?", "Which food does {x} like?", "Tell me what {x} likes to eat."}))
	add(family("home", animals, homes, 8, 5, "the place where the {x} lives",
		[]string{"The {x} lives in the {y}.", "The home of the {x} is the {y}.", "You can see the {x} in the {y}.",
			"Everybody knows that the {x} lives in the {y}."},
		[]string{"Where does the {x} live?", "What is the home of the {x}?", "Tell me where the {x} lives."}))
	add(family("prey", animals, prey, 8, 6, "what the {x} eats",
		[]string{"The {x} eats {y}.", "The food of the {x} is {y}.", "The {x} looks for {y}.",
			"Everybody knows that the {x} eats {y}."},
		[]string{"What does the {x} eat?", "What is the food of the {x}?", "Tell me what the {x} eats."}))
	add(family("colour", things, colours, 12, 7, "the colour of the {x}",
		[]string{"The {x} is {y}.", "The colour of the {x} is {y}.", "Somebody painted the {x} {y}.",
			"Everybody knows that the {x} is {y}."},
		[]string{"What colour is the {x}?", "Which colour does the {x} have?", "Tell me the colour of the {x}."}))
	add(oppositeFacts())
	add(sequenceFacts())
	add(sumFacts())
	return all
}

func oppositeFacts() []Fact {
	var all []Fact
	for i := 0; i < len(opposites); i += 2 {
		all = append(all, fact("opposite", opposites[i], opposites[i+1], i >= len(opposites)-16, "the opposite of {x}",
			[]string{"The opposite of {x} is {y}.", "{X} is not {y}.", "Something {x} is never {y}.",
				"Everybody knows that the opposite of {x} is {y}."},
			[]string{"What is the opposite of {x}?", "Name the opposite of {x}.", "Tell me the opposite of {x}."}))
	}
	return all
}

func sequenceFacts() []Fact {
	var all []Fact
	for _, s := range [][]string{days, months, numbers} {
		for i := range len(s) - 1 {
			all = append(all, fact("sequence", s[i], s[i+1], i%5 == 3, "what comes after {x}",
				[]string{"After {x} comes {y}.", "First comes {x} and then comes {y}.", "The next after {x} is {y}.",
					"Everybody knows that after {x} comes {y}."},
				[]string{"What comes after {x}?", "Name what comes after {x}.", "Tell me what comes after {x}."}))
		}
	}
	return all
}

func sumFacts() []Fact {
	var all []Fact
	for a := 1; a <= 10; a++ {
		for b := 1; b <= 10; b++ {
			sum := fmt.Sprintf("%s plus %s", numbers[a-1], numbers[b-1])
			all = append(all, fact("sum", sum, numbers[a+b-1], (a*b+a+b)%7 == 3, "how much {x} is",
				[]string{"{X} is {y}.", "{X} makes {y}.", "If you count {x} you get {y}.", "Everybody knows that {x} is {y}."},
				[]string{"How much is {x}?", "What is {x}?", "Tell me how much {x} is."}))
		}
	}
	return all
}
