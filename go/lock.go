package memmap

// #include <memmap.h>
import "C"

import "context"

// LockMode is which other locks a lock of a range excludes.
type LockMode uint32

// Modes of locking a range.
const (
	// LockShared excludes exclusive locks: for readers.
	LockShared LockMode = C.MEMMAP_LOCK_SHARED
	// LockExclusive excludes all other locks: for a writer.
	LockExclusive LockMode = C.MEMMAP_LOCK_EXCLUSIVE
)

// patience is how many milliseconds a call of the library waits before the context is checked again.
const patience = 10

// LockRange locks length bytes from offset against all other locks of the same bytes of the file: by other
// processes, in any language, and by other goroutines, also through this same Map. The lock is advisory: reads
// and writes do not check it. LockRange waits until the range is free or ctx is done; then it returns the error
// of ctx, within a hundredth of a second. The length may be [ToEnd]: up to the end of the file, and all that it
// grows by.
//
// A lock belongs to the Map and not to a goroutine: any goroutine may release it with [Map.UnlockRange].
// [Map.Close] releases all locks when the last view has ended, and so does the system when the process dies. A
// lock cannot be upgraded: asking for an exclusive lock while holding a shared one deadlocks. Deadlocks are not
// detected: lock ranges in one order. Waiters are not always served in the order in which they came.
//
// LockRange returns [ErrAccess] for an exclusive lock if the file was not opened for writing, and
// [ErrUnsupported] without a file or with [NoDescriptor].
func (m *Map) LockRange(ctx context.Context, offset, length int64, mode LockMode) error {
	for {
		if err := ctx.Err(); err != nil {
			return m.fail("lock", err)
		}
		status, err := m.lockFor(offset, length, mode, patience)
		if err != nil || status != statusTimeout {
			return firstOf(err, m.outcome("lock", status))
		}
	}
}

// TryLockRange is LockRange without waiting: it returns [ErrTimeout] if the range is locked.
func (m *Map) TryLockRange(offset, length int64, mode LockMode) error {
	status, err := m.lockFor(offset, length, mode, 0)
	return firstOf(err, m.outcome("lock", status))
}

func (m *Map) lockFor(offset, length int64, mode LockMode, milliseconds int64) (int32, error) {
	start, count, err := m.enterRange("lock", offset, length)
	if err != nil {
		return 0, err
	}
	defer m.leave(operation)
	return lockRange(m.handle, start, count, mode, milliseconds), nil
}

// UnlockRange releases a range that was locked with the same offset and length, once. It returns [ErrInvalid]
// if there is no such lock.
func (m *Map) UnlockRange(offset, length int64) error {
	start, count, err := m.enterRange("unlock", offset, length)
	if err != nil {
		return err
	}
	defer m.leave(operation)
	return m.outcome("unlock", unlockRange(m.handle, start, count))
}

func firstOf(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
