package cpu

import (
	"math"

	"fettle/internal/compute"
)

const (
	// logitsAtOnce bounds the logits that exist at one time.
	logitsAtOnce = 1 << 24

	// vocabBlock is the number of columns of logits that are worked on while they are in the cache: whole panels, so
	// many that rows do not fall on each other there.
	vocabBlock = 63 * panel
)

// CrossEntropy takes a chunk of rows at a time, with as many logits as may exist.
func (d *device) CrossEntropy(
	loss []float64, dx, x []float32, w *compute.Matrix, target []int32, scale []float32, n int,
) {
	compute.Need(len(loss), n)
	compute.Need(len(x), n*w.K)
	compute.Need(len(target), n)
	if dx != nil {
		compute.Need(len(dx), n*w.K)
		compute.Need(len(scale), n)
	}
	if n == 0 {
		return
	}
	head := d.vocabBlocks(w)
	chunks := lossChunks(n, w.N)
	for i := range chunks {
		lo, hi := i*n/chunks, (i+1)*n/chunks
		c := newLogits(d, head, target[lo:hi], dx != nil)
		c.forward(loss[lo:hi], x[lo*w.K:])
		if dx != nil {
			c.backward(dx[lo*w.K:], scale[lo:hi])
		}
		c.end()
	}
}

// lossChunks returns how many chunks of rows n rows of logits are computed in.
func lossChunks(n, vocab int) int { return upTo(n, lossRows(vocab)) }

// lossRows returns how many rows of logits are computed at once, at most.
func lossRows(vocab int) int { return max(16, logitsAtOnce/vocab) }

// vocabBlocks cuts a head into blocks of its rows, where its layout lets it be cut.
func (d *device) vocabBlocks(w *compute.Matrix) (all []compute.Matrix) {
	if w.Raw == nil && cut(w.Packed, 0, 0) == nil {
		return []compute.Matrix{*w}
	}
	for lo := 0; lo < w.N; lo += vocabBlock {
		part := compute.Matrix{N: min(vocabBlock, w.N-lo), K: w.K, Type: w.Type}
		if w.Raw != nil {
			part.Raw, part.Order = w.Raw, w.Order
			if w.Order != nil {
				part.Order = w.Order[lo:][:part.N]
			} else {
				part.Raw = w.Raw[w.Type.Bytes(lo, w.K):][:w.Type.Bytes(part.N, w.K)]
			}
		} else {
			part.Packed = cut(w.Packed, lo/panel, part.N)
		}
		all = append(all, part)
	}
	return all
}

// cut returns n rows of a layout from panel j on, nil if it cannot be cut.
func cut(packed any, j, n int) any {
	switch p := packed.(type) {
	case *panels:
		part := *p
		part.n, part.data = n, p.panel(j, 0)
		return &part
	case *blockPanels:
		part := *p
		part.n, part.data = n, p.data[j*p.pitch:]
		return &part
	}
	return nil
}

// logits holds the logits of some rows, block by block of the vocabulary, and soon exponentials: exp(z − top), top the
// largest of the row so far.
type logits struct {
	*device
	head   []compute.Matrix
	target []int32
	rows   []rowLoss
	z      []float32 // (rows, N) of every block; without kept of one at a time
	tops   []float32 // (blocks, rows)
	kept   bool
}

// rowLoss holds the parts of a row's loss.
type rowLoss struct {
	top, learned float32 // the largest logit, the target's
	sum          float64 // Σ exp(z − top)
}

// newLogits takes memory for as many rows as there ever are, of which only what is used becomes resident: sizes that
// follow the number of rows would leave the pool a buffer for each.
func newLogits(d *device, head []compute.Matrix, target []int32, kept bool) *logits {
	n, columns, vocab := len(target), 0, 0
	for i := range head {
		vocab += head[i].N
		if columns = max(columns, head[i].N); kept {
			columns = (len(head)-1)*vocabBlock + head[i].N
		}
	}
	return &logits{
		device: d, head: head, target: target, kept: kept,
		rows: make([]rowLoss, n), z: d.free.get(lossRows(vocab) * columns)[:n*columns],
		tops: d.free.get(n * len(head)),
	}
}

func (c *logits) end() {
	c.free.put(c.z)
	c.free.put(c.tops)
}

// block returns the logits (rows, N) of block s.
func (c *logits) block(s int) []float32 {
	if !c.kept {
		s = 0
	}
	return c.z[s*vocabBlock*len(c.rows):]
}

// learned returns the column of target i in block s, if it is there.
func (c *logits) learned(i, s int) (column int, ok bool) {
	column = int(c.target[i]) - s*vocabBlock
	return column, 0 <= column && column < c.head[s].N
}

// forward writes the losses of rows x and leaves exponentials.
func (c *logits) forward(loss []float64, x []float32) {
	n := len(c.rows)
	for i := range c.rows {
		c.rows[i].top = -math.MaxFloat32
	}
	for s := range c.head {
		z, width := c.block(s), c.head[s].N
		c.MatMul(z, x, &c.head[s], n)
		c.chunks(n, rowsPerItem(width), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				z, r := z[i*width:][:width], &c.rows[i]
				if t, ok := c.learned(i, s); ok {
					r.learned = z[t]
				}
				top := max(r.top, c.core.Top(z))
				r.sum = r.sum*exp(r.top, top) + c.core.ExpSum(z, top)
				r.top, c.tops[s*n+i] = top, top
			}
		})
	}
	for i := range c.rows {
		r := &c.rows[i]
		loss[i] = math.Log(r.sum) + float64(r.top) - float64(r.learned)
	}
}

// backward turns the exponentials into scale times the gradient of the losses, and adds its product with the head to
// dx.
func (c *logits) backward(dx, scale []float32) {
	n := len(c.rows)
	for s := range c.head {
		z, width := c.block(s), c.head[s].N
		c.chunks(n, rowsPerItem(width), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				z, r := z[i*width:][:width], &c.rows[i]
				c.core.Scale(z, float32(float64(scale[i])*exp(c.tops[s*n+i], r.top)/r.sum))
				if t, ok := c.learned(i, s); ok {
					z[t] -= scale[i]
				}
			}
		})
		c.MatMulT(dx, z, &c.head[s], n)
	}
}

// exp returns exp(x−top).
func exp(x, top float32) float64 { return math.Exp(float64(x) - float64(top)) }
