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

// Cause is why pages were lost: a set of bits, since there may be several causes.
type Cause uint32

// Causes of a loss.
const (
	// CauseTruncated means that the file was truncated: the pages are behind its end.
	CauseTruncated Cause = C.MEMMAP_FAULT_TRUNCATED
	// CauseIO means that the file has the bytes, but its device or network failed, or no space is left on the
	// device.
	CauseIO Cause = C.MEMMAP_FAULT_IO
	// CauseUnknown means one of the two: without a descriptor (NoDescriptor, BasicMmap, CreateMmapFile) they
	// cannot be told apart.
	CauseUnknown Cause = C.MEMMAP_FAULT_UNKNOWN
)

// String returns "truncated", "I/O", "unknown", or several of them.
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

// A FaultError is a loss: which bytes of a mapping are lost, and why. It is [ErrFault] for errors.Is.
type FaultError struct {
	// Offset is the offset of the first lost byte in the mapping.
	Offset int64
	// Length is the number of bytes from the first lost byte to the last. Some in between may be intact:
	// [Map.Check] reports it.
	Length int64
	// Cause is why they were lost.
	Cause Cause
}

// Error returns the cause and the lost bytes as one line, as in
// "file was truncated: bytes 65536–131071 are lost".
func (e *FaultError) Error() string {
	return fmt.Sprintf("%s: bytes %d–%d are lost", e.Cause.why(), e.Offset, e.Offset+max(e.Length, 1)-1)
}

func (c Cause) why() string {
	switch c {
	case CauseTruncated:
		return "file was truncated"
	case CauseIO:
		return "I/O error"
	case CauseTruncated | CauseIO:
		return "file was truncated, and I/O error"
	}
	return "file was truncated or I/O error"
}

// Unwrap returns [ErrFault].
func (e *FaultError) Unwrap() error { return ErrFault }

// Fault returns nil if nothing of the mapping was lost since it was opened or last recovered, else an error
// that is [ErrFault] and a [FaultError]. Call it after reading the slice of [Map.Bytes] outside of [Try], where
// lost pages read as zeros.
func (m *Map) Fault() error {
	if !m.enter(operation) {
		return m.fail("fault", ErrClosed)
	}
	defer m.leave(operation)
	if m.faulted() {
		return m.loss("fault")
	}
	return nil
}

// Check returns nil if all of length bytes from offset are those of the file, and [ErrFault] if one of them was
// lost. The length may be [ToEnd]. It knows of the losses that an access has met. Check is for code that has
// read or written a slice of [Map.Bytes]; the other methods check by themselves.
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

// Recover maps the file's pages back where they were lost, if the file is whole again. It clears the record of
// the loss and of a flush that failed. Bytes that other processes have written to the file since are visible;
// bytes that this process wrote to stand-in pages are gone. Slices keep their address.
//
// Recover waits for running operations, and not for views. A view during which pages were mapped back returns
// [ErrFault] when its function returns, since the function may have read zeros.
//
// Recover returns [ErrFault] and changes nothing while the file is too short for the mapping. It returns
// [ErrUnsupported] if something was lost of a mapping without a descriptor ([NoDescriptor]).
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
		m.recovered.Store(lost) // Before the count of faults is zero again: a view sees one or the other.
	}
	if status == 0 {
		forgotten.Add(1)
		status = recoverPages(m.handle)
		forgotten.Add(1)
	}
	return m.outcome("recover", status)
}

// loadsStayInOrder reports whether this processor never executes a load before an earlier one. Then every byte
// was read before the count of faults.
const loadsStayInOrder = runtime.GOARCH == "amd64"

// faulted reports whether anything of the mapping was lost, to a caller that has entered. It loads from the
// library's memory, without a cgo call.
func (m *Map) faulted() bool {
	if !loadsStayInOrder {
		// An atomic read-modify-write of any word is a barrier: earlier loads come before its store (a release), and that
		// comes before the load below (an acquire; Arm's memory model orders the two).
		var word atomic.Uint64
		word.Add(0)
	}
	return m.faults.Load() != 0
}

// intact returns nil if no byte of a range that lies in the mapping was lost. It is called after the bytes were
// touched and before leave.
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

// outcome returns the error of an operation on m that returned status, nil for 0. For a loss the error says
// which bytes are lost.
func (m *Map) outcome(op string, status int32) error {
	switch status {
	case 0:
		return nil
	case statusFault:
		metInLibrary.Store(true)
		return m.loss(op)
	}
	return m.fail(op, reasonOf(status))
}

// loss returns the error of an operation that has met the loss of m.
func (m *Map) loss(op string) error { return m.fail(op, lost(m.handle)) }

// lost returns a FaultError, or ErrFault alone if the library has no record of a loss (any more).
func lost(handle uint64) error {
	if fault, _ := getFault(handle); fault != nil {
		return fault
	}
	return ErrFault
}

// lastRecovered returns what the last Recover has undone. A view calls it before it enters, so that a later recovery, which
// does not wait for views, is found when the view ends.
func (m *Map) lastRecovered() *FaultError {
	if m == nil {
		return nil
	}
	return m.recovered.Load()
}

// told returns the result of a view whose function returned err. before is the value of m.recovered when the
// view began.
func (m *Map) told(op string, before *FaultError, err error) error {
	faulted := m.faulted() // First: if the count is cleared already, recovered is set.
	now := m.recovered.Load()
	if !faulted && now == before {
		return err
	}
	return m.tell(op, before, now, err)
}

//go:noinline
func (m *Map) tell(op string, before, now *FaultError, err error) error {
	lost := m.loss(op)
	if now != before { // Recovered meanwhile.
		lost = m.fail(op, now)
	}
	if err == nil {
		return lost
	}
	return errors.Join(err, lost)
}
