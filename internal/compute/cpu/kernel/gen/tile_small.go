package main

import "fmt"

// smallRows bounds the rows of a tile of 16 columns: sums, columns and a row's element fit sixteen registers of eight,
// or thirty-two of four.
const smallRows = 6

// smallTile holds the differences between processors with small tiles.
type smallTile struct {
	*asm
	name              string
	rows              int    // at most
	unroll            int    // steps of a round of the loop
	enter             func() // loads the fields of the tile
	row, next         func() // goes to the first row of C, to the next
	load, add, store  func(i int)
	zero              func(i int)
	ask               func(i int)               // for the lines of C that a row will need
	columns           func(r, u int)            // loads 16 columns of step u of a round
	multiply          func(r, u, i int)         // adds the products of element i of the rows
	endSteps          func(r, n int)            // goes on by n steps
	ifRows            func(r int, label string) // jumps if there are r rows
	ifMode            func(mode int, label string)
	jump              func(label string)
	ifNoSteps, repeat func(label string)
	take              func(n int, label string) // takes n steps off, jumps if there were fewer
	again             func(n int, label string) // takes n steps off, jumps if there were as many
	giveBack          func(n int)               // puts n steps back
	leave             func()
	more              func() // goes on to the rows below
}

// emit writes a function that computes tiles of r ≤ rows rows and the columns
// that one call of columns loads.
func (s *smallTile) emit() {
	s.function(s.name, "t *Tile", 8)
	s.enter()
	for r := 1; r < s.rows; r++ {
		s.ifRows(r, "rows"+itoa(r))
	}
	for r := s.rows; r >= 1; r-- {
		s.at("rows" + itoa(r))
		start, done, put, from := s.label("start"), s.label("done"), s.label("put"), s.label("from")
		each := func(do func(i int)) {
			s.row()
			for i := range r {
				do(i)
				s.next()
			}
		}
		if s.ask != nil {
			each(s.ask)
		}
		s.ifMode(modeContinue, from)
		for i := range r {
			s.zero(i)
		}
		s.jump(start)
		s.at(from)
		each(s.load)
		s.at(start)
		s.steps(r, done)
		s.at(done)
		sum := s.label("sum")
		s.ifMode(modeAdd, sum)
		s.jump(put)
		s.at(sum)
		each(s.add)
		s.at(put)
		each(s.store)
		if r == s.rows && s.more != nil {
			s.more()
		}
		s.leave()
	}
}

// steps writes the loop over the steps of r rows: rounds of several, then those that are left.
func (s *smallTile) steps(r int, done string) {
	round, rest, last := s.label("round"), s.label("rest"), s.label("last")
	some := func(n int) {
		for u := range n {
			s.columns(r, u)
			for i := range r {
				s.multiply(r, u, i)
			}
		}
		s.endSteps(r, n)
	}
	if s.unroll > 1 {
		s.take(s.unroll, rest)
		s.at(round)
		some(s.unroll)
		s.again(s.unroll, round)
		s.at(rest)
		s.giveBack(s.unroll)
	}
	s.ifNoSteps(done)
	s.at(last)
	some(1)
	s.repeat(last)
}

// tilesAVX2 emits the tile of six rows and 16 columns, the same for columns that are near, the strip of such tiles, and
// a tile of two rows and 32 columns, which sum in as many registers as keep the processor busy.
func tilesAVX2() []byte {
	a := newAsm("amd64")
	small := smallAVX2(a, "smallF32", smallRows, 2, 12)
	small.asks()
	small.emit()
	nearAVX2(a)
	stripAVX2(a)
	smallAVX2(a, "wideF32", 2, 4, 8).emit()
	return a.Bytes()
}

