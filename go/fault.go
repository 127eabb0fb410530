package memmap

// #include <memmap.h>
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
)

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

// A FaultError says what of a mapping was lost, and why. It counts as [ErrFault].
type FaultError struct {
	// Offset is that of the first byte that was lost, from the beginning of the mapping on.
	Offset int64
	// Length is how many bytes there are from it to behind the last that was lost. Some in between may
	// be whole: [Map.Check] tells.
	Length int64
	// Cause is why.
	Cause Cause
}

// Error is what was lost and why, as one line.
func (e *FaultError) Error() string {
	return fmt.Sprintf("%v: %d bytes from offset %d on are lost (%v)", ErrFault, e.Length, e.Offset, e.Cause)
}

// Unwrap is [ErrFault].
func (e *FaultError) Unwrap() error { return ErrFault }

// Fault is nil as long as nothing of the mapping was lost since it was opened or last recovered, and
// else an error that is [ErrFault] and a [FaultError]. Who works on the slice of [Map.Bytes] asks it
// afterwards: the access itself survives and finds zeros.
func (m *Map) Fault() error {
	if !m.enter(operation) {
		return m.fail("fault", ErrClosed)
	}
	defer m.leave(operation)
	if m.faulted() {
		return m.outcome("fault", statusFault)
	}
	return nil
}

// Check is nil when all of length bytes from offset on are those of the file, and [ErrFault] when one of
// them was lost. The length may be [ToEnd]. It is for who has read or written a slice of [Map.View] or
// [Map.Bytes]; the other methods check by themselves.
func (m *Map) Check(offset, length int64) error {
	if !m.enter(operation) {
		return m.fail("check", ErrClosed)
	}
	defer m.leave(operation)
	size := m.length.Load()
	if length == ToEnd && offset <= size {
		length = size - offset
	}
	if !holds(int(size), offset, length) {
		return m.fail("check", ErrRange)
	}
	if err := m.intact(offset, length); err != nil {
		return m.fail("check", err)
	}
	return nil
}

// Recover maps the file's pages back where they were lost, when the file is whole again, and forgets
// what was lost and a flush that failed. What others wrote to the file since is seen; what this process
// wrote into the zero pages meanwhile is gone. Slices stay where they are.
//
// It waits for the operations under way, and not for views: one during which something was mapped back
// is [ErrFault] when its function returns, since that may have read zeros.
//
// It is [ErrFault], and nothing has changed, while the file is still shorter than the mapping needs, and
// [ErrUnsupported] when something was lost of a mapping that keeps no descriptor ([NoDescriptor]).
func (m *Map) Recover() error {
	if m.unopened() {
		return m.fail("recover", ErrInvalid)
	}
	m.sizing.Lock()
	defer m.sizing.Unlock()
	if err := m.closeGate(0); err != nil {
		return m.fail("recover", err)
	}
	defer m.openGate()
	lost, status := getFault(m.handle)
	if lost != nil {
		m.recovered.Store(lost) // Before the count of faults is zero again: a view finds the one or the other.
	}
	if status == 0 {
		status = recoverPages(m.handle)
	}
	return m.outcome("recover", status)
}

// On this processor a load is never done before one that precedes it, so what was read first was lost,
// if it was, before the count of faults is looked at.
const loadsStayInOrder = runtime.GOARCH == "amd64"

// faulted says whether anything of the mapping was lost, for who has entered: a load from memory that
// is the library's, and no cgo call.
func (m *Map) faulted() bool {
	if !loadsStayInOrder {
		// An atomic that reads and writes is a barrier, whatever its word: what is read before it comes before its store
		// (a release), and that before the load below (an acquire; Arm's model orders the two).
		var word atomic.Uint64
		word.Add(0)
	}
	return m.faults.Load() != 0
}

// intact is nil when no byte of a range that lies in the mapping was lost. To be asked after the bytes
// were touched, and before leave.
func (m *Map) intact(offset, length int64) error {
	if !m.faulted() {
		return nil
	}
	return m.lostIn(offset, length)
}

//go:noinline
func (m *Map) lostIn(offset, length int64) error {
	switch status := checkRange(m.handle, uint64(offset), uint64(length)); status {
	case 0:
		return nil
	case statusFault:
		return lost(m.handle)
	default:
		return reasonOf(status)
	}
}

// outcome is the error of an operation of this Map that answered status, nil for 0. Where pages were
// lost it says which.
func (m *Map) outcome(op string, status int32) error {
	switch status {
	case 0:
		return nil
	case statusFault:
		return m.fail(op, lost(m.handle))
	}
	return m.fail(op, reasonOf(status))
}

// lost is a FaultError, or bare ErrFault where the library knows nothing of a loss (any more).
func lost(handle uint64) error {
	if fault, _ := getFault(handle); fault != nil {
		return fault
	}
	return ErrFault
}

// told is the answer of a view whose function answered err. before is what m.recovered was when the
// view began.
func (m *Map) told(op string, before *FaultError, err error) error {
	faulted := m.faulted() // First: who finds the count cleared finds what was recovered.
	now := m.recovered.Load()
	if !faulted && now == before {
		return err
	}
	return m.tell(op, before, now, err)
}

//go:noinline
func (m *Map) tell(op string, before, now *FaultError, err error) error {
	lost := m.outcome(op, statusFault)
	if now != before { // Recovered meanwhile.
		lost = m.fail(op, now)
	}
	if err == nil {
		return lost
	}
	return errors.Join(err, lost)
}
