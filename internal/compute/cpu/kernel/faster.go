package kernel

import "time"

// gain returns how much faster products of bfloat16 pairs are than of float32, per multiply-add, on a tile that lies in
// the first cache. It takes about a millisecond; other programs slow both down, and each counts by its fastest run.
func gain(bf16, f32 func(*Tile), now func() time.Time) float64 {
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
	return 2 * float64(fastest[1]) / float64(fastest[0])
}
