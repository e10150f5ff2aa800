package main

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Products of rows in codes in 256-bit registers, see kernel.BlockRows: both halves of a line share a word of x.
//
// Codes of up to six bits are multiplied as they are. Their sums stay in 16 bits, where they may run over as long as
// what they are in the end fits: they begin at −centre·Σ q, with codes from 0 to 2·centre, of so many elements that the
// sums of codes around zero fit. Codes with a sign are multiplied four elements at a time, see fours.
//
// R12 is at the codes of the first row at the block, SI at those of a row, DX at its sums, DI at the block, R8 at the
// room for the numbers of parts. R13 is the bytes from row to row. R9 counts rows, CX blocks. In a loop over the halves
// of a run, which AX counts, R10 stands for DI and R11 for R8.

// Registers. Those of whole sums, eight columns each, begin at zero; where a part ends all others but the constants are
// free.
const (
	rowShorts  = 4  // sums of 16 bits: of either half, twice where not all pairs fit one
	rowFours   = 4  // elements four at a time: half the columns of either half, and the others
	rowCodes   = 8  // of either half
	rowMore    = 10 // the same, where codes lie in several places
	rowX       = 12
	rowSizes   = 13 // magnitudes of x
	rowMasks   = 13 // to 15
	rowNibbles = 11
	rowOnes    = 14
	rowTable   = 15
)

// emitRowCodes emits the kernel of a type of blocks. It alone asks for lines while scales are made, so b is a copy.
func (b blocksAsm) emitRowCodes() {
	b.function("codes"+b.name+"AVX2", "b *BlockRows", 8)
	b.enterRows()
	block, row := b.label("block"), b.label("row")
	if len(b.scales) == 0 {
		b.rowConstants()
	}
	b.at(block)
	if len(b.scales) > 0 {
		b.loadUpper()
		b.i("LEAQ %d(DI), R14", 64*b.lines*b.blocksAhead())
		b.asks = b.lines / 16
		b.makeScales()
		b.rowConstants()
	}
	b.firstRow(row)
	for r := 0; r < len(b.runs); r += b.runsAtOnce() {
		b.rowRuns(r)
	}
	length := 2 * 4 * halfWords * len(b.runs)
	b.i("ADDQ $128, DX")
	b.i("LEAQ -%d(SI)(R13*1), SI", length)
	b.againRows(row, block, length)
}

// masks returns the masks of all terms.
func (b *blocksAsm) masks() (all []int) {
	for _, spans := range b.runs {
		for _, terms := range pairsOf(spans) {
			for _, t := range terms {
				if !slices.Contains(all, t.mask) {
					all = append(all, t.mask)
				}
			}
		}
	}
	return all
}

// rowConstants loads what stays in registers.
func (b *blocksAsm) rowConstants() {
	if !b.signed() {
		for i, mask := range b.masks() {
			b.i("VMOVDQU mask%04x<>(SB), Y%d", mask, rowMasks+i)
		}
		return
	}
	b.i("VMOVDQU ones<>(SB), Y%d", rowOnes)
	if b.levels {
		b.i("VMOVDQU mask0f0f<>(SB), Y%d", rowNibbles)
		b.i("VMOVDQU iq4Levels<>(SB), Y%d", rowTable)
	}
}

// runsAtOnce returns how many runs pass over lines together, where their codes lie side by side.
func (b *blocksAsm) runsAtOnce() int {
	if len(b.runs) > 1 && b.largest() < 16 && b.inParts() == 1 && !b.signed() {
		return 2
	}
	return 1
}

