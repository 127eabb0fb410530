package memmap

import "os"

// A Guarded is memory that somebody else has mapped and that the guard watches. Any goroutine may call
// any method at any time.
type Guarded struct {
	handle uint64
	path   string
}

// Guard takes memory that somebody else has mapped under the guard: a file mapped by [syscall.Mmap], or
// by another package. A page of it that is lost reads as zeros then, instead of ending the program, and
// [Guarded.Fault] tells. A program is saved so without being rewritten.
//
// file is the one that is mapped there, or nil. It stays the caller's, who may close it: the guard makes a
// descriptor of its own, with which it tells causes apart and [Guarded.Recover] works.
//
// [Guarded.Close] must be called before the memory is unmapped. Until then it is guarded, also when the
// Guarded is dropped.
//
// It is [ErrRange] when nothing is mapped somewhere in b, [ErrInvalid] when that is not one file mapped
// in one way, when file is another one, or for no bytes, [ErrBusy] when a page of it is guarded already or belongs to a [Map],
// [ErrAccess] when it can't be read, and [ErrUnsupported] when the guard is off.
func Guard(b []byte, file *os.File) (*Guarded, error) {
	if guarding.Load() == guardOff {
		return nil, &Error{"guard", fileName(file), errGuardOff}
	}
	if file == nil {
		return guarded("", guardRegion(b, noDescriptor))
	}
	connection, err := file.SyscallConn()
	if err != nil {
		return nil, &Error{"guard", fileName(file), ErrInvalid}
	}
	var m mapped
	if connection.Control(func(fd uintptr) { m = guardRegion(b, int(fd)) }) != nil {
		return nil, &Error{"guard", fileName(file), ErrClosed}
	}
	return guarded(file.Name(), m)
}

const noDescriptor = -1

// Why memory can't be guarded, where that means something else than elsewhere.
var unguardable = map[int32]error{
	statusInvalid: &reason{"no bytes, or not one file mapped in one way, or another file than the one given", []error{ErrInvalid}},
	statusRange:   &reason{"nothing is mapped somewhere in the slice", []error{ErrRange}},
	statusBusy:    &reason{"a page of it is guarded already, or belongs to a Map", []error{ErrBusy}},
	statusAccess:  &reason{"the memory can't be read", []error{ErrAccess}},
}

func guarded(path string, m mapped) (*Guarded, error) {
	if m.status == 0 {
		return &Guarded{m.handle, path}, nil
	}
	if why, own := unguardable[m.status]; own {
		return nil, &Error{"guard", path, why}
	}
	return nil, failure("guard", path, m.status)
}

// Fault is nil as long as nothing of the memory was lost since it was guarded or last recovered, and else
// an error that is [ErrFault] and a [FaultError]. It costs a cgo call.
func (g *Guarded) Fault() error {
	fault, status := getFault(g.handle)
	if fault != nil {
		return &Error{"fault", g.path, fault}
	}
	return failure("fault", g.path, status)
}

// Recover maps the file's pages back where they were lost, as [Map.Recover] does. It is [ErrUnsupported]
// when something was lost and Guard was given no file. It waits for nobody: whoever has read zeros and asks
// Fault afterwards is not told.
func (g *Guarded) Recover() error {
	status := recoverPages(g.handle)
	if status == statusFault {
		return &Error{"recover", g.path, lost(g.handle)}
	}
	return failure("recover", g.path, status)
}

// Close ends the guarding and leaves the memory mapped as it is. Pages that were lost and not recovered
// stay zeros. Closing twice is [ErrClosed].
func (g *Guarded) Close() error { return failure("close", g.path, closeHandle(g.handle)) }
