package main

import "fmt"

// Numbers of general registers, as instructions encode them.
const (
	regAX = 0
	regCX = 1
	regDX = 2
	regBX = 3
	regSI = 6
	regR8 = 8
	regR9 = 9
)

// Prefixes of VEX instructions.
const (
	prefixNone = 0
	prefix66   = 1
	prefixF3   = 2
	prefixF2   = 3
)

// Instructions on tile registers, which Go's assembler lacks.

// bytes writes an instruction by its bytes.
func (a *asm) bytes(text string, code ...byte) {
	line := "\t"
	for _, b := range code {
		line += fmt.Sprintf("BYTE $%#02x; ", b)
	}
	a.Printf("%s// %s\n", line, text)
}

// tileMemory writes an instruction on tile t and rows of 64 bytes in memory, stride bytes apart from base+disp on:
// VEX.128, map 0F38, W = 0.
func (a *asm) tileMemory(name string, prefix, opcode byte, t, base, stride, disp int) {
	rxb := byte(0xe2) // inverted bits
	if base >= 8 {
		rxb &^= 1 << 5
	}
	if stride >= 8 {
		rxb &^= 1 << 6
	}
	if base&7 == 5 {
		panic("this base needs a displacement")
	}
	code := []byte{0xc4, rxb, 0x78 | prefix, opcode, byte(t)<<3 | 4, byte(stride&7)<<3 | byte(base&7)}
	if disp != 0 {
		code[4] |= 0x80
		code = append(code, byte(disp), byte(disp>>8), byte(disp>>16), byte(disp>>24))
	}
	a.bytes(fmt.Sprintf("%s %d(R%d)(R%d*1), T%d", name, disp, base, stride, t), code...)
}

func (a *asm) tileLoad(t, base, stride, disp int) {
	a.tileMemory("TILELOADD", prefixF2, 0x4b, t, base, stride, disp)
}

// tileStream loads a tile that will not be needed again soon.
func (a *asm) tileStream(t, base, stride, disp int) {
	a.tileMemory("TILELOADDT1", prefix66, 0x4b, t, base, stride, disp)
}

func (a *asm) tileStore(t, base, stride, disp int) {
	a.tileMemory("TILESTORED", prefixF3, 0x4b, t, base, stride, disp)
}

func (a *asm) tileZero(t int) {
	a.bytes(fmt.Sprintf("TILEZERO T%d", t), 0xc4, 0xe2, 0x7b, 0x49, 0xc0|byte(t)<<3)
}

// tileConfigure takes the shapes of tiles from (AX).
func (a *asm) tileConfigure() { a.bytes("LDTILECFG (AX)", 0xc4, 0xe2, 0x78, 0x49, 0x00) }

func (a *asm) tileRelease() { a.bytes("TILERELEASE", 0xc4, 0xe2, 0x78, 0x49, 0xc0) }

// tileDot is an instruction that adds to dst the product of rows x and columns y.
type tileDot struct {
	name           string
	prefix, opcode byte
}

var (
	dotBF16 = tileDot{"TDPBF16PS", prefixF3, 0x5c}
	dotInt8 = tileDot{"TDPBSSD", prefixF2, 0x5e}
)

func (a *asm) tileDot(d tileDot, dst, x, y int) {
	a.bytes(fmt.Sprintf("%s T%d, T%d, T%d", d.name, y, x, dst),
		0xc4, 0xe2, byte(^y&15)<<3|d.prefix, d.opcode, 0xc0|byte(dst)<<3|byte(x))
}

// The offsets of the fields of the Go struct AMXStrip.
const (
	stripC      = 0
	stripX      = 24
	stripW      = 48
	stripNext   = 72
	stripSteps  = 96
	stripBlocks = 104
	stripRows   = 112
	stripMode   = 120
	stripPairs  = 128
	stripPace   = 136
)

