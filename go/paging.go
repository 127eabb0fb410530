package memmap

// #include <memmap.h>
import "C"

// Advice is what a program will do with pages, or wants done with them (madvise(2)).
type Advice uint32

// What a program will do with pages, or wants done with them.
const (
	// AdviceNormal is nothing in particular.
	AdviceNormal Advice = C.MEMMAP_ADVICE_NORMAL
	// AdviceSequential is reading in order: the kernel reads far ahead and forgets what was read. Where a slice
	// is copied from by more than a page at a time, read the first byte first, as [Map.ReadAt] does: copy begins with the
	// last, and then this makes a cold file several times as slow to read.
	AdviceSequential Advice = C.MEMMAP_ADVICE_SEQUENTIAL
	// AdviceRandom is reading in no order: the kernel reads nothing ahead. Many times as fast for small
	// random reads of a file that is not in memory.
	AdviceRandom Advice = C.MEMMAP_ADVICE_RANDOM
	// AdviceWillNeed is that they are needed soon: the kernel begins to read them, and does not wait.
	AdviceWillNeed Advice = C.MEMMAP_ADVICE_WILL_NEED
	// AdviceDontNeed is that they are not needed soon: this mapping lets go of them. The bytes stay in
	// the file. On private memory (anonymous, copy-on-write) the kernel would throw them away, so there
	// it is ErrAccess.
	AdviceDontNeed Advice = C.MEMMAP_ADVICE_DONT_NEED
	// AdviceHugePage is that huge pages are worth having here.
	AdviceHugePage Advice = C.MEMMAP_ADVICE_HUGE_PAGE
	// AdviceNoHugePage is that they are not.
	AdviceNoHugePage Advice = C.MEMMAP_ADVICE_NO_HUGE_PAGE
	// AdviceCold is that they are the first to go when memory is short.
	AdviceCold Advice = C.MEMMAP_ADVICE_COLD
	// AdvicePageOut is that they go now: out of this mapping, and out of the page cache unless somebody
	// else maps them or they are yet to be written back (flush first).
	AdvicePageOut Advice = C.MEMMAP_ADVICE_PAGE_OUT
	// AdviceDontFork is that a child of fork does not have them, and crashes when it touches them.
	AdviceDontFork Advice = C.MEMMAP_ADVICE_DONT_FORK
	// AdviceWipeOnFork is that a child of fork finds zeros; for anonymous memory only.
	AdviceWipeOnFork Advice = C.MEMMAP_ADVICE_WIPE_ON_FORK
	// AdviceDontDump is that a core dump does not have them.
	AdviceDontDump Advice = C.MEMMAP_ADVICE_DONT_DUMP
)

// PrefaultMode is what pages are brought in for.
type PrefaultMode uint32

// What pages are brought in for.
const (
	// PrefaultRead is so that reading them waits for nothing.
	PrefaultRead PrefaultMode = C.MEMMAP_PREFAULT_READ
	// PrefaultWrite is so that writing them doesn't either: they get blocks, and count as changed.
	PrefaultWrite PrefaultMode = C.MEMMAP_PREFAULT_WRITE
)

// Advise tells the kernel what will be done with the pages that hold length bytes from offset on, or
// what to do with them; any alignment, and the length may be [ToEnd].
//
// It is [ErrUnsupported] for advice that means nothing for this kind of memory or that the kernel does
// not know, and [ErrAccess] for [AdviceDontNeed] on private memory, whose bytes it would throw away.
func (m *Map) Advise(offset, length int64, advice Advice) error {
	start, count, err := m.enterRange("advise", offset, length)
	if err != nil {
		return err
	}
	defer m.leave(operation)
	return m.outcome("advise", advise(m.handle, start, count, advice))
}

// Prefault brings the pages that hold length bytes from offset on in, and waits for it. Afterwards
// accesses don't wait, as long as memory isn't short. The length may be [ToEnd].
//
// It is [ErrAccess] for [PrefaultWrite] on a read-only mapping, [ErrLimit] when memory has no room for
// so much (see [Overcommit]), and [ErrFault] when a page is lost.
func (m *Map) Prefault(offset, length int64, mode PrefaultMode) error {
	start, count, err := m.enterRange("prefault", offset, length)
	if err != nil {
		return err
	}
	defer m.leave(operation)
	return m.outcome("prefault", prefault(m.handle, start, count, mode))
}

