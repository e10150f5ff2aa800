//go:build !linux

package kernel

import "errors"

// mapPages has nothing better to offer than Go's own memory.
func mapPages(int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmapPages([]byte) {}

func adviseHuge([]byte) {}
