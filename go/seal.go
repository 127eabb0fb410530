package memmap

// #include <memmap.h>
import "C"

// Seals are what nobody can do to a memory file any more, or'ed.
type Seals uint32

// What can be sealed.
const (
	// SealSeal has no further seal added.
	SealSeal Seals = C.MEMMAP_SEAL_SEAL
	// SealShrink keeps the file from getting shorter, so that nobody can cut it under a mapping. What it holds may go
	// all the same: a hole that a peer punches reads as zeros, and nothing tells of it. SealWrite and SealFutureWrite
	// forbid that.
	SealShrink Seals = C.MEMMAP_SEAL_SHRINK
	// SealGrow keeps the file from getting longer. It may take more memory all the same, up to its length: a hole takes
	// some when it is first read, too.
	SealGrow Seals = C.MEMMAP_SEAL_GROW
	// SealWrite ends all writing. It takes that nobody has the file mapped for writing, else it is EBUSY.
	SealWrite Seals = C.MEMMAP_SEAL_WRITE
	// SealFutureWrite leaves writing to the mappings that are there already. Nobody punches holes.
	SealFutureWrite Seals = C.MEMMAP_SEAL_FUTURE_WRITE
)

// Seal adds seals to the file of m, which [Memfd] made. They bind everybody who has the file, and are
// never taken away.
//
// It is [ErrUnsupported] for what can't be sealed, and EPERM unless the mapping is read-write, or when the
// file is sealed against sealing.
func (m *Map) Seal(seals Seals) error {
	if !m.enter(operation) {
		return m.fail("seal", ErrClosed)
	}
	defer m.leave(operation)
	return m.outcome("seal", seal(m.handle, seals))
}

// Seals are those that the file of m has: none where it can't be sealed.
func (m *Map) Seals() (Seals, error) {
	if !m.enter(operation) {
		return 0, m.fail("seals", ErrClosed)
	}
	defer m.leave(operation)
	seals, status := getSeals(m.handle)
	return seals, m.outcome("seals", status)
}
