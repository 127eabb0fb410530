package memmap

import (
	"context"
	"math"
)

// Wait waits until [Map.Wake] is called for the same place of the file, by any process, or ctx is done, which
// is ctx.Err() and noticed within a hundredth of a second. If the 32-bit number at offset is not expected, it
// returns at once.
//
// Nil says only that it is time to look at the number again: it may be the same. Whoever changes it calls
// Wake afterwards; then no wake is missed. While it waits, the Map is viewed: see [Map.View].
func (m *Map) Wait(ctx context.Context, offset int64, expected uint32) error {
	for {
		if err := ctx.Err(); err != nil {
			return m.fail("wait", err)
		}
		status, err := m.waitFor(ctx, offset, expected, patience)
		if err != nil || status != statusTimeout {
			return firstOf(err, m.outcome("wait", status))
		}
	}
}

func (m *Map) waitFor(ctx context.Context, offset int64, expected uint32, milliseconds int64) (int32, error) {
	if offset < 0 {
		return 0, m.refused("wait", ErrRange)
	}
	if state := m.count(view); state != made+view {
		if err := m.enterUntil(ctx, view, state); err != nil {
			return 0, m.fail("wait", err)
		}
	}
	defer m.leave(view)
	return waitWord(m.handle, uint64(offset), expected, milliseconds), nil
}

// Wake wakes up to n of those who wait at offset, in any process; a negative n is all. It needs no right
// to write.
func (m *Map) Wake(offset int64, n int) error {
	if offset < 0 {
		return m.refused("wake", ErrRange)
	}
	if !m.enter(operation) {
		return m.fail("wake", ErrClosed)
	}
	defer m.leave(operation)
	if n < 0 || n > math.MaxInt32 {
		n = math.MaxInt32
	}
	return m.outcome("wake", wakeWord(m.handle, uint64(offset), uint32(n)))
}
