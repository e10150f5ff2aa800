package kernel

import (
	"fmt"
	"testing"

	"fettle/internal/compute"
)

// BenchmarkBlocks measures rows times a panel that lies in the cache, in float32 and in codes, in weights.
func BenchmarkBlocks(b *testing.B) {
	const k = 2048
	for _, l := range Levels() {
		for _, typ := range compute.BlockTypes() {
			of, _ := typ.Block()
			lines, room, kernels := make([]Word, typ.Bytes(Panel, k)/4), make([]float32, BlockScales), l.Blocks[typ]
			measure := func(what string, rows int, call func()) {
				b.Run(fmt.Sprintf("%s/%v/%s/%d", l.Name, typ, what, rows), func(b *testing.B) {
					for b.Loop() {
						call()
					}
					b.ReportMetric(float64(rows*k*Panel)*float64(b.N)/1e9/b.Elapsed().Seconds(), "Gweights/s")
				})
			}
			one := Blocks{Dst: make([]float32, Panel), X: random(k), Src: lines, Count: k / Run, Scales: room}
			measure("f32", 1, func() { kernels.Row(&one) })
			for _, rows := range []int{1, 16} {
				all := BlockRows{
					Dst: make([]float32, rows*Panel), Src: lines, Scales: room, Rows: rows, Count: k / of.Elements,
				}
				if kernels.Codes != nil {
					all.X, all.LDX, _ = coded(&l, rows, k)
					measure("codes", rows, func() { kernels.Codes(&all) })
				}
			}
		}
	}
}
