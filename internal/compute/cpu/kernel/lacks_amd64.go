//go:build amd64 && !purego

package kernel

import "github.com/klauspost/cpuid/v2"

// needs lists the features that levels with assembly need, the best level first.
func needs() []need {
	avx512 := []cpuid.FeatureID{cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.FMA3, cpuid.F16C}
	pairs := append([]cpuid.FeatureID{cpuid.AVX512BF16, cpuid.AVX512VNNI}, avx512...)
	return []need{
		{"amx", append(tileFeatures(), pairs...)}, {"avx512bf16", pairs},
		{"avx512", avx512}, {"avx2", []cpuid.FeatureID{cpuid.AVX2, cpuid.FMA3, cpuid.F16C}},
	}
}

type need struct {
	level    string
	features []cpuid.FeatureID
}

// Lacks lists the levels with assembly that this machine does not have, the best first.
func Lacks() []Lack { return lacksOf(&cpuid.CPU, amxWorks) }

func lacksOf(c *cpuid.CPUInfo, amxWorks func() bool) (all []Lack) {
	for _, n := range needs() {
		l := Lack{Level: n.level}
		for _, f := range n.features {
			if !c.Supports(f) {
				l.Features = append(l.Features, f.String())
			}
		}
		if n.level == "amx" && l.Features == nil && !amxWorks() {
			l.Features = []string{"the system's permission to use tiles, and right results of a trial"}
		}
		if l.Features != nil {
			all = append(all, l)
		}
	}
	return all
}
