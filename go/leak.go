package memmap

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
)

// An origin outlives a Map that was dropped without Close.
type origin struct {
	listed
	lent   atomic.Bool // Whether Bytes was called.
	opener []uintptr   // Program counters, only with MEMMAP_LEAKS=1.
}

var (
	tracesLeaks = variable("MEMMAP_LEAKS") == "1"
	leaks       atomic.Int64
)

// Leaks returns how many Maps were dropped without Close and found by the garbage collector so far.
func Leaks() int64 { return leaks.Load() }

func newOrigin(handle uint64, path string) *origin {
	o := &origin{listed: listed{handle: handle, path: path}}
	if tracesLeaks {
		stack := make([]uintptr, 32)
		o.opener = stack[:runtime.Callers(4, stack)] // From the caller of Open on.
	}
	handles.add(&o.listed)
	return o
}

func (o *origin) leaked() {
	if tracesLeaks {
		fmt.Fprint(os.Stderr, o.report())
	}
	if !o.lent.Load() {
		handles.remove(&o.listed)
		reapHandle(o.handle)
	}
	leaks.Add(1)
}

func (o *origin) report() string {
	var text strings.Builder
	fmt.Fprintf(&text, "memmap: a Map of %q was dropped without Close; it was opened by\n", o.path)
	frames := runtime.CallersFrames(o.opener)
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		fmt.Fprintf(&text, "\t%s\n\t\t%s:%d\n", frame.Function, frame.File, frame.Line)
	}
	return text.String()
}
