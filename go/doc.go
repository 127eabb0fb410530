// Package memmap maps files into memory. A mapping that is closed, or a range that lies outside it,
// is an error and never a crash, and nothing is unmapped under a running call.
//
// # What to know first
//
// [Map.Close] flushes nothing and cannot report that a write failed. The kernel still writes a shared
// mapping back in its own time, also when the process dies. To know that bytes are on the device, call
// [Map.FlushRange] or [Map.Flush] and look at the error: nil means that these bytes, and the file size
// that they need, are there. Flushing costs what the range costs, so flush what you wrote.
//
// If another process truncates a file, or the disk is full when a hole of a sparse file is first written, pages of the
// mapping are lost; touching them raises SIGBUS, which ends a Go program that has no guard. This package installs a guard
// at the first mapping, unless MEMMAP_GUARD=off is in the environment or [DisableGuard] was called. Every call whose
// range holds a lost byte returns [ErrFault] with a [FaultError]. [Map.View] and [Try] leave their function at the first
// lost byte, so that nothing is computed from it. Elsewhere, on plain slices, a lost page reads as zeros, and the error
// comes afterwards: see [FaultOf] and [Map.Fault]. A goroutine that has called [runtime/debug.SetPanicOnFault] gets the
// panic that it has asked for. A SIGBUS at any other address is handled by Go as without this package. [Guard] watches
// memory that other packages have mapped. [Create] and [CreateMmapFile] reserve the blocks of their files unless [Sparse]
// is set.
//
// The slice that [Map.View] passes to its function is valid until the function returns, whatever other goroutines close
// or resize. The slice of [Map.Bytes] is not protected: after [Map.Close], or a [Map.Resize] or
// [Map.Refresh] that moves or cuts the mapping, touching it crashes the program or, worse, reaches
// memory that was mapped there since. The same holds for the slices of [BasicMmap] and [CreateMmapFile]
// after [UnmapMemory]. Writing to a slice of a read-only mapping crashes the program; [Map.WriteAt]
// returns [ErrAccess] instead.
//
// A mapping is memory shared with other processes: they see at once what is written here, and may
// write while it is read. Across a network file system neither holds.
//
// A child that C code forks inherits the mappings and shares their memory; it may use and close them. A program that
// os/exec starts inherits no mapping and no descriptor.
//
// # Two ways to use it
//
// [Open], [Create], [FromFile] and [Anonymous] return a [Map], whose methods may be called by several goroutines at
// once. [BasicMmap], [CreateMmapFile], [WriteToMmap] and [UnmapMemory] are the mmap guide's four
// functions, on plain slices.
//
// Reading and writing cost no cgo call; opening, flushing, paging, resizing and closing cost one each (a
// resize that moves the mapping, two), and so does a search that finds nothing in the first 2 KiB.
//
// # What is fast
//
// [Map.Find] and [Map.FindLast] search at the speed of memory; [Map.Matches] and [Map.Lines] go through a file without
// copying it. Use [AdviceRandom] for a file that is read in no order, and [AdviceSequential] for one that is read once.
// [Prefault] and [Map.Prefault] bring pages in before they are needed. With a Capacity, [Map.Grow] and [Map.Appender] move
// nothing and need not wait for views; without one, [Map.ResizeContext] waits for views to end. [Map.Window] and
// [Map.Windows] map a part of a file at a time.
//
// # Sharing between processes
//
// [OpenShared] and [Memfd] make memory to share, [Map.Send] and [Receive] pass it to other processes, and [Map.Seal] keeps
// them from cutting it. Reading and writing are not ordered between processes: use the atomics ([Map.AddUint64] and
// others, which cost no cgo call), a [Cell] for the newest of one writer's values, or [Map.LockRange] for
// anything else; [Map.Wait] waits for a number to change.
//
// A Map that is dropped without Close is closed by the garbage collector and counted by [Leaks]. With
// MEMMAP_LEAKS=1 in the environment, the stack that opened it is printed.
//
// In a program that has more rights than the user who started it no environment variable has an effect, as with
// secure_getenv(3).
package memmap
