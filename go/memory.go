package memmap

import (
	"math"
	"os"
)

// The guide's functions map whole files by path. The functions below map open files, parts of files and memory without a
// file, as plain slices too, for programs that come from mmap-go or syscall.Mmap.

// MapFile maps an open file as a slice, by default read-only and whole; file may be closed afterwards. The
// slice must eventually be passed to [UnmapMemory]; after that, touching it crashes the program or reaches
// memory that was mapped there since.
//
// MapFile keeps no descriptor ([NoDescriptor] is implied), and a Capacity is [ErrInvalid]. A Length may reach
// past the end of the file, as with mmap(2): those bytes are the file's when it has grown, and lost if they are
// touched before. Then [Sealed] is not possible, and [Prefault] and [Locked] apply to the bytes that the file
// has now; the others are locked when they come.
func MapFile(file *os.File, options *Options) ([]byte, error) {
	w, err := options.checked()
	if err == nil && w.Capacity != 0 {
		err = ErrInvalid
	}
	if err != nil {
		return nil, &Error{"map", fileName(file), err}
	}
	w.Flags |= NoDescriptor
	m, err := w.mapped(file)
	if err != nil {
		return nil, err
	}
	if (m.status == statusRange || m.status == statusNotRegular) && w.pastEnd() {
		return mapPastEnd(file, w)
	}
	return register("map", file.Name(), m)
}

// MapAnonymous maps size zero bytes without a file, private to this process, as a slice, which must eventually
// be passed to [UnmapMemory].
func MapAnonymous(size int64, options *Options) ([]byte, error) {
	w, err := options.checked()
	if err == nil && (size < 0 || size > math.MaxInt || w.Capacity != 0) {
		err = ErrInvalid
	}
	if err != nil {
		return nil, &Error{"anonymous", "", err}
	}
	return register("anonymous", "", openAnonymous(size, w))
}

// FlushMemory makes what was written to data durable, as [Map.FlushRange] does. data is a slice that this
// package has mapped, or a part of one, of any alignment. Flushing a read-only slice does nothing and is no
// error, as with msync(2).
//
// FlushMemory returns [ErrFault] if anything of the mapping was lost; what is left has been flushed. It returns
// [ErrAccess] for a copy-on-write mapping and [ErrUnsupported] for memory without a file. If data is not a live
// mapping, the error is both [ErrClosed] and [ErrInvalid], here and in the following functions.
func FlushMemory(data []byte) error {
	return onMemory("flush", data, func(r region, offset, length uint64) int32 {
		return flush(r.handle, offset, length, FlushSync)
	})
}

// LockMemory keeps the pages of data in memory, as [Map.LockMemory] does.
func LockMemory(data []byte) error {
	return onMemory("lock memory", data, func(r region, offset, length uint64) int32 {
		return lockMemory(r.handle, offset, length)
	})
}

// UnlockMemory allows the pages of data to be swapped out again.
func UnlockMemory(data []byte) error {
	return onMemory("unlock memory", data, func(r region, offset, length uint64) int32 {
		return unlockMemory(r.handle, offset, length)
	})
}

// ProtectMemory makes the mapping that data lies in read-only, all of it, or writable again, as [Map.Protect]
// does.
func ProtectMemory(data []byte, allow Access) error {
	return onMemory("protect", data, func(r region, _, _ uint64) int32 { return protect(r.handle, allow) })
}

// FaultOf returns nil if nothing was lost of the mapping that data lies in, else an error that is [ErrFault]
// and a [FaultError]. Call it after reading a slice outside of [Try]: lost pages read as zeros.
func FaultOf(data []byte) error {
	found, _, ok := live.find(data)
	switch {
	case !ok:
		return &Error{"fault", "", errNotLive}
	case found.faults.Load() != 0:
		return &Error{"fault", "", found.lost()}
	}
	return nil
}

// onMemory calls use with the live mapping that data lies in and with the offset of data in it.
func onMemory(op string, data []byte, use func(r region, offset, length uint64) int32) error {
	found, offset, ok := live.find(data)
	if !ok {
		return &Error{op, "", errNotLive}
	}
	switch status := use(found, uint64(found.skip+offset), uint64(len(data))); status {
	case statusClosed: // Unmapped since it was found.
		return &Error{op, "", errNotLive}
	case statusFault:
		metInLibrary.Store(true)
		return &Error{op, "", found.lost()}
	default:
		return failure(op, "", status)
	}
}
