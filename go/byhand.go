package memmap

import (
	"os"
	"syscall"
	"unsafe"
)

// byHand says whether mmap(2) alone can do what is wished for.
func (w wishes) byHand() bool {
	const can = NoDescriptor | Executable | WriteAndExecute
	return w.Length != 0 && w.Flags&^can == 0 && w.Advice == AdviceNormal
}

// mapByHand maps what the library refuses to, since it can't be checked: bytes past the end of a file,
// which a program means to lengthen under the mapping, and descriptors that are no files. The guard
// watches over it all the same.
func mapByHand(file *os.File, w wishes) ([]byte, error) {
	skip := w.Offset % int64(pageSize)
	protection, sharing := w.protection()
	all, err := syscall.Mmap(int(file.Fd()), w.Offset-skip, int(skip+w.Length), protection, sharing)
	if err != nil {
		return nil, &Error{"map", file.Name(), err}
	}
	m := guardRegion(all[skip:], noDescriptor)
	if m.status != 0 {
		syscall.Munmap(all)
		return nil, failure("map", file.Name(), m.status)
	}
	live.add(region{base: uintptr(m.data), length: m.length, handle: m.handle, faults: m.faults, byHand: true})
	return all[skip:], nil
}

// protection is what mmap(2) takes for it.
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

// unmapByHand is for a region of mapByHand, of which data is the whole. Nothing guards it any more.
func unmapByHand(data []byte) error {
	skip := int(address(data) % uintptr(pageSize))
	all := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(data)), -skip)), skip+len(data))
	return syscall.Munmap(all)
}
