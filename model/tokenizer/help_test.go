package tokenizer

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

func floatBits(f float32) uint32 { return math.Float32bits(f) }

func sharedDir(t testing.TB) string {
	dir := os.Getenv("FETTLE_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("reference material not found; set FETTLE_DATA")
	}
	return dir
}
