// Package compute lists the operations of a LLaMA, forward and backward: Device. Matrix holds one frozen weight.
//
// Every array is row-major float32. A call with n rows treats its rows independently: the bits of row i of a result
// depend on row i of the inputs alone, never on n, on the row's place in the batch, or on the number of threads.
// Packing, micro-batching and caching are exact because of that.
package compute

import "fettle/internal/rng"

// Attention describes the heads of an attention call.
type Attention struct {
	Heads   int     // H query heads
	KVHeads int     // G key and value heads; query head h reads head h / (H/G)
	HeadDim int     // Dh
	Scale   float32 // usually 1/sqrt(Dh)
	Cap     float32 // c: scores s become c·tanh(s/c); 0: they don't
	Window  int     // how many keys a query sees at most: the last ones of those below; 0: all
}

// Segment names one sequence among the packed rows of a call.
//
// Query rows Row … Row+Len-1 belong to it. Query row Row+i sees the key rows
//
//	Prefix … Prefix+PrefixLen-1   (rows computed once and shared by segments)
//	Key … Key+Past+i              (its own: Past cached ones, then causally)
//
// In training Key = Row and Past = 0; in decoding Key = 0 and Past counts the tokens already cached.
type Segment struct {
	Row, Len          int
	Key, Past         int
	Prefix, PrefixLen int
}

// Behind returns a segment without the first n of the keys that its first query sees.
func (s Segment) Behind(n int) Segment {
	shared := min(n, s.PrefixLen)
	s.Prefix, s.PrefixLen = s.Prefix+shared, s.PrefixLen-shared
	s.Key, s.Past = s.Key+n-shared, s.Past-(n-shared)
	return s
}

// Cache holds the keys and values of one sequence in one layer, as its device likes them.
type Cache interface {
	// Append makes k and v (n, G·Dh) the rows from row at on, at most the number of rows there are. Rows behind them
	// are dropped.
	Append(k, v []float32, at, n int)

	// Reserve takes the memory for n rows.
	Reserve(n int)
}

// Product is one of several products of the same rows: y (n, N), w (N, K).
type Product struct {
	Y []float32
	W *Matrix
}

