package cpu

import "fettle/internal/compute/cpu/kernel"

// ahead holds the words that the next panels will be read from, count stretches of each words, pitch apart. Tiles ask
// memory for them, part words each.
type ahead struct {
	words              []kernel.Word
	count, each, pitch int
	part, at           int // at: how much of the first stretch was asked for
}

// spread lets so many tiles ask for all, about the same each.
func (a *ahead) spread(tiles int) {
	const line = 16
	if a.count > 0 {
		perStretch := max(1, tiles/a.count)
		a.part = (a.each/perStretch + line) / line * line
	}
}

// next returns what the next tile asks for.
func (a *ahead) next() []kernel.Word {
	if a.count == 0 {
		return nil
	}
	to := min(a.each, a.at+a.part)
	words := a.words[a.at:to]
	if a.at = to; to == a.each {
		a.count, a.at = a.count-1, 0
		a.words = a.words[min(a.pitch, len(a.words)):]
	}
	return words
}
