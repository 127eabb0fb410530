package main

import (
	"slices"

	"libmemmap/bench/report"
	"libmemmap/memmap"
)

// What stands in the way of more, where several rows have the same reason.
const (
	sameCalls    = "both make the same five system calls; ours besides takes a handle and enters the mapping in the guard's table"
	readingIsAll = "no search is faster than reading, which is the control with memchr"
	pinning      = "each call of ours counts itself in before it touches the mapping, and out afterwards, so that nobody unmaps it " +
		"meanwhile; theirs doesn't, and crashes where it is closed at the same time"
	cacheLines  = "what readers have looked at comes back from their processors' caches, which the control with a seqlock shows too"
	sameFaults  = "the kernel's page faults are most of the time, and both have the same ones"
	guardOff    = "with the guard off, the same instructions run: what differs is noise"
	sharedLanes = "goroutines count themselves in one of 64 words each, by the address of their stack, and two may get the same one"
	showing     = "each call of ours shows its handle in memory of its thread, looks at the handle's state, checks the range and the count of " +
		"faults, and hides the handle again: 111 instructions (`make bench-instructions`)"
	noneShared = "threads that read share no word; the plain calls, which share nothing either, do not double either on a " +
		"machine that others use"
	sharedWord = "all threads that use one handle write to words that they share, and wait for each other's processor"
)

