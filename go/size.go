package memmap

import (
	"context"
	"math"
)

// Resize gives the mapping, and its file with it, the length n. Bytes that stay keep their contents,
// new ones are zero, and their blocks are reserved unless the Map was opened with [Sparse].
//
// Up to the capacity (see [Map.Info]) growing moves nothing and happens also while the Map is viewed;
// the next view has the new bytes. Beyond it the mapping may move, and shrinking cuts it: both are
// [ErrBusy] while it is viewed, and end the life of every slice that [Map.Bytes] gave. [Map.ResizeContext] waits
// for the views to end.
//
// Others may write to the file meanwhile. Growing never makes the file shorter and changes no byte of theirs: bytes that
// they have appended behind the mapping are taken in as they are. Shrinking cuts what they append in that instant; see
// [Map.LockRange]. What somebody wrote through a mapping behind the end of the file, in its last page, may be there when
// the file has grown, on tmpfs and in shared memory.
//
// It is [ErrAccess] unless the mapping is read-write, [ErrUnsupported] for devices and with
// [NoDescriptor], and [ErrFault] when anything of the mapping was lost: [Map.Recover] it first; and when the file has
// become too short for the bytes that stay: [Map.Refresh] takes the size that it has.
func (m *Map) Resize(n int64) error {
	if n < 0 {
		return m.refused("resize", ErrInvalid)
	}
	_, err := m.setLength("resize", uint64(n))
	return err
}

// ResizeContext is Resize for who waits until the Map is not viewed, or ctx is done, which is ctx.Err(), and nothing
// has changed.
//
// It is served however many views others begin: theirs wait meanwhile, each for a second at most. Views that overlap
// without end and are longer than that may keep it waiting. A View in which it is called waits for itself until ctx is
// done. Of several who wait, the first to come is the first to be served.
func (m *Map) ResizeContext(ctx context.Context, n int64) error {
	return m.whenUnviewed(ctx, "resize", func() error { return m.Resize(n) })
}

// Grow makes the mapping n bytes longer, and its file with it, and answers the offset at which the new
// bytes begin. They are zero, unless another process has appended there: who shares the file with such takes a lock
// (see [Map.LockRange]) and calls [Map.Refresh] before. Goroutines that grow it at once get bytes of their own each.
//
// The rules and errors of [Map.Resize] hold.
func (m *Map) Grow(n int64) (int64, error) {
	if m.unopened() {
		return 0, m.fail("grow", ErrInvalid)
	}
	m.sizing.Lock()
	defer m.sizing.Unlock()
	before := m.length.Load()
	switch {
	case n < 0:
		return 0, m.refused("grow", ErrInvalid)
	case n > math.MaxInt64-before:
		return 0, m.refused("grow", ErrLimit)
	}
	if _, err := m.setLengthInTurn("grow", uint64(before+n)); err != nil {
		return 0, err
	}
	return before, nil
}

// GrowContext is Grow for who waits as with [Map.ResizeContext].
func (m *Map) GrowContext(ctx context.Context, n int64) (offset int64, err error) {
	err = m.whenUnviewed(ctx, "grow", func() (err error) {
		offset, err = m.Grow(n)
		return err
	})
	return offset, err
}

// Refresh takes the size that the file has now, for files that others grow or cut, and answers the
// new length: the mapping reaches from its offset to the end of the file. It never touches the file,
// so it works on read-only mappings too. The rules of [Map.Resize] hold: in place up to the capacity,
// else not while the Map is viewed.
func (m *Map) Refresh() (int64, error) { return m.setLength("refresh", toEnd) }

// RefreshContext is Refresh for who waits as with [Map.ResizeContext].
func (m *Map) RefreshContext(ctx context.Context) (length int64, err error) {
	err = m.whenUnviewed(ctx, "refresh", func() (err error) {
		length, err = m.Refresh()
		return err
	})
	return length, err
}

func (m *Map) setLength(op string, length uint64) (int64, error) {
	if m.unopened() {
		return 0, m.fail(op, ErrInvalid)
	}
	m.sizing.Lock()
	defer m.sizing.Unlock()
	return m.setLengthInTurn(op, length)
}

// setLengthInTurn tries without disturbing anybody first: the library says ErrBusy where that can't be.
func (m *Map) setLengthInTurn(op string, length uint64) (int64, error) {
	now, err := m.setLengthInPlace(op, length)
	if err != nil {
		return 0, err
	}
	if now.status == statusBusy {
		return m.setLengthAlone(op, length)
	}
	return m.lengthOf(op, now)
}

func (m *Map) setLengthInPlace(op string, length uint64) (mapped, error) {
	if !m.enter(operation) {
		return mapped{}, m.fail(op, ErrClosed)
	}
	defer m.leave(operation)
	now := setLengthInPlace(m.handle, length)
	if now.status == 0 {
		m.length.Store(int64(now.length))
	}
	return now, nil
}

func (m *Map) setLengthAlone(op string, length uint64) (int64, error) {
	if err := m.closeGate(views); err != nil {
		return 0, m.fail(op, err)
	}
	defer m.openGate()
	now := setLength(m.handle, length)
	if now.data != nil { // Also where it has failed: it may have moved before.
		m.data = now.data
		m.length.Store(int64(now.length))
	}
	return m.lengthOf(op, now)
}

// lengthOf is the length that a call has given the mapping, or why it hasn't.
func (m *Map) lengthOf(op string, now mapped) (int64, error) {
	if now.status != 0 {
		return 0, m.outcome(op, now.status)
	}
	return int64(now.length), nil
}
