package compute

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInt8RowsReachTheirLargestMagnitude(t *testing.T) {
	rows := []float32{-2, 0.5, 1, 3, -6, 0.75, 0, 0, 0}
	var raw []byte
	for _, v := range rows {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	m, err := NewMatrix("rows", 3, 3, F32, raw)
	require.NoError(t, err)
	q, err := Quantize(m, QuantizeInt8)
	require.NoError(t, err)
	w := q.Packed.(*Int8Weights)
	require.Equal(t, []int8{-127, 32, 64, 64, -127, 16, 0, 0, 0}, w.Q)
	require.Equal(t, []float32{2. / 127, 6. / 127, 0}, w.Scale)
	for i, top := range []float32{-2, -6, 0} {
		var row [3]float32
		q.Row(row[:], i, 0)
		require.InDelta(t, top, min(row[0], row[1]), 1e-6, "row %d", i)
	}
}

func TestQuantizationsHaveNames(t *testing.T) {
	for _, name := range Quantizations() {
		typ, err := ParseQuantization(name, BF16)
		require.NoError(t, err)
		require.Equal(t, name, typ.Quantization())
	}
	_, err := ParseQuantization("int3", F32)
	require.EqualError(t, err, `unknown quantization "int3", want none, int8 or nf4`)
	require.Equal(t, QuantizeInt8, ResolveQuantization(ModeInt8, NotQuantized, BF16))
	require.Equal(t, QuantizeNF4, ResolveQuantization(ModeInt8, QuantizeNF4, Q4_0))
	require.Equal(t, NotQuantized, ResolveQuantization(ModeF32, "", F32))
	require.Equal(t, NotQuantized, ResolveQuantization(ModeInt8, "", Q4_0), "blocks stay as stored")
}

func TestNearestLevelIsNearest(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	values := []float32{0, 1, -1, 2, -2, inf, -inf, nan, math.Nextafter32(1, 0), math.Nextafter32(-1, 0)}
	for c := range 15 {
		m := (NF4Levels[c] + NF4Levels[c+1]) / 2
		values = append(values, m, math.Nextafter32(m, 2), math.Nextafter32(m, -2))
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		values = append(values, rng.Float32()*2.2-1.1)
	}
	for _, v := range values {
		want := byte(0)
		for c := 1; c < 16; c++ {
			if v > (NF4Levels[c-1]+NF4Levels[c])/2 {
				want = byte(c)
			}
		}
		require.Equal(t, want, nearestLevel(v, 1), "%v", v)
	}
	require.Equal(t, byte(7), nearestLevel(3, 0))
}

// The magnitudes 1 … 255 of five rows lie up to 127 from their mean: the largest of a group is a code of 127.
func TestNF4MagnitudesFillTheirCodes(t *testing.T) {
	magnitudes := []float32{1, 126, 128, 130, 255}
	var raw []byte
	for _, v := range magnitudes {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(-v))
	}
	m, err := NewMatrix("rows", 5, 2, F32, raw)
	require.NoError(t, err)
	q, err := Quantize(m, QuantizeNF4)
	require.NoError(t, err)
	w := q.Packed.(*NF4Weights)
	require.Equal(t, []int8{-127, -2, 0, 2, 127}, w.Magnitude)
	require.Equal(t, []float32{1}, w.Scale)
	require.EqualValues(t, 128, w.Mean)
	for i, v := range magnitudes {
		var row [2]float32
		q.Row(row[:], i, 0)
		require.Equal(t, [2]float32{v, -v}, row, "row %d", i)
	}
}

func BenchmarkNearestLevel(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	row := make([]float32, 4096)
	for i := range row {
		row[i] = float32(rng.NormFloat64()) / 3
	}
	for b.Loop() {
		for _, v := range row {
			nearestLevel(v, 1.1)
		}
	}
}

// The code book is computed from its definition (Dettmers et al. 2023, as in bitsandbytes): quantiles of the normal
// distribution, seven below 0, 0, and eight above it, evenly apart in probability between 1/2 and the mean of 1 − 1/30
// and 1 − 1/32, scaled to ±1.
func TestA5NF4LevelsAreQuantilesOfTheNormalDistribution(t *testing.T) {
	quantile := func(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }
	edge := (1 - 1.0/30 + 1 - 1.0/32) / 2
	var want []float64
	for i := range 7 {
		want = append(want, -quantile(edge+(0.5-edge)*float64(i)/7))
	}
	want = append(want, 0)
	for i := 7; i >= 0; i-- {
		want = append(want, quantile(edge+(0.5-edge)*float64(i)/8))
	}
	for i, level := range NF4Levels {
		require.InDelta(t, want[i]/quantile(edge), level, 1e-6, "level %d", i)
	}
}

// The levels that products of codes take are whole multiples of 1/NF4Scale, and no scale within bytes errs less.
func TestNF4CodesErrLeastOfAllScales(t *testing.T) {
	deviation := func(scale float64) (sum float64) {
		for _, level := range NF4Levels {
			d := math.RoundToEven(scale*float64(level))/scale - float64(level)
			sum += d * d / 16
		}
		return math.Sqrt(sum)
	}
	most := 0.0
	for c, level := range NF4Levels {
		require.Equal(t, math.RoundToEven(NF4Scale*float64(level)), float64(NF4Codes[c]))
		most = max(most, math.Abs(float64(NF4Codes[c])/NF4Scale-float64(level)))
	}
	require.InDelta(t, 0.0017, deviation(NF4Scale), 5e-5)
	require.InDelta(t, 0.0038, most, 5e-5)
	for scale := 32.0; scale < 127.5; scale += 0.01 {
		require.GreaterOrEqual(t, deviation(scale), deviation(NF4Scale)-1e-7, "%g", scale)
	}
}