// rowRuns does run r and those with it, its halves in a loop if they are parts.
func (b *blocksAsm) rowRuns(r int) {
	n, together := len(b.runs), b.runsAtOnce()
	var pairs [][]term
	for _, spans := range b.runs[r : r+together] {
		pairs = append(pairs, pairsOf(spans)...)
	}
	part, asked := b.runs[r][0].part, b.asks*b.groups()
	rest := b.lines - asked
	first := asked + r*rest/n
	ask := request{base: "DI", first: b.lines*b.blocksAhead() + first, lines: asked + (r+together)*rest/n - first}
	if len(b.scales) == 0 {
		b.i("MOVQ %d(DI), AX // lines come in ascending order", 64*b.d)
	}
	switch {
	case b.raw():
		b.bytesByFours(pairs, ask)
	case b.levels:
		b.levelsByFours(pairs, ask)
	case b.inParts() == 1:
		b.sumsOfPairs(pairs, "DI", ask)
	default:
		half, perHalf := b.label("half"), (ask.lines+1)/2
		b.i("LEAQ %d(DI), R14", 64*ask.first)
		b.i("MOVQ DI, R10")
		b.i("MOVQ R8, R11")
		b.i("MOVL $2, AX")
		b.at(half)
		b.sumsOfPairs(pairs[:8], "R10", request{base: "R14", lines: perHalf})
		b.widened(8, 0)
		b.endRow(part, "R11", 0, halfSum)
		b.i("ADDQ $%d, SI", 4*halfWords)
		b.i("ADDQ $%d, R11", 128*numbers)
		b.i("ADDQ $%d, R10", 8*64)
		b.i("ADDQ $%d, R14", 64*perHalf)
		b.i("DECQ AX")
		b.i("JNE %s", half)
		return
	}
	for i := range together {
		if !b.signed() {
			b.widened(16, i)
		}
		b.endRow(part+i, "R8", i, runSum)
	}
	b.i("ADDQ $%d, SI", together*2*4*halfWords)
}

// rowAhead is how many bytes before their use lines are asked for, in whole blocks and of one at least.
const rowAhead = 2048

// blocksAhead returns how many blocks that are.
func (b *blocksAsm) blocksAhead() int { return max(1, rowAhead/(64*b.lines)) }

// request is for lines of a later block, from the first on.
type request struct {
	base         string
	first, lines int
}

// ask asks for the lines that are due with step i of n: not all at once, as requests that wait are few.
func (b *blocksAsm) ask(r request, i, n int) {
	for line := i * r.lines / n; line < (i+1)*r.lines/n; line++ {
		b.i("PREFETCHT0 %d(%s)", 64*(r.first+line), r.base)
	}
}

// centre returns what is subtracted from codes of a part so that sums fit, or because values are so much less.
func (b *blocksAsm) centre(pairs int) int {
	if b.minus == 0 && pairs*2*127*b.largest() <= math.MaxInt16 {
		return 0
	}
	return (b.largest() + 1) / 2
}

// togetherAround returns how many pairs of a part of so many fit one sum of 16 bits.
func (b *blocksAsm) togetherAround(pairs int) int {
	centre, together := b.centre(pairs), pairs
	for centre*2*127*together > math.MaxInt16 {
		together /= 2
	}
	return together
}

// sumsOfPairs leaves sums of 16 bits of a part, or of two runs.
func (b *blocksAsm) sumsOfPairs(pairs [][]term, base string, ask request) {
	perPart := min(len(pairs), 16)
	centre, together := b.centre(perPart), b.togetherAround(perPart)
	begun := map[int]bool{}
	for step, i := range inOrderOfLines(pairs) {
		b.ask(ask, step, len(pairs))
		sum := rowShorts + i/together*2
		begins := !begun[sum]
		begun[sum] = true
		if begins && centre > 0 {
			place := map[int]int{16: i/16*2*halfWords + runSum, 8: i/8*halfWords + halfSum, 4: quarterSum + i/4}[together]
			b.i("VPBROADCASTW %d(SI), Y0", 4*place)
			b.i("VPSLLW $%d, Y0, Y0", bits.TrailingZeros(uint(centre)))
		}
		b.i("VPBROADCASTD %d(SI), Y%d", 4*(i/8*halfWords+i%8), rowX)
		for half := range 2 {
			b.halfRowCodes(pairs[i], base, half)
			codes, to := rowCodes+half, rowCodes+half
			if begins && centre == 0 {
				to = sum + half
			}
			b.i("VPMADDUBSW Y%d, Y%d, Y%d", rowX, codes, to)
			switch {
			case !begins:
				b.i("VPADDW Y%d, Y%d, Y%[2]d", codes, sum+half)
			case centre > 0:
				b.i("VPSUBW Y0, Y%d, Y%d", codes, sum+half)
			}
		}
	}
}

