package settings

import "fmt"

// didYouMean names the candidate nearest to a word.
func didYouMean(word string, candidates []string, prefix string) string {
	best, at := 1+len(word)/3, ""
	for _, c := range candidates {
		if d := distance(c, word); d <= best && (at == "" || d < best) {
			best, at = d, c
		}
	}
	if at == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q", prefix+at)
}

// distance is Levenshtein's, with neighbours swapped counting one (Damerau).
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
		for j := range d[i] {
			if i == 0 {
				d[i][j] = j
				continue
			}
			if j == 0 {
				continue
			}
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
