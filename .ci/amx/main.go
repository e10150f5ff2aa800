// Command amx writes what a bare emulated machine needs to try the products in tile registers: this program's own code
// and constants, calls of its kernels, and what their twins compute.
//
//	go run ./.ci/amx FILE
//
// The file holds, all numbers of 64 bits: the number of segments; for each its address, its length and its bytes; the
// number of calls; for each the address of the kernel, the numbers of words of c, x and weights, the six numbers of
// AMXStrip, and the words: c, x, weights, and c as it has to be.
package main

import (
	"bufio"
	"debug/elf"
	"encoding/binary"
	"log"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"fettle/internal/compute/cpu/kernel"
)

func main() {
	log.SetFlags(0)
	f, err := os.Create(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	w := &writer{bufio.NewWriter(f)}
	addresses := w.program()
	calls := calls(addresses)
	w.numbers(len(calls))
	for _, c := range calls {
		w.call(c)
	}
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}
	log.Printf("%d calls", len(calls))
}

// call is a call of a kernel, and its twin.
type call struct {
	address uint64
	strip   kernel.AMXStrip
	twin    func(*kernel.AMXStrip)
}

// calls lists calls of every kernel: of numbers as they occur, and of any bits. Bytes have no signs, as Bochs 3.1 takes
// those of TDPBSSD for a part of their value.
func calls(addresses map[string]uint64) (all []call) {
	random := rand.New(rand.NewPCG(1, 2))
	words := func(n int, any bool) []kernel.Word {
		words := make([]kernel.Word, n)
		for i := range words {
			if words[i] = kernel.Word(random.Uint32()); !any {
				words[i] = words[i]&^0x60006000 | 0x20002000 // products are denormal at times
			}
		}
		return words
	}
	twins := kernel.PlainAMX()
	for _, k := range []struct {
		name string
		twin func(*kernel.AMXStrip)
	}{
		{"panelBF16AMX", twins.PanelBF16}, {"chunkBF16AMX", twins.ChunkBF16}, {"fewBF16AMX", twins.FewBF16},
		{"panelInt8AMX", twins.PanelInt8}, {"chunkInt8AMX", twins.ChunkInt8},
	} {
		address, ok := addresses[k.name]
		if !ok {
			log.Fatalf("no %s in this program", k.name)
		}
		for i := range 128 {
			s := kernel.AMXStrip{
				Steps: 1 + i%5, Blocks: 1 + i%3, Rows: 1 + i%16, Mode: i / 2 % 2, Pairs: 1 + i%7, Pace: 64 * (i % 50),
			}
			blocks := s.Blocks
			if k.name == "fewBF16AMX" {
				blocks = 1
			}
			any := i%8 == 7
			s.C, s.X = words(blocks*kernel.AMXBlock, any), words(blocks*s.Steps*kernel.AMXStep, any)
			s.W = words(s.Steps*kernel.AMXStep, any)
			if strings.Contains(k.name, "Int8") {
				for _, words := range [][]kernel.Word{s.X, s.W} {
					for j := range words {
						words[j] &= 0x7f7f7f7f
					}
				}
			}
			all = append(all, call{address, s, k.twin})
		}
	}
	return all
}

type writer struct{ *bufio.Writer }

func (w writer) numbers(all ...int) {
	for _, n := range all {
		if err := binary.Write(w, binary.LittleEndian, int64(n)); err != nil {
			log.Fatal(err)
		}
	}
}

// program writes the segments of this program and returns the addresses of kernels in assembly.
func (w writer) program() map[string]uint64 {
	path, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	f, err := elf.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	segments := slices.DeleteFunc(f.Progs, func(p *elf.Prog) bool {
		return p.Type != elf.PT_LOAD || p.Flags&elf.PF_W != 0
	})
	w.numbers(len(segments))
	for _, p := range segments {
		raw := make([]byte, (p.Filesz+7)/8*8)
		if _, err := p.ReadAt(raw[:p.Filesz], 0); err != nil {
			log.Fatal(err)
		}
		w.numbers(int(p.Vaddr), len(raw))
		if _, err := w.Write(raw); err != nil {
			log.Fatal(err)
		}
	}
	symbols, err := f.Symbols()
	if err != nil {
		log.Fatal(err)
	}
	addresses := map[string]uint64{}
	for _, s := range symbols {
		if name, ok := strings.CutSuffix(s.Name, ".abi0"); ok { // without, it is a wrapper
			addresses[strings.TrimPrefix(name, "fettle/internal/compute/cpu/kernel.")] = s.Value
		}
	}
	return addresses
}

func (w writer) call(c call) {
	s := c.strip
	w.numbers(int(c.address), len(s.C), len(s.X), len(s.W), s.Steps, s.Blocks, s.Rows, s.Mode, s.Pairs, s.Pace)
	want := s
	want.C = slices.Clone(s.C)
	c.twin(&want)
	for _, words := range [][]kernel.Word{s.C, s.X, s.W, want.C} {
		if err := binary.Write(w, binary.LittleEndian, words); err != nil {
			log.Fatal(err)
		}
	}
}
