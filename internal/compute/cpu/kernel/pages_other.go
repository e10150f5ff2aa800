//go:build !linux

package kernel

import "errors"

// mapPages returns Go's own memory.
func mapPages(int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmapPages([]byte) {}

func adviseHuge([]byte) {}
