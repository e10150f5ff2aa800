//go:build linux && amd64 && !purego

package kernel

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/cpuid/v2"
	"github.com/stretchr/testify/require"
)

// fenced returns n words of x between pages that must not be touched: they end at one, or begin behind one.
func fenced(t *testing.T, x []Word, begin bool) []Word {
	t.Helper()
	page := syscall.Getpagesize()
	size := (4*len(x) + page - 1) / page * page
	raw, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(raw)) })
	inner := raw[page:][:size]
	require.NoError(t, syscall.Mprotect(inner, syscall.PROT_READ|syscall.PROT_WRITE))
	words := BytesAsWords(inner)
	if !begin {
		words = words[len(words)-len(x):]
	}
	words = words[:len(x):len(x)]
	copy(words, x)
	return words
}

// rowKernel describes a kernel on rows and tiles, and the words that it may touch.
type rowKernel struct {
	name     string
	of       func(a *AMX) func(*AMXRows)
	counts   int // 1 … counts rows, columns alike
	cols     int
	x, tiles func(m *AMXRows) int
}

func rowKernels() []rowKernel {
	rows := func(m *AMXRows) int { return (m.Count-1)*m.LD + m.Cols }
	chunks := func(panels, lines int) func(m *AMXRows) int {
		return func(m *AMXRows) int { return (panels*m.Cols-1)*m.LD + m.Count*Panel }
	}
	straight := func(per int) func(m *AMXRows) int {
		return func(m *AMXRows) int { return (m.Cols-1)/per*AMXStep + 16*m.Count }
	}
	turned := func(per int) func(m *AMXRows) int {
		return func(m *AMXRows) int { return (m.Cols-1)/per*AMXStep + tileWords }
	}
	parted := func(rows int) func(m *AMXRows) int {
		return func(m *AMXRows) int { return (m.Cols-1)*AMXStep + 16*rows*m.Count }
	}
	blocks := func(m *AMXRows) int { return (m.Count + 31) / 32 * AMXBlock }
	return []rowKernel{
		{"rowsBF16", func(a *AMX) func(*AMXRows) { return a.RowsBF16 }, 16, 70, rows, straight(32)},
		{"rowsInt8", func(a *AMX) func(*AMXRows) { return a.RowsInt8 }, 16, 35, rows, straight(16)},
		{"turnBF16", func(a *AMX) func(*AMXRows) { return a.TurnBF16 }, 16, 70, rows, turned(32)},
		{"turnInt8", func(a *AMX) func(*AMXRows) { return a.TurnInt8 }, 16, 35, rows, turned(16)},
		{"partBF16", func(a *AMX) func(*AMXRows) { return a.PartBF16 }, 16, 4, chunks(1, 16), parted(2)},
		{"partInt8", func(a *AMX) func(*AMXRows) { return a.PartInt8 }, 8, 4, chunks(2, 8), parted(4)},
		{"outF32", func(a *AMX) func(*AMXRows) { return a.OutF32 }, 70, 32, rows, blocks},
		{"outInt32", func(a *AMX) func(*AMXRows) { return a.OutInt32 }, 70, 32, rows, blocks},
		{"addTurnedF32", func(a *AMX) func(*AMXRows) { return a.AddTurnedF32 }, 70, 32, rows, blocks},
		{"addTurnedInt32", func(a *AMX) func(*AMXRows) { return a.AddTurnedInt32 }, 70, 32, rows, blocks},
	}
}