// widened leaves the sums of a part of so many pairs, the first or second whose sums of 16 bits there are.
func (b *blocksAsm) widened(pairs, which int) {
	shorts := pairs / b.togetherAround(pairs)
	for half := range 2 {
		for i := range shorts {
			sum, low, high := rowShorts+2*(which*shorts+i)+half, 2*half, 2*half+1
			if i > 0 {
				low, high = rowCodes, rowMore
			}
			b.i("VPMOVSXWD X%d, Y%d", sum, low)
			b.i("VEXTRACTI128 $1, Y%d, X%d", sum, high)
			b.i("VPMOVSXWD X%d, Y%[1]d", high)
			if i > 0 {
				b.i("VPADDD Y%d, Y%d, Y%[2]d", low, 2*half)
				b.i("VPADDD Y%d, Y%d, Y%[2]d", high, 2*half+1)
			}
		}
	}
	if rest := b.centre(pairs) - b.minus; rest > 0 {
		b.i("VPBROADCASTD %d(SI), Y%d", 4*(which*2*halfWords+runSum), rowCodes)
		b.i("VPSLLD $%d, Y%d, Y%[2]d", bits.TrailingZeros(uint(rest)), rowCodes)
		for i := range 4 {
			b.i("VPADDD Y%d, Y%d, Y%[2]d", rowCodes, i)
		}
	}
}

// inOrderOfLines returns the numbers of all pairs, those of a line one after the other.
func inOrderOfLines(pairs [][]term) []int {
	all := make([]int, len(pairs))
	for i := range all {
		all[i] = i
	}
	slices.SortStableFunc(all, func(i, j int) int { return pairs[i][0].line - pairs[j][0].line })
	return all
}

// halfRowCodes makes bytes of a pair of elements, of either half of a line.
func (b *blocksAsm) halfRowCodes(terms []term, base string, half int) {
	masks := b.masks()
	for i, t := range terms {
		place, to := fmt.Sprintf("%d(%s)", 64*t.line+32*half, base), rowCodes+half
		if i > 0 {
			to = rowMore + half
		}
		mask := rowMasks + slices.Index(masks, t.mask)
		if t.shift == 0 {
			b.i("VPAND %s, Y%d, Y%d", place, mask, to)
		} else {
			b.i("VMOVDQU %s, Y%d", place, to)
			b.i("%s $%d, Y%d, Y%[3]d", map[bool]string{true: "VPSRLW", false: "VPSLLW"}[t.shift > 0], max(t.shift, -t.shift), to)
			b.i("VPAND Y%d, Y%d, Y%[1]d", to, mask)
		}
		if i > 0 {
			b.i("VPOR Y%d, Y%d, Y%[2]d", to, rowCodes+half)
		}
	}
}

// endRow scales the sums of a part and adds them to those in float32. Numbers of parts are in the room, those of the
// only one in the block. The given word of a run of x, or of the half at SI, holds its sum of codes.
func (b *blocksAsm) endRow(part int, room string, run, sumOfX int) {
	const scale, sum, both, number = rowCodes, rowCodes + 1, rowMore, rowMore + 1
	x := func(word int) int { return 4 * (run*2*halfWords + word) }
	b.i("VBROADCASTSS %d(SI), Y%d", x(halfScale), scale)
	if b.m > 0 {
		b.i("VBROADCASTSS %d(SI), Y%d", x(sumOfX+1), sum)
	}
	for i := range 4 {
		place := func(kind int) string { return fmt.Sprintf("%d(%s)", 128*(numbers*part+kind)+32*i, room) }
		b.i("VCVTDQ2PS Y%d, Y%[1]d", i)
		if len(b.scales) > 0 {
			b.i("VMULPS %s, Y%d, Y%d", place(scaleFirst), scale, both)
		} else {
			b.i("VCVTPH2PS %d(DI), Y%d", 64*b.d+16*i, both)
			b.i("VMULPS Y%d, Y%d, Y%[1]d", both, scale)
		}
		b.i("VFMADD213PS %d(DX), Y%d, Y%d", 32*i, i, both)
		switch {
		case b.m == 0:
		case len(b.scales) > 0:
			b.i("VFMADD231PS %s, Y%d, Y%d", place(offset), sum, both)
		default:
			b.i("VCVTPH2PS %d(DI), Y%d", 64*b.m+16*i, number)
			b.i("VFMADD231PS Y%d, Y%d, Y%d", number, sum, both)
		}
		b.i("VMOVUPS Y%d, %d(DX)", both, 32*i)
	}
}
