// Command gen writes the assembly of package kernel: go generate ./internal/compute/cpu/kernel.
//
// One generator serves a family of kernels: a register tile for every number
// of rows and every element type, transposes with every prologue and epilogue.
// Its plain twins, in Go, stand in package kernel.
package main

import (
	"log"
	"os"
	"path/filepath"
)

// files generates all files, by name.
func files() map[string][]byte {
	return map[string][]byte{
		"amx_rows_amd64.s":      rowsAMX(),
		"amx_strips_amd64.s":    stripsAMX(),
		"blocks_avx2_amd64.s":   blocksOf(false),
		"blocks_avx512_amd64.s": blocksOf(true),
		"bytes_avx2_amd64.s":    bytesAVX2(),
		"bytes_avx512_amd64.s":  bytesAVX512(),
		"codes_avx512_amd64.s":  codeTiles(),
		"pack_avx512_amd64.s":   packsAVX512(),
		"pack_avx2_amd64.s":     packsAVX2(),
		"pairs_avx2_amd64.s":    pairsAVX2(),
		"pause_amd64.s":         pauses(),
		"peak_amd64.s":          peaks(),
		"tile_avx2_amd64.s":     tilesAVX2(),
		"tile_neon_arm64.s":     tilesNEON(),
		"tile_avx512_amd64.s":   tilesAVX512(),
		"vector_avx2_amd64.s":   vectors(true),
		"vector_avx512_amd64.s": vectors(false),
	}
}

func main() {
	log.SetFlags(0)
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	for name, text := range files() {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
