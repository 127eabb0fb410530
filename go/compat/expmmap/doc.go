// Package mmap is golang.org/x/exp/mmap on top of libmemmap: the same API, by another import path.
//
//	import "libmemmap/memmap/compat/expmmap" // instead of "golang.org/x/exp/mmap"
//
// # What differs
//
//   - A file that is truncated, or whose device fails, does not end the process: [ReaderAt.ReadAt] returns
//     [ErrFault], and [ReaderAt.At] panics with an error that is ErrFault. MEMMAP_GUARD=off in the environment
//     turns the guard off.
//   - The methods may be called by several goroutines at once, also while one closes the reader: after Close,
//     ReadAt returns [ErrClosed], Len returns 0, and At panics as for any index out of range. The original reads
//     memory that is unmapped, or that was mapped there since.
//   - [Open] never waits for a FIFO: a file that is neither regular nor a block device is memmap.ErrNotRegular.
//     The original maps a character device as an empty file.
//   - Errors of the original have its texts and are its error numbers too: a directory is ENODEV.
//   - A reader that is dropped without Close is closed, as there, and counted by memmap.Leaks.
//   - Open readers are counted by memmap.GetStats, and by memmap_get_stats in C.
//   - It is for Linux, and needs cgo. The original is for more systems, and without cgo.
//
// For programs whose dependencies import the original, see tools/drop-in.
package mmap
