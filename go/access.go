package memmap

import (
	"io"
	"runtime"
	"unsafe"
)

// ToEnd as the length of a range means up to the end of the mapping.
const ToEnd = -1

// View calls f with the mapping's bytes and returns the error that f returns. The bytes stay at their address
// until f returns: a Close meanwhile delays unmapping until then, and a resize that would move or cut the
// mapping returns [ErrBusy]. f must not keep the slice.
//
// Where pages of the mapping are lost, f reads zeros, and View returns [ErrFault] after f has returned, joined
// with the error of f: do not publish what f computed before that. If f panics, View panics with a [ViewPanic].
//
// Writing to the slice of a read-only mapping crashes the program.
func (m *Map) View(f func(data []byte) error) error {
	if state := m.count(view); state != made+view && !m.enterLate(view, state) {
		return m.fail("view", ErrClosed)
	}
	before, inside := m.recovered.Load(), true
	defer func() { // As endView, which would be one call more.
		if inside {
			if lost := m.leftInside("view", before); lost != nil {
				rethrow(recover(), lost)
			}
			return
		}
		if m.uncount(view) >= gate {
			m.reclaim()
		}
	}()
	err := f(m.bytes())
	inside = false
	return m.told("view", before, err)
}

// Bytes returns the mapping's bytes without any protection, nil if the Map is closed. After Close, or after a
// Resize or Refresh that moves or cuts the mapping, touching the slice crashes the program or reaches memory
// that was mapped there since. Use [Map.View] where that cannot be ruled out.
//
// A page that is lost reads as zeros; [Map.Fault] and [Map.Check] report it.
//
// A Map that is dropped without Close after a call of Bytes stays mapped, since the slice may still be in use.
// It counts as a leak.
func (m *Map) Bytes() []byte {
	if !m.enter(operation) {
		return nil
	}
	defer m.leave(operation)
	m.lent.Store(true)
	return m.bytes()
}

// bytes returns the mapping's bytes to a caller that has entered.
func (m *Map) bytes() []byte { return unsafe.Slice((*byte)(m.data), m.length.Load()) }

// ReadAt copies bytes from offset off into p, as [io.ReaderAt] specifies: if fewer than len(p) bytes are left,
// it copies those and returns [io.EOF]. If one of them is lost, it returns [ErrFault], and the content of p is
// undefined.
//
// p may lie in the mapping itself, and so may the argument of [Map.WriteAt]: overlapping bytes are copied as by
// the built-in copy. That does not hold if p lies in another mapping of the same bytes, such as a [Map.Window].
func (m *Map) ReadAt(p []byte, off int64) (int, error) {
	if state := m.count(operation); state != made+operation && !m.enterLate(operation, state) {
		return 0, m.fail("read", ErrClosed)
	}
	length := m.length.Load()
	if uint64(off) >= uint64(length) || length-off < int64(len(p)) {
		return m.readLess(p, off)
	}
	copyInOrder(p, (*byte)(unsafe.Add(m.data, off)))
	if m.faulted() {
		return m.readSuspect(p, off)
	}
	if m.uncount(operation) >= gate {
		m.reclaim()
	}
	return len(p), nil
}

// copyInOrder fills p with the bytes that begin at from. Go's copy begins with the last bytes. If there are
// more than a page holds, the kernel, which reads ahead of sequential access, takes that for going backwards.
// So copyInOrder first loads the first byte and stores it nowhere, since p may overlap the rest. It is inlined.
func copyInOrder(p []byte, from *byte) {
	const smallestPage = 4096 // Of every Linux.
	if len(p) > smallestPage {
		runtime.KeepAlive(*from) // A load that the compiler does not leave out, and no call.
	}
	copy(p, unsafe.Slice(from, len(p)))
}

// readSuspect ends a ReadAt that has filled p and may have read a lost page. It does not copy again: where p
// overlaps the source, the source has changed.
func (m *Map) readSuspect(p []byte, off int64) (int, error) {
	defer m.leave(operation)
	if err := m.intact(off, int64(len(p))); err != nil {
		return 0, m.fail("read", err)
	}
	return len(p), nil
}

