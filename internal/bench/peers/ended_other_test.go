//go:build !unix

package peers

import "testing"

func requireEnded(*testing.T, string) {}
