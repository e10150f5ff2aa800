package compute

// Workload lists the largest calls of a program, for Device.Scratch. Calls left zero are never made.
type Workload struct {
	// Inputs are the other factors of products with frozen weights: x (n, K) of MatMul, dy (n, N) of MatMulT. One
	// entry for each width, with the most rows it comes in.
	Inputs []Size

	// Type is that of the weights.
	Type DType

	// Attention describes the heads, Longest the rows of the longest segment, Past the cached rows that it sees.
	Attention Attention
	Longest   int
	Past      int

	// Logits describes CrossEntropy with gradients: n rows, N of the vocabulary.
	Logits Size
}

// Size holds the dimensions of an array of rows.
type Size struct{ Rows, Width int }