// Residency tells of each page that holds one of length bytes from offset on whether it is in memory.
// The length may be [ToEnd].
//
// It is a snapshot, and of a file that this process may not write and does not own the kernel says that
// every page is there (mincore(2)). It allocates a byte a page; [Map.Resident] counts without.
func (m *Map) Residency(offset, length int64) ([]bool, error) {
	start, _, err := m.enterRange("residency", offset, length)
	if err != nil {
		return nil, err
	}
	defer m.leave(operation)
	size := m.length.Load() // It may grow meanwhile: ToEnd is up to here, for both of us.
	if length == ToEnd {
		length = max(size-offset, 0)
	}
	if !holds(int(size), offset, length) {
		return nil, m.fail("residency", ErrRange)
	}
	pages := make([]bool, pagesOf(int64(uintptr(m.data))+offset, length))
	_, status := countResidents(m.handle, start, uint64(length), pages)
	return pages, m.outcome("residency", status)
}

// pagesOf is how many pages hold length bytes from an address on.
func pagesOf(address, length int64) int64 {
	if length == 0 {
		return 0
	}
	page := int64(pageSize)
	return (address+length-1)/page - address/page + 1
}

// Resident is how many of the pages that hold length bytes from offset on are in memory; see
// [Map.Residency]. The length may be [ToEnd].
func (m *Map) Resident(offset, length int64) (int64, error) {
	start, count, err := m.enterRange("residency", offset, length)
	if err != nil {
		return 0, err
	}
	defer m.leave(operation)
	resident, status := countResidents(m.handle, start, count, nil)
	return resident, m.outcome("residency", status)
}

// LockMemory keeps the pages that hold length bytes from offset on in memory until [Map.UnlockMemory]
// or the end of the mapping. Locks don't add up, and a child of fork has none. The length may be
// [ToEnd].
//
// It is [ErrLimit] when RLIMIT_MEMLOCK or memory has no room for so much.
func (m *Map) LockMemory(offset, length int64) error {
	start, count, err := m.enterRange("lock memory", offset, length)
	if err != nil {
		return err
	}
	defer m.leave(operation)
	return m.outcome("lock memory", lockMemory(m.handle, start, count))
}

// UnlockMemory lets the pages that hold length bytes from offset on go again. The length may be [ToEnd].
func (m *Map) UnlockMemory(offset, length int64) error {
	start, count, err := m.enterRange("unlock memory", offset, length)
	if err != nil {
		return err
	}
	defer m.leave(operation)
	return m.outcome("unlock memory", unlockMemory(m.handle, start, count))
}

// Protect takes writing away from the mapping (allow is [ReadOnly]), so that a stray slice cannot change
// it, or gives it back (allow is what it was opened with, or 0). Meanwhile writing by a slice crashes
// the program, and by a method it is [ErrAccess].
//
// It is [ErrAccess] for more than the mapping was opened with, and [ErrBusy] while it is viewed.
func (m *Map) Protect(allow Access) error {
	if m.unopened() {
		return m.fail("protect", ErrInvalid)
	}
	m.sizing.Lock()
	defer m.sizing.Unlock()
	if err := m.closeGate(views); err != nil {
		return m.fail("protect", err)
	}
	defer m.openGate()
	status := protect(m.handle, allow)
	if status != 0 {
		return m.outcome("protect", status)
	}
	info, status := getInfo(m.handle)
	m.writable = info.Access != ReadOnly
	return m.outcome("protect", status)
}

// enterRange enters, unless it answers an error, and gives the range as the library takes it.
func (m *Map) enterRange(op string, offset, length int64) (start, count uint64, err error) {
	if !m.enter(operation) {
		return 0, 0, m.fail(op, ErrClosed)
	}
	if offset < 0 || length < ToEnd {
		m.leave(operation)
		return 0, 0, m.fail(op, ErrRange)
	}
	if length == ToEnd {
		return uint64(offset), toEnd, nil
	}
	return uint64(offset), uint64(length), nil
}
