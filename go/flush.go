package memmap

// #include <memmap.h>
import "C"

// FlushMode is how a flush is done.
type FlushMode uint32

// How a flush is done.
const (
	// FlushSync returns when the bytes, and the file size that they need, are on the device.
	FlushSync FlushMode = C.MEMMAP_FLUSH_SYNC
	// FlushAsync schedules the writing and does not wait. Linux writes back by itself anyway.
	FlushAsync FlushMode = C.MEMMAP_FLUSH_ASYNC
	// FlushInvalidate has other mappings of the file see the newest bytes. On Linux they always do.
	FlushInvalidate FlushMode = C.MEMMAP_FLUSH_INVALIDATE
)

// Flush makes every byte that was written durable: it returns nil when they are on the device. It
// costs what was changed anywhere in the mapping; [Map.FlushRange] costs less.
func (m *Map) Flush() error { return m.FlushWith(0, ToEnd, FlushSync) }

// FlushRange is Flush for length bytes from offset on; any alignment, and the length may be [ToEnd].
func (m *Map) FlushRange(offset, length int64) error { return m.FlushWith(offset, length, FlushSync) }

// FlushWith flushes length bytes from offset on in the way of mode. Where nothing can become durable
// it is [ErrAccess] (a copy-on-write mapping) or [ErrUnsupported] (memory without a file). When anything of
// the mapping was lost it is [ErrFault], and what is left has been flushed.
//
// Of a mapping that was opened read-only, FlushSync makes durable what others wrote anywhere in the file. With
// [NoDescriptor] it does not, and is no error: what others wrote is theirs to flush.
//
// A FlushSync that failed is remembered, since the kernel tells it once and may drop the pages: every
// later flush answers the same, until [Map.Recover] acknowledges it.
func (m *Map) FlushWith(offset, length int64, mode FlushMode) error {
	start, count, err := m.enterRange("flush", offset, length)
	if err != nil {
		return err
	}
	defer m.leave(operation)
	return m.outcome("flush", flush(m.handle, start, count, mode))
}
