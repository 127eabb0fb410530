package memmap

import (
	"io"
	"unsafe"
)

// ToEnd as the length of a range means up to the end of the mapping.
const ToEnd = -1

// View calls f with the mapping's bytes and returns the error that f returns. The bytes stay at their address
// until f returns: a Close meanwhile delays unmapping until then, and a resize that would move or cut the
// mapping returns [ErrBusy]. f must not keep the slice.
//
// At the first byte of the mapping that is lost, View leaves f as by a panic that is recovered, so that its
// deferred calls run, and returns [ErrFault]. f computes nothing from such a byte. A goroutine that f starts
// and C code that f calls are not covered: they read zeros, and View returns [ErrFault] after f has returned,
// joined with the error of f; so it does after any loss that is not recovered. The same holds for all of f if
// [CatchesFaults] returns false.
//
// A panic of f goes on. If pages of the mapping are lost by then, it goes on as a [ViewPanic].
//
// Writing to the slice of a read-only mapping panics or crashes the program.
func (m *Map) View(f func(data []byte) error) (err error) {
	before := m.lastRecovered()
	if state := m.count(view); state != made+view && !m.enterLate(view, state) {
		return m.fail("view", ErrClosed)
	}
	inside, caught := true, catch()
	defer func() { // As endView, which would be one call more.
		release(caught)
		if inside && m.mayHaveLost(before) {
			err = m.leftBy(recover(), "view", before, read)
			return
		}
		if m.uncount(view) >= gate {
			m.reclaim()
		}
	}()
	err = f(m.bytes())
	inside = false
	return m.told("view", before, err)
}

// Bytes returns the mapping's bytes without any protection, nil if the Map is closed. After Close, or after a
// Resize or Refresh that moves or cuts the mapping, touching the slice crashes the program or reaches memory
// that was mapped there since. Use [Map.View] where that cannot be ruled out.
//
// A page that is lost reads as zeros, until [Map.Recover] also in views; [Map.Fault] and [Map.Check] report it.
// Inside of [Try], and of a [Map.View] of this Map, the first access to it is an error.
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
//
//go:noinline
func (m *Map) ReadAt(p []byte, off int64) (int, error) {
	if !copiesEnd {
		return m.readPlainly(p, off)
	}
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
		var first [1]byte
		copy(first[:one], unsafe.Slice(from, one))
	}
	copy(p, unsafe.Slice(from, len(p)))
}

// one is a length that the compiler does not know, so that it calls runtime.memmove for it: see catch.go.
var one = 1

// readSuspect ends a ReadAt that has filled p and may have read a lost page. It does not copy again: where p
// overlaps the source, the source has changed.
func (m *Map) readSuspect(p []byte, off int64) (int, error) {
	defer m.leave(operation)
	if err := m.intact(off, int64(len(p))); err != nil {
		return 0, m.fail("read", err)
	}
	return len(p), nil
}

// readPlainly is ReadAt where a copy that meets a fault does not end: where a view would be left, it is, and else zeros
// come to stand where the bytes are lost.
func (m *Map) readPlainly(p []byte, off int64) (n int, err error) {
	if !m.enter(operation) {
		return 0, m.fail("read", ErrClosed)
	}
	inside := true
	defer m.endOperation("read", catches(), &inside, &err)
	found := min(max(m.length.Load()-off, 0), int64(len(p)))
	switch {
	case off < 0:
		err = ErrRange
	case found > 0:
		copyInOrder(p[:found], (*byte)(unsafe.Add(m.data, off)))
		err = m.intact(off, found)
	}
	inside = false
	if err != nil {
		return 0, m.fail("read", err)
	}
	return int(found), endOf(found, p)
}

// endOf is io.EOF if so many bytes do not fill p.
func endOf(found int64, p []byte) error {
	if found < int64(len(p)) {
		return io.EOF
	}
	return nil
}

// readLess ends a ReadAt that finds fewer bytes than were asked for.
//
//go:noinline
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
	return n, endOf(int64(n), p)
}

// WriteAt copies p to offset off. If p does not fit, it writes nothing and returns [ErrRange]. When WriteAt
// returns, every process on this machine sees the bytes in the file; they are on the device after a flush.
// WriteAt returns [ErrFault] where pages are lost; if they were lost before the call, it writes nothing.
func (m *Map) WriteAt(p []byte, off int64) (int, error) {
	if state := m.count(operation); state != made+operation && !m.enterLate(operation, state) {
		return 0, m.fail("write", ErrClosed)
	}
	if !copiesEnd {
		return m.writePlainly(p, off)
	}
	defer m.leave(operation) // Also if p is in another mapping, and a fault there a panic.
	if err := m.write(p, off); err != nil {
		return 0, m.fail("write", err)
	}
	return len(p), nil
}

// writePlainly is how WriteAt goes on where a copy that meets a fault does not end.
func (m *Map) writePlainly(p []byte, off int64) (n int, err error) {
	inside := true
	defer m.endOperation("write", catches(), &inside, &err)
	err = m.write(p, off)
	inside = false
	if err != nil {
		return 0, m.fail("write", err)
	}
	return len(p), nil
}

//go:noinline
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
//
//go:noinline
func (m *Map) At(i int64) (byte, error) {
	if !copiesEnd {
		return m.atPlainly(i)
	}
	if state := m.count(operation); state != made+operation && !m.enterLate(operation, state) {
		return 0, m.fail("read", ErrClosed)
	}
	var value [1]byte
	err := ErrRange
	if data := m.bytes(); uint64(i) < uint64(len(data)) {
		copy(value[:one], data[i:])
		err = m.intact(i, 1)
	}
	if m.uncount(operation) >= gate {
		m.reclaim()
	}
	if err != nil {
		return 0, m.fail("read", err)
	}
	return value[0], nil
}

// atPlainly is At where a copy that meets a fault does not end.
func (m *Map) atPlainly(i int64) (byte, error) {
	var value [1]byte
	_, err := m.readPlainly(value[:], i)
	if err == io.EOF {
		err = m.fail("read", ErrRange)
	}
	return value[0], err
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

func (m *Map) change(op string, f func(data []byte) error) (err error) {
	if !m.enter(operation) {
		return m.fail(op, ErrClosed)
	}
	inside := true
	defer m.endOperation(op, catch(), &inside, &err)
	err = ErrAccess
	if m.writable {
		err = f(m.bytes())
	}
	inside = false
	if err != nil {
		return m.fail(op, err)
	}
	return nil
}
