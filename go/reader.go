package memmap

import (
	"errors"
	"fmt"
	"io"
	"unsafe"
)

// A Reader reads a [Map] with the methods of golang.org/x/exp/mmap, which compat/expmmap replaces: an index is
// an int, and an index out of range panics as with a slice. Its methods may be called by several goroutines at
// once.
type Reader struct {
	m *Map // nil in the zero value, which is a closed reader.
}

var _ io.ReaderAt = (*Reader)(nil)

// NewReader returns a reader of m. Closing the reader closes m.
func NewReader(m *Map) *Reader { return &Reader{m} }

// Close unmaps the file when no other call reads it. A second Close is no error.
func (r *Reader) Close() error {
	if r.m == nil {
		return nil
	}
	if err := r.m.Close(); err != nil && !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

// Len returns the length of the file in bytes when it was opened, 0 after Close.
func (r *Reader) Len() int {
	if r.m == nil {
		return 0
	}
	return int(r.m.Len())
}

// At returns the byte at index i. It panics if i is out of range, as every index is after Close, and if the
// byte is lost: with an error that is [ErrFault].
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

// An outOfRange is the value of the runtime's panic for an index of a slice.
type outOfRange struct{ index, length int }

func (outOfRange) RuntimeError() {}

func (e outOfRange) Error() string {
	if e.index < 0 {
		return fmt.Sprintf("runtime error: index out of range [%d]", e.index)
	}
	return fmt.Sprintf("runtime error: index out of range [%d] with length %d", e.index, e.length)
}

// ReadAt copies bytes from offset off into p: if fewer than len(p) are left, it copies those and returns
// [io.EOF]. If one of them is lost, it returns [ErrFault], and the content of p is undefined. After Close it
// returns [ErrClosed]. The texts of that error and of the one for an offset out of range are those of
// golang.org/x/exp/mmap.
//
// It repeats the code of [Map.ReadAt], since a call would cost a fourth of reading a few bytes.
//
//go:noinline
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	m := r.m
	if m == nil {
		return 0, errReaderClosed
	}
	if !copiesEnd {
		return r.readPlainly(p, off)
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

// readPlainly is ReadAt where a copy that meets a fault does not end.
func (r *Reader) readPlainly(p []byte, off int64) (int, error) {
	n, err := r.m.readPlainly(p, off)
	switch {
	case errors.Is(err, ErrClosed):
		return 0, errReaderClosed
	case (err == io.EOF || errors.Is(err, ErrRange)) && uint64(off) > uint64(r.m.length.Load()):
		return 0, badOffset(off)
	}
	return n, err
}

// errReaderClosed has the text of golang.org/x/exp/mmap, which programs compare.
var errReaderClosed = &reason{"mmap: closed", []error{ErrClosed}}

// nowhere ends a ReadAt whose offset is out of range.
func (m *Map) nowhere(off int64) error {
	m.leave(operation)
	return badOffset(off)
}

func badOffset(off int64) error { return fmt.Errorf("mmap: invalid ReadAt offset %d", off) }
