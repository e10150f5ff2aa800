package kernel

import "math"

// RunWords is how many words a run of 32 elements takes that were rounded to bytes: 16 for each half of it. These are
// eight words that hold each pair of bytes twice; the scale; the sum of the half's codes, and the same times the scale,
// as float32; both for the whole run; the sums of the half's first eight codes and of the others; a word that nobody
// reads.
const RunWords = 32

// Places in the words of half a run.
const (
	halfScale  = 8
	halfSum    = 9
	runSum     = 11
	quarterSum = 13
	halfWords  = RunWords / 2
)

// BlockRows holds the arguments of products of rows of bytes and weights in blocks, which lie transposed as for Blocks.
// With s the scale of a run of x and q its codes, a weight v = a·w + m of whole numbers w in parts of a block,
//
//	dst[r·32 + c] += s·a·Σ w·q + m·s·Σ q    part by part in ascending order
//
// where sums within a part are exact. Assembly knows the offsets of these fields.
type BlockRows struct {
	Dst    []float32 // (rows, 32)
	X      []Word    // codes of rows, LDX words from one to the next
	Src    []Word    // lines
	Scales []float32 // room, BlockScales
	Rows   int       // at least one
	LDX    int
	Count  int // blocks, at least one
}

// codeRunsGo rounds x, whole runs of 32, to whole multiples, −127 … 127, of a scale for each run, its largest magnitude
// divided by 127, and writes RunWords words for each. If x is not finite, neither is the scale.
func codeRunsGo(x []float32, dst []Word) {
	for ; len(x) > 0; dst, x = dst[RunWords:], x[Run:] {
		codeRun((*[RunWords]Word)(dst), (*[Run]float32)(x))
	}
}

func codeRun(dst *[RunWords]Word, x *[Run]float32) {
	const even = 3 << 22 // adding it leaves no room for fractions
	var top, zero float32
	for _, v := range x {
		top, zero = max(top, float32(math.Abs(float64(v)))), zero+(v-v)
	}
	*dst = [RunWords]Word{}
	scale := top/127 + zero
	inverse := 127 / top
	code := func(v float32) int32 {
		if scale == 0 || zero != 0 {
			return 0
		}
		return int32(float32(float32(v*inverse)+even) - even)
	}
	var all int32
	for h := range 2 {
		half := dst[h*halfWords:]
		var sum int32
		for i := range Run / 4 {
			a, b := code(x[h*Run/2+2*i]), code(x[h*Run/2+2*i+1])
			sum += a + b
			half[quarterSum+i/4] += Word(a + b)
			bytes := uint16(uint8(a)) | uint16(uint8(b))<<8
			half[i] = pair(bytes, bytes)
		}
		half[halfScale], half[halfSum], half[halfSum+1] = word(scale), Word(sum), word(scale*float32(sum))
		all += sum
	}
	for h := range 2 {
		dst[h*halfWords+runSum], dst[h*halfWords+runSum+1] = Word(all), word(scale*float32(all))
	}
}

// RoundRuns writes the elements of x, whole runs of 32, as codes have them.
func RoundRuns(dst, x []float32) {
	var run [RunWords]Word
	for i := 0; i < len(dst); i += Run {
		codeRun(&run, (*[Run]float32)(x[i:]))
		for j := range dst[i:][:Run] {
			half := run[j/16*halfWords:]
			dst[i+j] = half[halfScale].float() * float32(half[j%16/2].Byte(j%2))
		}
	}
}
