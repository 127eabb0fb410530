package memmap

// #include <memmap.h>
import "C"

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"
)

// An Error says which operation failed, on which file, and why. Err is the system's [syscall.Errno],
// so that errors.Is(err, fs.ErrNotExist) works, or one of this package's errors such as [ErrRange]. Where a program
// asks for the errors of package os, by errors.As(err, &pathError), it is one.
type Error struct {
	Op   string
	Path string // Empty where there is no path, or none is known.
	Err  error
}

// Error is the operation, the path and the reason as one line. A path that could be taken for something else on a terminal
// or in a log, since it has quotation marks, backslashes or what isn't printable, is as [strconv.Quote] has it; e.Path is
// as it was given.
func (e *Error) Error() string {
	why := fmt.Sprint(e.Err)
	if addressed := (*net.OpError)(nil); errors.As(e.Err, &addressed) {
		why = quoted(why) // The address of a socket is its peer's to choose.
	}
	if e.Path == "" {
		return fmt.Sprintf("memmap: %s: %s", e.Op, why)
	}
	return fmt.Sprintf("memmap: %s %s: %s", e.Op, quoted(e.Path), why)
}

// quoted is text itself where that shows what it is, which a quotation mark at its beginning doesn't.
func quoted(text string) string {
	if safe := strconv.Quote(text); safe != `"`+text+`"` {
		return safe
	}
	return text
}

// Unwrap is e.Err.
func (e *Error) Unwrap() error { return e.Err }

// As makes an [fs.PathError] of e where a program asks for one with [errors.As], as of the errors of package os.
func (e *Error) As(target any) bool {
	full, wanted := target.(**fs.PathError)
	if wanted {
		*full = &fs.PathError{Op: e.Op, Path: e.Path, Err: e.Err}
	}
	return wanted
}

// Timeout says whether a time that was given has passed, for [os.IsTimeout] and [net.Error].
func (e *Error) Timeout() bool {
	late, known := e.Err.(interface{ Timeout() bool })
	return known && late.Timeout()
}

// A reason is why libmemmap itself refused something; it counts as other errors too.
type reason struct {
	text string
	also []error
}

func (r *reason) Error() string { return r.text }

// Timeout is for [Error.Timeout].
func (r *reason) Timeout() bool { return r.Is(os.ErrDeadlineExceeded) }

func (r *reason) Is(target error) bool {
	return slices.ContainsFunc(r.also, func(err error) bool { return errors.Is(err, target) })
}

// Why the library refuses something. To be compared with [errors.Is].
var (
	// ErrInvalid is an argument without a meaning. It counts as fs.ErrInvalid too.
	ErrInvalid error = &reason{"invalid argument: a negative number, a path with a NUL byte, an unknown access, flag or mode bit, or one that this call has no use for", []error{fs.ErrInvalid}}
	// ErrClosed is a mapping that was closed. It counts as fs.ErrClosed too.
	ErrClosed error = &reason{"the mapping is closed", []error{fs.ErrClosed}}
	// ErrRange is a range outside the mapping, or outside the file.
	ErrRange error = &reason{"the range lies outside the mapping or the file: compare offset + length with Len", nil}
	// ErrAccess is an operation that the mapping's access forbids. It counts as fs.ErrPermission too.
	ErrAccess error = &reason{"the mapping's access forbids it: writing, resizing and making durable need ReadWrite", []error{fs.ErrPermission}}
	// ErrNotRegular is a path that names a directory, FIFO, socket or character device.
	ErrNotRegular error = &reason{"not a regular file: a directory, FIFO, socket or device cannot be mapped by this call", nil}
	// ErrFault is memory whose pages are gone: the file was truncated, or its device failed or is full.
	// Beside it stands a [FaultError], for [errors.As], that says which.
	ErrFault error = &reason{"pages behind the mapping are gone: the file was truncated, or its device failed or is full", nil}
	// ErrLimit is a limit that was reached, of the system or of the [Options].
	ErrLimit error = &reason{"a system limit forbids it: address space, memory, vm.max_map_count (number of mappings) or RLIMIT_FSIZE (size of a file); or the Limit of the Options does", nil}
	// ErrBusy is a mapping that is viewed and would be moved or cut.
	ErrBusy error = &reason{"the mapping is viewed, and this would move or cut it: end the views first, wait for them by ResizeContext, or open it with a Capacity", nil}
	// ErrTimeout is a wait that took as long as was allowed. It counts as os.ErrDeadlineExceeded too.
	ErrTimeout error = &reason{"the time given has passed", []error{os.ErrDeadlineExceeded}}
	// ErrUnsupported is what this mapping, or this system, cannot do. It counts as errors.ErrUnsupported too.
	ErrUnsupported error = &reason{"not possible for this mapping: it has no file, gave its descriptor up (NoDescriptor), or its file has a fixed size", []error{errors.ErrUnsupported}}
	// ErrUnsealed is a file that is not sealed against shrinking, where that was asked for.
	ErrUnsealed error = &reason{"the file is not sealed against shrinking (SealShrink), so whoever has it could take its pages away", nil}
	// ErrCorrupt is bytes that are not what they ought to be: no cell, or none of its values whole.
	ErrCorrupt error = &reason{"the bytes are not what they ought to be: no cell begins there, or one of another capacity, or a crash left none of its values whole", nil}
	// ErrPanic is a bug in libmemmap that was caught; every mapping is still usable.
	ErrPanic error = &reason{"a bug in libmemmap was caught; every mapping is still usable. Please report it", nil}
)

var reasons = map[int32]error{
	C.MEMMAP_ERR_INVALID:     ErrInvalid,
	C.MEMMAP_ERR_HANDLE:      ErrClosed,
	C.MEMMAP_ERR_RANGE:       ErrRange,
	C.MEMMAP_ERR_ACCESS:      ErrAccess,
	C.MEMMAP_ERR_NOT_REGULAR: ErrNotRegular,
	C.MEMMAP_ERR_FAULT:       ErrFault,
	C.MEMMAP_ERR_LIMIT:       ErrLimit,
	C.MEMMAP_ERR_BUSY:        ErrBusy,
	C.MEMMAP_ERR_TIMEOUT:     ErrTimeout,
	C.MEMMAP_ERR_UNSUPPORTED: ErrUnsupported,
	C.MEMMAP_ERR_UNSEALED:    ErrUnsealed,
	C.MEMMAP_ERR_CORRUPT:     ErrCorrupt,
	C.MEMMAP_ERR_PANIC:       ErrPanic,
}

// reasonOf is the error that a status other than 0 stands for.
func reasonOf(status int32) error {
	if status > 0 {
		return syscall.Errno(status)
	}
	if err, ok := reasons[status]; ok {
		return err
	}
	return fmt.Errorf("status %d, which this package does not know", status)
}

// failure is the error of an operation that answered status, nil for 0.
func failure(op, path string, status int32) error {
	if status == 0 {
		return nil
	}
	return &Error{op, path, reasonOf(status)}
}
