package serve

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"fettle/internal/mapped"
)

// panicked is a panic in a request. Its text is for the log: it has no values but those of the run-time system's
// errors, since a value may hold a prompt.
type panicked struct{ what, stack string }

// newPanicked describes a recovered value. Call it where the value was recovered.
func newPanicked(value any) panicked {
	p := panicked{stack: string(debug.Stack())}
	if elsewhere, ok := value.(*mapped.Panic); ok {
		value, p.stack = elsewhere.Value, elsewhere.Trace()
	}
	p.what = fmt.Sprintf("panic with a %T", value)
	if err, ok := value.(runtime.Error); ok {
		p.what = err.Error()
	}
	return p
}

func (p panicked) Error() string { return p.what }