// smallAVX2 sums a row in count registers of eight columns, all rows in Y0 and on; the registers from first on hold
// columns, Y14, Y15 elements.
func smallAVX2(a *asm, name string, rows, count, first int) *smallTile {
	all := func(do func(j int)) {
		for j := range count {
			do(j)
		}
	}
	return &smallTile{
		asm: a, name: name, rows: rows, unroll: 2,
		enter: func() { a.tileFields(tileSteps) },
		row:   func() { a.i("MOVQ AX, R12") },
		next:  func() { a.i("ADDQ BX, R12") },
		load:  func(i int) { all(func(j int) { a.i("VMOVUPS %d(R12), Y%d", 32*j, count*i+j) }) },
		add:   func(i int) { all(func(j int) { a.i("VADDPS %d(R12), Y%d, Y%d", 32*j, count*i+j, count*i+j) }) },
		store: func(i int) { all(func(j int) { a.i("VMOVUPS Y%d, %d(R12)", count*i+j, 32*j) }) },
		zero:  func(i int) { all(func(j int) { a.i("VXORPS Y%d, Y%d, Y%d", count*i+j, count*i+j, count*i+j) }) },
		ask:   func(int) { a.i("PREFETCHT0 (R12)"); a.i("PREFETCHT0 %d(R12)", 32*count-1) },
		columns: func(_, u int) {
			if u > 0 {
				a.i("ADDQ R9, DI")
			}
			all(func(j int) { a.i("VMOVUPS %d(DI), Y%d", 32*j, first+j) })
			for j := 0; j < count; j += 2 {
				a.i("PREFETCHT0 %d(DI)(R9*8)", 32*j)
			}
		},
		multiply: func(_, u, i int) {
			a.i("VBROADCASTSS %d(SI)%s, Y%d", 4*i, []string{"", "(R8*1)"}[u], 14+i%2)
			all(func(j int) { a.i("VFMADD231PS Y%d, Y%d, Y%d", first+j, 14+i%2, count*i+j) })
		},
		endSteps: func(_, n int) {
			a.i("LEAQ (SI)(R8*%d), SI", n)
			a.i("ADDQ R9, DI")
		},
		ifRows:    func(r int, label string) { a.i("CMPQ R10, $%d", r); a.i("JEQ %s", label) },
		ifMode:    func(mode int, label string) { a.i("TESTQ $%d, DX", mode); a.i("JNE %s", label) },
		jump:      func(label string) { a.i("JMP %s", label) },
		ifNoSteps: func(label string) { a.i("TESTQ CX, CX"); a.i("JEQ %s", label) },
		repeat:    func(label string) { a.i("DECQ CX"); a.i("JNE %s", label) },
		take:      func(n int, label string) { a.i("SUBQ $%d, CX", n); a.i("JLT %s", label) },
		again:     func(n int, label string) { a.i("SUBQ $%d, CX", n); a.i("JGE %s", label) },
		giveBack:  func(n int) { a.i("ADDQ $%d, CX", n) },
		leave:     func() { a.i("VZEROUPPER"); a.i("RET") },
	}
}

// asks lets a tile of AVX2 ask memory for the next words: R13 walks to R14 through them, a line in four steps; without
// any it stays at a.
func (s *smallTile) asks() {
	enter, endSteps := s.enter, s.endSteps
	s.enter = func() {
		enter()
		s.i("MOVQ %d(R15), R13", tileNext)
		s.i("MOVQ %d(R15), R14", tileNext+8)
		s.i("TESTQ R14, R14")
		s.i("CMOVQEQ SI, R13")
		s.i("LEAQ (R13)(R14*4), R14")
	}
	s.endSteps = func(r, n int) {
		endSteps(r, n)
		s.i("PREFETCHT1 (R13)")
		s.i("ADDQ $%d, R13", 16*n)
		s.i("CMPQ R13, R14")
		s.i("CMOVQGT R14, R13")
	}
}

// nearAVX2 emits the small tile for columns that are near. Where another program runs on the same core, what counts is
// how few instructions there are beside the twelve that multiply: rounds of four steps, and no requests. R11 and R13
// are three times the strides.
func nearAVX2(a *asm) {
	s := smallAVX2(a, "nearF32", smallRows, 2, 12)
	s.unroll = 4
	s.enter = func() {
		a.tileFields(tileSteps)
		a.i("LEAQ (R8)(R8*2), R11")
		a.i("LEAQ (R9)(R9*2), R13")
	}
	s.columns = func(_, u int) {
		step := []string{"(DI)", "(DI)(R9*1)", "(DI)(R9*2)", "(DI)(R13*1)"}[u]
		a.i("VMOVUPS %s, Y12", step)
		a.i("VMOVUPS 32%s, Y13", step)
	}
	s.multiply = func(_, u, i int) {
		step := []string{"(SI)", "(SI)(R8*1)", "(SI)(R8*2)", "(SI)(R11*1)"}[u]
		a.multiplyRow(fmt.Sprintf("%d%s", 4*i, step), i)
	}
	s.endSteps = func(_, n int) {
		a.i("LEAQ (SI)(R8*%d), SI", n)
		a.i("LEAQ (DI)(R9*%d), DI", n)
	}
	s.emit()
}

// multiplyRow adds the products of an element and the columns Y12 and Y13 to the sums of row i.
func (a *asm) multiplyRow(element string, i int) {
	a.i("VBROADCASTSS %s, Y%d", element, 14+i%2)
	a.i("VFMADD231PS Y12, Y%d, Y%d", 14+i%2, 2*i)
	a.i("VFMADD231PS Y13, Y%d, Y%d", 14+i%2, 2*i+1)
}

