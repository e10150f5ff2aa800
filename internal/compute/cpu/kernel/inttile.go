package kernel

// tileInt8Go multiplies words of four bytes, unsigned in a and signed in b, and adds all products; c holds int32.
func tileInt8Go(t *Tile) {
	for i := range t.Rows {
		for j := range t.Cols {
			sum := t.startInt32(i, j)
			for s := range t.Steps {
				x, y := t.A[s*t.LDA+i], t.B[s*t.LDB+j]
				for k := range 4 {
					sum += int32(uint8(x.Byte(k))) * int32(y.Byte(k))
				}
			}
			t.C[i*t.LDC+j] = Word(sum)
		}
	}
}

// tilePairsGo multiplies words of two int16 and adds both products; c holds int32. Rows are at most 6, columns 16, and
// steps even.
func tilePairsGo(t *Tile) {
	for i := range t.Rows {
		for j := range PairCols {
			sum := t.startInt32(i, j)
			for s := range t.Steps {
				sum += pairProduct(t.A[s*t.LDA+i], t.B[s*t.LDB+j])
			}
			t.C[i*t.LDC+j] = Word(sum)
		}
	}
}

// tileBytesGo computes tilePairs for one row or two and 32 columns whose words in b hold four bytes: a step takes two
// words of a.
func tileBytesGo(t *Tile) {
	for i := range t.Rows {
		for j := range Panel {
			sum := t.startInt32(i, j)
			for s := range t.Steps {
				even, odd := t.B[s*t.LDB+j].unpack()
				sum += pairProduct(t.A[2*s*t.LDA+i], even) + pairProduct(t.A[(2*s+1)*t.LDA+i], odd)
			}
			t.C[i*t.LDC+j] = Word(sum)
		}
	}
}

// startInt32 returns the first term of an int32 sum.
func (t *Tile) startInt32(i, j int) int32 {
	if t.Mode == 0 {
		return 0
	}
	return int32(t.C[i*t.LDC+j])
}

// pairProduct returns x₀·y₀ + x₁·y₁ for words of two int16.
func pairProduct(x, y Word) int32 {
	x0, x1 := x.Halves()
	y0, y1 := y.Halves()
	return int32(int16(x0))*int32(int16(y0)) + int32(int16(x1))*int32(int16(y1))
}

// unpack widens four bytes to int16: the first and third, the second and fourth.
func (w Word) unpack() (even, odd Word) {
	return pair(uint16(w.Byte(0)), uint16(w.Byte(2))), pair(uint16(w.Byte(1)), uint16(w.Byte(3)))
}
