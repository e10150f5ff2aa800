package main

import (
	"fmt"
	"math"
)

// A blockLayout tells where the kernels find codes and scales of a type of blocks: in lines of 32 halves, one of each
// row, see kernel.Blocks. Halves of codes hold two elements, one in each byte.
type blockLayout struct {
	name   string
	lines  int     // of a block
	d, m   int     // lines of the scales of the whole block; m is 0 where there is none
	minus  int     // what codes are less than stored
	levels bool    // codes are looked up
	scales []scale // of parts; none: d and m are the scale and the offset of the only one
	runs   [][]span
}

// term is (line >> shift) & mask, in halves; shifts below zero go to the left.
type term struct{ line, shift, mask int }

// span makes pairs of elements, so many for each of some parts; the terms of each pair lie a line further than those
// of the last.
type span struct {
	part, parts, pairs int
	terms              []term
}

// scale makes the scales, or offsets, of two parts.
type scale struct {
	parts  [2]int
	offset bool
	minus  int
	terms  []term
}

// blockLayouts lists all types. Package block defines them.
func blockLayouts() []blockLayout {
	return []blockLayout{
		{name: "Q4_0", lines: 9, minus: 8, runs: [][]span{nibbles(1, 0)}},
		{name: "Q4_1", lines: 10, m: 1, runs: [][]span{nibbles(2, 0)}},
		{name: "Q5_0", lines: 11, minus: 16, runs: [][]span{fifths(3, 1)}},
		{name: "Q5_1", lines: 12, m: 1, runs: [][]span{fifths(4, 2)}},
		{name: "Q8_0", lines: 17, runs: [][]span{{{0, 1, 16, []term{{1, 0, 0xffff}}}}}},
		{name: "Q2_K", lines: 42, d: 40, m: 41, scales: scales2(), runs: runs(16, func(r int) []term {
			return []term{{8 + r/4*16, r % 4 * 2, 0x0303}}
		})},
		{name: "Q3_K", lines: 55, d: 54, minus: 4, scales: scales3(), runs: runs(16, func(r int) []term {
			return []term{{16 + r/4*16, r % 4 * 2, 0x0303}, {0, r - 2, 0x0404}}
		})},
		{name: "Q4_K", lines: 72, m: 1, scales: scales4(), runs: runs(32, func(r int) []term {
			return []term{{8 + r/2*16, r % 2 * 4, 0x0f0f}}
		})},
		{name: "Q5_K", lines: 88, m: 1, scales: scales4(), runs: runs(32, func(r int) []term {
			return []term{{24 + r/2*16, r % 2 * 4, 0x0f0f}, {8, r - 4, 0x1010}}
		})},
		{name: "Q6_K", lines: 105, d: 104, minus: 32, scales: scales6(), runs: runs(16, func(r int) []term {
			return []term{{r/4*32 + r%2*16, r % 4 / 2 * 4, 0x0f0f}, {64 + r/4*16, r%4*2 - 4, 0x3030}}
		})},
		{name: "IQ4_NL", lines: 9, levels: true, runs: [][]span{nibbles(1, 0)}},
		{name: "IQ4_XS", lines: 68, levels: true, scales: scalesIQ4(), runs: [][]span{
			nibbles(4, 0), nibbles(12, 1), nibbles(20, 2), nibbles(28, 3),
			nibbles(36, 4), nibbles(44, 5), nibbles(52, 6), nibbles(60, 7),
		}},
	}
}

// nibbles: low ones make the first half of a run, high ones the second.
func nibbles(line, part int) []span {
	return []span{{part, 1, 8, []term{{line, 0, 0x0f0f}}}, {part, 1, 8, []term{{line, 4, 0x0f0f}}}}
}

// fifths adds fifth bits, element by element in two lines.
func fifths(line, bits int) (all []span) {
	for p := range 16 {
		bit := 2 * p % 16
		all = append(all, span{0, 1, 1, []term{
			{line + p%8, p / 8 * 4, 0x0f0f}, {bits + p/8, bit - 4, 0x0010}, {bits + p/8, bit - 11, 0x1000},
		}})
	}
	return all
}

// runs makes the eight runs of a block of 256, in parts of so many elements.
func runs(part int, terms func(run int) []term) (all [][]span) {
	for r := range 8 {
		all = append(all, []span{{32 * r / part, 32 / part, part / 2, terms(r)}})
	}
	return all
}

func scales2() (all []scale) {
	for j := range 8 {
		all = append(all, scale{parts: [2]int{2 * j, 2*j + 1}, terms: []term{{j, 0, 0x0f0f}}})
		all = append(all, scale{parts: [2]int{2 * j, 2*j + 1}, offset: true, terms: []term{{j, 4, 0x0f0f}}})
	}
	return all
}

func scales3() (all []scale) {
	for j := range 8 {
		all = append(all, scale{parts: [2]int{2 * j, 2*j + 1}, minus: 32, terms: []term{
			{48 + j%4, j / 4 * 4, 0x0f0f}, {52 + j%2, j/2*2 - 4, 0x3030},
		}})
	}
	return all
}

func scales4() (all []scale) {
	for j := range 2 {
		low, high := [2]int{2 * j, 2*j + 1}, [2]int{4 + 2*j, 5 + 2*j}
		all = append(all,
			scale{parts: low, terms: []term{{2 + j, 0, 0x3f3f}}},
			scale{parts: low, offset: true, terms: []term{{4 + j, 0, 0x3f3f}}},
			scale{parts: high, terms: []term{{6 + j, 0, 0x0f0f}, {2 + j, 2, 0x3030}}},
			scale{parts: high, offset: true, terms: []term{{6 + j, 4, 0x0f0f}, {4 + j, 2, 0x3030}}},
		)
	}
	return all
}

func scales6() (all []scale) {
	for j := range 8 {
		all = append(all, scale{parts: [2]int{2 * j, 2*j + 1}, terms: []term{{96 + j, 0, 0xffff}}})
	}
	return all
}

func scalesIQ4() (all []scale) {
	for _, p := range []int{0, 1, 4, 5} {
		all = append(all, scale{parts: [2]int{p, p + 2}, minus: 32, terms: []term{
			{2 + p/4, p % 2 * 4, 0x0f0f}, {1, 2*p - 4, 0x0030}, {1, 2*p - 8, 0x3000},
		}})
	}
	return all
}

// halves emits a constant of 64 bytes that repeats a half.
func (a *asm) halves(name string, half int) {
	for i := range 8 {
		a.Printf("DATA %s<>+%d(SB)/8, $%#016x\n", name, 8*i, uint64(half)*0x0001000100010001)
	}
	a.Printf("GLOBL %s<>(SB), RODATA|NOPTR, $64\n", name)
}

// power emits the constant 2^−n, sixteen times; for n below zero −2ⁿ.
func (a *asm) power(n int) {
	v := math.Ldexp(1, -n)
	if n < 0 {
		v = -math.Ldexp(1, n)
	}
	for i := range 16 {
		a.Printf("DATA %s<>+%d(SB)/4, $%#x\n", power(n), 4*i, math.Float32bits(float32(v)))
	}
	a.Printf("GLOBL %s<>(SB), RODATA|NOPTR, $64\n", power(n))
}

// power names the constant of asm.power.
func power(n int) string {
	if n < 0 {
		return fmt.Sprintf("minusPower%d", -n)
	}
	return fmt.Sprintf("power%d", n)
}