// stripAVX2 emits stripF32 of 16 columns: the near tile for rows and columns without gaps, which goes on to the rows
// below.
func stripAVX2(a *asm) {
	s := smallAVX2(a, "rowsF32", smallRows, 2, 12)
	s.unroll = 4
	s.columns = func(_, u int) {
		a.i("VMOVUPS %d(DI), Y12", 64*u)
		a.i("VMOVUPS %d(DI), Y13", 64*u+32)
	}
	s.multiply = func(r, u, i int) { a.multiplyRow(fmt.Sprintf("%d(SI)", 4*(r*u+i)), i) }
	s.endSteps = func(r, n int) {
		a.i("ADDQ $%d, SI", 4*r*n)
		a.i("ADDQ $%d, DI", 64*n)
	}
	s.asks()
	s.more = func() {
		done, full := a.label("end"), "rows"+itoa(smallRows)
		a.i("SUBQ $%d, R10", smallRows)
		a.i("JEQ %s", done)
		a.i("MOVQ R12, AX")
		a.i("MOVQ %d(R15), DI", tileB)
		a.i("MOVQ %d(R15), CX", tileSteps)
		a.i("CMPQ R10, $%d", smallRows)
		a.i("JGE %s", full)
		for r := 1; r < smallRows; r++ {
			s.ifRows(r, "rows"+itoa(r))
		}
		a.at(done)
	}
	s.emit()
}

// tileFields loads the fields of a tile: AX c, BX ldc, SI a, R8 lda, DI b, R9 ldb, in bytes, CX steps or columns, DX
// mode, R10 rows.
func (a *asm) tileFields(cx int) {
	a.loadFields([]field{
		{tileC, "AX"}, {tileLDC, "BX"}, {tileA, "SI"}, {tileLDA, "R8"}, {tileB, "DI"}, {tileLDB, "R9"},
		{cx, "CX"}, {tileMode, "DX"}, {tileRows, "R10"},
	})
	for _, stride := range []string{"BX", "R8", "R9"} {
		a.i("SHLQ $2, %s", stride)
	}
}

// field is one of a Go struct, at an offset, and the register for it.
type field struct {
	at       int
	register string
}

// loadFields loads fields of the argument t, which stays in R15.
func (a *asm) loadFields(fields []field) {
	a.i("MOVQ t+0(FP), R15")
	for _, f := range fields {
		a.i("MOVQ %d(R15), %s", f.at, f.register)
	}
}

// eachRow visits rows of c: a register walks from AX on by BX.
func (a *asm) eachRow(walk string, rows int, do func(r int)) {
	a.i("MOVQ AX, %s", walk)
	for r := range rows {
		do(r)
		if r < rows-1 {
			a.i("ADDQ BX, %s", walk)
		}
	}
}

// tilesNEON: V0 … V23 sum, V24 … V27 hold columns, V28 an element, V29 ones.
func tilesNEON() []byte {
	a := newAsm("arm64")
	four := func(i int) string {
		return "[V" + itoa(4*i) + ".S4, V" + itoa(4*i+1) + ".S4, V" + itoa(4*i+2) + ".S4, V" + itoa(4*i+3) + ".S4]"
	}
	s := &smallTile{
		asm: a, name: "smallF32", rows: smallRows, unroll: 1,
		enter: func() {
			a.i("MOVD t+0(FP), R15")
			for i, at := range []int{tileC, tileLDC, tileA, tileLDA, tileB, tileLDB, tileSteps, tileMode, tileRows} {
				a.i("MOVD %d(R15), R%d", at, i)
			}
			for _, stride := range []int{1, 3, 5} {
				a.i("LSL $2, R%d, R%d", stride, stride)
			}
			a.i("FMOVS $1.0, F29")
			a.i("VDUP V29.S[0], V29.S4")
		},
		row:  func() { a.i("MOVD R0, R12") },
		next: func() { a.i("ADD R1, R12") },
		load: func(i int) { a.i("VLD1 (R12), %s", four(i)) },
		add: func(i int) { // there is no VFADD: times one
			a.i("VLD1 (R12), %s", four(6))
			for j := range 4 {
				a.i("VFMLA V%d.S4, V29.S4, V%d.S4", 24+j, 4*i+j)
			}
		},
		store: func(i int) { a.i("VST1 %s, (R12)", four(i)) },
		zero: func(i int) {
			for j := range 4 {
				a.i("VEOR V%d.B16, V%d.B16, V%d.B16", 4*i+j, 4*i+j, 4*i+j)
			}
		},
		columns: func(_, _ int) { a.i("VLD1 (R4), %s", four(6)); a.i("MOVD R2, R13") },
		multiply: func(_, _, i int) {
			a.i("VLD1R.P 4(R13), [V28.S4]")
			for j := range 4 {
				a.i("VFMLA V%d.S4, V28.S4, V%d.S4", 24+j, 4*i+j)
			}
		},
		endSteps:  func(_, _ int) { a.i("ADD R3, R2"); a.i("ADD R5, R4") },
		ifRows:    func(r int, label string) { a.i("CMP $%d, R8", r); a.i("BEQ %s", label) },
		ifMode:    func(mode int, label string) { a.i("TST $%d, R7", mode); a.i("BNE %s", label) },
		jump:      func(label string) { a.i("B %s", label) },
		ifNoSteps: func(label string) { a.i("CBZ R6, %s", label) },
		repeat:    func(label string) { a.i("SUB $1, R6"); a.i("CBNZ R6, %s", label) },
		leave:     func() { a.i("RET") },
	}
	s.emit()
	return a.Bytes()
}