// tasks are all rows, in the order of the page. Those with few mappings come before those with many: the library keeps
// room for the most that there ever were, and the guard looks through it.
var tasks = slices.Concat(
	themed("Mapping and unmapping",
		compares(report.Definition{
			Work: "Go BasicMmap + UnmapMemory, 1 MiB", Against: "the guide's Go code", Asked: 1.25,
		}, guideMapUnmap),
		compares(report.Definition{
			Work: "C memmap_open + memmap_close, 1 MiB", Against: "open fstat mmap close munmap",
			Asked: 1 / 1.05, Why: sameCalls,
			Chart: report.Label{Theme: "Opening", Work: "Open and close a file, C", Against: "open, fstat, mmap, close, munmap"},
		}, cOpenClose),
		compares(report.Definition{
			Work: "C memmap_open + memmap_close, 1 MiB", Against: "memmap2 File::open + Mmap::map",
			Asked: 0.9, Why: sameCalls,
		}, memmap2OpenClose),
		compares(report.Definition{
			Work: "mmapgo Map + Unmap, 1 MiB", Against: "github.com/edsrzf/mmap-go", Asked: 1,
			Why: "both make the same three system calls; ours makes them in two calls from Go to C, which keep a table of mappings for the guard",
		}, mmapgoMapUnmap),
	),
	themed("Reaching the bytes",
		compares(report.Definition{
			Work: "C memmap_read of 64 bytes", Against: "a plain call of memcpy", Asked: 1 / 1.6, Why: showing,
			Chart: report.Label{Theme: "Reading", Work: "Read 64 bytes, C", Against: "a plain call of memcpy"},
		}, cReadPlain(64)),
		compares(report.Definition{
			Work: "C memmap_read of 4 KiB", Against: "a plain call of memcpy", Asked: 1 / 1.25, Why: showing,
		}, cReadPlain(4096)),
		compares(report.Definition{
			Work: "C memmap_pin + memmap_unpin", Against: "pthread_rwlock_rdlock + unlock", Asked: 1.5,
			Why: "both take two atomic changes of a word, which are most of the time",
		}, cPinUnpin),
		compares(report.Definition{
			Work: "Go View, empty function", Against: "sync.RWMutex RLock + RUnlock", Asked: 1,
			Why: "both take two atomic changes of a word; ours besides asks whether anything was lost, calls the function and looks after its panic",
		}, goView),
		compares(report.Definition{
			Work: "Go ReadAt of 64 bytes", Against: "golang.org/x/exp/mmap", Asked: 0.6, Why: pinning,
			Chart: report.Label{Theme: "Reading", Work: "ReadAt of 64 bytes, Go", Against: "golang.org/x/exp/mmap"},
		}, goReadAt),
		compares(report.Definition{
			Work: "Go ReadAt of 4 KiB, hot", Against: "os.File ReadAt", Asked: 1,
			Chart: report.Label{Theme: "Reading", Work: "ReadAt of 4 KiB, Go", Against: "os.File, a system call each time"},
		}, osFileReadAt),
		compares(report.Definition{
			Work: "expmmap ReadAt of 64 bytes", Against: "golang.org/x/exp/mmap", Asked: 1 / 1.5, Why: pinning,
		}, expmmapReadAt(64)),
		compares(report.Definition{
			Work: "expmmap ReadAt of 64 KiB", Against: "golang.org/x/exp/mmap", Asked: 1 / 1.05, Why: pinning,
		}, expmmapReadAt(64<<10)),
		compares(report.Definition{
			Work: "sum of a hot 512 MiB file, View", Against: "C over mmap(2)", Asked: 0.98,
			Why: "both only read, at the speed that memory has at the moment",
		}, hotSum),
	),
	themed("Flushing",
		compares(report.Definition{
			Work: "Go WriteToMmap of 11 bytes, 128 MiB dirty", Against: "the guide's Go code", Asked: 20,
			Chart: report.Label{Theme: "Writing", Work: "Write and flush 11 bytes", Against: "msync of it all, 128 MiB dirty"},
		}, goWriteFlush),
		compares(report.Definition{
			Work: "mmapgo Flush, one page of 128 MiB dirty", Against: "github.com/edsrzf/mmap-go", Asked: 1 / 1.05,
			Why: "the disk is most of the time, with both",
		}, mmapgoFlush),
	),
	themed("Searching",
		compares(report.Definition{
			Work: "Go Find, at the end of 256 MiB", Against: "Go bytes.Index", Asked: 4, Why: readingIsAll,
		}, findAgainstGo),
		compares(report.Definition{
			Work: "Go Find, at the end of 256 MiB", Against: "glibc memmem", Asked: 5, Why: readingIsAll,
			Chart: report.Label{Theme: "Searching", Work: "Find a word in 256 MiB", Against: "memmem of the C library"},
		}, findAgainstGlibc),
		compares(report.Definition{
			Work: "Go Find, at the end of 256 MiB", Against: "glibc memchr of one byte",
		}, findAgainstReading),
		compares(report.Definition{
			Work: "find through 256 MiB", Against: "Python mmap.find", Asked: 5, Why: readingIsAll,
		}, pythonFind),
		compares(report.Definition{
			Work: "Go FindLast, at the start of 256 MiB", Against: "Go bytes.LastIndex", Asked: 3, Why: readingIsAll,
		}, findLastAgainstGo),
		compares(report.Definition{
			Work: "rfind through 256 MiB", Against: "Python mmap.rfind", Asked: 3, Why: readingIsAll,
		}, pythonFindLast),
		compares(report.Definition{
			Work: `Go FindLast of "lazy cat" in 256 MiB`, Against: "Go Find of the same", Asked: 0.4, Why: readingIsAll,
		}, backwards(shortNeedle)),
		compares(report.Definition{
			Work: "Go FindLast of 50 bytes in 256 MiB", Against: "Go Find of the same", Asked: 0.4, Why: readingIsAll,
		}, backwards(longNeedle)),
	),
	themed("Growing and filling",
		compares(report.Definition{
			Work: "Go Appender, 65,536 times 4 KiB, this disk", Against: "truncate munmap mmap each time", Asked: 2.5,
			Chart: report.Label{Theme: "Writing", Work: "Append 65,536 times 4 KiB", Against: "truncate and map again each time"},
		}, appendOnDisk),
		compares(report.Definition{
			Work: "Go Appender, 65,536 times 4 KiB, tmpfs", Against: "truncate munmap mmap each time", Asked: 2.5,
		}, appendInMemory),
		compares(report.Definition{
			Work: "Go Anonymous with HugePages, touch 512 MiB", Against: "mmap-go anonymous", Asked: 1.5,
			Why: "where the system gives huge pages without being asked, both have them",
		}, firstTouch),
		compares(report.Definition{
			Work: "copy of 512 MiB into a fresh file on tmpfs, prefault", Against: "memcpy into mmap(2)", Asked: 1,
			Why: sameFaults,
		}, freshCopy(memmap.Prefault)),
		compares(report.Definition{
			Work: "copy of 512 MiB into a fresh file on tmpfs, without prefault", Against: "memcpy into mmap(2)", Asked: 1,
			Why: sameFaults,
		}, freshCopy(0)),
	),
	themed("Cold files",
		compares(report.Definition{
			Work: "500 random reads of 4 KiB, cold 2 GiB, AdviceRandom", Against: "the same without advice", Asked: 4,
			Why:   "the advice stops the kernel from reading ahead, which costs little where the device's read-ahead is small or its cache has the file",
			Chart: report.Label{Theme: "Cold files", Work: "500 random reads, AdviceRandom", Against: "the same without advice"},
		}, coldRandom),
		compares(report.Definition{
			Work: "scan of a cold 2 GiB file, AdviceSequential", Against: "golang.org/x/exp/mmap", Asked: 1.05,
			Why: "the advice makes the kernel read further ahead, which it does anyway where the device's read_ahead_kb is some MiB",
		}, coldScan),
		compares(report.Definition{
			Work: "200 random reads of 4 KiB, file of 4 times the memory, AdviceRandom", Against: "golang.org/x/exp/mmap", Asked: 1,
			Why: "without read-ahead each read waits for the device; where memory suffices for what is read ahead, that is slower",
		}, pressedRandom),
		compares(report.Definition{
			Work: "scan of a file of 4 times the memory, AdviceSequential", Against: "golang.org/x/exp/mmap", Asked: 1 / 1.05,
			Why: "the device is most of the time, with both",
		}, pressedScan),
	),
	themed("Sharing",
		compares(report.Definition{
			Work: "C cell: publish + read of 64 bytes", Against: "copy between 2 atomic adds, each way", Asked: 1.0 / 2,
			Why: "each way pins the mapping, looks at the cell's and the slot's words and adds up the value, which a bare copy doesn't",
		}, cellBesideCopy),
		compares(report.Definition{
			Work: "C cell: publish + read of 64 bytes", Against: "mmap-sync write + read, on tmpfs", Asked: 1,
			Chart: report.Label{Theme: "Sharing", Work: "Publish and read 64 bytes", Against: "mmap-sync, Rust"},
		}, cellMmapSync),
		compares(report.Definition{
			Work: "C memmap_lock + memmap_unlock, free", Against: "two fcntl calls", Asked: 1 / 1.3,
			Why: "before each of the same two calls of fcntl, ours makes sure by a call of lseek that the descriptor is still the one that it opened",
		}, lockUnlock),
		compares(report.Definition{
			Work: "C memmap_wake to memmap_wait and back, 2 processes", Against: "futex(2)", Asked: 1 / 1.2,
			Why: "each step pins the mapping, and the system call is most of the time",
		}, wakeWait),
		compares(report.Definition{
			Work: "C cell: publish of 64 bytes, 2 readers at it", Against: "the same without readers", Asked: 1 / 1.2, Why: cacheLines,
		}, published(true, small, 1_000_000)),
		compares(report.Definition{
			Work: "a seqlock in C: publish of 64 bytes, 2 readers at it", Against: "the same without readers",
		}, published(false, small, 1_000_000)),
		compares(report.Definition{
			Work: "C cell: publish of 64 KiB, 2 readers at it", Against: "the same without readers", Asked: 1 / 1.2, Why: cacheLines,
		}, published(true, longest, 20_000)),
		compares(report.Definition{
			Work: "a seqlock in C: publish of 64 KiB, 2 readers at it", Against: "the same without readers",
		}, published(false, longest, 20_000)),
	),
	themed("Threads on one handle",
		scales(report.Definition{Work: "C memmap_read of 64 bytes", Against: "a plain call of memcpy", Why: noneShared}, cThreads(reading)),
		scales(report.Definition{Work: "C memmap_pin + memmap_unpin", Against: "pthread_rwlock_rdlock + unlock", Why: sharedWord}, cThreads(pins)),
		scales(report.Definition{Work: "C memmap_find through 4 KiB", Against: "glibc memmem", Why: sharedWord}, cThreads(finding)),
		scales(report.Definition{Work: "Go ReadAt of 64 bytes", Against: "golang.org/x/exp/mmap", Why: sharedLanes}, goReadThreads),
		scales(report.Definition{Work: "Go View, empty function", Against: "sync.RWMutex RLock + RUnlock", Why: sharedLanes}, goViewThreads),
	),
	themed("Tails",
		tails(report.Definition{Work: "latency of C memmap_read of 64 bytes", Against: "a plain call of memcpy"}, readTail),
		tails(report.Definition{Work: "latency of C memmap_flush of one dirty page", Against: "msync of the same"}, flushTail),
		tails(report.Definition{Work: "latency of a read of a lost page", Against: "a handler that only calls mmap"}, faultTail),
	),
	themed("The guard",
		compares(report.Definition{
			Work: "Go ReadAt of 64 bytes, guard on", Against: "the same, guard off", Asked: 1 / 1.02, Why: guardOff,
		}, guarded(readAt)),
		compares(report.Definition{
			Work: "Go WriteAt of 64 bytes, guard on", Against: "the same, guard off", Asked: 1 / 1.02, Why: guardOff,
		}, guarded(writesAt)),
		compares(report.Definition{
			Work: "Go View, guard on", Against: "the same, guard off", Asked: 1 / 1.02, Why: guardOff,
		}, guarded(view)),
		compares(report.Definition{
			Work: "C memmap_read of 64 bytes, guard on", Against: "the same, guard off", Asked: 1 / 1.02, Why: guardOff,
		}, guardedInC),
		compares(report.Definition{
			Work: "64 faults among 10 mappings", Against: "a handler that only calls mmap", Asked: 1.0 / 3, Why: handling,
		}, faultsAmong(10)),
		compares(report.Definition{
			Work: "64 faults among 1,000 mappings", Against: "a handler that only calls mmap", Asked: 1.0 / 3, Why: handling,
		}, faultsAmong(1_000)),
	),
	themed("Among many mappings",
		weighs(report.Definition{Work: "resident for each handle among 60,000", Asked: 256}, bytesOfHandle),
		compares(report.Definition{
			Work: "Go MapFile + UnmapMemory among 50,000 mappings", Against: "the same among 10", Asked: 1 / 1.3,
			Why: "the kernel's tree of areas and the list of mappings are deeper",
		}, mapFileAmong),
		compares(report.Definition{
			Work: "C open + close among 60,000 mappings", Against: "the same among 10", Asked: 1 / 1.3,
			Why: "the kernel's tree of areas is deeper",
		}, openAmong),
		compares(report.Definition{
			Work: "64 faults among 60,000 mappings", Against: "a handler that only calls mmap", Asked: 1.0 / 30, Why: handling,
			Chart: report.Label{Theme: "Losing pages", Work: "64 lost pages, 60,000 mappings", Against: "a signal handler with one mmap"},
		}, faultsAmong(60_000)),
	),
)

const handling = "ours finds out whose page it was, records the loss and its cause, and asks the kernel what is there"