// readLess ends a ReadAt that finds fewer bytes than were asked for.
func (m *Map) readLess(p []byte, off int64) (int, error) {
	defer m.leave(operation)
	if off < 0 {
		return 0, m.fail("read", ErrRange)
	}
	n := 0
	if data := m.bytes(); off < int64(len(data)) {
		n = copy(p, data[off:])
	}
	if n > 0 {
		if err := m.intact(off, int64(n)); err != nil {
			return 0, m.fail("read", err)
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt copies p to offset off. If p does not fit, it writes nothing and returns [ErrRange]. When WriteAt
// returns, every process on this machine sees the bytes in the file; they are on the device after a flush.
// WriteAt returns [ErrFault] where pages are lost; if they were lost before the call, it writes nothing.
func (m *Map) WriteAt(p []byte, off int64) (int, error) {
	if state := m.count(operation); state != made+operation && !m.enterLate(operation, state) {
		return 0, m.fail("write", ErrClosed)
	}
	err := m.write(p, off)
	if m.uncount(operation) >= gate {
		m.reclaim()
	}
	if err != nil {
		return 0, m.fail("write", err)
	}
	return len(p), nil
}

func (m *Map) write(p []byte, off int64) error {
	if !m.writable {
		return ErrAccess
	}
	data, length := m.bytes(), int64(len(p))
	if !holds(len(data), off, length) {
		return ErrRange
	}
	if err := m.intact(off, length); err != nil {
		return err
	}
	copy(data[off:], p)
	return m.intact(off, length)
}

// holds reports whether length bytes from off lie inside size bytes.
func holds(size int, off, length int64) bool {
	return off >= 0 && length >= 0 && off <= int64(size) && length <= int64(size)-off
}

// At returns the byte at offset i, or [ErrFault] if it is lost.
func (m *Map) At(i int64) (byte, error) {
	if state := m.count(operation); state != made+operation && !m.enterLate(operation, state) {
		return 0, m.fail("read", ErrClosed)
	}
	data := m.bytes()
	inside := uint64(i) < uint64(len(data))
	var value byte
	err := ErrRange
	if inside {
		value = data[i]
		err = m.intact(i, 1)
	}
	if m.uncount(operation) >= gate {
		m.reclaim()
	}
	if err != nil {
		return 0, m.fail("read", err)
	}
	return value, nil
}

// Fill sets length bytes from offset to value. The length may be [ToEnd]. Fill returns [ErrFault] where pages
// are lost; if they were lost before the call, it writes nothing.
func (m *Map) Fill(offset, length int64, value byte) error {
	return m.change("fill", func(data []byte) error {
		if length == ToEnd && offset <= int64(len(data)) {
			length = int64(len(data)) - offset
		}
		if !holds(len(data), offset, length) {
			return ErrRange
		}
		if err := m.intact(offset, length); err != nil {
			return err
		}
		fill(data[offset:offset+length], value)
		return m.intact(offset, length)
	})
}

func fill(data []byte, value byte) {
	if value == 0 {
		clear(data)
		return
	}
	if len(data) == 0 {
		return
	}
	data[0] = value
	for done := 1; done < len(data); {
		const cached = 32 << 10 // Source bytes that stay in the processor's cache.
		done += copy(data[done:], data[:min(done, cached)])
	}
}

// Move copies length bytes of the mapping from offset from to offset to. The two ranges may overlap. Move
// returns [ErrFault] where pages are lost; if they were lost before the call, it writes nothing.
func (m *Map) Move(to, from, length int64) error {
	return m.change("move", func(data []byte) error {
		if !holds(len(data), to, length) || !holds(len(data), from, length) {
			return ErrRange
		}
		if err := m.bothIntact(to, from, length); err != nil {
			return err
		}
		copy(data[to:], data[from:from+length])
		return m.bothIntact(to, from, length)
	})
}

func (m *Map) bothIntact(to, from, length int64) error {
	if err := m.intact(from, length); err != nil {
		return err
	}
	return m.intact(to, length)
}

func (m *Map) change(op string, f func(data []byte) error) error {
	if !m.enter(operation) {
		return m.fail(op, ErrClosed)
	}
	defer m.leave(operation)
	err := ErrAccess
	if m.writable {
		err = f(m.bytes())
	}
	if err != nil {
		return m.fail(op, err)
	}
	return nil
}
