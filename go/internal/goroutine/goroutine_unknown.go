//go:build !amd64 && !arm64

package goroutine

// Find returns the place for this processor.
func Find() Place { return Place{} }

// Current returns 0.
func Current() uintptr { return 0 }
