package memmap

import "bytes"

// Up to nearby bytes are searched in Go before the library searches the rest. The library is several times as
// fast but costs a cgo call; nearby is about what Go searches in that time. Backwards, Go looks at one byte
// after the other.
const (
	nearby         = 2 << 10
	nearbyBackward = 256
)

// Find returns the offset of the first occurrence of needle that begins at offset from or later and ends at
// offset to ([ToEnd]: the end) or earlier, or -1, without an error, if there is none. An empty needle occurs at
// from. If from is behind to, there is none.
//
// Of bytes that others change meanwhile, Find may see the old or the new ones. It returns [ErrFault] if pages
// that it has looked at were lost.
func (m *Map) Find(needle []byte, from, to int64) (at int64, err error) {
	at = -1
	if !m.enter(operation) {
		return at, m.fail("find", ErrClosed)
	}
	inside := true
	defer m.endOperation("find", catch(), &inside, &err)
	if to, err = m.bounds(from, to); err != nil {
		err = m.fail("find", err)
	} else {
		at, err = m.first(needle, from, to)
	}
	inside = false
	return at, err
}

// FindLast returns the offset of the last such occurrence. An empty needle occurs at to.
func (m *Map) FindLast(needle []byte, from, to int64) (at int64, err error) {
	at = -1
	if !m.enter(operation) {
		return at, m.fail("find", ErrClosed)
	}
	inside := true
	defer m.endOperation("find", catch(), &inside, &err)
	if to, err = m.bounds(from, to); err != nil {
		err = m.fail("find", err)
	} else {
		at, err = m.last(needle, from, to)
	}
	inside = false
	return at, err
}

// bounds checks two offsets and returns the second, with ToEnd resolved.
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

// first returns the first occurrence of needle between two offsets, to a caller that has entered.
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

// last returns the last occurrence.
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

// found is the result of a search that has looked at length bytes from offset.
func (m *Map) found(at, offset, length int64) (int64, error) {
	if err := m.intact(offset, length); err != nil {
		return -1, m.fail("find", err)
	}
	return at, nil
}
