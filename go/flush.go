package memmap

// #include <memmap.h>
import "C"

// FlushMode is how a flush is done.
type FlushMode uint32

// How a flush is done.
const (
	// FlushSync returns when the bytes, and the file size that they need, are on the device.
	FlushSync FlushMode = C.MEMMAP_FLUSH_SYNC
	// FlushAsync schedules the writing and does not wait. Linux writes back by itself in any case.
	FlushAsync FlushMode = C.MEMMAP_FLUSH_ASYNC
	// FlushInvalidate makes the newest bytes visible in other mappings of the file. On Linux they always are.
	FlushInvalidate FlushMode = C.MEMMAP_FLUSH_INVALIDATE
)

// Flush makes every byte that was written durable: it returns nil when they are on the device. Its cost grows
// with what was changed anywhere in the mapping; [Map.FlushRange] costs less.
func (m *Map) Flush() error { return m.FlushWith(0, ToEnd, FlushSync) }

// FlushRange is Flush for length bytes from offset, of any alignment. The length may be [ToEnd].
func (m *Map) FlushRange(offset, length int64) error { return m.FlushWith(offset, length, FlushSync) }

// FlushWith flushes length bytes from offset as mode says. It returns [ErrAccess] for a copy-on-write mapping
// and [ErrUnsupported] for memory without a file. It returns [ErrFault] if anything of the mapping was lost;
// what is left has been flushed.
//
// On a read-only mapping, FlushSync makes durable what others wrote anywhere in the file. With [NoDescriptor]
// it does nothing and is no error.
//
// A FlushSync that failed is remembered, since the kernel reports the failure once and may drop the pages:
// every later flush returns the same error, until [Map.Recover] clears it.
func (m *Map) FlushWith(offset, length int64, mode FlushMode) error {
	start, count, err := m.enterRange("flush", offset, length)
	if err != nil {
		return err
	}
	defer m.leave(operation)
	return m.outcome("flush", flush(m.handle, start, count, mode))
}
