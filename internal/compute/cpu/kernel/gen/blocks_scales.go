package main

import "fmt"

// makeScales writes the numbers of all parts of the block at DI, group by group. With each it asks for some lines, from
// R14 on.
func (b *blocksAsm) makeScales() {
	group := b.label("group")
	b.i("MOVQ DI, R10")
	b.i("MOVQ R8, R11")
	b.i("MOVL $%d, BX", b.groups())
	if b.crossed() {
		b.i("MOVL $8, R15")
	}
	b.at(group)
	for i := range b.asks {
		b.i("PREFETCHT0 %d(R14)", 64*i)
	}
	if b.asks > 0 {
		b.i("ADDQ $%d, R14", 64*b.asks)
	}
	if len(b.scales) == 0 {
		b.onePart()
	} else {
		b.manyParts()
	}
	if b.crossed() {
		b.i("ADDQ R15, R10")
		b.i("XORQ $16, R15 // 24 after 8")
	} else {
		b.i("ADDQ $%d, R10", b.size()/2)
	}
	b.i("ADDQ $%d, R11", b.size())
	b.i("DECQ BX")
	b.i("JNE %s", group)
}

// plain reports whether scales are those of codes as they are.
func (b *blocksAsm) plain() bool { return b.bytes || b.floats() }

// lineOf returns the place of a line of halves of the group, store writes a number of a part.
func lineOf(line int) string { return fmt.Sprintf("%d(R10)", 64*line) }

// group loads the halves of the group.
func (b *blocksAsm) group(line int, to string) {
	if !b.crossed() {
		b.i("VMOVDQU %s, %s", lineOf(line), to)
		return
	}
	b.i("VMOVQ %s, %s", lineOf(line), to)
	b.i("VPINSRQ $1, %d(R10), %s, %[2]s", 64*line+16, to)
}

// open converts the halves of the group with an instruction.
func (b *blocksAsm) open(instruction string, line int, to string) {
	from := lineOf(line)
	if b.crossed() {
		from = "X" + to[1:]
		b.group(line, from)
	}
	b.i("%s %s, %s", instruction, from, to)
}

func (b *blocksAsm) store(from string, part, kind int) {
	b.i("VMOVUPS %s, %d(R11)", from, 128*(numbers*part+kind))
}

// times computes to = from·2^−n.
func (b *blocksAsm) times(from string, n int, to string) {
	b.i("VMULPS %s<>(SB), %s, %s", power(n), from, to)
}

// onePart takes the scale and the offset of the block as they are.
func (b *blocksAsm) onePart() {
	d, to := b.v(4), b.v(regWords)
	b.open("VCVTPH2PS", b.d, d)
	if b.plain() {
		b.store(d, 0, scaleFirst)
	} else {
		b.times(d, 24, to)
		b.store(to, 0, scaleFirst)
		if b.wide {
			b.times(d, 8, to)
			b.store(to, 0, scaleSecond)
		}
	}
	if b.m > 0 {
		b.open("VCVTPH2PS", b.m, to)
		b.store(to, 0, offset)
	}
}

// manyParts multiplies the codes of scales, which come out as 2²⁴ and 2⁸ times themselves, and those of offsets.
func (b *blocksAsm) manyParts() {
	// Products of d and negative powers of two, of m and the negative of these.
	d8, d16, d24, d32, d48, m8, m24 := b.v(3), b.v(5), b.v(2), b.v(4), b.v(13), b.v(12), b.v(15)
	scales := [2][2]string{{d48, d32}, {d32, d16}} // of each element, of each element of the pairs of codes to come
	b.open("VCVTPH2PS", b.d, d32)
	if b.plain() {
		scales = [2][2]string{{d24}, {d8}}
		b.times(d32, 8, d8)
		b.times(d32, 24, d24)
	} else {
		if b.wide {
			b.times(d32, 16, d16)
		} else {
			scales = [2][2]string{{d48}, {d32}}
		}
		b.times(d32, 48, d48)
		b.times(d32, 32, d32)
	}
	if b.m > 0 {
		b.open("VCVTPH2PS", b.m, m8)
		b.times(m8, -24, m24)
		b.times(m8, -8, m8)
	}
	for _, s := range b.scales {
		if s.terms[0].mask == 0xffff {
			b.open("VPMOVSXWD", s.terms[0].line, b.v(regWords))
		} else {
			b.codes(s.terms, nil, s.minus, b.h)
			b.i("VPMOVSXWD %s, %s", b.h(regCodes), b.v(regWords))
		}
		for i, part := range s.parts {
			q := b.v(regFirst)
			b.code(i, q)
			if s.offset {
				b.i("VMULPS %s, %s, %s", []string{m24, m8}[i], q, q)
				b.store(q, part, offset)
				continue
			}
			for kind, times := range scales[i] {
				if times != "" {
					b.i("VMULPS %s, %s, %s", times, q, b.v(regCodes))
					b.store(b.v(regCodes), part, kind)
				}
			}
		}
	}
}
