package cpu

import (
	"fettle/internal/block"
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// blockPanels holds weights in GGUF's blocks, as they are: panel j holds rows 32j … 32j+31, transposed in units of 16
// bits, see kernel.Blocks.
type blockPanels struct {
	n, k    int
	kind    compute.DType
	of      block.Type
	kernels kernel.BlockKernels
	pitch   int           // words from panel to panel
	data    []kernel.Word // (⌈n/32⌉, pitch)
}

// line is the words of 32 halves, one of each row.
const line = panel / 2

// lines returns how many lines a row of k weights takes.
func lines(t block.Type, k int) int { return k / t.Elements * t.Bytes / 2 }

func (d *device) packBlocks(w *compute.Matrix) *blockPanels {
	of, _ := w.Type.Block()
	p := &blockPanels{n: w.N, k: w.K, kind: w.Type, of: of, kernels: d.core.Blocks[w.Type]}
	p.pitch = pitch((lines(of, w.K) + 1) / 2)
	count := (w.N + panel - 1) / panel
	r := roomFor(d, p, w.Name, w.Type, w.N, w.K, count*p.pitch)
	if p.data = r.words; !r.filled {
		d.each(count, func(j int) { d.transposeBlocks(p.data[j*p.pitch:], w, j) })
	}
	return p
}

// transposeBlocks lays out panel j of w, a piece of its rows at a time: words first, halves then.
func (d *device) transposeBlocks(dst []kernel.Word, w *compute.Matrix, j int) {
	const piece = 128 // words of a row
	size, count := int(w.Type.Bytes(1, w.K)), min(panel, w.N-j*panel)
	rows, words := d.free.words(panel*piece), d.free.words(piece*panel)
	defer d.free.putWords(rows)
	defer d.free.putWords(words)
	clear(words) // columns of rows that are not there
	for at := 0; at < size; at += 4 * piece {
		n := min(4*piece, size-at)
		cols := (n + 3) / 4
		for c := range count {
			rows[c*piece+cols-1] = 0 // a row may end within a word
			kernel.CopyBytes(rows[c*piece:], w.RowBytes(j*panel + c)[at:at+n])
		}
		for c := 0; c < count; c += 16 {
			d.pack(d.core.PackF32, kernel.Pack{
				Dst: words[c:], LDD: panel, Src: rows[c*piece:], LDS: piece, Rows: min(16, count-c), Cols: cols,
			})
		}
		d.pack(d.core.SplitHalves, kernel.Pack{Dst: dst[at/2*line:], Src: words, Cols: cols})
	}
}

// Row dequantizes elements k0 … k0+len(dst)-1 of row i.
func (p *blockPanels) Row(dst []float32, i, k0 int) {
	var raw [256]byte
	var values [256]float32
	lines, e := p.data[i/panel*p.pitch:], p.of.Elements
	for len(dst) > 0 {
		kernel.BlockBytes(raw[:p.of.Bytes], lines, k0/e*p.of.Bytes/2, i%panel)
		p.of.Decode(values[:e], raw[:p.of.Bytes])
		n := copy(dst, values[k0%e:e])
		dst, k0 = dst[n:], k0+n
	}
}

// at returns the arguments of kernels for elements k0 … k0+n-1 of panel j, whole runs.
func (p *blockPanels) at(j, k0, n int, scales []float32) kernel.Blocks {
	return kernel.Blocks{
		Src:    p.data[j*p.pitch+k0/p.of.Elements*(p.of.Bytes/2)*line:],
		First:  k0 % p.of.Elements / kernel.Run,
		Count:  n / kernel.Run,
		Scales: scales,
	}
}

func (p *blockPanels) dequantize(d *device, dst []kernel.Word, j, k0, n int) {
	u := d.unpackers.Get().(*unpacker)
	defer d.unpackers.Put(u)
	u.blocks = p.at(j, k0, n, u.scales[:])
	u.blocks.Dst = kernel.Floats(dst)
	p.kernels.Dequantize(&u.blocks)
}
