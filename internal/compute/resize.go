package compute

// Resize sets *s to its first n elements and returns them, allocating anew where its memory is too small. The content
// is arbitrary.
func Resize(s *[]float32, n int) []float32 {
	if cap(*s) < n {
		*s = make([]float32, n)
	}
	*s = (*s)[:n]
	return *s
}
