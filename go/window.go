package memmap

import "errors"

// Window maps another part of the mapping's file: length bytes from offset on, counted from the beginning
// of the file; any alignment, and the length may be [ToEnd]. It is a Map of its own, with the access and
// the flags that this one has now, and must be closed by itself.
//
// It is [ErrRange] outside the file, [ErrInvalid] for no bytes, and [ErrUnsupported] where there is no file
// or its descriptor was given up ([NoDescriptor]).
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

// Windows go through all of the mapping's file, size bytes at a time and the rest at the end, for files that
// are larger than one wants to map at once: each is mapped for as long as the body of the loop runs. The
// offsets are those in the file. A size that is a multiple of the page size costs least.
//
// This Map need not be the whole file, and is not viewed meanwhile. Err is also why a window could not be
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
	err = m.View(func(data []byte) error {
		if len(data) > 0 {
			more = yield(offset, data[:len(data):len(data)])
		}
		return nil
	})
	return more, err
}
