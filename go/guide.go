package memmap

import "unsafe"

// The mmap guide's four functions, under its names and with its signatures. They keep no descriptor
// and make one cgo call each.

var (
	errNotLive = &reason{"not a live mapping: unmapped already, or never mapped by this package", []error{ErrClosed, ErrInvalid}}
	errPart    = &reason{"only a part of a mapping: unmapping takes the whole slice, as it was mapped", []error{ErrInvalid}}
	errTooLong = &reason{"the content is longer than the slice: nothing was written", []error{ErrRange}}
)

// BasicMmap maps the whole file for reading and writing. An empty file is an empty slice, which has to
// be unmapped too. The slice must eventually be given to [UnmapMemory]; after that, touching it crashes
// the program or reaches what is mapped there since.
func BasicMmap(filename string) ([]byte, error) {
	return register("open", filename, openPath(filename, wishes{Access: ReadWrite, Flags: NoDescriptor}))
}

// CreateMmapFile makes the file with size zero bytes, or empties the one that is there, and maps it
// for reading and writing. A new file has the guide's permissions, 0644 less the umask; [Create] takes
// others and is 0600 by default. The file's blocks are reserved now: a full disk is an error here, and
// not a crash later. The slice must eventually be given to [UnmapMemory].
func CreateMmapFile(filename string, size int64) ([]byte, error) {
	if size < 0 {
		return nil, &Error{"create", filename, ErrInvalid}
	}
	w := wishes{Access: ReadWrite, Flags: NoDescriptor, Mode: 0o644}
	return register("create", filename, createPath(filename, size, w))
}

func register(op, path string, m mapped) ([]byte, error) {
	if m.status != 0 {
		return nil, failure(op, path, m.status)
	}
	live.add(region{base: uintptr(m.data), length: m.length, handle: m.handle, faults: m.faults})
	return unsafe.Slice((*byte)(m.data), m.length), nil
}

// WriteToMmap copies content to the start of data and makes it durable: nil means that it is on the
// device. It flushes what it wrote and not the whole mapping.
//
// data is a slice of [BasicMmap] or [CreateMmapFile], or a part of one: data[100:] writes at offset
// 100. Content that is longer than data is [ErrRange], and nothing is written. A slice that is not, or
// no longer, a live mapping is both [ErrClosed] and [ErrInvalid]: the two can't be told apart.
//
// It is [ErrFault] when anything of the mapping was lost; bytes elsewhere in it are on the device all the same.
// Code that only reads the slice finds zeros in lost pages, and is told by WriteToMmap(data, nil), which
// writes nothing.
func WriteToMmap(data, content []byte) error {
	found, offset, ok := live.find(data)
	switch {
	case !ok:
		return &Error{"write", "", errNotLive}
	case len(content) > len(data):
		return &Error{"write", "", errTooLong}
	}
	status := writeAndFlush(found.handle, found.skip+offset, content)
	if status == statusClosed { // Unmapped since it was found.
		return &Error{"write", "", errNotLive}
	}
	if status == statusFault {
		return &Error{"write", "", found.lost()}
	}
	return failure("write", "", status)
}

// UnmapMemory unmaps a slice of [BasicMmap], [CreateMmapFile], [MapFile] or [MapAnonymous]. It flushes
// nothing.
//
// It takes the whole slice: a part of a mapping is [ErrInvalid]. A slice that is not, or no longer, a
// live mapping, as when it is unmapped twice, is both [ErrClosed] and [ErrInvalid]. A mapping of which pages
// were lost is unmapped like any other, and without an error: see [WriteToMmap] and [FaultOf].
func UnmapMemory(data []byte) error {
	taken, err := live.take(data)
	if err != nil {
		return &Error{"unmap", "", err}
	}
	status := closeHandle(taken.handle)
	if status == 0 && taken.byHand {
		return unmapByHand(data, taken.skip)
	}
	return failure("unmap", "", status)
}
