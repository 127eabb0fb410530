package memmap

import (
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A Map is a mapping of a file, or of memory without a file. Any goroutine may call any method at any
// time, also while another closes it: that is [ErrClosed] for those who come later.
//
// The zero value and a nil *Map are no mappings: every method returns [ErrInvalid], as those of a nil os.File do.
type Map struct {
	state    atomic.Uint64         // See pins.go.
	lanes    atomic.Pointer[lanes] // Once there are some, they count instead of the state.
	data     unsafe.Pointer
	length   atomic.Int64
	writable bool
	limit    int64          // The options'.
	faults   *atomic.Uint32 // The library's count; see faulted.
	*origin
	recovered atomic.Pointer[FaultError] // What was lost when it was last recovered.
	sizing    sync.Mutex                 // One resize or recovery at a time.
	turns     turns                      // Of those who wait for views to end.
	cleanup   runtime.Cleanup
	meetings  meetings // Whether there ought to be lanes.
}

var (
	_ io.ReaderAt = (*Map)(nil)
	_ io.WriterAt = (*Map)(nil)
	_ io.WriterTo = (*Map)(nil)
	_ io.Closer   = (*Map)(nil)
)

// Open maps the file at path, by default read-only and whole. An empty file maps, with length 0. A
// FIFO is [ErrNotRegular] at once; a file that another process keeps a lease on is waited for for a second.
func Open(path string, options *Options) (*Map, error) {
	w, err := options.checked()
	if err != nil {
		return nil, &Error{"open", path, err}
	}
	return newMap("open", path, w, ReadOnly, openPath(path, w))
}

// Create makes the file at path with size zero bytes and maps it, by default read-write. A file that
// exists is emptied first, keeping its permissions, unless [Exclusive] refuses it.
//
// The file gets its blocks now, unless [Sparse] says otherwise, so a full disk is an error here and
// not a crash later. A call that fails leaves no new file behind.
func Create(path string, size int64, options *Options) (*Map, error) {
	w, err := options.checked()
	if err == nil && size < 0 {
		err = ErrInvalid
	}
	if err != nil {
		return nil, &Error{"create", path, err}
	}
	return newMap("create", path, w, ReadWrite, createPath(path, size, w))
}

// FromFile maps an open file, by default read-only and whole. The Map keeps a descriptor of its own:
// file may be closed afterwards.
//
// A character device is mapped too, if the options' Length says how much of it.
func FromFile(file *os.File, options *Options) (*Map, error) {
	w, err := options.checked()
	if err != nil {
		return nil, &Error{"map", fileName(file), err}
	}
	m, err := w.mapped(file)
	if err != nil {
		return nil, err
	}
	return newMap("map", file.Name(), w, ReadOnly, m)
}

// mapped maps an open file. The error tells of a file that isn't open.
func (w wishes) mapped(file *os.File) (mapped, error) {
	connection, err := file.SyscallConn()
	if err != nil {
		return mapped{}, &Error{"map", fileName(file), ErrInvalid} // A nil file.
	}
	var m mapped
	if connection.Control(func(fd uintptr) { m = openDescriptor(fd, w) }) != nil {
		return mapped{}, &Error{"map", fileName(file), ErrClosed}
	}
	return m, nil
}

func fileName(file *os.File) string {
	if file == nil {
		return ""
	}
	return file.Name()
}

// Anonymous maps size zero bytes without a file, private to this process.
func Anonymous(size int64, options *Options) (*Map, error) {
	w, err := options.checked()
	if err == nil && size < 0 {
		err = ErrInvalid
	}
	if err != nil {
		return nil, &Error{"anonymous", "", err}
	}
	return newMap("anonymous", "", w, ReadWrite, openAnonymous(size, w))
}

// writable says whether the bytes may be written, given the access that is the call's default.
func (w wishes) writable(byDefault Access) bool {
	access := w.Access
	if access == 0 {
		access = byDefault
	}
	return access != ReadOnly
}

func newMap(op, path string, w wishes, byDefault Access, mapped mapped) (*Map, error) {
	if mapped.status != 0 {
		return nil, failure(op, path, mapped.status)
	}
	m := &Map{data: mapped.data, writable: w.writable(byDefault), limit: w.Limit, faults: mapped.faults, origin: newOrigin(mapped.handle, path)}
	m.length.Store(int64(mapped.length))
	m.state.Store(made)
	m.cleanup = runtime.AddCleanup(m, (*origin).leaked, m.origin)
	return m, nil
}

// Close unmaps the memory, or leaves that to the view that ends last. It flushes nothing and cannot
// report that a write failed; see [Map.Flush]. Closing twice is [ErrClosed].
func (m *Map) Close() error {
	if m.unopened() || m.state.Or(closed)&closed != 0 {
		return m.fail("close", ErrClosed)
	}
	m.cleanup.Stop()
	defer runtime.KeepAlive(m)
	return m.reclaim()
}

// Len is how many bytes are mapped, 0 when the Map is closed.
func (m *Map) Len() int64 {
	if m.unopened() || m.state.Load()&closed != 0 {
		return 0
	}
	return m.length.Load()
}

// Info is what a Map was opened with and what it is now.
type Info struct {
	// Access is what the mapping allows; never zero.
	Access Access
	// Flags are those that it was opened with.
	Flags Flags
	// Views is how many View functions are running.
	Views int
	// Offset is where in the file the mapping begins, in bytes.
	Offset int64
	// Length is how many bytes are mapped.
	Length int64
	// Capacity is up to which length the mapping does not move, in bytes.
	Capacity int64
}

// Info tells how the Map was opened and what it is now.
func (m *Map) Info() (Info, error) {
	if !m.enter(operation) {
		return Info{}, m.fail("info", ErrClosed)
	}
	defer m.leave(operation)
	info, status := getInfo(m.handle)
	info.Views = int(m.underWay() & views / view)
	return info, failure("info", m.path, status)
}

// access is ReadOnly for what may not be written to.
func (m *Map) access() Access {
	if m.writable {
		return ReadWrite
	}
	return ReadOnly
}

// unopened says whether this is no mapping and never was one.
func (m *Map) unopened() bool { return m == nil || m.origin == nil }

// fail is the error of a call on this Map. What was never opened is not closed, and refuses everything as such.
func (m *Map) fail(op string, err error) error {
	if m.unopened() {
		return &Error{op, "", ErrInvalid}
	}
	return &Error{op, m.path, err}
}

// refused is the error of a call that has no meaning; a closed Map refuses every call as such.
func (m *Map) refused(op string, err error) error {
	if !m.unopened() && m.state.Load()&closed != 0 {
		err = ErrClosed
	}
	return m.fail(op, err)
}