// Device computes the operations of a LLaMA. A caller's mistake (a slice that is too short) panics with a constant
// message; nothing else panics. Methods whose name ends in Backward, and MatMulT, add to the gradients they write (+=),
// but those of gated units; all others overwrite.
type Device interface {
	// Name returns the name that is shown and recorded, e.g. "ref", "cpu f32".
	Name() string

	// Prepare lets the device lay w out for its kernels. It is called once per matrix before its first use and may be
	// called again without effect.
	Prepare(w *Matrix) error

	// MatMul computes y = x·Wᵀ: y (n, N), x (n, K), w (N, K).
	MatMul(y, x []float32, w *Matrix, n int)

	// MatMuls computes y = x·Wᵀ for each product: products that have their input in common.
	MatMuls(x []float32, n int, products ...Product)

	// MatMulT computes dx += dy·W: dx (n, K), dy (n, N), w (N, K).
	MatMulT(dx, dy []float32, w *Matrix, n int)

	// Gemm computes C = alpha·op(A)·op(B) + beta·C on trainable arrays: op(A) (m, k), op(B) (k, n), C (m, n), leading
	// dimensions in elements. beta = 0 overwrites C without reading it.
	Gemm(
		transA, transB bool, m, n, k int,
		alpha float32, a []float32, lda int, b []float32, ldb int,
		beta float32, c []float32, ldc int,
	)

	// GemmBySegment computes C[i] = alpha·Aᵀ·B + beta·C[i] over the rows of segment i alone: A (rows, m), B (rows, n),
	// C[i] (m, n) at c[i·stride:].
	GemmBySegment(
		segs []Segment, m, n int,
		alpha float32, a []float32, lda int, b []float32, ldb int,
		beta float32, c []float32, ldc, stride int,
	)

	// Embed computes y[i] = w[tokens[i]], y (n, K).
	Embed(y []float32, w *Matrix, tokens []int32)

	// RMSNorm computes y[i] = x[i]/sqrt(mean(x²)+eps)·w[i] for n rows of width len(w). y and x may be the same slice.
	// Zhang and Sennrich 2019, arXiv:1910.07467.
	RMSNorm(y, x, w []float32, n int, eps float32)

	// RMSNormBackward adds the gradient of RMSNorm's x to dx; x is its input.
	RMSNormBackward(dx, dy, x, w []float32, n int, eps float32)

	// Rope rotates, in place, the pairs (j, j+rotary/2) of every head of row i by the angle whose cosine and sine are
	// cos[pos[i]·rotary/2+j], sin[pos[i]·rotary/2+j] (rotate-half layout), and leaves the elements of a head behind
	// the first rotary; inverse rotates back, which is also its gradient. x has shape (n, heads·dh).
	// Su et al. 2021, arXiv:2104.09864.
	Rope(x []float32, n, heads, dh, rotary int, pos []int32, cos, sin []float32, inverse bool)

	// Attend computes, for every query row and head of every segment, out = softmax(scale·q·kᵀ)·v, with scores capped,
	// over the keys that the segment and the window let it see. q, out (rows, H·Dh); k, v (key rows, G·Dh).
	Attend(out, q, k, v []float32, segs []Segment, a Attention)

	// NewCache returns an empty cache of keys and values for attention of this shape.
	NewCache(a Attention) Cache

	// AttendCached computes Attend for n query rows that are the last rows of a cache of this device. q, out (n, H·Dh).
	AttendCached(out, q []float32, c Cache, n int, a Attention)

	// AttendBackward adds the gradients of q, k and v. out is Attend's result.
	AttendBackward(dq, dk, dv, dout, out, q, k, v []float32, segs []Segment, a Attention)

	// SwiGLU computes y = silu(gate)·up elementwise. y may be gate.
	// Shazeer 2020, arXiv:2002.05202.
	SwiGLU(y, gate, up []float32)

	// SwiGLUBackward computes the gradients of gate and up.
	SwiGLUBackward(dgate, dup, dy, gate, up []float32)

	// GeGLU computes y = gelu(gate)·up elementwise, gelu(x) = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))). y may be gate.
	// Hendrycks and Gimpel 2016, arXiv:1606.08415.
	GeGLU(y, gate, up []float32)

	// GeGLUBackward computes the gradients of gate and up.
	GeGLUBackward(dgate, dup, dy, gate, up []float32)

	// SoftCap computes x = cap·tanh(x/cap).
	SoftCap(x []float32, limit float32)

	// SoftCapBackward turns the gradient of SoftCap's result y into that of its input: dy *= 1 − (y/cap)².
	SoftCapBackward(dy, y []float32, limit float32)

	// Softmax computes x = exp(x)/Σ exp(x) of rows of width elements.
	Softmax(x []float32, width int)

	// SoftmaxBackward adds the gradient of Softmax's input to dx; p is its result.
	SoftmaxBackward(dx, dy, p []float32, width int)

	// Add computes y += x.
	Add(y, x []float32)

	// Sum computes y = a + b.
	Sum(y, a, b []float32)

	// AddRow computes y[i] += x for rows of len(x) elements.
	AddRow(y, x []float32)

	// CrossEntropy computes loss[i] = -log softmax(x[i]·Wᵀ)[target[i]] for n rows x (n, K) and head w (N, K). If dx is
	// not nil it also adds scale[i] times the gradient of loss[i] to dx[i] (n, K). Logits exist in chunks only; sums
	// are float64.
	CrossEntropy(loss []float64, dx, x []float32, w *Matrix, target []int32, scale []float32, n int)

	// SoftmaxCrossEntropy computes, for each of n rows of logits z (n, V) with p = softmax(z[i]),
	//
	//	loss[i] = -log p[target[i]]
	//	z[i]    = scale[i]·p, less scale[i] at target[i]
	//
	// so that z becomes scale times the gradient of the losses with respect to the logits; V = len(z)/n.
	SoftmaxCrossEntropy(loss []float64, z []float32, target []int32, scale []float32, n int)

	// RMSNormWeightBackward adds the gradient of RMSNorm's w, row after row:
	//
	//	dw += Σ_i dy[i]·x[i]/sqrt(mean(x[i]²)+eps)
	RMSNormWeightBackward(dw, dy, x []float32, n int, eps float32)

	// Copy computes dst = src[:len(dst)].
	Copy(dst, src []float32)

	// Zero computes x = 0.
	Zero(x []float32)

	// Scale computes x *= a.
	Scale(x []float32, a float32)

	// Gather computes y[i] = x[rows[i]], rows of width elements.
	Gather(y, x []float32, rows []int32, width int)

	// ScatterAdd computes y[rows[i]] += x[i], in the order of i; a row may stand there more than once.
	ScatterAdd(y, x []float32, rows []int32, width int)

	// Dropout zeroes element j of row i of x (len(pos), width) where key.Uniform(pos[i]·width+j) < p and multiplies
	// it by 1/(1−p) elsewhere. Srivastava et al. 2014.
	Dropout(x []float32, width int, pos []int32, p float64, key rng.Key)

	// AdamW updates parameters p and their moments m and v with g = Factor·grad at step t = Step, in float64:
	//
	//	m = β₁·m + (1−β₁)·g
	//	v = β₂·v + (1−β₂)·g²
	//	p = p·(1 − Rate·WeightDecay) − Rate/(1−β₁ᵗ)·m / (√v/√(1−β₂ᵗ) + ε)
	//
	// Loshchilov and Hutter 2019, arXiv:1711.05101.
	AdamW(p, grad, m, v []float32, s AdamWStep)

	// SumSquares returns sum + Σ x², added one after the other.
	SumSquares(x []float32, sum float64) float64

	// Kept returns how many bytes the device keeps a prepared (n, k) matrix of type t in.
	Kept(n, k int, t DType) int64

	// Scratch returns about how many bytes of working memory the device holds for calls up to those of w: no more than
	// the sum for disjoint parts of w.
	Scratch(w Workload) int64
}
