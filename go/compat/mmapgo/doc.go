// Package mmap is github.com/edsrzf/mmap-go (1.2) on top of libmemmap: the same API, by another import path.
//
//	import "libmemmap/memmap/compat/mmapgo" // instead of "github.com/edsrzf/mmap-go"
//
// # What differs
//
//   - A file that is truncated, a disk that is full or a device that fails does not end the process. The
//     bytes read as zeros, and the next [MMap.Flush] or [MMap.Unmap], or [Fault], which is new, says what was lost:
//     [ErrFault]. MEMMAP_GUARD=off in the environment
//     turns the guard off.
//   - Unmapping twice, also by a copy of the MMap, is [ErrClosed], and so is every method of what is not, or
//     no longer, a mapping of this package. Where another mapping of the same length has the address by
//     then, nobody can tell the two apart; memmap.PoisonClosed keeps addresses from being used again.
//   - The offset of [MapRegion] may be any number of bytes, and the parts that are flushed or locked may begin
//     anywhere.
//   - Flush of what is not this package's mapping is an error, not a system call on whatever is there.
//   - Mapping anonymous memory is private also towards a child that C code forks. The original's is shared.
//   - Unmap, which there claims to flush, does so neither there nor here. Flush first.
//   - What is never unmapped shows in memmap.GetStats, and in memmap_get_stats to C.
//   - Where the library itself refuses something, the error is a *memmap.Error. The system's error numbers are
//     bare, as in the original, so == works, and a limit that is reached is ENOMEM.
//   - It is for Linux, and needs cgo. The original is for more systems, and without cgo.
//
// Lost pages are made good once for each block that is touched, so nobody pays for the guard whose file
// stays whole.
//
// For programs whose dependencies import the original, see tools/drop-in.
package mmap
