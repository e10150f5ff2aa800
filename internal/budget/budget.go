// Package budget holds readers, in tests and fuzzers, to memory and time in proportion to their input.
package budget

import (
	"fmt"
	"runtime/metrics"
	"testing"
	"time"
)

// What an input of n bytes may take: fixed + perByte·n bytes of memory, all allocations added up, and longest.
const (
	fixed   = 256 << 20
	perByte = 1 << 10
	longest = 30 * time.Second
)

// Of begins the handling of an input of n bytes and returns the function that ends it, which fails the test if it
// took more memory than it may. What does not end in time ends the process, so that a fuzzer keeps the input:
//
//	defer budget.Of(t, len(input))()
func Of(t testing.TB, n int) (end func()) {
	watch := time.AfterFunc(longest, func() { panic(fmt.Sprintf("an input of %d bytes takes more than %v", n, longest)) })
	before := allocated()
	return func() {
		watch.Stop()
		if took, may := allocated()-before, uint64(fixed+perByte*n); took > may {
			t.Errorf("an input of %d bytes took %d bytes of memory, want at most %d", n, took, may)
		}
	}
}

// allocated returns the bytes allocated so far, small ones counted late.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
