package mmap

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"syscall"

	"libmemmap/memmap"
)

// Errors that ReadAt returns.
var (
	ErrFault  = memmap.ErrFault
	ErrClosed = memmap.ErrClosed
)

// A FaultError is a loss: which bytes of a mapping are lost, and why. It is [ErrFault] for errors.Is.
type FaultError = memmap.FaultError

// A ReaderAt reads a file through a mapping. Its methods are those of [memmap.Reader] and may be called by
// several goroutines at once.
type ReaderAt = memmap.Reader

// Open maps the file for reading. An empty file is a reader of length 0. Open returns a *fs.PathError, which is
// the error number of the original too: ENODEV for a directory, ENOMEM if a limit is reached.
func Open(filename string) (*ReaderAt, error) {
	m, err := memmap.Open(filename, &memmap.Options{Flags: memmap.NoDescriptor})
	if err != nil {
		return nil, asTheirs(filename, err)
	}
	return memmap.NewReader(m), nil
}

func asTheirs(filename string, err error) error {
	why := reason(err)
	switch {
	case errors.Is(err, memmap.ErrLimit):
		if info, err := os.Stat(filename); err == nil && info.Size() > math.MaxInt {
			return &translated{fmt.Errorf("mmap: file %q is too large", filename), why}
		}
		why = &translated{why, syscall.ENOMEM}
	case errors.Is(err, memmap.ErrInvalid): // A NUL byte.
		why = &translated{syscall.EINVAL, why}
	case errors.Is(err, memmap.ErrNotRegular):
		why = &translated{why, syscall.ENODEV} // What mmap(2) says to it.
	}
	return &fs.PathError{Op: "open", Path: filename, Err: why}
}

// reason returns err without operation and path.
func reason(err error) error {
	var full *memmap.Error
	if errors.As(err, &full) {
		return full.Err
	}
	return err
}

// A translated error has the text of one error and is the other one too for errors.Is.
type translated struct{ said, counts error }

func (e *translated) Error() string   { return e.said.Error() }
func (e *translated) Unwrap() []error { return []error{e.said, e.counts} }
