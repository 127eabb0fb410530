package memmap

// #include <memmap.h>
import "C"

import "math"

// NoLimit is the value of a limit that does not exist.
const NoLimit uint64 = math.MaxUint64

// System describes the limits and the memory of the operating system.
type System struct {
	// PageSize is the unit in which memory is mapped, flushed and lost, in bytes.
	PageSize uint64
	// HugePageSize is the size of a huge page in bytes, 0 if there are none.
	HugePageSize uint64
	// MemoryAvailable is how many bytes can be allocated without swapping: the smaller of what the system has
	// available and what the control groups of this process have left.
	MemoryAvailable uint64
	// MaxMapCount is how many regions of memory a process may have (vm.max_map_count).
	MaxMapCount uint64
	// MapCount is how many this process has.
	MapCount uint64
	// AddressSpaceLimit is RLIMIT_AS, in bytes, or [NoLimit].
	AddressSpaceLimit uint64
	// FileSizeLimit is RLIMIT_FSIZE: bytes of a file, or [NoLimit].
	FileSizeLimit uint64
	// LockedMemoryLimit is RLIMIT_MEMLOCK: bytes of locked memory, or [NoLimit].
	LockedMemoryLimit uint64
}

// GetSystem returns the system's limits and the memory available now. It reads some files in /proc and /sys,
// and takes longer the more mappings there are.
func GetSystem() (System, error) {
	system := C.memmap_system{size: C.sizeof_memmap_system}
	if status := C.memmap_get_system(&system); status != 0 {
		return System{}, failure("system", "", int32(status))
	}
	return System{
		PageSize:          uint64(system.page_size),
		HugePageSize:      uint64(system.huge_page_size),
		MemoryAvailable:   uint64(system.memory_available),
		MaxMapCount:       uint64(system.max_map_count),
		MapCount:          uint64(system.map_count),
		AddressSpaceLimit: uint64(system.address_space_limit),
		FileSizeLimit:     uint64(system.file_size_limit),
		LockedMemoryLimit: uint64(system.locked_memory_limit),
	}, nil
}

// Stats are the resources that libmemmap holds in this process.
type Stats struct {
	// Mappings is how many mappings are open, or closed and still in use.
	Mappings uint64
	// BytesMapped is the number of bytes of their pages.
	BytesMapped uint64
	// FaultsSurvived is how many faults the guard has survived since the process began.
	FaultsSurvived uint64
	// Leaks is how many Maps were dropped without Close since the process began; see [Leaks].
	Leaks uint64
}

// GetStats returns the resources that libmemmap holds in this process.
func GetStats() (Stats, error) {
	stats := C.memmap_stats{size: C.sizeof_memmap_stats}
	if status := C.memmap_get_stats(&stats); status != 0 {
		return Stats{}, failure("stats", "", int32(status))
	}
	return Stats{
		Mappings:       uint64(stats.mappings),
		BytesMapped:    uint64(stats.bytes_mapped),
		FaultsSurvived: uint64(stats.faults_survived) + uint64(passedOn.Load()), // The library does not count those that became panics.
		Leaks:          uint64(Leaks()),                                         // The library's own count lacks those that it could not close.
	}, nil
}

// PoisonClosed keeps the addresses of mappings that are closed from now on reserved and unreadable, up to that
// many bytes in all; the oldest are released first. A stale slice, of [Map.Bytes] or [BasicMmap], then ends the
// program at once, after a line on standard error that says which mapping it was, instead of reading memory
// that was mapped there since. It costs address space and no memory. 0 ends it.
//
// MEMMAP_POISON=1 in the environment has the same effect from the first mapping on.
func PoisonClosed(bytes int64) error {
	if bytes < 0 {
		return &Error{"poison", "", ErrInvalid}
	}
	return failure("poison", "", int32(C.memmap_poison_closed(C.uint64_t(bytes))))
}
