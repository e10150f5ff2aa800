package cpu

//go:generate go run ./gen .

import (
	"fmt"
	"os"
	"strings"
)

// level is what a kind of processor computes with: assembly where there is
// some, else the plain twin.
type level struct {
	name string
	rows int  // of a tile, as suits tileF32; at most tileRows
	bf16 bool // has products of bfloat16 pairs: tileBF16 and its packs
	auto bool // has them, and they are faster than products of float32

	// codes is how many codes a word holds where products of bytes are faster
	// still: 4 (tileInt8) or 2 (tilePairs), else 0.
	codes int

	stripRows int // so many rows pass over strips, see strips.go; 0: never

	// Products: tiles, and layouts for them.
	tileF32, tileBF16, tileInt8                      func(*tile)
	stripF32                                         func(*tile)
	packF32, packBF16, pairBF16, part                func(*pack)
	transposeBF16, transposeBF16F32, transposeF16F32 func(*pack)
	widenBF16, widenF16                              func(*pack)
	dequantizeInt8, dequantizeNF4, transposeInt8     func(*pack)
	tilePairs, tileBytes                             func(*tile)
	unpackPairs                                      func(*pack)
	prefetchRows                                     func(c []float32, ld, rows int) // asks for 32 words of each row
	multiplyPairs                                    func(rounds int)                // what tilePairs does, in registers alone; where codes is 2

	// Products of one row, whose sums are tileF32's; nil where there are none.
	rowBF16, rowF16, rowInt8, rowNF4 rowKernel

	// peakF32 does rounds of peakRound operations in registers; it may be nil.
	peakF32 func(rounds int)

	// To bytes and back.
	toBytes, toPairs    func(x, dst []float32, inverse float32)
	fromInt32, addInt32 func(y, sums, offset, scale []float32, r float32)

	// Element by element.
	add, multiply func(y, x []float32)
	scale         func(x []float32, a float32)
	norm          func(y, x, w []float32, r float32)
	normBack      func(dx, dy, x, w []float32, r, r3 float32)
	softmaxBack   func(ds, p []float32, delta, scale float32)
	rotate        func(x, y, cos, sin []float32, sign float32)
	swiglu        func(y, gate, up []float32)
	swigluBack    func(dgate, dup, dy, gate, up []float32)

	// To one number.
	top, magnitude, finite func(x []float32) float32
	expSum                 func(x []float32, top float32) float64
	dot                    func(x, y []float32) float64
	dot3                   func(x, y, z []float32) float64
}

// plain is the level of every machine.
func plain() level {
	return level{
		name: "plain", rows: tileRows,
		tileF32: tileF32Go, tileBF16: tileBF16Go, tileInt8: tileInt8Go, stripF32: stripF32Go,
		packF32: packF32Go, packBF16: packBF16Go, pairBF16: pairBF16Go, part: partGo,
		transposeBF16: transposeBF16Go, transposeBF16F32: transposeBF16F32Go, transposeF16F32: transposeF16F32Go,
		widenBF16: widenBF16Go, widenF16: widenF16Go,
		dequantizeInt8: dequantizeInt8Go, dequantizeNF4: dequantizeNF4Go, transposeInt8: transposeInt8Go,
		rowBF16: rowBF16Go, rowF16: rowF16Go, rowInt8: rowInt8Go, rowNF4: rowNF4Go,
		tilePairs: tilePairsGo, tileBytes: tileBytesGo, unpackPairs: unpackPairsGo, prefetchRows: func([]float32, int, int) {},
		toBytes: toBytesGo, toPairs: toPairsGo, fromInt32: fromInt32Go, addInt32: addInt32Go, magnitude: magnitudeGo, multiply: multiplyGo,
		add: addGo, scale: scaleGo, top: topGo, finite: finiteGo, expSum: expSumGo, dot: dotGo, dot3: dot3Go,
		norm: normGo, normBack: normBackGo, softmaxBack: softmaxBackGo, rotate: rotateGo, swiglu: swigluGo, swigluBack: swigluBackGo,
	}
}

// levels are those this machine has, the best first and plain last.
func levels() []level { return append(fast(), plain()) }

// choose finds a level by name: from the options, else from the environment
// variable FETTLE_CPU, else the best.
func choose(name string) (level, error) {
	if name == "" {
		name = os.Getenv("FETTLE_CPU")
	}
	all := levels()
	var names []string
	for _, l := range all {
		if l.name == name || name == "" {
			return l, nil
		}
		names = append(names, l.name)
	}
	return level{}, fmt.Errorf("cpu: no level %q on this machine, want one of %s", name, strings.Join(names, ", "))
}
