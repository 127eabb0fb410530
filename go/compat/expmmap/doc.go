// Package mmap is golang.org/x/exp/mmap on top of libmemmap: the same API, by another import path.
//
//	import "libmemmap/memmap/compat/expmmap" // instead of "golang.org/x/exp/mmap"
//
// # What differs
//
//   - A file that is truncated, or whose device fails, does not end the process: [ReaderAt.ReadAt] is [ErrFault],
//     and [ReaderAt.At] panics with an error that is. MEMMAP_GUARD=off in the environment
//     turns the guard off.
//   - Any goroutine may call any method at any time, also while another closes the reader: after Close,
//     ReadAt is [ErrClosed], Len is 0 and At panics as for any index that is out of range. The original reads
//     memory that is unmapped, or somebody else's by then.
//   - [Open] never waits for a FIFO: what is no regular file or block device is an error that is
//     memmap.ErrNotRegular. The original maps a character device as an empty file.
//   - Errors are in the original's words where those are its own, and count as its error numbers: a directory is ENODEV.
//   - A reader that is dropped without Close is closed, as there, and counted by memmap.Leaks.
//   - What is open shows in memmap.GetStats, and in memmap_get_stats to C.
//   - It is for Linux, and needs cgo. The original is for more systems, and without cgo.
//
// For programs whose dependencies import the original, see tools/drop-in.
package mmap