// TestAMXRowsEqualTwins needs no tile registers: laying rows out in tiles takes ordinary ones.
func TestAMXRowsEqualTwins(t *testing.T) {
	if !cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512BF16, cpuid.AVX512VBMI) {
		t.Skip("no AVX-512 with bfloat16 and VBMI")
	}
	some := drawn(40000)
	scales := Floats(drawn(100))
	fast, slow := assemblyAMX(), PlainAMX()
	for _, k := range rowKernels() {
		var m AMXRows
		most := AMXRows{Count: k.counts, Cols: k.cols, LD: 70 * Panel}
		x := [2][]Word{fenced(t, some[:min(len(some), k.x(&most))], false), nil}
		tiles := [2][]Word{fenced(t, some[:k.tiles(&most)], false), fenced(t, some[:k.tiles(&most)], true)}
		x[1] = fenced(t, some[:len(x[0])], true)
		for count := 1; count <= k.counts; count++ {
			for cols := 1; cols <= k.cols; cols++ {
				for _, gap := range []int{0, 3} {
					m = AMXRows{Count: count, Cols: cols, LD: cols + gap, R: scales[:count], Scale: scales[:cols]}
					if k.counts <= 16 && k.cols == 4 {
						m.LD = 16*Panel + 16*gap
					}
					what := fmt.Sprintf("%s count=%d cols=%d ld=%d", k.name, count, cols, m.LD)
					nx, nt := k.x(&m), k.tiles(&m)
					wantX, wantTiles := slices.Clone(some[:nx]), slices.Clone(some[:nt])
					m.X, m.Tiles = wantX, wantTiles
					k.of(slow)(&m)
					for side := range 2 {
						m.X, m.Tiles = x[side][:nx], tiles[side][:nt]
						if side == 0 {
							m.X, m.Tiles = x[0][len(x[0])-nx:], tiles[0][len(tiles[0])-nt:]
						}
						copy(m.X, some)
						copy(m.Tiles, some)
						k.of(fast)(&m)
						requireSameWords(t, wantX, m.X, what)
						requireSameWords(t, wantTiles, m.Tiles, what)
					}
				}
			}
		}
	}
}

// needTiles skips a test where there are no tile registers.
func needTiles(t *testing.T) {
	t.Helper()
	if !cpuid.CPU.Supports(cpuid.AMXTILE, cpuid.AMXBF16, cpuid.AMXINT8) || !permitTiles() {
		t.Skip("no AMX")
	}
}

// strips lists products of all kinds.
func strips(a *AMX) map[string]func(*AMXStrip) {
	return map[string]func(*AMXStrip){
		"panelBF16": a.PanelBF16, "panelInt8": a.PanelInt8, "chunkBF16": a.ChunkBF16, "chunkInt8": a.ChunkInt8,
		"fewBF16": a.FewBF16,
	}
}

func TestAMXStripsEqualTwins(t *testing.T) {
	needTiles(t)
	some := drawn(1 << 15)
	fast, slow := strips(assemblyAMX()), strips(PlainAMX())
	for name := range slow {
		for _, steps := range []int{1, 2, 5} {
			for _, blocks := range []int{1, 3} {
				for rows := 1; rows <= 16; rows++ {
					for _, mode := range []int{0, ModeContinue} {
						s := AMXStrip{Steps: steps, Blocks: blocks, Rows: rows, Mode: mode, Pairs: rows, Pace: 64 * rows}
						x, c := blocks*steps*AMXStep, blocks*AMXBlock
						if name == "fewBF16" {
							if blocks > 1 {
								continue
							}
							x, c = (steps-1)*AMXStep+16*rows, tileWords+16*rows
						} else if rows != 1 && rows != 16 {
							continue
						}
						what := fmt.Sprintf("%s steps=%d blocks=%d rows=%d mode=%d", name, steps, blocks, rows, mode)
						s.X, s.W = fenced(t, some[:x], false), fenced(t, some[x:][:steps*AMXStep], false)
						s.C, s.Next = slices.Clone(some[:c]), s.W
						slow[name](&s)
						want := s.C
						for _, begin := range []bool{false, true} {
							s.X, s.W = fenced(t, some[:x], begin), fenced(t, some[x:][:steps*AMXStep], begin)
							s.C = fenced(t, some[:c], begin)
							fast[name](&s)
							requireSameWords(t, want, s.C, what)
						}
					}
				}
			}
		}
	}
}

func TestAMXRectEqualsTwin(t *testing.T) {
	needTiles(t)
	some := drawn(1 << 16)
	for i := range 200 {
		m := AMXRect{Steps: 1 + i%5, Blocks: 1 + i%3, Panels: 1 + i%4, Mode: i % 2 * ModeContinue}
		m.LD, m.Apart = 32*m.Panels+i%7*5, 4*(AMXStep+i%3*32)
		m.Pitch = m.Steps*m.Apart + i%5*64
		x, w := m.Blocks*m.Steps*AMXStep, ((m.Panels-1)*m.Pitch+(m.Steps-1)*m.Apart)/4+AMXStep
		c := (32*m.Blocks-1)*m.LD + 32*m.Panels
		m.X, m.W, m.C = some[i:][:x], some[i+x:][:w], slices.Clone(some[:c])
		rectBF16Go(&m)
		want := m.C
		for _, begin := range []bool{false, true} {
			m.X, m.W, m.C = fenced(t, m.X, begin), fenced(t, m.W, begin), fenced(t, some[:c], begin)
			rectBF16AMX(&m)
			requireSameWords(t, want, m.C, fmt.Sprint(m.LD, m.Steps, m.Blocks, m.Panels, m.Apart, m.Pitch, m.Mode))
		}
	}
}

