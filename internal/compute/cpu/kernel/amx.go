package kernel

import "math"

// AMX lists the kernels of products in tile registers, each of 16 rows of 64 bytes. A step of a product takes 64 bytes
// of every row: 32 bfloat16 or 64 bytes.
//
// Two tiles of x hold 32 rows, two of weights 32 columns, and a block of four tiles of int32 or float32 their sums. In
// memory tiles have 256 words and no gaps: a block of sums has the tiles (0,0), (0,1), (1,0), (1,1), and x the tiles
// [block][step][half].
type AMX struct {
	// Sums of 32 rows of x by the 32 columns of a panel, whose words lie as panels have them.
	PanelBF16, PanelInt8 func(*AMXStrip)

	// Sums of the 32 columns of a chunk, of W, by 32 rows of x, turned, as Part and Turn lay them out.
	ChunkBF16, ChunkInt8 func(*AMXStrip)

	// PanelBF16 for at most 16 rows: of every block and step the first tile of x, of sums the first two.
	FewBF16 func(*AMXStrip)

	// Sums of blocks of 32 rows of x by several panels, as rows.
	RectBF16 func(*AMXRect)

	// Layouts of x, of at most 16 rows: one of the two tiles of each step, as rows and turned.
	RowsBF16, RowsInt8, TurnBF16, TurnInt8 func(*AMXRows)

	// Layouts of weights for Chunk.
	PartBF16, PartInt8 func(*AMXRows)

	// Sums as rows: Panel's over what is there, Chunk's added to it.
	OutF32, OutInt32, AddTurnedF32, AddTurnedInt32 func(*AMXRows)

	// Peak rates of a core: Panel's work on one step and one block, over and over, whose sums are lost. They may be nil.
	PeakBF16, PeakInt8 func(*AMXStrip)
}

// tileWords is the number of words of a tile.
const tileWords = 256

// AMXBlock is the number of words of a block of four tiles, AMXStep that of two tiles, which is what a step of a strip
// takes of 32 rows, of a panel or of a chunk.
const (
	AMXBlock = 4 * tileWords
	AMXStep  = 2 * tileWords
)

// AMXStrip holds the arguments of a product with a strip of weights, steps deep. Assembly knows the offsets of its
// fields.
type AMXStrip struct {
	C, X, W []Word

	// Next are words that will be needed soon; at each step the kernel asks for some pairs of lines, and goes on by
	// Pace bytes. For chunks every block begins behind the pairs of the one before.
	Next []Word

	Steps, Blocks int
	Rows          int // for FewBF16, instead of blocks
	Mode          int // ModeContinue, or zero
	Pairs, Pace   int
}

// AMXRect holds the arguments of a product with several panels whose sums are rows, LD words apart: 32·Blocks of them,
// 32·Panels columns. Assembly knows the offsets of its fields.
type AMXRect struct {
	C, X, W               []Word
	LD                    int
	Steps, Blocks, Panels int
	Apart, Pitch          int // bytes of W from step to step, and from panel to panel
	Mode                  int // ModeContinue, or zero
}

// PlainAMX returns the plain twins.
func PlainAMX() *AMX {
	return &AMX{
		PanelBF16: func(s *AMXStrip) { s.panel(dotBF16Go) }, PanelInt8: func(s *AMXStrip) { s.panel(dotInt8Go) },
		ChunkBF16: func(s *AMXStrip) { s.chunk(dotBF16Go) }, ChunkInt8: func(s *AMXStrip) { s.chunk(dotInt8Go) },
		FewBF16: fewBF16Go, RectBF16: rectBF16Go,
		RowsBF16: rowsBF16Go, RowsInt8: rowsInt8Go, TurnBF16: turnBF16Go, TurnInt8: turnInt8Go,
		PartBF16: partBF16Go, PartInt8: partInt8Go,
		OutF32: outF32Go, OutInt32: outInt32Go, AddTurnedF32: addTurnedF32Go, AddTurnedInt32: addTurnedInt32Go,
	}
}

// dot adds to the rows × 16 words c the product of tiles x and w, whose rows lie ld words apart: words c[r,j] and of x
// at r·16, of w at s·ld.
type dot func(c, x, w []Word, rows, ld int)

