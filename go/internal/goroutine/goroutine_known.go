//go:build amd64 || arm64

package goroutine

// Find returns the place for this processor.
func Find() Place {
	locate, start, end := find()
	return Place{locate, start, end}
}

// Current returns the address of the running goroutine, which it keeps as long as it lives.
func Current() uintptr

func find() (locate, start, end uintptr)
