//go:build amd64 && !purego

package kernel

import (
	"testing"

	"github.com/klauspost/cpuid/v2"
	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
)

// Processors without VPDPBUSD check what those with it do: the bytes that AVX2 unpacks are the twin's, and a tile that
// is fed with them computes the product of a row.
func TestNF4ForVPDPBUSDEqualsRows(t *testing.T) {
	if !cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3) {
		t.Skip("no AVX2")
	}
	const runs = 5
	r := NF4Row{
		Dst: random(Panel), X: linesOf(runs), Src: codes(runs * 4 * Panel), Scale: random(3 * Panel), Runs: runs,
	}
	tile := CodeTile{
		Dst: append([]float32{}, r.Dst...), LDC: Panel, X: r.X, LDX: len(r.X), B: make([]Word, runs*8*Panel),
		Scales: make([]float32, CodeScales(compute.NF4, runs*Run)), Rows: 1, Cols: Panel, Runs: runs, Mode: ModeContinue,
	}
	p := CodePanel{Dst: tile.B, Src: r.Src, Count: 4 * runs}
	unpackNF4Above(&p)
	got, check := guarded(t, make([]Word, len(p.Dst)))
	p.Dst = got
	unpackNF4AboveAVX2(&p)
	require.Equal(t, tile.B, got)
	check("unpack")
	for i := range runs {
		copy(tile.Scales[i*3*Panel:], r.Scale[i/2*Panel:][:Panel])
	}
	codeTile(1, false)(&tile)
	codesNF4AVX2(&r)
	requireNear(t, r.Dst, tile.Dst, 1e-6, 300, "tile")
}
