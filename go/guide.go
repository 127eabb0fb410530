package memmap

import "unsafe"

// The four functions of the mmap guide, with its names and signatures. They keep no descriptor and make one cgo
// call each.
var (
	errNotLive = &reason{"not a live mapping of this package", []error{ErrClosed, ErrInvalid}}
	errPart    = &reason{"slice is only a part of a mapping", []error{ErrInvalid}}
	errTooLong = &reason{"content is longer than the slice", []error{ErrRange}}
)

// BasicMmap maps the whole file for reading and writing. An empty file is an empty slice, which has to be
// unmapped too. The slice must eventually be passed to [UnmapMemory]; after that, touching it crashes the
// program or reaches memory that was mapped there since.
func BasicMmap(filename string) ([]byte, error) {
	return register("open", filename, openPath(filename, wishes{Access: ReadWrite, Flags: NoDescriptor}))
}

// CreateMmapFile creates the file with size zero bytes, or truncates an existing one, and maps it for reading
// and writing. A new file has the permissions of the guide, 0644 before umask; [Create] takes others and
// defaults to 0600. The blocks of the file are reserved, so that a full disk is an error here and not a later
// fault. The slice must eventually be passed to [UnmapMemory].
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

// WriteToMmap copies content to the start of data and flushes what it wrote: nil means that the bytes are on
// the device.
//
// data is a slice of [BasicMmap] or [CreateMmapFile], or a part of one: data[100:] writes at offset 100. If
// content is longer than data, WriteToMmap writes nothing and returns [ErrRange]. If data is not a live
// mapping, the error is both [ErrClosed] and [ErrInvalid]: a mapping that was unmapped and memory that never
// was a mapping cannot be told apart.
//
// WriteToMmap returns [ErrFault] if anything of the mapping was lost; bytes elsewhere in it are on the device
// all the same. In code that only reads the slice, WriteToMmap(data, nil) writes nothing and reports a loss;
// lost pages read as zeros.
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
		metInLibrary.Store(true)
		return &Error{"write", "", found.lost()}
	}
	return failure("write", "", status)
}

// UnmapMemory unmaps a slice of [BasicMmap], [CreateMmapFile], [MapFile] or [MapAnonymous]. It flushes nothing.
//
// data must be the whole slice: a part of a mapping is [ErrInvalid]. If data is not a live mapping, for
// instance because it was unmapped before, the error is both [ErrClosed] and [ErrInvalid]. A mapping of which
// pages were lost is unmapped without an error: see [WriteToMmap] and [FaultOf].
func UnmapMemory(data []byte) error {
	taken, err := live.take(data)
	if err != nil {
		return &Error{"unmap", "", err}
	}
	if taken.faults.Load() != 0 {
		forgotten.Add(1)
	}
	status := closeHandle(taken.handle)
	if status == 0 && taken.pastEnd {
		return unmapPastEnd(data, taken.skip)
	}
	return failure("unmap", "", status)
}
