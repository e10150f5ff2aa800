package kernel

import (
	"encoding/binary"
	"unsafe"

	"fettle/internal/block"
	"fettle/internal/compute"
)

// Run is how many elements of a row the kernels of blocks take at a time.
const Run = 32

// BlockScales is how many floats of room for scales these kernels need.
const BlockScales = 16 * 3 * Panel

// Blocks holds the arguments of a kernel on rows of blocks that lie transposed: the 32 rows of a panel as columns of
// halves (16 bits), half h of row c at half c of line h. Words hold two halves, so that a line has 16 of them.
// Assembly knows the offsets of these fields.
type Blocks struct {
	Dst   []float32 // 32 sums, or rows of 32
	X     []float32
	Src   []Word // lines from the block of the first element on
	First int    // runs of that block that are skipped
	Count int    // runs to do

	Scales []float32 // room, BlockScales
}

// BlockKernels holds the kernels of one type of blocks. With w(k, c) element k of row c, counted from the first run,
//
//	Row         dst[c] += x[k]·w(k, c)     one chain in ascending k
//	Dequantize  dst[32k+c] = w(k, c)
//
// for k < 32·count. The values are those of package block, to the bit.
type BlockKernels struct {
	Row, Dequantize func(*Blocks)

	Codes func(*BlockRows) // see there; nil where there is none

	// The same for many rows of codes, which are lines, see CodePanel and CodeTile; nil where there are none.
	Unpack func(*CodePanel)
	Tile   func(*CodeTile)
}

// plainBlocks returns the plain kernels of all types of blocks.
func plainBlocks() map[compute.DType]BlockKernels {
	all := map[compute.DType]BlockKernels{}
	for _, t := range compute.BlockTypes() {
		of, _ := t.Block()
		all[t] = BlockKernels{
			Row: func(b *Blocks) {
				b.each(of, func(c int, w []float32, k int) {
					for i, v := range w {
						b.Dst[c] += float32(b.X[k+i] * v)
					}
				})
			},
			Dequantize: func(b *Blocks) {
				b.each(of, func(c int, w []float32, k int) {
					for i, v := range w {
						b.Dst[(k+i)*Panel+c] = v
					}
				})
			},
		}
	}
	return all
}

// each calls use with the elements w of column c that come from one block, k the first of them.
func (b *Blocks) each(t block.Type, use func(c int, w []float32, k int)) {
	raw, w := make([]byte, t.Bytes), make([]float32, t.Elements)
	src, first, last := b.Src, b.First*Run, (b.First+b.Count)*Run // elements from the beginning of the block
	for k := -first; last > 0; k, src = k+t.Elements, src[min(len(src), t.Bytes/2*Panel/2):] {
		for c := range Panel {
			BlockBytes(raw, src, 0, c)
			t.Decode(w, raw)
			use(c, w[first:min(last, t.Elements)], k+first)
		}
		first, last = 0, last-t.Elements
	}
}

// half returns half c of line h.
func half(lines []Word, h, c int) uint16 {
	low, high := lines[h*Panel/2+c/2].Halves()
	if c%2 == 1 {
		return high
	}
	return low
}

// BlockBytes writes the bytes of a block of row c, whose first line is line h, to dst.
func BlockBytes(dst []byte, lines []Word, h, c int) {
	for i := range len(dst) / 2 {
		binary.LittleEndian.PutUint16(dst[2*i:], half(lines, h+i, c))
	}
}

// CopyBytes copies raw to words, the first byte lowest; bytes of the last word that are left keep their value.
func CopyBytes(words []Word, raw []byte) {
	if LittleEndian() {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 4*len(words)), raw)
		return
	}
	for i, b := range raw {
		words[i/4] = words[i/4]&^(255<<(8*(i%4))) | Word(b)<<(8*(i%4))
	}
}

// splitHalvesGo writes two lines of halves for each of cols rows of 32 words:
//
//	half j of dst[2c·16:], of dst[(2c+1)·16:] = lower, upper half of src[32c+j]    j < 32
func splitHalvesGo(p *Pack) {
	for c := range p.Cols {
		for j := 0; j < Panel; j += 2 {
			low0, high0 := p.Src[c*Panel+j].Halves()
			low1, high1 := p.Src[c*Panel+j+1].Halves()
			at := 2*c*Panel/2 + j/2
			p.Dst[at], p.Dst[at+Panel/2] = pair(low0, low1), pair(high0, high1)
		}
	}
}
