package memmap

import "errors"

// Window maps another part of the mapping's file: length bytes from offset, counted from the beginning of the
// file, of any alignment. The length may be [ToEnd]. The window is a Map of its own, with the present access
// and flags of m, and must be closed by itself.
//
// Window returns [ErrRange] outside the file, [ErrInvalid] for a length of 0, and [ErrUnsupported] without a
// file or its descriptor ([NoDescriptor]).
func (m *Map) Window(offset, length int64) (*Map, error) {
	switch {
	case !m.enter(operation):
		return nil, m.fail("window", ErrClosed)
	case offset < 0 || length < ToEnd:
		m.leave(operation)
		return nil, m.fail("window", ErrRange)
	case length == 0:
		m.leave(operation)
		return nil, m.fail("window", ErrInvalid)
	}
	defer m.leave(operation)
	if length == ToEnd {
		length = 0
	}
	return newMap("window", m.path, wishes{Limit: m.limit}, m.access(), openWindow(m.handle, offset, length))
}

// Windows returns windows of all of the mapping's file, size bytes at a time and the rest at the end, for files
// that are too large to map at once: each is mapped while the body of the loop runs. The offsets are those in
// the file. A size that is a multiple of the page size costs least.
//
// m need not map the whole file, and is not viewed meanwhile. Err also returns why a window could not be
// mapped: see [Map.Window].
func (m *Map) Windows(size int64) *Pieces {
	return &Pieces{each: func(yield func(int64, []byte) bool) error { return m.eachWindow(size, yield) }}
}

func (m *Map) eachWindow(size int64, yield func(int64, []byte) bool) error {
	if size <= 0 {
		return m.fail("window", ErrInvalid)
	}
	for offset := int64(0); ; offset += size {
		w, err := m.Window(offset, size)
		if errors.Is(err, ErrRange) { // The file ends before.
			w, err = m.Window(offset, ToEnd)
		}
		if err != nil {
			return err
		}
		length := w.Len()
		more, err := w.lend(offset, yield)
		if err != nil || !more || length < size {
			return err
		}
	}
}

// lend yields all of a window and closes it.
func (m *Map) lend(offset int64, yield func(int64, []byte) bool) (more bool, err error) {
	defer m.Close()
	before := m.lastRecovered()
	if !m.enter(view) {
		return false, m.fail("view", ErrClosed)
	}
	at := loop
	defer m.endView("view", before, catches(), &at, &err)
	if data := m.bytes(); len(data) > 0 {
		more = yield(offset, data[:len(data):len(data)])
	}
	at = over
	return more, m.told("view", before, nil)
}
