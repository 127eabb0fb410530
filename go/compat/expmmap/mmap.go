package mmap

import (
	"errors"
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

// A ReaderAt reads a file through a mapping. Any goroutine may call any method at any time. Its methods are
// those of [memmap.Reader].
type ReaderAt = memmap.Reader

// Open maps the file for reading. An empty file is a reader of length 0. Its error is a *fs.PathError.
func Open(filename string) (*ReaderAt, error) {
	m, err := memmap.Open(filename, &memmap.Options{Flags: memmap.NoDescriptor})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: filename, Err: reason(err)}
	}
	return memmap.NewReader(m), nil
}

// reason is err without operation and path.
func reason(err error) error {
	var full *memmap.Error
	if errors.As(err, &full) {
		return full.Err
	}
	return err
}
