package memmap

import "os"

// A Guarded is memory that other code has mapped and that the guard watches. Its methods may be called by
// several goroutines at once.
type Guarded struct{ listed }

// Guard puts memory that other code has mapped under the guard: a file mapped by [syscall.Mmap] or by another
// package. A page of it that is lost reads as zeros, instead of ending the program, and [Guarded.Fault] reports
// the loss; inside of [Try] the first access to it is an error. The code that reads the memory need not change.
//
// file is the file that is mapped there, or nil. The caller may close it afterwards: the guard makes a
// descriptor of its own, which it needs to tell causes apart and for [Guarded.Recover].
//
// [Guarded.Close] must be called before the memory is unmapped. The memory is guarded until then, also if the
// Guarded is dropped.
//
// Guard returns [ErrRange] if nothing is mapped at some address in b; [ErrInvalid] if b is empty, is not one
// file mapped in one way, or is not a mapping of file; [ErrBusy] if a page of it is guarded already or belongs
// to a [Map]; [ErrAccess] if it cannot be read; and [ErrUnsupported] if the guard is off.
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

// unguardable has the reasons of Guard that differ from those of other calls.
var unguardable = map[int32]error{
	statusInvalid: &reason{"not one mapping of this file", []error{ErrInvalid}},
	statusRange:   &reason{"slice is not mapped", []error{ErrRange}},
	statusBusy:    &reason{"page is guarded already or belongs to a Map", []error{ErrBusy}},
	statusAccess:  &reason{"memory is not readable", []error{ErrAccess}},
}

func guarded(path string, m mapped) (*Guarded, error) {
	if m.status == 0 {
		g := &Guarded{listed{handle: m.handle, path: path}}
		handles.add(&g.listed)
		return g, nil
	}
	if why, own := unguardable[m.status]; own {
		return nil, &Error{"guard", path, why}
	}
	return nil, failure("guard", path, m.status)
}

// Fault returns nil if nothing of the memory was lost since it was guarded or last recovered, else an error
// that is [ErrFault] and a [FaultError]. It costs a cgo call.
func (g *Guarded) Fault() error {
	fault, status := getFault(g.handle)
	if fault != nil {
		return &Error{"fault", g.path, fault}
	}
	return failure("fault", g.path, status)
}

// Recover maps the file's pages back where they were lost, as [Map.Recover] does. It returns [ErrUnsupported]
// if something was lost and Guard was given no file. It waits for no reader: a reader that has read zeros and
// calls Fault after Recover finds no loss.
func (g *Guarded) Recover() error {
	forgotten.Add(1)
	status := recoverPages(g.handle)
	forgotten.Add(1)
	if status == statusFault {
		return &Error{"recover", g.path, lost(g.handle)}
	}
	return failure("recover", g.path, status)
}

// Close ends the guarding and leaves the memory mapped as it is. Pages that were lost and not recovered stay
// zeros. A second Close returns [ErrClosed].
func (g *Guarded) Close() error {
	handles.remove(&g.listed)
	forgotten.Add(1)
	return failure("close", g.path, closeHandle(g.handle))
}
