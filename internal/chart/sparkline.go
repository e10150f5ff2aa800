package chart

import "math"

// Sparkline draws values as a line of text, 60 characters wide at most; each character is a mean.
func Sparkline(values []float64) string {
	const width = 60
	levels := []rune("▁▂▃▄▅▆▇█")
	n := min(width, len(values))
	means, low, top := make([]float64, n), math.Inf(1), math.Inf(-1)
	for i := range means {
		lo, hi := i*len(values)/n, (i+1)*len(values)/n
		for _, v := range values[lo:hi] {
			means[i] += v / float64(hi-lo)
		}
		low, top = min(low, means[i]), max(top, means[i])
	}
	out := make([]rune, n)
	for i, v := range means {
		out[i] = levels[int((v-low)/max(top-low, 1e-12)*float64(len(levels)-1)+0.5)]
	}
	return string(out)
}