// panel: tile (i,j) of a block of c += Σ over steps of tile i of x by half j of 16 lines of w.
func (s *AMXStrip) panel(multiply dot) {
	for b := range s.Blocks {
		c := s.C[b*AMXBlock:][:AMXBlock]
		if s.Mode&ModeContinue == 0 {
			clear(c)
		}
		for k := range s.Steps {
			x, w := s.X[(b*s.Steps+k)*AMXStep:][:AMXStep], s.W[k*AMXStep:][:AMXStep]
			for i := range 2 {
				for j := range 2 {
					multiply(c[(2*i+j)*tileWords:], x[i*tileWords:], w[16*j:], 16, Panel)
				}
			}
		}
	}
}

// chunk: tile (i,j) of a block of c += Σ over steps of tile i of w by tile j of x.
func (s *AMXStrip) chunk(multiply dot) {
	for b := range s.Blocks {
		c := s.C[b*AMXBlock:][:AMXBlock]
		if s.Mode&ModeContinue == 0 {
			clear(c)
		}
		for k := range s.Steps {
			x, w := s.X[(b*s.Steps+k)*AMXStep:][:AMXStep], s.W[k*AMXStep:][:AMXStep]
			for i := range 2 {
				for j := range 2 {
					multiply(c[(2*i+j)*tileWords:], w[i*tileWords:], x[j*tileWords:], 16, 16)
				}
			}
		}
	}
}

func fewBF16Go(s *AMXStrip) {
	for j := range 2 {
		c := s.C[j*tileWords:]
		if s.Mode&ModeContinue == 0 {
			clear(c[:s.Rows*16])
		}
		for k := range s.Steps {
			dotBF16Go(c, s.X[k*AMXStep:], s.W[k*AMXStep+16*j:], s.Rows, Panel)
		}
	}
}

// rectBF16Go: c[32b+r, 32p+j] = or += Σ over steps of row r of block b of x by column j of panel p.
func rectBF16Go(m *AMXRect) {
	for p := range m.Panels {
		for b := range m.Blocks {
			s := AMXStrip{C: make([]Word, AMXBlock), Steps: 1, Blocks: 1, Mode: m.Mode}
			rows := AMXRows{X: m.C[b*32*m.LD+p*Panel:], LD: m.LD, Tiles: s.C, Count: 32, Cols: Panel}
			if m.Mode&ModeContinue != 0 {
				for at := range AMXBlock {
					r, c := at/AMXStep*16+at%tileWords/16, at%AMXStep/tileWords*16+at%16
					s.C[at] = rows.X[r*m.LD+c]
				}
			}
			for k := range m.Steps {
				s.X, s.W = m.X[(b*m.Steps+k)*AMXStep:], m.W[(p*m.Pitch+k*m.Apart)/4:]
				s.panel(dotBF16Go)
				s.Mode = ModeContinue
			}
			outF32Go(&rows)
		}
	}
}

// dotBF16Go is TDPBF16PS. From zero on it sums the products of the lower halves of 16 words and, apart, of the upper
// ones, each step rounded once; then it adds both sums, and this to c. Denormal numbers count as zero everywhere.
func dotBF16Go(c, x, w []Word, rows, ld int) {
	for r := range rows {
		for j := range 16 {
			var even, odd float32
			for s := range 16 {
				u, v := x[16*r+s], w[s*ld+j]
				even = multiplyAdd(u<<16, v<<16, even)
				odd = multiplyAdd(u&^0xffff, v&^0xffff, odd)
			}
			at := &c[16*r+j]
			*at = Words([]float32{normal(normal(at.float()) + normal(even+odd))})[0]
		}
	}
}

// multiplyAdd returns sum + x·y, rounded once, for bfloat16. In float64 the product is exact, and rounding there first
// is harmless: it has more than twice the digits.
func multiplyAdd(x, y Word, sum float32) float32 {
	return normal(float32(float64(sum) + float64(normal(x.float()))*float64(normal(y.float()))))
}

// normal returns x, or zero of the same sign if it is denormal.
func normal(x float32) float32 {
	if bits := math.Float32bits(x); bits&0x7f800000 == 0 {
		return math.Float32frombits(bits & 0x80000000)
	}
	return x
}

// dotInt8Go is TDPBSSD: c += the products of signed bytes.
func dotInt8Go(c, x, w []Word, rows, ld int) {
	for r := range rows {
		for j := range 16 {
			sum := int32(c[16*r+j])
			for s := range 16 {
				for i := range 4 {
					sum += int32(x[16*r+s].Byte(i)) * int32(w[s*ld+j].Byte(i))
				}
			}
			c[16*r+j] = Word(sum)
		}
	}
}
