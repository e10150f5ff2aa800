package main

// Codes with a sign in products of rows: four elements of a row of weights side by side, as two bytes are all that fit
// a sum of 16 bits. Whole sums of either half begin at zero: those of columns 0 … 3 and 8 … 11, those of the others.

// fours makes registers of four elements in a row of two lines: in the first those of columns 0 … 3 and 8 … 11 of a
// half, in the second the others.
func (b *blocksAsm) fours(line, half, first, second int) {
	b.i("VMOVDQU %d(DI), Y%d", 64*line+32*half, second)
	b.i("VPUNPCKLWD %d(DI), Y%d, Y%d", 64*(line+1)+32*half, second, first)
	b.i("VPUNPCKHWD %d(DI), Y%d, Y%[2]d", 64*(line+1)+32*half, second)
}

// fourOfX is the place of four codes of x, from an even pair of half a run on: the second of two like pairs, the first
// of the next.
func fourOfX(half, pair int) int { return 4*(half*halfWords+pair) + 2 }

// addFours adds products of four elements, in a register, to sums, or begins them.
func (b *blocksAsm) addFours(products, sums int, begins bool) {
	if begins {
		b.i("VPMADDWD Y%d, Y%d, Y%d", rowOnes, products, sums)
		return
	}
	b.i("VPMADDWD Y%d, Y%d, Y%[2]d", rowOnes, products)
	b.i("VPADDD Y%d, Y%d, Y%[2]d", products, sums)
}

// bytesByFours leaves the sums of a run of bytes, which lend their signs to x: 128 has no negative.
func (b *blocksAsm) bytesByFours(pairs [][]term, ask request) {
	for i := 0; i < len(pairs); i += 2 {
		b.ask(ask, i/2, len(pairs)/2)
		b.i("VPBROADCASTD %d(SI), Y%d", fourOfX(i/8, i%8), rowX)
		for half := range 2 {
			b.fours(pairs[i][0].line, half, rowFours, rowFours+1)
			for j := range 2 {
				b.i("VPABSB Y%d, Y%d", rowFours+j, rowCodes)
				b.i("VPSIGNB Y%d, Y%d, Y%d", rowFours+j, rowX, rowMore)
				b.i("VPMADDUBSW Y%d, Y%d, Y%[2]d", rowMore, rowCodes)
				b.addFours(rowCodes, 2*half+j, i == 0)
			}
		}
	}
	b.inTurn()
}

// levelsByFours leaves the sums of a run of codes of four bits that are looked up, to which x lends its signs.
func (b *blocksAsm) levelsByFours(pairs [][]term, ask request) {
	for i := 0; i < len(pairs)/2; i += 2 {
		for half := range 2 {
			b.fours(pairs[i][0].line, half, rowFours+2*half, rowFours+2*half+1)
		}
		for nibble := range 2 {
			b.ask(ask, i+nibble, len(pairs)/2)
			b.i("VPBROADCASTD %d(SI), Y%d", fourOfX(nibble, i), rowX)
			b.i("VPABSB Y%d, Y%d", rowX, rowSizes)
			for j := range 4 {
				from := rowFours + j
				if nibble > 0 {
					b.i("VPSRLW $4, Y%d, Y%d", from, rowCodes)
					from = rowCodes
				}
				b.i("VPAND Y%d, Y%d, Y%d", from, rowNibbles, rowCodes)
				b.i("VPSHUFB Y%d, Y%d, Y%[1]d", rowCodes, rowTable)
				b.i("VPSIGNB Y%d, Y%d, Y%[2]d", rowX, rowCodes)
				b.i("VPMADDUBSW Y%d, Y%d, Y%[1]d", rowCodes, rowSizes)
				b.addFours(rowCodes, j, i+nibble == 0)
			}
		}
	}
	b.inTurn()
}

// inTurn puts the sums of fours in the order of columns.
func (b *blocksAsm) inTurn() {
	for half := range 2 {
		low, high := 2*half, 2*half+1
		b.i("VPERM2I128 $0x31, Y%d, Y%d, Y%d", high, low, rowCodes)
		b.i("VPERM2I128 $0x20, Y%d, Y%d, Y%[2]d", high, low)
		b.i("VMOVDQA Y%d, Y%d", rowCodes, high)
	}
}
