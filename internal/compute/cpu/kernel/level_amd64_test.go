//go:build amd64 && !purego

package kernel

import (
	"fmt"
	"slices"
	"testing"

	"github.com/klauspost/cpuid/v2"
	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
)

func TestAutoTakesTheFasterProducts(t *testing.T) {
	type features = []cpuid.FeatureID
	avx2 := features{cpuid.AVX2, cpuid.FMA3, cpuid.F16C}
	avx512 := slices.Concat(avx2, features{cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL})
	vnni := slices.Concat(avx512, features{cpuid.AVX512VNNI})
	pairs := slices.Concat(vnni, features{cpuid.AVX512BF16})
	amx := slices.Concat(pairs, features{cpuid.AMXTILE, cpuid.AMXBF16, cpuid.AMXINT8, cpuid.AVX512VBMI})
	for _, c := range []struct {
		why      string
		vendor   cpuid.Vendor
		features features
		works    bool // tile registers
		gain     float64
		level    string
		bf16     bool
	}{
		{"Zen 3 has no pairs", cpuid.AMD, avx2, false, 0, "avx2", false},
		{"Ice Lake has no pairs", cpuid.Intel, vnni, false, 0, "avx512", false},
		{"Zen 4 multiplies pairs twice as fast", cpuid.AMD, pairs, false, 1.9, "avx512bf16", true},
		{"Cooper Lake has pairs but no AMX", cpuid.Intel, pairs, true, 0.6, "avx512bf16", false},
		{"a gain within what measurements differ by", cpuid.AMD, pairs, false, 1.2, "avx512bf16", false},
		{"Sapphire Rapids has AMX", cpuid.Intel, amx, true, 9, "amx", true},
		{"a virtual machine that emulates tile registers", cpuid.Intel, amx, true, 0.1, "amx", false},
		{"the system, or a kernel that errs, forbids it", cpuid.Intel, amx, false, 0.5, "avx512bf16", false},
	} {
		processor := cpuid.CPUInfo{VendorID: c.vendor}
		processor.Enable(c.features...)
		gain := func() float64 { return c.gain }
		best := levelsOf(&processor, func() bool { return c.works }, func() float64 { return 0.5 }, gain)[0]
		if best.AMX == nil {
			best = levelsOf(&processor, func() bool { return c.works }, gain, nil)[0]
		}
		require.Equal(t, c.level, best.Name, c.why)
		require.Equal(t, c.bf16, best.Auto, c.why)
		require.True(t, best.BF16 || !best.Auto, c.why)
		require.Equal(t, c.level == "amx", best.AMX != nil, c.why)
	}
}

func TestLevelsWithAssemblyMultiplyCodes(t *testing.T) {
	for _, blocks := range []map[compute.DType]BlockKernels{blocksAVX2(), blocksAVX512(), blocksVNNI()} {
		for _, typ := range compute.BlockTypes() {
			require.NotNil(t, blocks[typ].Codes, typ)
		}
	}
}

// TestRowsOfEveryVendorEqualTwins, whatever the processor at hand.
func TestRowsOfEveryVendorEqualTwins(t *testing.T) {
	if !cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3, cpuid.F16C) {
		t.Skip("no AVX2 here")
	}
	for _, vendor := range []cpuid.Vendor{cpuid.Intel, cpuid.AMD} {
		bf16, f16 := rowsOfHalves(&cpuid.CPUInfo{VendorID: vendor})
		requireRowTwin(t, fmt.Sprintf("bf16, %v", vendor), 2, 20, rowBF16Go, bf16)
		requireRowTwin(t, fmt.Sprintf("f16, %v", vendor), 2, 20, rowF16Go, f16)
	}
}
