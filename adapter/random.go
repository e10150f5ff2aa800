package adapter

import "math"

// counter is a random function of a key and an index, not a stream: element i
// is the same whoever asks, in whatever order.
type counter uint64

// stream mixes the words of a key.
func stream(words ...uint64) counter {
	var c counter
	for _, w := range words {
		c = counter(mix(uint64(c) + 0x9e3779b97f4a7c15 + mix(w)))
	}
	return c
}

// mix is a bijection of 64 bits that leaves no pattern: the finaliser of
// SplitMix64 (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// uniform is in [0, 1).
func (c counter) uniform(i int) float64 {
	return float64(mix(uint64(c)+uint64(i)*0x9e3779b97f4a7c15)>>11) * 0x1p-53
}

// normal has mean 0 and variance 1 (Box and Muller 1958).
func (c counter) normal(i int) float64 {
	return math.Sqrt(-2*math.Log(1-c.uniform(2*i))) * math.Cos(2*math.Pi*c.uniform(2*i+1))
}

// name turns a string into a word of a key (FNV-1a).
func name(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

func invSqrt(n int) float64 { return 1 / math.Sqrt(float64(n)) }
