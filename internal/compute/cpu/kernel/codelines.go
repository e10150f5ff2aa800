package kernel

import (
	"math"

	"fettle/internal/compute"
)

// LineWords is how many words a run of 32 elements takes that was rounded to bytes for tiles of codes: eight words of
// codes; the scale; −128·Σ of the codes of the first half, of the second, and of both; the scale times these three Σ,
// as float32; one word that nobody reads. It is a line of the cache.
const LineWords = 16

// Places in the words of a line.
const (
	lineScale  = 8
	lineSum    = 9
	lineScaled = 12
)

// CodeTileRows is how many rows a tile of codes has at most.
const CodeTileRows = 6

// CodePanel holds the arguments of a kernel that turns the weights of a panel, which lie transposed as for Blocks, to
// bytes. With a weight v = a·w + m of whole numbers w in parts of a block, as in BlockRows,
//
//	byte i of dst[(8r+s)·32 + c] = w + 128         of element 32r+4s+i of row c
//	scales[(3p+0)·32 + c], [(3p+2)·32 + c] = a, m   of part p of row c
//
// where m is written for types that have it only. Where there is no VPDPBUSD, bytes are as suits the tile of the type:
// w itself, or w plus what codes are stored with. Assembly knows the offsets of these fields.
type CodePanel struct {
	Dst    []Word // (runs, 8, 32)
	Scales []float32
	Src    []Word // lines
	Count  int    // blocks, at least one
}

// CodeTile holds the arguments of products of rows of bytes by weights that CodePanel has unpacked:
//
//	dst[i·ldc+c] = or += as BlockRows has it, to the bit    i < rows ≤ 6, c < cols ≤ 32
//
// Assembly knows the offsets of these fields.
type CodeTile struct {
	Dst    []float32
	LDC    int
	X      []Word // LineWords for each run of a row, LDX words from one row to the next
	LDX    int
	B      []Word    // CodePanel.Dst
	Scales []float32 // CodePanel.Scales
	Rows   int
	Cols   int
	Runs   int // at least one
	Mode   int // 0 or ModeContinue

	Room []float32 // (6, 32)
}

// CodeParts returns how many parts a run of a type of blocks has, HasOffsets whether they have an offset m.
func CodeParts(t compute.DType) int {
	switch t {
	case compute.Q2_K, compute.Q3_K, compute.Q6_K:
		return 2
	}
	return 1
}

// HasOffsets reports whether weights of a type of blocks have an offset m.
func HasOffsets(t compute.DType) bool {
	switch t {
	case compute.Q4_1, compute.Q5_1, compute.Q2_K, compute.Q4_K, compute.Q5_K:
		return true
	}
	return false
}

// CodeScales returns the length of CodePanel.Scales for k weights of a row.
func CodeScales(t compute.DType, k int) int { return k / Run * CodeParts(t) * 3 * Panel }

// codeLinesGo rounds x, whole runs of 32, as codeRunsGo does, and writes LineWords words for each.
func codeLinesGo(x []float32, dst []Word) {
	var run [RunWords]Word
	for ; len(x) > 0; dst, x = dst[LineWords:], x[Run:] {
		codeRun(&run, (*[Run]float32)(x))
		line := dst[:LineWords]
		for i := range line[:lineScale] {
			half := run[i/4*halfWords+i%4*2:]
			first, _ := half[0].Halves()
			second, _ := half[1].Halves()
			line[i] = pair(first, second)
		}
		line[lineScale] = run[halfScale]
		for i, at := range []int{halfSum, halfWords + halfSum, runSum} {
			line[lineSum+i], line[lineScaled+i] = Word(-128*int32(run[at])), run[at+1]
		}
		line[LineWords-1] = 0
	}
}

// codeTile returns the plain tile of codes of types with so many parts in a run, and with offsets or without. Its sums
// in float32 may differ from assembly's in the last bit, as they are rounded once more.
func codeTile(parts int, offsets bool) func(*CodeTile) {
	return func(t *CodeTile) {
		for i := range t.Rows {
			for c := range t.Cols {
				sum := float32(0)
				if t.Mode&ModeContinue != 0 {
					sum = t.Dst[i*t.LDC+c]
				}
				for r := range t.Runs {
					for p := range parts {
						sum = t.part(sum, i, c, r, p, parts, offsets)
					}
				}
				t.Dst[i*t.LDC+c] = sum
			}
		}
	}
}

// part adds part p of the parts of run r to the sum of row i and column c.
func (t *CodeTile) part(sum float32, i, c, r, p, parts int, offsets bool) float32 {
	line, which := t.X[i*t.LDX+r*LineWords:][:LineWords], p
	if parts == 1 {
		which = 2
	}
	whole := int32(line[lineSum+which])
	for s := p * 8 / parts; s < (p+1)*8/parts; s++ {
		w := t.B[(8*r+s)*Panel+c]
		for k := range 4 {
			whole += int32(uint8(w.Byte(k))) * int32(line[s].Byte(k))
		}
	}
	numbers := t.Scales[3*(r*parts+p)*Panel+c:]
	add := func(x, y float32) { sum = float32(math.FMA(float64(x), float64(y), float64(sum))) }
	add(line[lineScale].float()*numbers[0], float32(whole))
	if offsets {
		add(line[lineScaled+which].float(), numbers[2*Panel])
	}
	return sum
}
