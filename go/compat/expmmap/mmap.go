package mmap

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"libmemmap/memmap"
)

// What ReadAt answers; see there.
var (
	ErrFault  = memmap.ErrFault
	ErrClosed = memmap.ErrClosed
)

// A FaultError says what of a mapping was lost, and why. It counts as [ErrFault].
type FaultError = memmap.FaultError

// A ReaderAt reads a file through a mapping. Any goroutine may call any method at any time.
type ReaderAt struct {
	m      *memmap.Map // nil in the zero value, which is a closed reader.
	length int64
}

var _ io.ReaderAt = (*ReaderAt)(nil)

// Open maps the file for reading. An empty file is a reader of length 0. Its error is a *fs.PathError.
func Open(filename string) (*ReaderAt, error) {
	m, err := memmap.Open(filename, &memmap.Options{Flags: memmap.NoDescriptor})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: filename, Err: reason(err)}
	}
	return &ReaderAt{m, m.Len()}, nil
}

// reason is err without operation and path.
func reason(err error) error {
	var full *memmap.Error
	if errors.As(err, &full) {
		return full.Err
	}
	return err
}

// Close unmaps the file, once no other call reads it. Closing twice is no error.
func (r *ReaderAt) Close() error {
	if r.m == nil {
		return nil
	}
	if err := r.m.Close(); err != nil && !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

// Len is the length of the file in bytes when it was opened, 0 after Close.
func (r *ReaderAt) Len() int {
	if r.m == nil {
		return 0
	}
	return int(r.m.Len())
}

// At is the byte at index i. It panics when i is out of range, as it always is after Close, and where the
// byte was lost: with an error that is [ErrFault].
func (r *ReaderAt) At(i int) byte {
	if r.m == nil {
		panic(outOfRange{i, 0})
	}
	value, err := r.m.At(int64(i))
	if err != nil {
		panic(r.cause(i, err))
	}
	return value
}

func (r *ReaderAt) cause(i int, err error) error {
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
// one of them was lost it is [ErrFault], and p means nothing. After Close it is [ErrClosed].
func (r *ReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if r.m == nil {
		return 0, errClosed
	}
	n, err := r.m.ReadAt(p, off)
	if err != nil && !errors.Is(err, ErrClosed) && uint64(off) > uint64(r.length) {
		return 0, fmt.Errorf("mmap: invalid ReadAt offset %d", off)
	}
	return n, err
}

var errClosed = &memmap.Error{Op: "read", Err: ErrClosed}
