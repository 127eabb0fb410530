package memmap

// #include <memmap.h>
import "C"

// Seals are restrictions on a memory file that cannot be removed, combined with |.
type Seals uint32

// Seals of a memory file (fcntl(2)).
const (
	// SealSeal forbids further seals.
	SealSeal Seals = C.MEMMAP_SEAL_SEAL
	// SealShrink forbids making the file shorter, so that no process can cut it under a mapping. Its contents
	// may still go: a hole that another process punches reads as zeros without any signal. SealWrite and
	// SealFutureWrite forbid that.
	SealShrink Seals = C.MEMMAP_SEAL_SHRINK
	// SealGrow forbids making the file longer. Its memory may still grow up to its length: a hole takes memory
	// when it is first read, too.
	SealGrow Seals = C.MEMMAP_SEAL_GROW
	// SealWrite forbids writing. Sealing fails with EBUSY while the file is mapped for writing.
	SealWrite Seals = C.MEMMAP_SEAL_WRITE
	// SealFutureWrite forbids writing except by mappings that exist already. No process can punch holes.
	SealFutureWrite Seals = C.MEMMAP_SEAL_FUTURE_WRITE
)

// Seal adds seals to the file of m, which [Memfd] made. They bind every process that has the file and are never
// removed.
//
// Seal returns [ErrUnsupported] for a file that cannot be sealed, and EPERM if the mapping is not read-write or
// the file is sealed with SealSeal.
func (m *Map) Seal(seals Seals) error {
	if !m.enter(operation) {
		return m.fail("seal", ErrClosed)
	}
	defer m.leave(operation)
	return m.outcome("seal", seal(m.handle, seals))
}

// Seals returns the seals of the file of m, 0 if it cannot be sealed.
func (m *Map) Seals() (Seals, error) {
	if !m.enter(operation) {
		return 0, m.fail("seals", ErrClosed)
	}
	defer m.leave(operation)
	seals, status := getSeals(m.handle)
	return seals, m.outcome("seals", status)
}
