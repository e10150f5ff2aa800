package kernel

import "slices"

// equalsTwins tries all kernels, once each, and reports whether they have the bits of the twins: a processor, or what
// emulates it, may depart from them.
func (k *AMX) equalsTwins() bool {
	twins := PlainAMX()
	strips := func(a *AMX) []func(*AMXStrip) {
		return []func(*AMXStrip){a.PanelBF16, a.ChunkBF16, a.FewBF16, a.PanelInt8, a.ChunkInt8}
	}
	rows := func(a *AMX) []func(*AMXRows) {
		return []func(*AMXRows){
			a.RowsBF16, a.RowsInt8, a.TurnBF16, a.TurnInt8, a.PartBF16, a.PartInt8,
			a.OutF32, a.OutInt32, a.AddTurnedF32, a.AddTurnedInt32,
		}
	}
	const steps = 2
	words := drawn(2*steps*AMXStep + 3*AMXBlock)
	x, w, c, tiles := words[:steps*AMXStep], words[steps*AMXStep:][:steps*AMXStep], words[2*steps*AMXStep:], words
	scales := Floats(words[:Panel])
	for i, strip := range strips(k) {
		s := AMXStrip{X: x, W: w, C: slices.Clone(c), Next: w, Steps: steps, Blocks: 1, Rows: 5, Mode: ModeContinue, Pairs: 1}
		strip(&s)
		got := s.C
		s.C = slices.Clone(c)
		strips(twins)[i](&s)
		if !slices.Equal(got, s.C) {
			return false
		}
	}
	rect := AMXRect{
		C: slices.Clone(c), X: x, W: w, LD: 3 * Panel, Steps: 1, Blocks: 1, Panels: 2, Apart: 4 * AMXStep, Pitch: 2 * AMXStep,
		Mode: ModeContinue,
	}
	k.RectBF16(&rect)
	got := rect.C
	rect.C = slices.Clone(c)
	twins.RectBF16(&rect)
	if !slices.Equal(got, rect.C) {
		return false
	}
	for i, move := range rows(k) {
		m := AMXRows{
			X: slices.Clone(words), LD: 3 * Panel, Tiles: slices.Clone(tiles), Count: 7, Cols: 21, R: scales, Scale: scales,
		}
		if i == 4 || i == 5 { // parts of chunks: panels, not columns
			m.LD, m.Cols = 7*Panel, 2
		}
		move(&m)
		x, t := m.X, m.Tiles
		m.X, m.Tiles = slices.Clone(words), slices.Clone(tiles)
		rows(twins)[i](&m)
		if !slices.Equal(x, m.X) || !slices.Equal(t, m.Tiles) {
			return false
		}
	}
	return true
}

// drawn returns n words: of two bfloat16, or of a float32, of less than one and more than 1e-20, whose products with
// each other are denormal at times.
func drawn(n int) []Word {
	words, state := make([]Word, n), uint32(1)
	for i := range words {
		state = state*1664525 + 1013904223
		words[i] = Word(state^state>>15)&^0x60006000 | 0x20002000
	}
	return words
}
