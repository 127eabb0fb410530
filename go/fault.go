package memmap

// #include <memmap.h>
import "C"

import "strings"

// Cause is why pages were lost: a set of bits, since there may be several reasons.
type Cause uint32

// Why pages were lost.
const (
	// CauseTruncated is a file that was truncated: the pages lie behind its end.
	CauseTruncated Cause = C.MEMMAP_FAULT_TRUNCATED
	// CauseIO is a file that has the bytes, while its device, its network or the space left on it
	// doesn't give them.
	CauseIO Cause = C.MEMMAP_FAULT_IO
	// CauseUnknown is one of the two, which can't be told apart without a descriptor: with NoDescriptor,
	// and with the slices of BasicMmap and CreateMmapFile.
	CauseUnknown Cause = C.MEMMAP_FAULT_UNKNOWN
)

// String is "truncated", "I/O", "unknown", or several of them.
func (c Cause) String() string {
	var names []string
	for _, known := range []struct {
		cause Cause
		name  string
	}{{CauseTruncated, "truncated"}, {CauseIO, "I/O"}, {CauseUnknown, "unknown"}} {
		if c&known.cause != 0 {
			names = append(names, known.name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}
