// Package goroutine finds the running goroutine from C code, where the runtime keeps it. It is a package of its own since
// one with cgo has no Go assembly.
package goroutine

// A Place says how a signal handler finds the goroutine that it has interrupted. The zero value is a processor for which
// that is not known.
type Place struct {
	// Locate is the address of a C function without arguments that returns the goroutine of the calling thread, 0 if there
	// is none. It is 0 where Go code has the goroutine in a register.
	Locate uintptr
	// Start and End are the addresses of Go's code, where Locate is 0.
	Start, End uintptr
}
