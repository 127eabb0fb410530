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
// A file that somebody else truncates, or a disk that fills up under a sparse file, takes pages away
// from under a mapping; touching them raises SIGBUS, which ends a Go program that has no guard. This package
// installs one at the first mapping, unless MEMMAP_GUARD=off is in the environment or [DisableGuard] was
// called: a lost page reads as zeros, and every call whose range holds a lost byte is [ErrFault] with a
// [FaultError]. Inside [Map.View] and on slices the zeros come first and the error afterwards, also where the function
// panics over them: see [ViewPanic]. A SIGBUS
// elsewhere stays Go's. [Guard] watches memory that other packages have mapped. [Create] and
// [CreateMmapFile] reserve the blocks of their files unless [Sparse] is asked for.
//
// The slice that [Map.View] lends is good until the function returns, whatever other goroutines close
// or resize. The slice of [Map.Bytes] is not protected: after [Map.Close], or a [Map.Resize] or
// [Map.Refresh] that moves or cuts the mapping, touching it crashes the program or, worse, reaches
// whatever was mapped there since. The same goes for the slices of [BasicMmap] and [CreateMmapFile]
// after [UnmapMemory]. Writing to a slice of a read-only mapping crashes the program; [Map.WriteAt]
// answers [ErrAccess] instead.
//
// A mapping is memory shared with other processes: they see at once what is written here, and may
// write while it is read. Across a network file system they may not, nor the reverse.
//
// A program that forks through C inherits its mappings and shares their memory; the child may use and
// close them. What os/exec starts inherits none, and no descriptor.
//
// # Two ways to use it
//
// [Open], [Create], [FromFile] and [Anonymous] answer a [Map], whose methods any goroutines may call at
// any time. [BasicMmap], [CreateMmapFile], [WriteToMmap] and [UnmapMemory] are the mmap guide's four
// functions, on plain slices.
//
// Reading and writing cost no cgo call; opening, flushing, paging, resizing and closing cost one each (a
// resize that moves the mapping, two), and so does a search that finds nothing in the first 2 KiB.
//
// # What is fast
//
// [Map.Find] and [Map.FindLast] search at the speed of memory, [Map.Matches] and [Map.Lines] go through a
// file without copying it. A file that is read in no order wants [AdviceRandom], one that is read once
// [AdviceSequential]; what must not wait later, [Prefault] or [Map.Prefault]. What grows wants a Capacity:
// [Map.Grow] and [Map.Appender] then move nothing, and views are no obstacle; without, [Map.ResizeContext] and its like
// wait for views to end. Address space is plentiful; who
// still wants to map a part at a time has [Map.Window] and [Map.Windows].
//
// # Sharing between processes
//
// [OpenShared] and [Memfd] make memory to share, [Map.Send] and [Receive] hand it on, and [Map.Seal] keeps peers from
// cutting it. Reading and writing are not ordered between processes: use the atomics ([Map.AddUint64] and its
// like, which cost no cgo call), a [Cell] for the newest of one writer's values, or [Map.LockRange] for
// anything else; [Map.Wait] waits for a number to change.
//
// A Map that is dropped without Close is closed by the garbage collector and counted by [Leaks]. With
// MEMMAP_LEAKS=1 in the environment, the stack that opened it is printed.
//
// No variable of the environment is heeded in a program that has more rights than who started it, as with
// secure_getenv(3).
package memmap
