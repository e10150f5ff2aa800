package world

import (
	"math/rand/v2"
	"strings"
)

// shuffled returns a permutation of 0 … n-1.
func shuffled(n int, seed uint64) []int { return rand.New(rand.NewPCG(seed, 77)).Perm(n) }

// Corpus returns n documents: paragraphs of sentences about the world and tiny stories. None has the form of a
// question, an instruction or an answer.
func Corpus(seed uint64, n int) []string {
	facts := Facts()
	rng := rand.New(rand.NewPCG(seed, 1))
	documents := make([]string, n)
	var queue []int // facts to state before any is repeated
	next := func() Fact {
		if len(queue) == 0 {
			queue = rng.Perm(len(facts))
		}
		f := facts[queue[0]]
		queue = queue[1:]
		return f
	}
	for i := range documents {
		var b strings.Builder
		story := i%8 == 7
		if story {
			b.WriteString(opening(rng))
		}
		for range 4 {
			for _, sentence := range tell(next(), rng) {
				if b.Len() > 0 {
					b.WriteByte(' ')
				}
				b.WriteString(sentence)
			}
		}
		if story {
			b.WriteString(" " + closings[rng.IntN(len(closings))])
		}
		documents[i] = b.String()
	}
	return documents
}

// tell states a fact in one to three sentences: sometimes its topic and then the sentence that answers questions,
// otherwise any of its sentences, and sometimes another one. Facts repeated in other words teach a model to attend to
// earlier mentions.
func tell(f Fact, rng *rand.Rand) []string {
	var out []string
	if rng.IntN(10) < 6 {
		out = append(out, topics[rng.IntN(len(topics))]+f.About+".", f.Says[0])
	} else {
		out = append(out, f.Says[rng.IntN(len(f.Says))])
	}
	if rng.IntN(2) == 0 {
		out = append(out, f.Says[rng.IntN(len(f.Says))])
	}
	return out
}

var topics = []string{
	"They talked about ", "This part is about ", "Now we come to ", "Many people think of ", "It is good to know ",
	"Listen to a word about ",
}

// opening returns the beginning of a tiny story.
func opening(rng *rand.Rand) string {
	who, with := names[rng.IntN(len(names))], names[rng.IntN(len(names))]
	where := cities[rng.IntN(len(cities))]
	return []string{
		"Once upon a time " + who + " met " + with + " on the road to " + where + ". They began to talk about the world.",
		"One day " + who + " sat down with " + with + " and told a story.",
		"It was a quiet evening in " + where + ". " + who + " had many things to tell.",
	}[rng.IntN(3)]
}

var closings = []string{
	"Then it was time to go home.", "And so the day came to an end.", "They were happy with what they had learned.",
	"Nobody wanted to leave.",
}

// Row is one record of the instruction set, in Alpaca's format.
type Row struct {
	Instruction string `json:"instruction"`
	Input       string `json:"input"`
	Output      string `json:"output"`
}

// Instructions returns rows with each question about the facts that are not held out.
func Instructions() []Row { return ask(false) }

// HeldOut returns rows with one question about each of the other facts.
func HeldOut() []Row { return ask(true) }

func ask(held bool) []Row {
	var rows []Row
	for i, f := range Facts() {
		if f.Held != held {
			continue
		}
		asks := f.Asks
		if held {
			asks = asks[i%len(asks):][:1]
		}
		for _, a := range asks {
			rows = append(rows, Row{Instruction: a, Output: f.Says[0]})
		}
	}
	return rows
}
