package mmap

import (
	"errors"
	"os"
	"syscall"

	"libmemmap/memmap"
)

// Values of prot: what a mapping allows.
const (
	// RDONLY allows reading. Writing to the slice crashes the program.
	RDONLY = 0
	// RDWR allows reading and writing. What is written reaches the file.
	RDWR = 1 << 1
	// COPY allows reading and writing. What is written stays in this mapping. It takes precedence over RDWR.
	COPY = 1 << 2
	// EXEC allows executing, in addition to the others.
	EXEC = 1 << 3
)

// ANON, a value of flags, is memory without a file, private to this process.
const ANON = 1 << 0

// An MMap is a mapping, or a part of one: all methods except Unmap take either.
type MMap []byte

// Errors that Flush, Unmap and Fault return.
var (
	ErrFault  = memmap.ErrFault
	ErrClosed = memmap.ErrClosed
)

// A FaultError is a loss: which bytes of a mapping are lost, and why. It is [ErrFault] for errors.Is.
type FaultError = memmap.FaultError

// Map maps the whole of f, which may be closed afterwards. With [ANON] it returns an error, since it has no
// length.
func Map(f *os.File, prot, flags int) (MMap, error) {
	return MapRegion(f, -1, prot, flags, 0)
}

// MapRegion maps length bytes of f from offset, which need not be aligned; a negative length means all bytes of
// the file. The MMap must eventually be unmapped.
//
// The length may reach past the end of the file, for a program that makes it longer later; touching such bytes
// before is a loss, see [Fault]. With [ANON], f and offset are not used.
func MapRegion(f *os.File, length int, prot, flags int, offset int64) (MMap, error) {
	if flags&ANON != 0 {
		return mapAnonymous(length, prot)
	}
	if length < 0 && offset != 0 {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		length = int(info.Size())
	}
	if length == 0 {
		return nil, syscall.EINVAL // As mmap(2) has it.
	}
	length = max(length, 0) // The library takes 0 for all of the file.
	options := memmap.Options{Access: access(prot), Flags: execution(prot), Offset: offset, Length: int64(length)}
	m, err := memmap.MapFile(f, &options)
	if err == nil && len(m) == 0 {
		err = errors.Join(syscall.EINVAL, memmap.UnmapMemory(m))
	}
	return m, asTheirs(err)
}

func mapAnonymous(length, prot int) (MMap, error) {
	if length <= 0 {
		return nil, errLength
	}
	options := memmap.Options{Access: memmap.ReadWrite, Flags: execution(prot|RDWR) | memmap.Overcommit}
	m, err := memmap.MapAnonymous(int64(length), &options)
	if err != nil || prot&(RDWR|COPY) != 0 {
		return m, asTheirs(err)
	}
	if err := memmap.ProtectMemory(m, memmap.ReadOnly); err != nil {
		return nil, errors.Join(err, memmap.UnmapMemory(m))
	}
	return m, nil
}

var errLength = errors.New("anonymous mapping requires non-zero length") // The original's words.

func access(prot int) memmap.Access {
	switch {
	case prot&COPY != 0:
		return memmap.CopyOnWrite
	case prot&RDWR != 0:
		return memmap.ReadWrite
	}
	return memmap.ReadOnly
}

func execution(prot int) memmap.Flags {
	switch {
	case prot&EXEC == 0:
		return 0
	case prot&(RDWR|COPY) == 0:
		return memmap.Executable
	}
	return memmap.Executable | memmap.WriteAndExecute
}

// Lock keeps the pages of m in memory.
func (m MMap) Lock() error { return asTheirs(memmap.LockMemory(m)) }

// Unlock allows the pages of m to be swapped out again. Unlocking pages that are not locked is no error.
func (m MMap) Unlock() error { return asTheirs(memmap.UnlockMemory(m)) }

// Flush makes what was written to m durable: nil means that it is on the device. Its cost grows with what was
// changed in m; flush the part that you wrote, of any alignment. With [COPY] and [ANON] it does nothing.
//
// Flush returns [ErrFault] if anything of the mapping was lost; what is left has been flushed.
func (m MMap) Flush() error {
	err := memmap.FlushMemory(m)
	if errors.Is(err, memmap.ErrAccess) || errors.Is(err, memmap.ErrUnsupported) {
		return Fault(m)
	}
	return asTheirs(err)
}

// Unmap unmaps *m, which must be the slice that Map or MapRegion returned, and sets it to nil. It flushes
// nothing; the kernel writes a shared mapping back in its own time.
//
// Unmap returns [ErrFault] if anything of the mapping was lost; it is unmapped all the same. It returns
// [ErrClosed] if *m is not a live mapping and memmap.ErrInvalid if it is a part of one; then nothing is
// unmapped.
func (m *MMap) Unmap() error {
	lost := Fault(*m)
	err := memmap.UnmapMemory(*m)
	*m = nil
	if err != nil {
		return asTheirs(err)
	}
	return lost
}

// Fault returns nil if nothing was lost of the mapping that m lies in, else an error that is [ErrFault] and a
// [FaultError]. Lost pages read as zeros: call Fault after reading, before the result is used.
func Fault(m MMap) error { return memmap.FaultOf(m) }

// asTheirs returns err as the original returns it, if it does: a bare error number of the system, which
// programs compare with ==.
func asTheirs(err error) error {
	if err == nil {
		return nil
	}
	var number syscall.Errno
	switch {
	case errors.As(err, &number):
		return number
	case errors.Is(err, memmap.ErrLimit):
		return syscall.ENOMEM
	}
	return err
}
