package kernel

// AMXRows holds the arguments of a kernel that lays rows out in tiles or tiles in rows. Each kernel reads the fields
// that its comment names; assembly knows their offsets.
type AMXRows struct {
	X     []Word // row-major
	LD    int
	Tiles []Word
	Count int // rows
	Cols  int
	R     []float32 // scales of rows
	Scale []float32 // scales of columns
}

// In the comments below tile(s, r, j) is tiles[s·512 + 16r + j]: words of the first of two tiles.

// rowsBF16Go rounds rows to bfloat16:
//
//	tile(s, r, j) = (x[r, 32s+2j], x[r, 32s+2j+1])    r < count ≤ 16, 32s < cols
//
// with zero past the end of a row. Tiles have no other rows.
func rowsBF16Go(m *AMXRows) {
	m.each(32, func(r, s, n int, x []Word) {
		for j := range 16 {
			m.Tiles[s*AMXStep+16*r+j] = roundPair(upTo(x, n, 2*j), upTo(x, n, 2*j+1))
		}
	})
}

// rowsInt8Go copies words of codes u = q + 128 as q:
//
//	tile(s, r, j) = x[r, 16s+j] with all signs turned    r < count ≤ 16, 16s < cols
//
// with any word past the end of a row.
func rowsInt8Go(m *AMXRows) {
	m.each(16, func(r, s, n int, x []Word) {
		for j := range 16 {
			m.Tiles[s*AMXStep+16*r+j] = upTo(x, n, j) ^ 0x80808080
		}
	})
}

// turnBF16Go rounds rows to bfloat16 and transposes:
//
//	tile(s, j, r) = (x[r, 32s+j], x[r, 32s+16+j])    r < 16, 32s < cols
//
// with zero past the end of a row and past count ≤ 16 rows.
func turnBF16Go(m *AMXRows) {
	m.clear(32)
	m.each(32, func(r, s, n int, x []Word) {
		for j := range 16 {
			m.Tiles[s*AMXStep+16*j+r] = roundPair(upTo(x, n, j), upTo(x, n, 16+j))
		}
	})
}

// turnInt8Go transposes words of codes u = q + 128 as q, with b[i] byte i of words x[r, 16s …]:
//
//	tile(s, j, r) = (b[j], b[32+j], b[16+j], b[48+j]) with all signs turned    r < 16, 16s < cols
//
// with any word past the end of a row and past count ≤ 16 rows.
func turnInt8Go(m *AMXRows) {
	m.clear(16)
	m.each(16, func(r, s, n int, x []Word) {
		for j := range 16 {
			var word Word
			for i, at := range []int{j, 32 + j, 16 + j, 48 + j} {
				word |= Word(uint8((upTo(x, n, at/4) ^ 0x80808080).Byte(at%4))) << (8 * i)
			}
			m.Tiles[s*AMXStep+16*j+r] = word
		}
	})
}

// clear zeroes a tile for each step of per columns.
func (m *AMXRows) clear(per int) {
	for s := 0; s*per < m.Cols; s++ {
		clear(m.Tiles[s*AMXStep:][:tileWords])
	}
}

// each visits the steps of per columns of every row; x are the words of a step, n of them or more.
func (m *AMXRows) each(per int, visit func(r, s, n int, x []Word)) {
	for r := range m.Count {
		for s := 0; s*per < m.Cols; s++ {
			visit(r, s, min(per, m.Cols-s*per), m.X[r*m.LD+s*per:])
		}
	}
}

// upTo returns word i of the first n of x, else zero.
func upTo(x []Word, n, i int) Word {
	if i < n {
		return x[i]
	}
	return 0
}

// partBF16Go parts chunks of cols panels, ld words apart, of count ≤ 16 lines of 32 words, pairs (2i, 2i+1) along k:
// with w[o,k] the element of column o,
//
//	tile(s, k, j) = (w[j,k], w[16+j,k])    k < 2·count, s < cols
//
// Tiles have no other rows.
func partBF16Go(m *AMXRows) {
	for s := range m.Cols {
		for i := range m.Count {
			line, at := m.X[s*m.LD+i*Panel:], m.Tiles[s*AMXStep+2*i*16:]
			for j := range 16 {
				x0, x1 := line[j].Halves()
				y0, y1 := line[16+j].Halves()
				at[j], at[16+j] = pair(x0, y0), pair(x1, y1)
			}
		}
	}
}

// partInt8Go parts chunks of pairs of panels, ld words apart, of count ≤ 8 lines of 32 words, bytes 4i … 4i+3 along k:
// with w[o,k] the byte of column o of both panels,
//
//	tile(s, k, j) = (w[j,k], w[32+j,k], w[16+j,k], w[48+j,k])    k < 4·count, s < cols
//
// Tiles have no other rows.
func partInt8Go(m *AMXRows) {
	for s := range m.Cols {
		for i := range m.Count {
			for k := range 4 {
				for j := range 16 {
					var word Word
					for b, o := range []int{j, 32 + j, 16 + j, 48 + j} {
						q := m.X[(2*s+o/Panel)*m.LD+i*Panel+o%Panel].Byte(k)
						word |= Word(uint8(q)) << (8 * b)
					}
					m.Tiles[s*AMXStep+(4*i+k)*16+j] = word
				}
			}
		}
	}
}

// sum returns where blocks of tiles have the sum of row r and column c of at most 32.
func sum(r, c int) int {
	return r/32*AMXBlock + (r%32/16*2+c/16)*tileWords + r%16*16 + c%16
}

// outF32Go: x[r,c] = sum(r,c), r < count, c < cols ≤ 32.
func outF32Go(m *AMXRows) {
	for r := range m.Count {
		for c := range m.Cols {
			m.X[r*m.LD+c] = m.Tiles[sum(r, c)]
		}
	}
}

// outInt32Go: x[r,c] = sum(r,c)·r[r]·scale[c], r < count, c < cols ≤ 32.
func outInt32Go(m *AMXRows) {
	x := Floats(m.X)
	for r := range m.Count {
		for c := range m.Cols {
			x[r*m.LD+c] = float32(int32(m.Tiles[sum(r, c)])) * m.R[r] * m.Scale[c]
		}
	}
}

// turned returns where blocks of tiles have the sum of row r of x, which is their column, and column c.
func turned(r, c int) int { return r/32*AMXBlock + sum(c, r%32) }

// addTurnedF32Go: x[r,c] += turned(r,c), r < count, c < cols ≤ 32.
func addTurnedF32Go(m *AMXRows) {
	x, tiles := Floats(m.X), Floats(m.Tiles)
	for r := range m.Count {
		for c := range m.Cols {
			x[r*m.LD+c] += tiles[turned(r, c)]
		}
	}
}

// addTurnedInt32Go: x[r,c] += turned(r,c)·r[r], r < count, c < cols ≤ 32.
func addTurnedInt32Go(m *AMXRows) {
	x := Floats(m.X)
	for r := range m.Count {
		for c := range m.Cols {
			x[r*m.LD+c] += float32(float32(int32(m.Tiles[turned(r, c)])) * m.R[r])
		}
	}
}
