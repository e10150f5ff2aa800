package kernel

import "time"

// gain returns how much faster products of bfloat16, which do so many times the work of those of float32, are per
// multiply-add, on operands that lie in the first cache. It takes about a millisecond; other programs slow both down,
// and each counts by its fastest run.
func gain(bf16, f32 func(*Tile), work float64, now func() time.Time) float64 {
	const steps, calls, runs = 128, 16, 12
	t := Tile{
		C: make([]Word, TileRows*Panel), LDC: Panel, A: make([]Word, steps*TileRows), LDA: TileRows,
		B: make([]Word, (steps+8)*Panel), LDB: Panel, Steps: steps, Rows: TileRows, Cols: Panel,
	}
	fastest := [2]time.Duration{time.Hour, time.Hour}
	for range runs {
		for i, multiply := range []func(*Tile){bf16, f32} {
			begin := now()
			for range calls {
				multiply(&t)
			}
			fastest[i] = max(1, min(fastest[i], now().Sub(begin)))
		}
	}
	return work * float64(fastest[1]) / float64(fastest[0])
}

// gainAMX measures gain of a product in tile registers.
func gainAMX(a *AMX, f32 func(*Tile), now func() time.Time) float64 {
	const steps = 8
	words := make([]Word, 2*steps*AMXStep+AMXBlock)
	c, w := words[2*steps*AMXStep:], words[steps*AMXStep:]
	s := AMXStrip{C: c, X: words, W: w, Next: words, Steps: steps, Blocks: 1, Pairs: 1}
	const work = float64(steps*32*32*Panel) / (128 * TileRows * Panel)
	return gain(func(*Tile) { a.PanelBF16(&s) }, f32, work, now)
}
