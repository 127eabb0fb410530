package memmap

import (
	"context"
	"math"
)

// Wait waits until [Map.Wake] is called for the same offset of the file, by any process, or until ctx is done;
// then it returns the error of ctx, within a hundredth of a second. If the 32-bit number at offset is not
// expected, Wait returns at once.
//
// A nil error only means that the number should be read again: it may be unchanged. A process that changes the
// number must call Wake afterwards; then no wake-up is missed. While Wait waits, the Map is viewed: see
// [Map.View].
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

// Wake wakes up to n waiters at offset, in any process; a negative n wakes all. It needs no permission to
// write.
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
