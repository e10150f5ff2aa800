package cpu

import "math"

// The shape of a register tile.
const (
	tileRows = 14 // at most
	panel    = 32 // columns
)

// The shape of a small tile, one that sixteen registers of eight words hold.
const (
	smallRows = 6
	smallCols = 16
)

// tile is one call of a tile kernel. With ⊗ the product of two words,
//
//	c[i·ldc+j] = Σ_s a[s·lda+i] ⊗ b[s·ldb+j]    i < rows ≤ 14, j < cols ≤ 32
//
// Every sum is one chain in ascending s. All 32 columns of b are read, whatever
// cols is. Assembly knows the offsets of these fields.
type tile struct {
	c     []float32
	ldc   int
	a     []float32
	lda   int
	b     []float32
	ldb   int
	steps int
	rows  int
	cols  int
	mode  int

	// next are words that will be needed soon; some kernels ask the second
	// cache for them as they go.
	next []float32
}

// The bits of tile.mode.
const (
	modeContinue = 1 // sums start at c, not at zero
	modeAdd      = 2 // sums are added to c, not stored over it
)

// tileF32Go multiplies float32, in blocks of 2×4 as far as they go.
func tileF32Go(t *tile) {
	i, wide := 0, t.cols&^3
	for ; i+2 <= t.rows; i += 2 {
		for j := 0; j < wide; j += 4 {
			t.block2x4(i, j)
		}
		t.chains(i, i+2, wide, t.cols)
	}
	t.chains(i, t.rows, 0, t.cols)
}

// The conversions around the products forbid fusing them into the sums, which
// would make the bits depend on the machine.

// chains is the plain loop, for rows lo … hi-1 and columns from … to-1.
func (t *tile) chains(lo, hi, from, to int) {
	for i := lo; i < hi; i++ {
		for j := from; j < to; j++ {
			sum := t.start(i, j)
			for s := range t.steps {
				sum += float32(t.a[s*t.lda+i] * t.b[s*t.ldb+j])
			}
			t.end(i, j, sum)
		}
	}
}

func (t *tile) block2x4(i, j int) {
	u0, u1, u2, u3 := t.start(i, j), t.start(i, j+1), t.start(i, j+2), t.start(i, j+3)
	v0, v1, v2, v3 := t.start(i+1, j), t.start(i+1, j+1), t.start(i+1, j+2), t.start(i+1, j+3)
	for s := range t.steps {
		a, b := t.a[s*t.lda+i:][:2:2], t.b[s*t.ldb+j:][:4:4]
		x, y := a[0], a[1]
		u0 += float32(x * b[0])
		u1 += float32(x * b[1])
		u2 += float32(x * b[2])
		u3 += float32(x * b[3])
		v0 += float32(y * b[0])
		v1 += float32(y * b[1])
		v2 += float32(y * b[2])
		v3 += float32(y * b[3])
	}
	t.end(i, j, u0)
	t.end(i, j+1, u1)
	t.end(i, j+2, u2)
	t.end(i, j+3, u3)
	t.end(i+1, j, v0)
	t.end(i+1, j+1, v1)
	t.end(i+1, j+2, v2)
	t.end(i+1, j+3, v3)
}

// start is what the chain of an element begins with.
func (t *tile) start(i, j int) float32 {
	if t.mode&modeContinue != 0 {
		return t.c[i*t.ldc+j]
	}
	return 0
}

// end puts the sum of a chain in its place.
func (t *tile) end(i, j int, sum float32) {
	if t.mode&modeAdd != 0 {
		sum += t.c[i*t.ldc+j]
	}
	t.c[i*t.ldc+j] = sum
}

// tileBF16Go multiplies words of two bfloat16 and adds both products.
func tileBF16Go(t *tile) {
	for i := range t.rows {
		for j := range t.cols {
			sum := t.start(i, j)
			for s := range t.steps {
				x, y := math.Float32bits(t.a[s*t.lda+i]), math.Float32bits(t.b[s*t.ldb+j])
				sum += float32(math.Float32frombits(x&^0xffff) * math.Float32frombits(y&^0xffff))
				sum += float32(math.Float32frombits(x<<16) * math.Float32frombits(y<<16))
			}
			t.end(i, j, sum)
		}
	}
}

// tileInt8Go multiplies words of four bytes, unsigned in a and signed in b,
// and adds all products; c holds int32.
func tileInt8Go(t *tile) {
	for i := range t.rows {
		for j := range t.cols {
			sum := t.startInt32(i, j)
			for s := range t.steps {
				x, y := math.Float32bits(t.a[s*t.lda+i]), math.Float32bits(t.b[s*t.ldb+j])
				for k := 0; k < 32; k += 8 {
					sum += int32(uint8(x>>k)) * int32(int8(y>>k))
				}
			}
			t.c[i*t.ldc+j] = math.Float32frombits(uint32(sum))
		}
	}
}

// tilePairsGo is the like for words of two int16. Rows are at most 6, columns
// 16, and steps even.
func tilePairsGo(t *tile) {
	for i := range t.rows {
		for j := range pairCols {
			sum := t.startInt32(i, j)
			for s := range t.steps {
				sum += pairProduct(t.a[s*t.lda+i], t.b[s*t.ldb+j])
			}
			t.c[i*t.ldc+j] = math.Float32frombits(uint32(sum))
		}
	}
}

// tileBytesGo is the like for one row or two of pairs, a word of b being four
// bytes: a step is two words of a. Columns are 32.
func tileBytesGo(t *tile) {
	for i := range t.rows {
		for j := range panel {
			sum := t.startInt32(i, j)
			for s := range t.steps {
				even, odd := pairsOf(t.b[s*t.ldb+j])
				sum += pairProduct(t.a[2*s*t.lda+i], even) + pairProduct(t.a[(2*s+1)*t.lda+i], odd)
			}
			t.c[i*t.ldc+j] = math.Float32frombits(uint32(sum))
		}
	}
}

// startInt32 is what an int32 sum begins with.
func (t *tile) startInt32(i, j int) int32 {
	if t.mode == 0 {
		return 0
	}
	return int32(math.Float32bits(t.c[i*t.ldc+j]))
}

// pairProduct adds the products of two words of two int16.
func pairProduct(x, y float32) int32 {
	x0, x1 := halves(x)
	y0, y1 := halves(y)
	return int32(int16(x0))*int32(int16(y0)) + int32(int16(x1))*int32(int16(y1))
}

// pairsOf are the four bytes of a word as int16: the first and third, the
// second and fourth.
func pairsOf(word float32) (even, odd float32) {
	low, high := halves(word)
	return pair(uint16(int8(low)), uint16(int8(high))), pair(uint16(int16(low)>>8), uint16(int16(high)>>8))
}
