package tokenizer

import (
	"hash/maphash"
	"math/bits"
)

// textIndex finds ids by their texts: a hash table with open addressing, at most half full. A slot holds the upper half
// of a text's hash and its id plus 1; 0 is an empty one.
type textIndex struct {
	texts []string // by id
	slots []uint64
	seed  maphash.Seed
}

// newTextIndex returns an empty index of texts by id.
func newTextIndex(texts []string) textIndex {
	return textIndex{texts: texts, slots: make([]uint64, slotsFor(len(texts))), seed: maphash.MakeSeed()}
}

// slotsFor returns a power of two of at least 2n.
func slotsFor(n int) int { return 1 << bits.Len(uint(2*n)) }

// find returns the id of a text.
func (x *textIndex) find(text string) (int32, bool) {
	slot, ok := x.slot(text)
	return int32(uint32(x.slots[slot])) - 1, ok
}

// add enters an id by its text, unless the text is there already.
func (x *textIndex) add(id int32) bool {
	slot, ok := x.slot(x.texts[id])
	if !ok {
		hash := maphash.String(x.seed, x.texts[id])
		x.slots[slot] = hash>>32<<32 | uint64(id+1)
	}
	return !ok
}

// slot returns the slot of a text, or where it would be.
func (x *textIndex) slot(text string) (slot int, ok bool) {
	hash := maphash.String(x.seed, text)
	mask := len(x.slots) - 1
	for slot = int(hash) & mask; x.slots[slot] != 0; slot = (slot + 1) & mask {
		if s := x.slots[slot]; s>>32 == hash>>32 && x.texts[uint32(s)-1] == text {
			return slot, true
		}
	}
	return slot, false
}

// ruleIndex finds merges by their two pieces; another such hash table. Its multiplier is random, so that no file can be
// made whose pairs share their slots.
type ruleIndex struct {
	pairs      []uint64 // left piece plus 1, right piece
	rules      []rule
	multiplier uint64
	shift      int
}

func newRuleIndex(n int) *ruleIndex {
	slots := slotsFor(n)
	return &ruleIndex{
		pairs: make([]uint64, slots), rules: make([]rule, slots),
		multiplier: maphash.String(maphash.MakeSeed(), "") | 1, shift: 64 - bits.TrailingZeros(uint(slots)),
	}
}

// find returns the rule of two pieces.
func (x *ruleIndex) find(left, right int32) (rule, bool) {
	slot, ok := x.slot(left, right)
	return x.rules[slot], ok
}

// add enters a rule. The first of equal pairs wins.
func (x *ruleIndex) add(left, right int32, r rule) {
	if slot, ok := x.slot(left, right); !ok {
		x.pairs[slot], x.rules[slot] = pairKey(left, right), r
	}
}

func (x *ruleIndex) slot(left, right int32) (slot int, ok bool) {
	key := pairKey(left, right)
	mask := len(x.pairs) - 1
	for slot = x.home(left, right); x.pairs[slot] != 0; slot = (slot + 1) & mask {
		if x.pairs[slot] == key {
			return slot, true
		}
	}
	return slot, false
}

// home returns the slot at which the search for a pair begins.
func (x *ruleIndex) home(left, right int32) int {
	return int(pairKey(left, right) * x.multiplier >> x.shift)
}

// pairKey returns two ids as one number, which is not 0. No piece has the id -1.
func pairKey(left, right int32) uint64 { return uint64(uint32(left+1))<<32 | uint64(uint32(right)) }
