package measure

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// allowed are the processors that the process may run on. The last is the first to be used: interrupts go to the
// first ones.
var allowed = func() []int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return []int{0}
	}
	var all []int
	for i := len(set)*64 - 1; i >= 0; i-- {
		if set.IsSet(i) {
			all = append(all, i)
		}
	}
	return all
}()

// Processors returns how many processors the process may run on.
func Processors() int { return len(allowed) }

// Processor returns the number that the kernel has for the i-th of them; they are counted around.
func Processor(i int) int { return allowed[i%len(allowed)] }

// Pin has the calling thread run on the i-th processor alone, and the threads and processes that it starts.
func Pin(i int) {
	var set unix.CPUSet
	set.Set(Processor(i))
	// Where it is refused, the thread runs anywhere, which is noise and no error.
	_ = unix.SchedSetaffinity(0, &set)
}

// Unpin lets the calling thread run on all of them.
func Unpin() {
	var set unix.CPUSet
	for _, i := range allowed {
		set.Set(i)
	}
	_ = unix.SchedSetaffinity(0, &set)
}

// OwnThread gives the calling goroutine a thread of its own, on the i-th processor, which ends with the goroutine.
func OwnThread(i int) {
	runtime.LockOSThread()
	Pin(i)
}
