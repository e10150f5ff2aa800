package kernel

import "fettle/internal/compute"

// RowKernel continues 32 sums, one for each column, by the products of a row with words that hold per elements of each
// column:
//
//	sums[c] += x[per·s+i] · (element i of words[32s+c] · scale[c])
//
// one chain in ascending s and i; len(x) is a multiple of per. Where elements are floats there is no scale.
type RowKernel func(sums, x []float32, words []Word, scale []float32)

func rowBF16Go(sums, x []float32, words []Word, _ []float32) {
	continueRow(sums, x, words, 2, func(word Word, i, _ int) float32 { return compute.FromBF16(uint16(word >> (16 * i))) })
}

func rowF16Go(sums, x []float32, words []Word, _ []float32) {
	continueRow(sums, x, words, 2, func(word Word, i, _ int) float32 { return compute.FromF16(uint16(word >> (16 * i))) })
}

func rowInt8Go(sums, x []float32, words []Word, scale []float32) {
	continueRow(sums, x, words, 4, func(word Word, i, c int) float32 { return float32(word.Byte(i)) * scale[c] })
}

func rowNF4Go(sums, x []float32, words []Word, scale []float32) {
	continueRow(sums, x, words, 8, func(word Word, i, c int) float32 { return compute.NF4Levels[word.Code(i)] * scale[c] })
}

func continueRow(sums, x []float32, words []Word, per int, element func(word Word, i, c int) float32) {
	for s := 0; s < len(x); s += per {
		for c := range Panel {
			word := words[s/per*Panel+c]
			for i := range per {
				sums[c] += float32(x[s+i] * float32(element(word, i, c)))
			}
		}
	}
}
