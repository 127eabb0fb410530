package memmap

import (
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A Map is a mapping of a file, or of memory without a file. Its methods may be called by several goroutines at
// once, also while one of them closes it. Calls after that return [ErrClosed].
//
// The zero value and a nil *Map are not mappings: every method returns [ErrInvalid], as the methods of a nil
// *os.File do.
type Map struct {
	state    atomic.Uint64         // See pins.go.
	lanes    atomic.Pointer[lanes] // If not nil, they count instead of the state.
	data     unsafe.Pointer
	length   atomic.Int64
	writable bool
	limit    int64          // Options.Limit.
	faults   *atomic.Uint32 // Count of faults, kept by the library; see faulted.
	*origin
	recovered atomic.Pointer[FaultError] // The loss that the last Recover undid.
	sizing    sync.Mutex                 // Held by a resize or a recovery.
	turns     turns                      // The order of the calls that wait for views to end.
	cleanup   runtime.Cleanup
	meetings  meetings // Decides when lanes are needed.
}

var (
	_ io.ReaderAt = (*Map)(nil)
	_ io.WriterAt = (*Map)(nil)
	_ io.WriterTo = (*Map)(nil)
	_ io.Closer   = (*Map)(nil)
)

// Open maps the file at path, by default read-only and whole. An empty file maps with length 0. Open returns
// [ErrNotRegular] for a FIFO without waiting for a writer. It waits up to a second for another process to give
// up a lease on the file.
func Open(path string, options *Options) (*Map, error) {
	w, err := options.checked()
	if err != nil {
		return nil, &Error{"open", path, err}
	}
	return newMap("open", path, w, ReadOnly, openPath(path, w))
}

// Create creates the file at path with size zero bytes and maps it, by default read-write. An existing file is
// truncated first and keeps its permissions; with [Exclusive], Create returns fs.ErrExist instead.
//
// Create reserves the blocks of the file, unless [Sparse] is set, so that a full disk is an error of Create and
// not a later fault. A call that fails leaves no new file behind.
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

// FromFile maps an open file, by default read-only and whole. The Map keeps a descriptor of its own; file may
// be closed afterwards.
//
// FromFile also maps a character device, if Options.Length is set.
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

// mapped maps an open file. It returns an error of its own if the file is nil or closed.
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

// Anonymous maps size zero bytes of memory without a file, private to this process.
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

// writable reports whether the bytes may be written, given the default access of the call.
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

// Close unmaps the memory. If a view is running, the memory is unmapped when the last view ends. Close flushes
// nothing and cannot report that a write failed; see [Map.Flush]. A second Close returns [ErrClosed].
func (m *Map) Close() error {
	if m.unopened() || m.state.Or(closed)&closed != 0 {
		return m.fail("close", ErrClosed)
	}
	m.cleanup.Stop()
	defer runtime.KeepAlive(m)
	return m.reclaim()
}

// Len returns the number of bytes mapped, 0 if the Map is closed.
func (m *Map) Len() int64 {
	if m.unopened() || m.state.Load()&closed != 0 {
		return 0
	}
	return m.length.Load()
}

// Info describes a Map: the options it was opened with, and its present state.
type Info struct {
	// Access is what the mapping allows; never zero.
	Access Access
	// Flags are the flags it was opened with.
	Flags Flags
	// Views is the number of View functions that are running.
	Views int
	// Offset is the offset in the file at which the mapping begins, in bytes.
	Offset int64
	// Length is the number of bytes mapped.
	Length int64
	// Capacity is the length up to which the mapping grows without moving, in bytes.
	Capacity int64
}

// Info returns how the Map was opened, and its present state.
func (m *Map) Info() (Info, error) {
	if !m.enter(operation) {
		return Info{}, m.fail("info", ErrClosed)
	}
	defer m.leave(operation)
	info, status := getInfo(m.handle)
	info.Views = int(m.underWay() & views / view)
	return info, failure("info", m.path, status)
}

// access returns ReadOnly if the mapping may not be written to.
func (m *Map) access() Access {
	if m.writable {
		return ReadWrite
	}
	return ReadOnly
}

// unopened reports whether m was never opened.
func (m *Map) unopened() bool { return m == nil || m.origin == nil }

// fail returns the error of a call on m. A Map that was never opened is not closed: every call on it fails with
// ErrInvalid.
func (m *Map) fail(op string, err error) error {
	if m.unopened() {
		return &Error{op, "", ErrInvalid}
	}
	return &Error{op, m.path, err}
}

// refused returns the error of a call with invalid arguments. On a closed Map that is ErrClosed.
func (m *Map) refused(op string, err error) error {
	if !m.unopened() && m.state.Load()&closed != 0 {
		err = ErrClosed
	}
	return m.fail(op, err)
}