// stripsAMX emits the products in tile registers: 0 … 3 sum, 4 and 5 hold x, 6 and 7 weights.
func stripsAMX() []byte {
	a := newAsm("amd64")
	a.shapes()
	a.strip("panelBF16AMX", dotBF16, true)
	a.strip("panelInt8AMX", dotInt8, true)
	a.strip("chunkBF16AMX", dotBF16, false)
	a.strip("chunkInt8AMX", dotInt8, false)
	a.fewRows("fewBF16AMX", dotBF16)
	a.rect("rectBF16AMX", dotBF16)
	a.peak("peakBF16AMX", dotBF16)
	a.peak("peakInt8AMX", dotInt8)
	return a.Bytes()
}

// shapes emits the configurations for 1 … 16 rows of tiles 0 … 5, by 64 bytes each.
func (a *asm) shapes() {
	for rows := 1; rows <= 16; rows++ {
		for i, quad := range []string{
			"1", "0", "0x0040004000400040", "0x0040004000400040", "0", "0",
			fmt.Sprintf("0x1010%02[1]x%02[1]x%02[1]x%02[1]x%02[1]x%02[1]x", rows), "0",
		} {
			a.Printf("DATA shapes<>+%d(SB)/8, $%s\n", 64*(rows-1)+8*i, quad)
		}
	}
	a.Printf("GLOBL shapes<>(SB), RODATA|NOPTR, $1024\n")
}

// strip emits the product of blocks of 32 rows of x with a strip of weights. Panels are the right factor, two tiles
// side by side; chunks the left one, two tiles one after the other.
//
// R8 c, SI x, DX weights, R12 steps, R13 blocks, R11 mode; AX what is asked for, R9 on from there, R10 further pairs
// of lines of a step; CX the stride of panels, or what a block of chunks begins to ask for.
func (a *asm) strip(name string, dot tileDot, panels bool) {
	a.function(name, "s *AMXStrip", 8)
	a.i("MOVQ s+0(FP), DI")
	a.i("LEAQ shapes<>+%d(SB), AX", 15*64)
	a.tileConfigure()
	a.i("MOVQ %d(DI), R8", stripC)
	a.i("MOVQ %d(DI), SI", stripX)
	a.i("MOVQ %d(DI), R12", stripSteps)
	a.i("MOVQ %d(DI), R13", stripBlocks)
	a.i("MOVQ %d(DI), R11", stripMode)
	a.i("MOVQ %d(DI), AX", stripNext)
	a.i("MOVQ %d(DI), R9", stripPace)
	a.i("MOVQ %d(DI), R10", stripPairs)
	a.i("DECQ R10")
	a.i("MOVQ R10, R14")
	a.i("SHLQ $7, R14")
	a.i("SUBQ R14, R9")
	a.i("MOVQ $64, BX")
	stride, second := regCX, 64
	if panels {
		a.i("MOVQ $128, CX")
	} else {
		a.i("MOVQ AX, CX")
		stride, second = regBX, 1024
	}
	block, zero, start, loop := a.label("block"), a.label("zero"), a.label("start"), a.label("loop")
	pair, asked := a.label("pair"), a.label("asked")
	a.at(block)
	a.i("MOVQ %d(DI), DX", stripW)
	a.i("TESTQ $%d, R11", modeContinue)
	a.i("JZ %s", zero)
	for t := range 4 {
		a.tileStream(t, regR8, regBX, 1024*t)
	}
	a.i("JMP %s", start)
	a.at(zero)
	for t := range 4 {
		a.tileZero(t)
	}
	a.at(start)
	a.i("MOVQ R12, R15")
	multiply := func(x, w int) { // halves of the block, halves of the strip
		if panels {
			a.tileDot(dot, 2*x+w, 4+x, 6+w)
		} else {
			a.tileDot(dot, 2*w+x, 6+w, 4+x)
		}
	}
	a.at(loop)
	a.tileLoad(6, regDX, stride, 0)
	a.tileStream(4, regSI, regBX, 0)
	multiply(0, 0)
	a.tileLoad(7, regDX, stride, second)
	multiply(0, 1)
	a.tileStream(5, regSI, regBX, 1024)
	multiply(1, 0)
	a.i("PREFETCHT1 (AX)")
	a.i("PREFETCHT1 64(AX)")
	a.i("MOVQ R10, R14")
	a.i("TESTQ R14, R14")
	a.i("JZ %s", asked)
	a.at(pair)
	a.i("ADDQ $128, AX")
	a.i("PREFETCHT1 (AX)")
	a.i("PREFETCHT1 64(AX)")
	a.i("DECQ R14")
	a.i("JNZ %s", pair)
	a.at(asked)
	a.i("ADDQ R9, AX")
	a.i("ADDQ $2048, SI")
	a.i("ADDQ $2048, DX")
	multiply(1, 1)
	a.i("DECQ R15")
	a.i("JNZ %s", loop)
	for t := range 4 {
		a.tileStore(t, regR8, regBX, 1024*t)
	}
	a.i("ADDQ $4096, R8")
	if !panels {
		a.say("The next block asks for the lines behind those of this one.")
		a.i("LEAQ 1(R10), R14")
		a.i("SHLQ $7, R14")
		a.i("ADDQ R14, CX")
		a.i("MOVQ CX, AX")
	}
	a.i("DECQ R13")
	a.i("JNZ %s", block)
	a.tileRelease()
	a.i("RET")
}

