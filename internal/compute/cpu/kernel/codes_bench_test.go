package kernel

import (
	"fmt"
	"testing"

	"fettle/internal/compute"
	"fettle/internal/compute/devicetest"
)

// BenchmarkCodes measures a panel that lies in the cache: weights times rows.
func BenchmarkCodes(b *testing.B) {
	const k = 2048
	for _, l := range Levels() {
		for _, typ := range compute.BlockTypes() {
			of, _ := typ.Block()
			w := devicetest.Drawn(5, Panel, k, typ)
			var lines []Word
			lines = make([]Word, typ.Bytes(Panel, k)/4)
			for _, rows := range []int{1, 16} {
				codes, _ := coded(rows, k)
				br := BlockRows{Dst: make([]float32, rows*Panel), X: codes, Src: lines, Scales: make([]float32, BlockScales),
					Rows: rows, LDX: k / Run * RunWords, Count: k / of.Elements}
				bl := Blocks{Dst: make([]float32, Panel), X: random(k), Src: lines, Count: k / Run, Scales: br.Scales}
				if l.Blocks[typ].Codes == nil {
					continue
				}
				b.Run(fmt.Sprintf("%s/%v/codes/%d", l.Name, typ, rows), func(b *testing.B) {
					for b.Loop() {
						l.Blocks[typ].Codes(&br)
					}
					b.ReportMetric(float64(rows*k*Panel)*float64(b.N)/1e9/b.Elapsed().Seconds(), "Gweights/s")
				})
				if rows == 1 {
					b.Run(fmt.Sprintf("%s/%v/f32/%d", l.Name, typ, rows), func(b *testing.B) {
						for b.Loop() {
							l.Blocks[typ].Row(&bl)
						}
						b.ReportMetric(float64(rows*k*Panel)*float64(b.N)/1e9/b.Elapsed().Seconds(), "Gweights/s")
					})
				}
			}
			_ = w
		}
	}
}