// TestAMXOfAllNumbers multiplies what is seldom: infinities, NaN, denormal numbers and products that overflow.
func TestAMXOfAllNumbers(t *testing.T) {
	needTiles(t)
	words := codes(4 * AMXBlock) // any bits
	for i := range 40 {
		s := AMXStrip{X: words[i*7:], W: words[2000-i*11:], Next: words, Steps: 1, Blocks: 1, Mode: ModeContinue, Pairs: 1}
		for name, f := range strips(PlainAMX()) {
			s.Rows, s.C = 16, slices.Clone(words[i:][:AMXBlock])
			f(&s)
			want := s.C
			s.C = slices.Clone(words[i:][:AMXBlock])
			strips(assemblyAMX())[name](&s)
			requireSameWords(t, want, s.C, name)
		}
	}
}

func TestAMXEqualsTwins(t *testing.T) {
	require.True(t, PlainAMX().equalsTwins())
	for i := range 16 {
		broken := PlainAMX()
		strip := func(f *func(*AMXStrip)) {
			right := *f
			*f = func(s *AMXStrip) { right(s); s.C[21] ^= 1 }
		}
		move := func(f *func(*AMXRows)) {
			right := *f
			*f = func(m *AMXRows) { right(m); m.Tiles[21] ^= 1 }
		}
		for j, f := range []*func(*AMXStrip){
			&broken.PanelBF16, &broken.PanelInt8, &broken.ChunkBF16, &broken.ChunkInt8, &broken.FewBF16,
		} {
			if i == j {
				strip(f)
			}
		}
		for j, f := range []*func(*AMXRows){
			&broken.RowsBF16, &broken.RowsInt8, &broken.TurnBF16, &broken.TurnInt8, &broken.PartBF16, &broken.PartInt8,
			&broken.OutF32, &broken.OutInt32, &broken.AddTurnedF32, &broken.AddTurnedInt32,
		} {
			if i == 5+j {
				move(f)
			}
		}
		if i == 15 {
			broken.RectBF16 = func(m *AMXRect) { rectBF16Go(m); m.C[21] ^= 1 }
		}
		require.False(t, broken.equalsTwins(), "kernel %d", i)
	}
}

func TestAMXOfThisProcessorEqualsTwins(t *testing.T) {
	needTiles(t)
	require.True(t, assemblyAMX().equalsTwins())
}

// TestAMXUnderPreemption multiplies on many goroutines while garbage is collected and signals arrive: registers must
// survive both.
func TestAMXUnderPreemption(t *testing.T) {
	needTiles(t)
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	stop := time.Now().Add(time.Second)
	var all sync.WaitGroup
	for g := range 12 {
		all.Go(func() {
			words := drawn(4*2*AMXStep + g)[g:]
			k, want := assemblyAMX(), []Word(nil)
			for want == nil || time.Now().Before(stop) {
				s := AMXStrip{X: words, W: words, Next: words, C: make([]Word, 2*AMXBlock), Steps: 4, Blocks: 2, Pairs: 1}
				k.PanelBF16(&s)
				k.ChunkInt8(&s)
				s.Mode, s.Rows = ModeContinue, 1+g
				k.FewBF16(&s)
				if want == nil {
					want = s.C
				}
				if !slices.Equal(want, s.C) {
					t.Errorf("goroutine %d: other bits", g)
					return
				}
			}
		})
	}
	all.Go(func() {
		for time.Now().Before(stop) {
			runtime.GC()
			for range 20 {
				_ = syscall.Kill(syscall.Getpid(), syscall.SIGURG)
			}
			time.Sleep(200 * time.Microsecond)
		}
	})
	all.Wait()
}