// fewRows emits the product of at most 16 rows, one tile of x, with panels: as fast as weights come from memory.
func (a *asm) fewRows(name string, dot tileDot) {
	const ahead = 512
	a.function(name, "s *AMXStrip", 8)
	a.i("MOVQ s+0(FP), DI")
	a.i("MOVQ %d(DI), R9", stripRows)
	a.i("DECQ R9")
	a.i("SHLQ $6, R9")
	a.i("LEAQ shapes<>(SB), AX")
	a.i("ADDQ R9, AX")
	a.tileConfigure()
	a.i("MOVQ %d(DI), R8", stripC)
	a.i("MOVQ %d(DI), SI", stripX)
	a.i("MOVQ %d(DI), DX", stripW)
	a.i("MOVQ %d(DI), R12", stripSteps)
	a.i("MOVQ $64, BX")
	a.i("MOVQ $128, CX")
	zero, loop := a.label("zero"), a.label("loop")
	a.i("MOVQ %d(DI), R11", stripMode)
	a.i("TESTQ $%d, R11", modeContinue)
	a.i("JZ %s", zero)
	a.tileLoad(0, regR8, regBX, 0)
	a.tileLoad(1, regR8, regBX, 1024)
	a.i("JMP %s", loop)
	a.at(zero)
	a.tileZero(0)
	a.tileZero(1)
	a.at(loop)
	a.tileLoad(4, regSI, regBX, 0)
	for half := range 2 {
		a.tileLoad(6+half, regDX, regCX, 64*half)
		a.tileDot(dot, half, 4, 6+half)
	}
	for l := range 32 {
		a.i("PREFETCHT0 %d(DX)", ahead+64*l)
	}
	a.i("ADDQ $2048, SI")
	a.i("ADDQ $2048, DX")
	a.i("DECQ R12")
	a.i("JNZ %s", loop)
	a.tileStore(0, regR8, regBX, 0)
	a.tileStore(1, regR8, regBX, 1024)
	a.tileRelease()
	a.i("RET")
}

// The offsets of the fields of the Go struct AMXRect.
const (
	rectC      = 0
	rectX      = 24
	rectW      = 48
	rectLD     = 72
	rectSteps  = 80
	rectBlocks = 88
	rectPanels = 96
	rectApart  = 104
	rectPitch  = 112
	rectMode   = 120
)

