package mmap

import (
	"errors"
	"os"
	"syscall"

	"libmemmap/memmap"
)

// What a mapping allows, for prot.
const (
	// RDONLY is reading. Writing to the slice crashes the program.
	RDONLY = 0
	// RDWR is reading, and writing that reaches the file.
	RDWR = 1 << 1
	// COPY is reading, and writing that stays in this mapping. It wins over RDWR.
	COPY = 1 << 2
	// EXEC is executing, beside the others.
	EXEC = 1 << 3
)

// ANON, for flags, is memory without a file, which is private to this process.
const ANON = 1 << 0

// An MMap is a mapping, or a part of one: all methods but Unmap take either.
type MMap []byte

// What Flush, Unmap and Fault answer; see there.
var (
	ErrFault  = memmap.ErrFault
	ErrClosed = memmap.ErrClosed
)

// A FaultError says what of a mapping was lost, and why. It counts as [ErrFault].
type FaultError = memmap.FaultError

// Map maps the whole of f, which may be closed afterwards. With [ANON] it is an error, for want of a length.
func Map(f *os.File, prot, flags int) (MMap, error) {
	return MapRegion(f, -1, prot, flags, 0)
}

// MapRegion maps length bytes of f from offset on, in bytes and of any alignment; a negative length is as
// many as the file has. The MMap must eventually be unmapped.
//
// The length may reach past the end of the file, for a program that lengthens it later; touching such bytes
// before is a loss, see [Fault]. With [ANON], f and offset mean nothing.
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

// Unlock lets the pages of m go again. It is no error where they were not locked.
func (m MMap) Unlock() error { return asTheirs(memmap.UnlockMemory(m)) }

// Flush makes what was written to m durable: nil means that it is on the device. It costs what was
// changed in m, so flush the part that you wrote; any alignment. With [COPY] and [ANON] there is nothing to do.
//
// It is [ErrFault] when anything of the mapping was lost, and what is left has been flushed.
func (m MMap) Flush() error {
	err := memmap.FlushMemory(m)
	if errors.Is(err, memmap.ErrAccess) || errors.Is(err, memmap.ErrUnsupported) {
		return Fault(m)
	}
	return asTheirs(err)
}

// Unmap unmaps *m, which must be as Map or MapRegion gave it, and sets it to nil. It flushes nothing; the
// kernel writes a shared mapping back in its own time.
//
// It is [ErrFault] when anything of the mapping was lost; it is unmapped all the same. It is [ErrClosed]
// for what is not, or no longer, a mapping and memmap.ErrInvalid for a part of one, and nothing is unmapped.
func (m *MMap) Unmap() error {
	lost := Fault(*m)
	err := memmap.UnmapMemory(*m)
	*m = nil
	if err != nil {
		return asTheirs(err)
	}
	return lost
}

// Fault is nil as long as nothing was lost of the mapping that m is, or is a part of, and else an error that
// is [ErrFault] and a [FaultError]. Lost pages read as zeros: ask when you have read, before you use what
// you have read.
func Fault(m MMap) error { return memmap.FaultOf(m) }

// asTheirs is err as the original has it, where it has it: an error number of the system, bare, which programs
// compare with ==.
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
