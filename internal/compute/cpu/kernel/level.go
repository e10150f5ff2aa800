// Package kernel holds the kernels of one core: register tiles, layouts of words, and loops over slices, in assembly
// where there is some, each beside its plain twin.
//
// Sums are chains of multiply-adds in ascending order, whose bits depend neither on the shape of a tile nor on its
// place. Package cpu decides which kernel runs, and on which thread.
package kernel

//go:generate go run ./gen .

import (
	"fmt"
	"os"
	"strings"

	"fettle/internal/compute"
)

// Level lists the kernels for a kind of processor: assembly where there is some, else the plain twin. The twins' doc
// comments define the kernels.
type Level struct {
	Name string
	Rows int  // of a tile, as suits TileF32; at most TileRows
	BF16 bool // has products of bfloat16 pairs: TileBF16 and its packs
	Auto bool // has them, and they are faster than products of float32

	Gain float64 // how much faster they are than those, as measured on this machine; 0: not measured

	// Codes is the number of codes in a word where products of bytes are faster than of float32: 4 for TileInt8, 2 for
	// TilePairs, else 0.
	Codes int

	Ahead int // of Tile, for words that come from memory

	StripRows int // rows from which on StripF32 is faster than TileF32; 0: never

	AMX *AMX // products in tile registers, which replace those of pairs, and of bytes where rows are many; or nil

	// Products: tiles, and layouts for them.
	TileF32, TileBF16, TileInt8                      func(*Tile)
	TilePairs, TileBytes                             func(*Tile)
	StripF32                                         func(*Tile)
	PackF32, PackBF16, PairBF16, Part                func(*Pack)
	TransposeBF16, TransposeBF16F32, TransposeF16F32 func(*Pack)
	WidenBF16, WidenF16                              func(*Pack)
	DequantizeInt8, DequantizeNF4, TransposeInt8     func(*Pack)
	UnpackPairs, SplitHalves                         func(*Pack)
	PrefetchRows                                     func(c []float32, ld, rows int) // 32 words of each row

	// Products of one row, whose sums have the bits of TileF32's; nil where there are none.
	RowBF16, RowF16, RowInt8, RowNF4 RowKernel

	// NF4 weights: their magnitudes, and products in codes, see NF4Row, CodePanel and CodeTile; these are nil where
	// there is no assembly, whose twins they have.
	MagnitudesNF4 func(*NF4Magnitudes)
	CodesNF4      func(*NF4Row)
	UnpackNF4     func(*CodePanel) // Count counts rows of words
	TileNF4       func(*CodeTile)

	Blocks   map[compute.DType]BlockKernels // products, and layouts, of GGUF's types
	CodeRuns func(x []float32, dst []Word)  // writes the codes that Blocks multiply: runs or lines
	RunWords int                            // of a run of these: RunWords or LineWords

	CodeLines func(x []float32, dst []Word) // writes those for tiles: lines

	// Peak rates of a core, in registers alone: rounds of PeakRound operations in float32, and of PairsRound in
	// int16 where Codes is 2. They may be nil.
	PeakF32, PeakPairs func(rounds int)

	// To bytes and back.
	ToBytes, ToPairs    func(x []float32, dst []Word, inverse float32)
	FromInt32, AddInt32 func(*IntSums)

	// Element by element.
	Sum           func(y, a, b []float32)
	Add, Multiply func(y, x []float32)
	Scale         func(x []float32, a float32)
	Norm          func(y, x, w []float32, r float32)
	NormBack      func(dx, dy, x, w []float32, r, r3 float32)
	SoftmaxBack   func(ds, p []float32, delta, scale float32)
	Rotate        func(x, y, cos, sin []float32, sign float32)
	SwiGLU        func(y, gate, up []float32)
	SwiGLUBack    func(dgate, dup, dy, gate, up []float32)

	// To one number.
	Top, Magnitude, Finite func(x []float32) float32
	ExpSum                 func(x []float32, top float32) float64
	Dot                    func(x, y []float32) float64
	Dot3                   func(x, y, z []float32) float64
}

// Operations of one round of PeakF32, 96 multiply-adds of eight values, and of PeakPairs, twelve of eight pairs.
const (
	PeakRound  = 96 * 8 * 2
	PairsRound = 12 * 8 * 2 * 2
)

// Plain returns the level of every machine.
func Plain() Level {
	return Level{
		Name: "plain", Rows: TileRows,
		TileF32: tileF32Go, TileBF16: tileBF16Go, TileInt8: tileInt8Go, TilePairs: tilePairsGo, TileBytes: tileBytesGo,
		StripF32: stripF32Go, PackF32: packF32Go, PackBF16: packBF16Go, PairBF16: pairBF16Go, Part: partGo,
		TransposeBF16: transposeBF16Go, TransposeBF16F32: transposeBF16F32Go, TransposeF16F32: transposeF16F32Go,
		WidenBF16: widenBF16Go, WidenF16: widenF16Go,
		DequantizeInt8: dequantizeInt8Go, DequantizeNF4: dequantizeNF4Go, TransposeInt8: transposeInt8Go,
		UnpackPairs: unpackPairsGo, PrefetchRows: func([]float32, int, int) {},
		SplitHalves: splitHalvesGo, Blocks: plainBlocks(), CodeRuns: codeRunsGo, RunWords: RunWords,
		CodeLines: codeLinesGo, MagnitudesNF4: magnitudesNF4Go,
		RowBF16: rowBF16Go, RowF16: rowF16Go, RowInt8: rowInt8Go, RowNF4: rowNF4Go,
		ToBytes: toBytesGo, ToPairs: toPairsGo, FromInt32: fromInt32Go, AddInt32: addInt32Go,
		Sum: sumGo, Add: addGo, Multiply: multiplyGo, Scale: scaleGo, Norm: normGo, NormBack: normBackGo,
		SoftmaxBack: softmaxBackGo, Rotate: rotateGo, SwiGLU: swigluGo, SwiGLUBack: swigluBackGo,
		Top: topGo, Magnitude: magnitudeGo, Finite: finiteGo, ExpSum: expSumGo, Dot: dotGo, Dot3: dot3Go,
	}
}

// Levels returns the levels of this machine, the best first and plain last.
func Levels() []Level { return append(fast(), Plain()) }

// Choose returns a level by name, by default the one that the environment variable FETTLE_CPU names, else the best.
func Choose(name string) (Level, error) {
	if name == "" {
		name = os.Getenv("FETTLE_CPU")
	}
	var names []string
	for _, l := range Levels() {
		if l.Name == name || name == "" {
			return l, nil
		}
		names = append(names, l.Name)
	}
	return Level{}, fmt.Errorf("cpu: no level %q on this machine, want one of %s", name, strings.Join(names, ", "))
}
