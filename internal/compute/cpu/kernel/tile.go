package kernel

// The shape of a register tile.
const (
	TileRows = 14 // at most
	Panel    = 32 // columns
)

// The shape of a small tile, whose sums fit sixteen registers of eight words.
const (
	SmallRows = 6
	SmallCols = 16
)

// The shape of a tile of pairs of int16.
const (
	PairRows = 6 // at most
	PairCols = 16
)

// Tile holds the arguments of a kernel that computes, with ⊗ the product of two words,
//
//	c[i·ldc+j] = Σ_s a[s·lda+i] ⊗ b[s·ldb+j]    i < rows ≤ 14, j < cols ≤ 32
//
// Every sum is one chain in ascending s. All 32 columns of b are read, whatever cols is. Assembly knows the offsets of
// these fields.
type Tile struct {
	C     []Word // float32, or int32 where words are bytes or int16
	LDC   int
	A     []Word
	LDA   int
	B     []Word
	LDB   int
	Steps int
	Rows  int
	Cols  int
	Mode  int

	// Next are words that will be needed soon; some kernels prefetch them into the second cache as they go.
	Next []Word

	// Ahead is how many bytes of b are prefetched before they are needed, where rows are few; 0: eight steps.
	Ahead int
}

// The bits of Tile.Mode.
const (
	ModeContinue = 1 // sums start at c instead of zero
	ModeAdd      = 2 // sums are added to c instead of stored over it
)

// tileF32Go multiplies float32, in blocks of 2×4 as far as they go.
func tileF32Go(t *Tile) {
	f := floatTile{Tile: t, a: Floats(t.A), b: Floats(t.B), c: Floats(t.C)}
	i, wide := 0, t.Cols&^3
	for ; i+2 <= t.Rows; i += 2 {
		for j := 0; j < wide; j += 4 {
			f.block2x4(i, j)
		}
		f.chains(i, i+2, wide, t.Cols)
	}
	f.chains(i, t.Rows, 0, t.Cols)
}

// floatTile views the words of a tile as float32.
type floatTile struct {
	*Tile
	a, b, c []float32
}

// The conversions around the products forbid fusing them into the sums, which would make the bits depend on the
// machine.

// chains computes rows lo … hi-1 and columns from … to-1, one element after the other.
func (t *floatTile) chains(lo, hi, from, to int) {
	for i := lo; i < hi; i++ {
		for j := from; j < to; j++ {
			sum := t.start(i, j)
			for s := range t.Steps {
				sum += float32(t.a[s*t.LDA+i] * t.b[s*t.LDB+j])
			}
			t.end(i, j, sum)
		}
	}
}

func (t *floatTile) block2x4(i, j int) {
	u0, u1, u2, u3 := t.start(i, j), t.start(i, j+1), t.start(i, j+2), t.start(i, j+3)
	v0, v1, v2, v3 := t.start(i+1, j), t.start(i+1, j+1), t.start(i+1, j+2), t.start(i+1, j+3)
	for s := range t.Steps {
		a, b := t.a[s*t.LDA+i:][:2:2], t.b[s*t.LDB+j:][:4:4]
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

// start returns the first term of a chain.
func (t *floatTile) start(i, j int) float32 {
	if t.Mode&ModeContinue != 0 {
		return t.c[i*t.LDC+j]
	}
	return 0
}

// end stores the sum of a chain.
func (t *floatTile) end(i, j int, sum float32) {
	if t.Mode&ModeAdd != 0 {
		sum += t.c[i*t.LDC+j]
	}
	t.c[i*t.LDC+j] = sum
}

// tileBF16Go multiplies words of two bfloat16 and adds both products, the upper one first.
func tileBF16Go(t *Tile) {
	f := floatTile{Tile: t, c: Floats(t.C)}
	for i := range t.Rows {
		for j := range t.Cols {
			sum := f.start(i, j)
			for s := range t.Steps {
				x, y := t.A[s*t.LDA+i], t.B[s*t.LDB+j]
				sum += float32((x &^ 0xffff).float() * (y &^ 0xffff).float())
				sum += float32((x << 16).float() * (y << 16).float())
			}
			f.end(i, j, sum)
		}
	}
}
