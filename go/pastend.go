package memmap

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

// pastEnd reports whether the options allow bytes past the end of the file: mmap(2) alone has to suffice for them. Sealed
// has no meaning for such bytes.
func (w wishes) pastEnd() bool {
	const can = NoDescriptor | Executable | WriteAndExecute | Sparse | Overcommit | Prefault | HugePages | NoReserve |
		NoDump | Locked
	return w.Length != 0 && w.Flags&^can == 0
}

// mapPastEnd maps what the library refuses, since it cannot be checked: bytes past the end of a file, which the program
// will make longer under the mapping, and descriptors that are not files. The guard watches it as any other mapping.
func mapPastEnd(file *os.File, w wishes) ([]byte, error) {
	skip := w.Offset % int64(pageSize)
	all, inside, err := w.mmap(file, skip)
	if err != nil {
		return nil, &Error{"map", file.Name(), err}
	}
	protection, sharing := w.protection()
	m := adopt(all, w.Offset-skip, protection, sharing)
	if m.status == 0 {
		if m.status = w.prepare(m, inside); m.status != 0 {
			closeHandle(m.handle)
		}
	}
	if m.status != 0 {
		syscall.Munmap(all)
		return nil, failure("map", file.Name(), m.status)
	}
	data := all[skip:]
	live.add(region{
		base: address(data), length: len(data), handle: m.handle, faults: m.faults, pastEnd: true, skip: int(skip),
	})
	return data, nil
}

// mmap maps the pages of the range of the options, which begins skip bytes after the first page. inside is how
// many of the bytes the file has now.
func (w wishes) mmap(file *os.File, skip int64) (all []byte, inside int64, err error) {
	connection, err := file.SyscallConn()
	if err != nil {
		return nil, 0, err
	}
	protection, flags := w.protection()
	gone := connection.Control(func(fd uintptr) {
		var status syscall.Stat_t
		if err = syscall.Fstat(int(fd), &status); err != nil {
			return
		}
		inside = min(max(status.Size-(w.Offset-skip), 0), skip+w.Length)
		all, err = syscall.Mmap(int(fd), w.Offset-skip, int(skip+w.Length), protection, flags|w.flagsOfPages())
	})
	switch {
	case gone != nil:
		return nil, 0, ErrClosed
	case w.Flags&Locked != 0 && errors.Is(err, syscall.EAGAIN): // RLIMIT_MEMLOCK.
		return nil, 0, ErrLimit
	}
	return all, inside, err
}

// protection returns the arguments of mmap(2) for the access of the options.
func (w wishes) protection() (protection, sharing int) {
	protection, sharing = syscall.PROT_READ, syscall.MAP_SHARED
	if w.Access == CopyOnWrite {
		sharing = syscall.MAP_PRIVATE
	}
	if w.writable(ReadOnly) {
		protection |= syscall.PROT_WRITE
	}
	if w.Flags&Executable != 0 {
		protection |= syscall.PROT_EXEC
	}
	return protection, sharing
}

// flagsOfPages returns the flags of mmap(2) that concern the pages. The kernel does not check whether there is
// memory for them, so they are passed only with Overcommit, which asks for no check.
func (w wishes) flagsOfPages() (flags int) {
	if w.Flags&NoReserve != 0 {
		flags |= syscall.MAP_NORESERVE
	}
	if w.Flags&Overcommit == 0 {
		return flags
	}
	if w.Flags&Prefault != 0 {
		flags |= syscall.MAP_POPULATE
	}
	if w.Flags&Locked != 0 {
		flags |= syscall.MAP_LOCKED
	}
	return flags
}

// prepare applies the options to the pages of mapPastEnd, in the order in which the library does: to all pages
// what is advice, and to those inside the file what brings pages in. The others are locked when they come.
func (w wishes) prepare(m mapped, inside int64) int32 {
	all := m.handle
	if w.Flags&HugePages != 0 {
		if status := advise(all, 0, toEnd, AdviceHugePage); status != 0 && status != statusUnsupported {
			return status
		}
	}
	if w.Flags&NoDump != 0 {
		if status := advise(all, 0, toEnd, AdviceDontDump); status != 0 {
			return status
		}
	}
	if w.Advice != AdviceNormal {
		if status := advise(all, 0, toEnd, w.Advice); status != 0 {
			return status
		}
	}
	if w.Flags&Overcommit != 0 {
		return 0
	}
	if w.Flags&Prefault != 0 {
		if status := prefault(all, 0, uint64(inside), PrefaultRead); status != 0 {
			return status
		}
	}
	if w.Flags&Locked == 0 {
		return 0
	}
	if status := lockMemory(all, 0, uint64(inside)); status != 0 {
		return status
	}
	there := (int(inside) + pageSize - 1) / pageSize * pageSize
	if there >= m.length {
		return 0
	}
	return lockWhenTouched(unsafe.Add(m.data, there), m.length-there)
}

// unmapPastEnd unmaps a region of mapPastEnd, of which data is the whole. The guard no longer watches it.
func unmapPastEnd(data []byte, skip int) error {
	all := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(data)), -skip)), skip+len(data))
	return syscall.Munmap(all)
}
