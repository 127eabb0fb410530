package memmap

// #include <memmap.h>
import "C"

import "context"

// LockMode is who else may have a range that is locked.
type LockMode uint32

// Who else may have a range that is locked.
const (
	// LockShared is those who lock it shared too: readers.
	LockShared LockMode = C.MEMMAP_LOCK_SHARED
	// LockExclusive is nobody: a writer.
	LockExclusive LockMode = C.MEMMAP_LOCK_EXCLUSIVE
)

// patience is for how many milliseconds a call of the library waits before the context is asked again.
const patience = 10

// LockRange locks length bytes from offset on against everyone else who locks the same bytes of the
// file: other processes, in any language, and other goroutines, also by this same Map. It is advice: who
// doesn't ask reads and writes as ever. It waits until the range is free or ctx is done, which is
// ctx.Err(), and noticed within a hundredth of a second. The length may be [ToEnd]: to the end of the
// file, and all that it grows by.
//
// A lock is the Map's and not the goroutine's: any of them may give it back by [Map.UnlockRange]. [Map.Close]
// gives all back, when the last view has ended; and so does the system when the process dies, however it
// dies. There is no upgrade: who has a range shared and asks for it exclusive waits for itself. Nobody
// looks for those who wait for each other: lock ranges in one order. Who comes first is not always
// served first.
//
// It is [ErrAccess] for an exclusive lock unless the file was opened for writing, and [ErrUnsupported] without a
// file, or with [NoDescriptor].
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

// TryLockRange is LockRange for who doesn't wait: [ErrTimeout] when somebody has the range.
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

// UnlockRange gives back a range that was locked with the same offset and length, once. It is [ErrInvalid]
// when nothing is locked so.
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
