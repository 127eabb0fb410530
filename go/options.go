package memmap

// #include <memmap.h>
import "C"

import "io/fs"

// Access is what a mapping allows. The zero value is the default of the call: [ReadOnly] for [Open] and
// [FromFile], [ReadWrite] for [Create] and [Anonymous].
type Access uint32

// What a mapping allows.
const (
	// ReadOnly allows reading.
	ReadOnly Access = C.MEMMAP_READ_ONLY
	// ReadWrite allows reading and writing. What is written reaches the file and every process that maps it.
	ReadWrite Access = C.MEMMAP_READ_WRITE
	// CopyOnWrite allows reading and writing. What is written stays in this mapping and never reaches the file.
	CopyOnWrite Access = C.MEMMAP_COPY_ON_WRITE
)

// Flags are options that are combined with |. A call returns [ErrInvalid] for a flag that it has no use for.
type Flags uint32

// Wishes for opening and creating.
const (
	// Exclusive makes Create fail with fs.ErrExist if the file exists.
	Exclusive Flags = C.MEMMAP_EXCLUSIVE
	// Sparse leaves new bytes of the file as holes, without reserving blocks. A full disk is then ErrFault for
	// the first write to a hole, instead of ENOSPC for Create or Resize.
	Sparse Flags = C.MEMMAP_SPARSE
	// Durable makes Create write the size and the name of the file to the device before it returns.
	Durable Flags = C.MEMMAP_DURABLE
	// NoFollow makes Open and Create fail with ELOOP if the last component of the path is a symbolic link.
	NoFollow Flags = C.MEMMAP_NO_FOLLOW
	// NoSymlinks makes Open and Create fail with ELOOP if any component of the path is a symbolic link. It is
	// [ErrUnsupported] before Linux 5.6.
	NoSymlinks Flags = C.MEMMAP_NO_SYMLINKS
	// Atomic makes Open and Create keep every change in memory until [Map.Commit], which makes all of them durable
	// at once. It takes [ReadWrite] and a file with a name; one Map at a time, in all processes, has such a file.
	Atomic Flags = C.MEMMAP_ATOMIC
	// NoDescriptor closes the descriptor of the file after mapping it, for programs with more mappings than
	// RLIMIT_NOFILE allows. Resize and Refresh are then ErrUnsupported, and so is Recover after a loss.
	NoDescriptor Flags = C.MEMMAP_NO_DESCRIPTOR
	// Executable maps the pages as code.
	Executable Flags = C.MEMMAP_EXECUTABLE
	// WriteAndExecute, together with Executable, allows the mapping to be writable too.
	WriteAndExecute Flags = C.MEMMAP_WRITE_AND_EXECUTE
	// Overcommit allows more memory than the system has available, for memory of which little is touched.
	// Without it, a call that needs more anonymous, prefaulted or locked memory than is available fails with
	// ErrLimit, instead of waking the kernel's OOM killer later.
	Overcommit Flags = C.MEMMAP_OVERCOMMIT
	// Prefault brings all pages in before the call returns, so that no first access waits: for writing if the
	// bytes are new (Create, Anonymous), else for reading.
	Prefault Flags = C.MEMMAP_PREFAULT
	// HugePages uses transparent huge pages for anonymous and shared memory. Where the system has none, the
	// flag has no effect.
	HugePages Flags = C.MEMMAP_HUGE_PAGES
	// NoReserve reserves no swap space, for memory of which little is touched.
	NoReserve Flags = C.MEMMAP_NO_RESERVE
	// NoDump leaves the mapping out of core dumps.
	NoDump Flags = C.MEMMAP_NO_DUMP
	// Locked keeps all pages in memory. Above RLIMIT_MEMLOCK the call fails with ErrLimit.
	Locked Flags = C.MEMMAP_LOCKED
	// Sealed makes FromFile and Receive fail with ErrUnsealed if the file is not sealed against shrinking.
	// [Map.Seals] returns which other seals it has; see [SealShrink].
	Sealed Flags = C.MEMMAP_SEALED
)

// Default limits, for Options whose Limit is 0.
const (
	// DefaultReceiveLimit is 1 GiB of address space: the 65,530 mappings that Linux allows a process then take
	// half of the address space of x86-64.
	DefaultReceiveLimit = 1 << 30
	// DefaultCellLimit is 64 MiB of memory.
	DefaultCellLimit = 64 << 20
)

// Options are the options for opening or creating a mapping. Nil and the zero value mean the defaults.
type Options struct {
	// Access is what the mapping allows.
	Access Access
	// Flags are combined with |.
	Flags Flags
	// Mode is the permission bits of a file that Create creates, before umask. 0 means 0600.
	Mode fs.FileMode
	// Offset is the offset in the file at which the mapping begins, in bytes. It need not be aligned.
	Offset int64
	// Length is the number of bytes to map, 0 for all bytes up to the end of the file.
	Length int64
	// Capacity is the number of bytes of address space to reserve. Up to it the mapping grows without moving,
	// also while it is viewed.
	Capacity int64
	// Limit is the largest size, in bytes, that this process accepts from another one: the length of what
	// [Receive] maps (0 means [DefaultReceiveLimit]), and the size of a value that [Cell.Read] makes room for
	// (0 means [DefaultCellLimit]).
	Limit int64
	// Advice is the advice for all pages of the mapping; [Map.Advise] gives advice for a part.
	Advice Advice
}

// wishes are Options whose signed numbers have been checked.
type wishes Options

// checked leaves all other checks to the library.
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
