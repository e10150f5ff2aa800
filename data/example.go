// Package data turns instruction sets into examples: token sequences with a label
// for every learned token. Its packages are the steps of this conversion:
// source reads conversations, recipe lays them out, encode tokenizes them, lint
// checks them.
package data

import "fettle/data/encode"

// Example is one encoded row of a set, Sequence one of its sequences.
type (
	Example  = encode.Example
	Sequence = encode.Sequence
)

// Ignore is the label of a token that is not learned.
const Ignore = encode.Ignore
