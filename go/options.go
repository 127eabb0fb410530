package memmap

// #include <memmap.h>
import "C"

import "io/fs"

// Access is what a mapping allows. The zero value is the least that the call is for: [ReadOnly] for
// [Open] and [FromFile], [ReadWrite] for [Create] and [Anonymous].
type Access uint32

// What a mapping allows.
const (
	// ReadOnly is reading.
	ReadOnly Access = C.MEMMAP_READ_ONLY
	// ReadWrite is reading, and writing that reaches the file and everyone who maps it.
	ReadWrite Access = C.MEMMAP_READ_WRITE
	// CopyOnWrite is reading, and writing that stays in this mapping and never reaches the file.
	CopyOnWrite Access = C.MEMMAP_COPY_ON_WRITE
)

// Flags are wishes, or'ed. One that the call has no use for is [ErrInvalid].
type Flags uint32

// Wishes for opening and creating.
const (
	// Exclusive has Create refuse a file that exists, with fs.ErrExist.
	Exclusive Flags = C.MEMMAP_EXCLUSIVE
	// Sparse lets new bytes of the file be holes instead of reserving blocks. A full disk is then met
	// by whoever first writes there, as ErrFault, instead of by Create or Resize, as ENOSPC.
	Sparse Flags = C.MEMMAP_SPARSE
	// Durable has Create make size and name of the file durable before it returns.
	Durable Flags = C.MEMMAP_DURABLE
	// NoFollow has Open and Create refuse a symbolic link at the end of the path, with ELOOP.
	NoFollow Flags = C.MEMMAP_NO_FOLLOW
	// NoSymlinks has Open and Create refuse a symbolic link anywhere in the path, with ELOOP; [ErrUnsupported] before Linux 5.6.
	NoSymlinks Flags = C.MEMMAP_NO_SYMLINKS
	// NoDescriptor keeps no descriptor of the file after mapping it, for those who hold more mappings
	// than the process may have descriptors. Resize and Refresh are ErrUnsupported then, and so is Recover
	// when pages were lost.
	NoDescriptor Flags = C.MEMMAP_NO_DESCRIPTOR
	// Executable maps code.
	Executable Flags = C.MEMMAP_EXECUTABLE
	// WriteAndExecute, with Executable, lets the mapping be writable too.
	WriteAndExecute Flags = C.MEMMAP_WRITE_AND_EXECUTE
	// Overcommit takes memory although the system hasn't so much available, trusting that most of it is
	// never touched. Without it anonymous, prefaulted and locked memory of more than is available is
	// ErrLimit, before the kernel's OOM killer has a say.
	Overcommit Flags = C.MEMMAP_OVERCOMMIT
	// Prefault brings all pages in before the call returns, so that the first access waits for nothing:
	// for writing where the bytes are new (Create, Anonymous), else for reading.
	Prefault Flags = C.MEMMAP_PREFAULT
	// HugePages uses huge pages where the system has them for this kind of memory: transparent ones, for
	// anonymous and shared memory. Where it hasn't, the mapping is made without.
	HugePages Flags = C.MEMMAP_HUGE_PAGES
	// NoReserve reserves no swap space, for memory of which little will be touched.
	NoReserve Flags = C.MEMMAP_NO_RESERVE
	// NoDump leaves the mapping out of core dumps.
	NoDump Flags = C.MEMMAP_NO_DUMP
	// Locked keeps all pages in memory. RLIMIT_MEMLOCK is the limit: ErrLimit.
	Locked Flags = C.MEMMAP_LOCKED
	// Sealed has FromFile and Receive refuse a file that is not sealed against shrinking, with ErrUnsealed. What others can
	// still do to one that is, [Map.Seals] tells: see [SealShrink].
	Sealed Flags = C.MEMMAP_SEALED
)

// What others may have this process take where [Options] have no Limit.
const (
	// DefaultReceiveLimit is 1 GiB of addresses: as many such mappings as Linux has for a process, 65,530, leave
	// half of what x86-64 has.
	DefaultReceiveLimit = 1 << 30
	// DefaultCellLimit is 64 MiB of memory.
	DefaultCellLimit = 64 << 20
)

// Options are how to open or create a mapping; nil and the zero value are the defaults.
type Options struct {
	// Access is what the mapping allows.
	Access Access
	// Flags are wishes, or'ed.
	Flags Flags
	// Mode is for Create: the permission bits of a new file, 0 for 0600; the umask applies.
	Mode fs.FileMode
	// Offset is where in the file the mapping begins, in bytes; any alignment.
	Offset int64
	// Length is how many bytes to map, 0 for all up to the end of the file.
	Length int64
	// Capacity is how many bytes of address space to keep, so that the mapping grows up to there
	// without moving, also while it is viewed.
	Capacity int64
	// Limit is the most that others may have this process take by what they say, in bytes: the length of what
	// [Receive] maps, 0 for [DefaultReceiveLimit], and of a value that [Cell.Read] makes room for, 0 for
	// [DefaultCellLimit].
	Limit int64
	// Advice is what will be done with the pages, for all of the mapping; [Map.Advise] is for parts.
	Advice Advice
}

// wishes are Options that passed the checks which unsigned numbers can't express.
type wishes Options

// checked leaves the rest to the library, which knows what each call has a use for.
func (o *Options) checked() (wishes, error) {
	switch {
	case o == nil:
		return wishes{}, nil
	case o.Offset < 0:
		return wishes{}, ErrRange
	case o.Length < 0, o.Capacity < 0, o.Limit < 0, o.Mode&^fs.ModePerm != 0:
		return wishes{}, ErrInvalid
	}
	return wishes(*o), nil
}
