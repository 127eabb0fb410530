package memmap

import (
	"context"
	"math"
)

// Resize changes the length of the mapping and of its file to n. Bytes that stay keep their contents; new bytes
// are zero, and their blocks are reserved unless the Map was opened with [Sparse].
//
// Up to the capacity (see [Map.Info]) growing moves nothing and is possible while the Map is viewed; the next
// view has the new bytes. Beyond it the mapping may move, and shrinking cuts it: both return [ErrBusy] while
// the Map is viewed, and both invalidate every slice that [Map.Bytes] returned. [Map.ResizeContext] waits for
// the views to end.
//
// Other processes may write to the file meanwhile. Growing never makes the file shorter and changes none of
// their bytes: bytes that they have appended behind the mapping are kept. Shrinking cuts what they append at
// that moment; see [Map.LockRange]. Bytes that were written through a mapping behind the end of the file, in
// its last page, may be there when the file has grown, on tmpfs and in shared memory.
//
// Resize returns [ErrAccess] if the mapping is not read-write, [ErrUnsupported] for devices and with
// [NoDescriptor], and [ErrFault] if anything of the mapping was lost: [Map.Recover] it first. It returns
// [ErrFault] also if the file has become too short for the bytes that stay: [Map.Refresh] takes the present
// size of the file.
func (m *Map) Resize(n int64) error {
	if n < 0 {
		return m.refused("resize", ErrInvalid)
	}
	_, err := m.setLength("resize", uint64(n))
	return err
}

// ResizeContext is Resize that waits until the Map is not viewed or ctx is done; then it returns the error of
// ctx and changes nothing.
//
// It succeeds however many other views begin: new views wait meanwhile, each for a second at most. Views that
// overlap without end and last longer than that may keep it waiting. A call inside a View of the same Map waits
// for that view until ctx is done. Several calls are served in the order in which they came.
func (m *Map) ResizeContext(ctx context.Context, n int64) error {
	return m.whenUnviewed(ctx, "resize", func() error { return m.Resize(n) })
}

// Grow makes the mapping and its file n bytes longer, and returns the offset at which the new bytes begin. They
// are zero, unless another process has appended there: programs that share a growing file take a lock (see
// [Map.LockRange]) and call [Map.Refresh] before. Several goroutines that grow the Map at once get bytes of
// their own each.
//
// The rules and errors of [Map.Resize] apply.
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

// GrowContext is Grow that waits as [Map.ResizeContext] does.
func (m *Map) GrowContext(ctx context.Context, n int64) (offset int64, err error) {
	err = m.whenUnviewed(ctx, "grow", func() (err error) {
		offset, err = m.Grow(n)
		return err
	})
	return offset, err
}

// Refresh takes the present size of the file, for files that others grow or cut, and returns the new length:
// the mapping reaches from its offset to the end of the file. It does not change the file, so it works on
// read-only mappings too. The rules of [Map.Resize] apply: in place up to the capacity, else not while the Map
// is viewed.
func (m *Map) Refresh() (int64, error) { return m.setLength("refresh", toEnd) }

// RefreshContext is Refresh that waits as [Map.ResizeContext] does.
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

// setLengthInTurn first tries without stopping other operations: the library returns ErrBusy where that is not
// possible.
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
	if now.data != nil { // Also after a failure: the mapping may have moved before.
		m.data = now.data
		m.length.Store(int64(now.length))
	}
	return m.lengthOf(op, now)
}

// lengthOf returns the length that a call has given the mapping, or why it failed.
func (m *Map) lengthOf(op string, now mapped) (int64, error) {
	if now.status != 0 {
		return 0, m.outcome(op, now.status)
	}
	return int64(now.length), nil
}
