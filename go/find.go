package memmap

import "bytes"

// How much is searched in Go before the rest is left to the library, whose search is several times as fast
// and takes a cgo call: about as much as Go searches in the time of that call. Go's backward search looks at
// one byte after the other.
const (
	nearby         = 2 << 10
	nearbyBackward = 256
)

// Find is the offset of the first place where needle stands, beginning at offset from or later and ending
// at offset to ([ToEnd]: the end) or earlier; -1, without an error, when there is none. An empty needle is
// found at from. When from is behind to, nothing is found.
//
// Bytes that others change meanwhile may be found as they were, as they are, or not. It is [ErrFault] when
// pages that it has looked at were lost.
func (m *Map) Find(needle []byte, from, to int64) (int64, error) {
	if !m.enter(operation) {
		return -1, m.fail("find", ErrClosed)
	}
	defer m.leave(operation)
	to, err := m.bounds(from, to)
	if err != nil {
		return -1, m.fail("find", err)
	}
	return m.first(needle, from, to)
}

// FindLast is the offset of the last such place. An empty needle is found at to.
func (m *Map) FindLast(needle []byte, from, to int64) (int64, error) {
	if !m.enter(operation) {
		return -1, m.fail("find", ErrClosed)
	}
	defer m.leave(operation)
	to, err := m.bounds(from, to)
	if err != nil {
		return -1, m.fail("find", err)
	}
	return m.last(needle, from, to)
}

// bounds checks two offsets and answers what the second stands for.
func (m *Map) bounds(from, to int64) (int64, error) {
	length := m.length.Load()
	if to == ToEnd {
		to = length
	}
	if from < 0 || from > length || to < 0 || to > length {
		return 0, ErrRange
	}
	return to, nil
}

// first is where needle first begins and ends between two offsets; for who has entered.
func (m *Map) first(needle []byte, from, to int64) (int64, error) {
	if from > to {
		return -1, nil
	}
	near := m.bytes()[from:min(to, from+nearby)]
	length := int64(len(near))
	if at := int64(bytes.Index(near, needle)); at >= 0 {
		return m.found(from+at, from, at+int64(len(needle)))
	}
	if from+length == to {
		return m.found(-1, from, length)
	}
	at, status := find(m.handle, max(from, from+length-int64(len(needle))+1), to, needle)
	if status != 0 {
		return -1, m.outcome("find", status)
	}
	return m.found(at, from, length) // The library has checked the rest.
}

// last is where needle last does.
func (m *Map) last(needle []byte, from, to int64) (int64, error) {
	if from > to {
		return -1, nil
	}
	start := max(from, to-nearbyBackward)
	near := m.bytes()[start:to]
	if at := int64(bytes.LastIndex(near, needle)); at >= 0 {
		return m.found(start+at, start+at, to-start-at)
	}
	if start == from {
		return m.found(-1, from, to-from)
	}
	at, status := findLast(m.handle, from, min(to, start+int64(len(needle))-1), needle)
	if status != 0 {
		return -1, m.outcome("find", status)
	}
	return m.found(at, start, to-start)
}

// found is the answer of a search that has looked at length bytes from offset on.
func (m *Map) found(at, offset, length int64) (int64, error) {
	if err := m.intact(offset, length); err != nil {
		return -1, m.fail("find", err)
	}
	return at, nil
}
