package ref

import "fettle/internal/compute"

// Kept: a matrix stays as it is stored.
func (device) Kept(n, k int, t compute.DType) int64 { return t.Bytes(n, k) }

// Scratch: the float64 sums of MatMulT and AttendBackward, and one row of a matrix, of scores and of logits.
func (device) Scratch(w compute.Workload) int64 {
	numbers := w.Longest*(2*w.Attention.KVHeads*w.Attention.HeadDim+2) + w.Logits.Width
	for _, in := range w.Inputs {
		numbers += (in.Rows + 1) * in.Width
	}
	return 8 * int64(numbers)
}
