// Package mmap is github.com/edsrzf/mmap-go (1.2) on top of libmemmap: the same API, by another import path.
//
//	import "libmemmap/memmap/compat/mmapgo" // instead of "github.com/edsrzf/mmap-go"
//
// # What differs
//
//   - A file that is truncated, a disk that is full or a device that fails does not end the process. The
//     lost bytes read as zeros, and the next [MMap.Flush] or [MMap.Unmap], or [Fault], which is new, returns
//     [ErrFault]. MEMMAP_GUARD=off in the environment turns the guard off.
//   - Unmapping twice, also by a copy of the MMap, is [ErrClosed], and so is every method of a slice that is not a
//     live mapping of this package. If another mapping of the same length has its address by then, the two cannot
//     be told apart; memmap.PoisonClosed keeps addresses from being used again.
//   - The offset of [MapRegion] may be any number of bytes, and the parts that are flushed or locked may begin
//     anywhere.
//   - Flush of a slice that is not a mapping of this package returns an error and makes no system call.
//   - Anonymous memory is private, also towards a child that C code forks. The original's is shared.
//   - Unmap flushes nothing. The original says that it flushes, and does not. Flush first.
//   - Mappings that are never unmapped are counted by memmap.GetStats, and by memmap_get_stats in C.
//   - If the library itself refuses a call, the error is a *memmap.Error. The system's error numbers are
//     bare, as in the original, so == works, and a limit that is reached is ENOMEM.
//   - It is for Linux, and needs cgo. The original is for more systems, and without cgo.
//
// For programs whose dependencies import the original, see tools/drop-in.
package mmap
