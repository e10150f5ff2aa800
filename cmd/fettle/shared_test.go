package main

import (
	"os"
	"path/filepath"
	"testing"
)

// sharedData returns the directory of reference data: FETTLE_DATA, or ../shared beside the repository.
func sharedData(t testing.TB) string {
	dir := os.Getenv("FETTLE_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("reference material not found; set FETTLE_DATA")
	}
	return dir
}
