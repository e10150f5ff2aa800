package cpu_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/compute/devicetest"
	"fettle/internal/compute/ref"
)

// twins runs a test of products in tile registers: by their plain twins, and, where there are some, by assembly.
func twins(t *testing.T, f func(t *testing.T, device func(mode string, threads int) compute.Device)) {
	for _, level := range []string{"plain", "amx"} {
		t.Run(level, func(t *testing.T) {
			if level == "amx" && !slices.Contains(cpu.Levels(), level) {
				t.Skip("no AMX")
			}
			f(t, func(mode string, threads int) compute.Device {
				dev := newDevice(t, cpu.Options{Compute: mode, Threads: threads, Level: level})
				if level == "plain" {
					return cpu.WithAMX(dev)
				}
				return dev
			})
		})
	}
}

// TestAMXEqualsRefToTheBit holds products in tile registers, as stored and prepared, to their definition.
func TestAMXEqualsRefToTheBit(t *testing.T) {
	kinds := []compute.DType{compute.F32, compute.BF16, compute.F16, compute.Int8, compute.NF4, compute.Q4_K}
	shapes := [][2]int{{1, 1}, {5, 7}, {33, 65}, {64, 96}, {70, 1090}, {1090, 70}}
	twins(t, func(t *testing.T, device func(mode string, threads int) compute.Device) {
		dev, judge := device("bf16", 2), ref.NewAMX()
		for i, kind := range kinds {
			for _, s := range shapes {
				for _, n := range []int{1, 16, 17, 50} {
					if s[0]*s[1] > 10000 && (n != 17 || i%2 == 0) {
						continue
					}
					for _, ready := range []bool{false, true} {
						what := fmt.Sprintf("%v (%d,%d) n=%d prepared=%v", kind, s[0], s[1], n, ready)
						products := func(dev compute.Device, poison func(compute.Device)) []uint32 {
							w, other := devicetest.Drawn(3, s[0], s[1], kind), devicetest.Drawn(7, s[0]+33, s[1], kind)
							if ready {
								require.NoError(t, dev.Prepare(w))
							}
							x, dy := devicetest.Normal(4, n*w.K), devicetest.Normal(5, n*w.N)
							y, dx := make([]float32, n*w.N), devicetest.Normal(6, n*w.K)
							x[0], dy[n*w.N-1] = float32(math.Inf(1)), float32(math.NaN())
							poison(dev)
							dev.MatMul(y, x, w, n)
							dev.MatMulT(dx, dy, w, n)
							y2 := [2][]float32{make([]float32, n*w.N), make([]float32, n*other.N)}
							dev.MatMuls(x, n, compute.Product{Y: y2[0], W: w}, compute.Product{Y: y2[1], W: other})
							return bitsOf(y, dx, y2[0], y2[1])
						}
						require.Equal(t, products(judge, func(compute.Device) {}), products(dev, cpu.Poison), what)
					}
				}
			}
		}
	})
}

// TestAMXTakesDenormalNumbersForZero multiplies numbers so small that products and sums are often denormal, and numbers
// that are denormal themselves by large ones.
func TestAMXTakesDenormalNumbersForZero(t *testing.T) {
	const n, out, in = 20, 40, 70
	twins(t, func(t *testing.T, device func(mode string, threads int) compute.Device) {
		for _, powers := range [][2]float64{{-63, -65}, {-130, 100}, {100, -130}} {
			values := func(seed uint64, size int, power float64) []float32 {
				x := devicetest.Normal(seed, size)
				for i := range x {
					x[i] *= float32(math.Exp2(power))
				}
				return x
			}
			products := func(dev compute.Device) []uint32 {
				w := devicetest.Matrix(out, in, compute.BF16, values(3, out*in, powers[1]))
				y, dx := make([]float32, n*out), make([]float32, n*in)
				dev.MatMul(y, values(7, n*in, powers[0]), w, n)
				dev.MatMulT(dx, values(9, n*out, powers[0]), w, n)
				return bitsOf(y, dx)
			}
			got := products(device("bf16", 1))
			require.Equal(t, products(ref.NewAMX()), got, "2^%v", powers)
			for _, bits := range got {
				denormal := bits<<1 != 0 && bits&0x7f800000 == 0
				require.False(t, denormal || powers[1] != -65 && bits<<1 != 0, "2^%v: %#x", powers, bits)
			}
		}
	})
}

// bitsOf returns the bits of numbers, of NaN the same whatever it carries.
func bitsOf(lists ...[]float32) (bits []uint32) {
	for _, v := range slices.Concat(lists...) {
		if v != v {
			v = float32(math.NaN())
		}
		bits = append(bits, math.Float32bits(v))
	}
	return bits
}

// TestAMXOfBytesHasTheBitsOfOtherLevels multiplies bytes exactly.
func TestAMXOfBytesHasTheBitsOfOtherLevels(t *testing.T) {
	twins(t, func(t *testing.T, device func(mode string, threads int) compute.Device) {
		plain := cpu.WithCodes(newDevice(t, cpu.Options{Compute: "int8", Threads: 2, Level: "plain"}), 4)
		amx := device("int8", 2)
		for _, s := range [][3]int{
			{17, 1, 1}, {29, 33, 65}, {33, 70, 131}, {16, 40, 40}, {50, 130, 66}, {100, 64, 128}, {560, 40, 3},
			{23, 35, 2111}, {19, 2113, 37},
		} {
			n, out, in := s[0], s[1], s[2]
			x, dy := devicetest.Normal(4, n*in), devicetest.Normal(5, n*out)
			products := func(dev compute.Device) []float32 {
				w := devicetest.Matrix(out, in, compute.Int8, devicetest.Normal(3, out*in))
				require.NoError(t, dev.Prepare(w))
				y, dx := make([]float32, n*out), devicetest.Normal(6, n*in)
				dev.MatMul(y, x, w, n)
				dev.MatMulT(dx, dy, w, n)
				return append(y, dx...)
			}
			require.Equal(t, products(plain), products(amx), "%d rows of (%d, %d)", n, out, in)
		}
	})
}

// TestAMXRowsStandAlone cuts many rows, so many that not all pass together, in reductions of several chunks.
func TestAMXRowsStandAlone(t *testing.T) {
	twins(t, func(t *testing.T, device func(mode string, threads int) compute.Device) {
		for _, s := range [][3]int{{530, 33, 65}, {20, 1060, 33}, {20, 33, 1060}} {
			n, out, in := s[0], s[1], s[2]
			x, dy := devicetest.Normal(4, n*in), devicetest.Normal(5, n*out)
			for _, kind := range []compute.DType{compute.BF16, compute.NF4} {
				w := devicetest.Matrix(out, in, kind, devicetest.Normal(3, out*in))
				require.NoError(t, device("bf16", 1).Prepare(w))
				products := func(dev compute.Device, sizes ...int) []float32 {
					y, dx := make([]float32, n*out), devicetest.Normal(6, n*in)
					for lo, i := 0, 0; lo < n; i++ {
						rows := min(sizes[i%len(sizes)], n-lo)
						dev.MatMul(y[lo*out:], x[lo*in:], w, rows)
						dev.MatMulT(dx[lo*in:], dy[lo*out:], w, rows)
						lo += rows
					}
					return append(y, dx...)
				}
				want := products(device("bf16", 1), n)
				require.Equal(t, want, products(device("bf16", 2), 1, 16, 17, 33, 7), "%v %v", s, kind)
			}
		}
	})
}