// rect emits the product of blocks of 32 rows of x with panels, whose sums are rows.
//
// R11 c and R10 weights of a panel; AX and R8 both halves of a block of c, R9 their stride; SI x, DX weights; R12
// steps, R15 those left, R13 blocks left, R14 panels left.
func (a *asm) rect(name string, dot tileDot) {
	a.function(name, "m *AMXRect", 8)
	a.i("MOVQ m+0(FP), DI")
	a.i("LEAQ shapes<>+%d(SB), AX", 15*64)
	a.tileConfigure()
	a.i("MOVQ %d(DI), R11", rectC)
	a.i("MOVQ %d(DI), R10", rectW)
	a.i("MOVQ %d(DI), R9", rectLD)
	a.i("SHLQ $2, R9")
	a.i("MOVQ %d(DI), R12", rectSteps)
	a.i("MOVQ %d(DI), R14", rectPanels)
	a.i("MOVQ $64, BX")
	a.i("MOVQ $128, CX")
	panel, block := a.label("panel"), a.label("block")
	zero, start, loop := a.label("zero"), a.label("start"), a.label("loop")
	a.at(panel)
	a.i("MOVQ %d(DI), R13", rectBlocks)
	a.i("MOVQ %d(DI), SI", rectX)
	a.i("MOVQ R11, AX")
	a.at(block)
	a.i("MOVQ R9, R8")
	a.i("SHLQ $4, R8")
	a.i("ADDQ AX, R8")
	a.i("MOVQ R10, DX")
	a.i("TESTQ $%d, %d(DI)", modeContinue, rectMode)
	a.i("JZ %s", zero)
	each := func(f func(t, base, stride, disp int)) {
		for t := range 4 {
			f(t, []int{regAX, regR8}[t/2], regR9, t%2*64)
		}
	}
	each(a.tileLoad)
	a.i("JMP %s", start)
	a.at(zero)
	for t := range 4 {
		a.tileZero(t)
	}
	a.at(start)
	a.i("MOVQ R12, R15")
	a.at(loop)
	a.step(dot)
	a.i("ADDQ $2048, SI")
	a.i("ADDQ %d(DI), DX", rectApart)
	a.i("DECQ R15")
	a.i("JNZ %s", loop)
	each(a.tileStore)
	a.i("MOVQ R9, R8")
	a.i("SHLQ $5, R8")
	a.i("ADDQ R8, AX")
	a.i("DECQ R13")
	a.i("JNZ %s", block)
	a.i("ADDQ $128, R11")
	a.i("ADDQ %d(DI), R10", rectPitch)
	a.i("DECQ R14")
	a.i("JNZ %s", panel)
	a.tileRelease()
	a.i("RET")
}

// step loads two tiles of x from SI and two of a panel from DX, and multiplies each by each.
func (a *asm) step(dot tileDot) {
	for half := range 2 {
		a.tileLoad(4+half, regSI, regBX, 1024*half)
		a.tileLoad(6+half, regDX, regCX, 64*half)
	}
	for t := range 4 {
		a.tileDot(dot, t, 4+t/2, 6+t%2)
	}
}

// peak emits a strip of one block that stays at the same tiles of x and of a panel: what a core does from its first
// cache.
func (a *asm) peak(name string, dot tileDot) {
	a.function(name, "s *AMXStrip", 8)
	a.i("MOVQ s+0(FP), DI")
	a.i("LEAQ shapes<>+%d(SB), AX", 15*64)
	a.tileConfigure()
	a.i("MOVQ %d(DI), SI", stripX)
	a.i("MOVQ %d(DI), DX", stripW)
	a.i("MOVQ %d(DI), R12", stripSteps)
	a.i("MOVQ $64, BX")
	a.i("MOVQ $128, CX")
	for t := range 4 {
		a.tileZero(t)
	}
	loop := a.label("loop")
	a.at(loop)
	a.step(dot)
	a.i("DECQ R12")
	a.i("JNZ %s", loop)
	a.tileRelease()
	a.i("RET")
}
