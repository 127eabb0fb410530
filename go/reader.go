package memmap

import (
	"errors"
	"fmt"
	"io"
	"unsafe"
)

// A Reader reads a [Map] in the way of golang.org/x/exp/mmap, for which compat/expmmap stands in: an index is
// an int, and one that is out of range panics as with a slice. Any goroutine may call any method at any time.
type Reader struct {
	m *Map // nil in the zero value, which is a closed reader.
}

var _ io.ReaderAt = (*Reader)(nil)

// NewReader is a reader of m, which the reader closes.
func NewReader(m *Map) *Reader { return &Reader{m} }

// Close unmaps the file, once no other call reads it. Closing twice is no error.
func (r *Reader) Close() error {
	if r.m == nil {
		return nil
	}
	if err := r.m.Close(); err != nil && !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

// Len is the length of the file in bytes when it was opened, 0 after Close.
func (r *Reader) Len() int {
	if r.m == nil {
		return 0
	}
	return int(r.m.Len())
}

// At is the byte at index i. It panics when i is out of range, as it always is after Close, and where the
// byte was lost: with an error that is [ErrFault].
func (r *Reader) At(i int) byte {
	if r.m == nil {
		panic(outOfRange{i, 0})
	}
	value, err := r.m.At(int64(i))
	if err != nil {
		panic(r.cause(i, err))
	}
	return value
}

func (r *Reader) cause(i int, err error) error {
	if errors.Is(err, ErrFault) {
		return err
	}
	return outOfRange{i, r.Len()}
}

// An outOfRange is what the runtime panics with for an index of a slice.
type outOfRange struct{ index, length int }

func (outOfRange) RuntimeError() {}

func (e outOfRange) Error() string {
	if e.index < 0 {
		return fmt.Sprintf("runtime error: index out of range [%d]", e.index)
	}
	return fmt.Sprintf("runtime error: index out of range [%d] with length %d", e.index, e.length)
}

// ReadAt copies bytes from offset off on into p: where fewer than len(p) are left, those and [io.EOF]. Where
// one of them was lost it is [ErrFault], and p means nothing. After Close it is [ErrClosed]. That, and an offset that
// lies outside, are said in the words of golang.org/x/exp/mmap.
//
// It is [Map.ReadAt] once more, since calling that would cost a fourth of reading a few bytes.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	m := r.m
	if m == nil {
		return 0, errReaderClosed
	}
	if state := m.count(operation); state != made+operation && !m.enterLate(operation, state) {
		return 0, errReaderClosed
	}
	length := m.length.Load()
	if uint64(off) >= uint64(length) || length-off < int64(len(p)) {
		if uint64(off) > uint64(length) {
			return 0, m.nowhere(off)
		}
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

// Programs compare its text.
var errReaderClosed = &reason{"mmap: closed", []error{ErrClosed}}

// nowhere is how a ReadAt ends whose offset lies outside.
func (m *Map) nowhere(off int64) error {
	m.leave(operation)
	return fmt.Errorf("mmap: invalid ReadAt offset %d", off)
}
