// Package rng computes random numbers as a function of a key and an index.
//
// There is no state: element i of a key does not depend on earlier calls, on their order or on the number of threads,
// so masks and initial values are independent of batching and of interruptions.
package rng

import "math"

// golden is 2⁶⁴/φ, the increment of SplitMix64.
const golden = 0x9e3779b97f4a7c15

// Key selects one sequence of random numbers.
type Key uint64

// Stream hashes the words, in order, into a key:
//
//	k = 0
//	for w in words { k = Mix(k + 2⁶⁴/φ + Mix(w)) }
func Stream(words ...uint64) Key {
	var k uint64
	for _, w := range words {
		k = Mix(k + golden + Mix(w))
	}
	return Key(k)
}

// Uniform returns element i of a uniform distribution on [0, 1), a multiple of 2⁻⁵³:
//
//	floor(Mix(k + i·2⁶⁴/φ) / 2¹¹) / 2⁵³
//
// Keys that are the state of a SplitMix64 generator give its output i.
func (k Key) Uniform(i int) float64 {
	return float64(Mix(uint64(k)+uint64(i)*golden)>>11) * 0x1p-53
}

// Normal returns element i of a normal distribution of mean 0 and variance 1:
//
//	sqrt(-2·log(1 - u[2i])) · cos(2π·u[2i+1]), u = k.Uniform
//
// Box and Muller 1958.
func (k Key) Normal(i int) float64 {
	return math.Sqrt(-2*math.Log(1-k.Uniform(2*i))) * math.Cos(2*math.Pi*k.Uniform(2*i+1))
}

// Name hashes a string into a word for Stream: FNV-1a, 64 bits.
func Name(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// Mix is the finalizer of SplitMix64, a bijection of 64 bits that maps 0 to 0. Steele, Lea and Flood 2014,
// doi:10.1145/2660193.2660195.
func Mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
