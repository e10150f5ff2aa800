//go:build !linux

package main

// memoryLeft is not known here.
func memoryLeft() (bytes int64, ok bool) { return 0, false }

// diskLeft is not known here.
func diskLeft(string) (bytes int64, ok bool) { return 0, false }
