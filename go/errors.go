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

// An Error is a failed operation: its name, the path of the file, and the reason. Err is a [syscall.Errno], so
// that errors.Is(err, fs.ErrNotExist) works, or one of this package's errors such as [ErrRange]. With
// [errors.As] it converts to *fs.PathError.
type Error struct {
	Op   string
	Path string // Empty if there is no path or it is not known.
	Err  error
}

// Error returns the operation, the path and the reason as one line. A path with quotation marks, backslashes or
// unprintable characters is quoted by [strconv.Quote], since a terminal or a log could take it for something
// else; e.Path is not quoted.
func (e *Error) Error() string {
	why := fmt.Sprint(e.Err)
	if addressed := (*net.OpError)(nil); errors.As(e.Err, &addressed) {
		why = quoted(why) // The peer chooses the address of its socket.
	}
	if e.Path == "" {
		return fmt.Sprintf("memmap: %s: %s", e.Op, why)
	}
	return fmt.Sprintf("memmap: %s %s: %s", e.Op, quoted(e.Path), why)
}

// quoted returns text itself if it is printable. Text that begins with a quotation mark is always quoted.
func quoted(text string) string {
	if safe := strconv.Quote(text); safe != `"`+text+`"` {
		return safe
	}
	return text
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// As sets target to an [fs.PathError] if target is a **fs.PathError, for [errors.As].
func (e *Error) As(target any) bool {
	full, wanted := target.(**fs.PathError)
	if wanted {
		*full = &fs.PathError{Op: e.Op, Path: e.Path, Err: e.Err}
	}
	return wanted
}

// Timeout reports whether the error is a timeout, for [os.IsTimeout] and [net.Error].
func (e *Error) Timeout() bool {
	late, known := e.Err.(interface{ Timeout() bool })
	return known && late.Timeout()
}

// A reason is why libmemmap itself refuses a call. It matches the errors in also for errors.Is.
type reason struct {
	text string
	also []error
}

func (r *reason) Error() string { return r.text }

// Timeout implements the interface that Error.Timeout asks for.
func (r *reason) Timeout() bool { return r.Is(os.ErrDeadlineExceeded) }

func (r *reason) Is(target error) bool {
	return slices.ContainsFunc(r.also, func(err error) bool { return errors.Is(err, target) })
}

// Errors of this package, for errors.Is.
var (
	// ErrInvalid is an invalid argument: a negative number, a path with a NUL byte, an unknown access, flag or
	// mode bit, or one that the call has no use for. It is fs.ErrInvalid too.
	ErrInvalid error = &reason{"invalid argument", []error{fs.ErrInvalid}}
	// ErrClosed is a call on a mapping that is closed. It is fs.ErrClosed too.
	ErrClosed error = &reason{"mapping is closed", []error{fs.ErrClosed}}
	// ErrRange is a range outside the mapping or the file: offset + length is greater than Len.
	ErrRange error = &reason{"range is outside the mapping or file", nil}
	// ErrAccess is an operation that the mapping's access forbids: writing, resizing and flushing need
	// ReadWrite. It is fs.ErrPermission too.
	ErrAccess error = &reason{"not allowed by the access of the mapping", []error{fs.ErrPermission}}
	// ErrNotRegular is a path that names a directory, FIFO, socket or character device.
	ErrNotRegular error = &reason{"not a regular file", nil}
	// ErrFault is memory whose pages are lost: the file was truncated, or its device failed or is full.
	// [errors.As] finds a [FaultError], which says which bytes.
	ErrFault error = &reason{"pages of the mapping are lost", nil}
	// ErrLimit is a limit that was reached: address space, memory, vm.max_map_count (number of mappings),
	// RLIMIT_FSIZE (size of a file), RLIMIT_MEMLOCK, or the Limit of the [Options].
	ErrLimit error = &reason{"limit of the system or the options reached", nil}
	// ErrBusy is a mapping that is viewed and would be moved or cut. End the views first, wait for them with
	// ResizeContext, or open the Map with a Capacity.
	ErrBusy error = &reason{"mapping is viewed and would be moved or cut", nil}
	// ErrTimeout is a wait that reached its limit. It is os.ErrDeadlineExceeded too.
	ErrTimeout error = &reason{"timed out", []error{os.ErrDeadlineExceeded}}
	// ErrUnsupported is an operation that is not possible for this mapping or system: the mapping has no file,
	// keeps no descriptor (NoDescriptor), or its file has a fixed size. It is errors.ErrUnsupported too.
	ErrUnsupported error = &reason{"not supported by this mapping", []error{errors.ErrUnsupported}}
	// ErrUnsealed is a file that is not sealed against shrinking (SealShrink), where [Sealed] requires it.
	ErrUnsealed error = &reason{"file is not sealed against shrinking", nil}
	// ErrCorrupt is a place where no valid cell is: no cell begins there, or one of another capacity, or a
	// crash left none of its values whole.
	ErrCorrupt error = &reason{"no valid cell at this offset", nil}
	// ErrPanic is a bug in libmemmap that was caught. Every mapping is still usable. Please report it.
	ErrPanic error = &reason{"internal error of libmemmap", nil}
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

// reasonOf returns the error for a status other than 0.
func reasonOf(status int32) error {
	if status > 0 {
		return syscall.Errno(status)
	}
	if err, ok := reasons[status]; ok {
		return err
	}
	return fmt.Errorf("unknown status %d", status)
}

// failure returns the error of an operation that returned status, nil for 0.
func failure(op, path string, status int32) error {
	if status == 0 {
		return nil
	}
	return &Error{op, path, reasonOf(status)}
}
