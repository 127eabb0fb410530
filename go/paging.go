package memmap

// #include <memmap.h>
import "C"

// Advice is how a program will use pages, or what the kernel is to do with them (madvise(2)).
type Advice uint32

// Kinds of advice.
const (
	// AdviceNormal means no particular order.
	AdviceNormal Advice = C.MEMMAP_ADVICE_NORMAL
	// AdviceSequential means reading in order: the kernel reads far ahead and drops what was read. Before
	// copying more than a page out of a slice, load its first byte, as [Map.ReadAt] does: copy begins with the
	// last byte, which with this advice makes reading a cold file several times as slow.
	AdviceSequential Advice = C.MEMMAP_ADVICE_SEQUENTIAL
	// AdviceRandom means reading in no order: the kernel does not read ahead. It makes small random reads of a
	// file that is not in memory many times as fast.
	AdviceRandom Advice = C.MEMMAP_ADVICE_RANDOM
	// AdviceWillNeed makes the kernel begin to read the pages. It does not wait.
	AdviceWillNeed Advice = C.MEMMAP_ADVICE_WILL_NEED
	// AdviceDontNeed removes the pages from this mapping. The bytes stay in the file. On private memory
	// (anonymous, copy-on-write) the kernel would discard them, so there it is ErrAccess.
	AdviceDontNeed Advice = C.MEMMAP_ADVICE_DONT_NEED
	// AdviceHugePage asks for huge pages.
	AdviceHugePage Advice = C.MEMMAP_ADVICE_HUGE_PAGE
	// AdviceNoHugePage asks for no huge pages.
	AdviceNoHugePage Advice = C.MEMMAP_ADVICE_NO_HUGE_PAGE
	// AdviceCold makes the pages the first to be reclaimed when memory is short.
	AdviceCold Advice = C.MEMMAP_ADVICE_COLD
	// AdvicePageOut reclaims the pages now: from this mapping, and from the page cache unless another process
	// maps them or they have yet to be written back (flush first).
	AdvicePageOut Advice = C.MEMMAP_ADVICE_PAGE_OUT
	// AdviceDontFork leaves the pages out of a child of fork, which crashes when it touches them.
	AdviceDontFork Advice = C.MEMMAP_ADVICE_DONT_FORK
	// AdviceWipeOnFork makes the pages zeros in a child of fork; for anonymous memory only.
	AdviceWipeOnFork Advice = C.MEMMAP_ADVICE_WIPE_ON_FORK
	// AdviceDontDump leaves the pages out of core dumps.
	AdviceDontDump Advice = C.MEMMAP_ADVICE_DONT_DUMP
)

// PrefaultMode is the access that pages are brought in for.
type PrefaultMode uint32

// Modes of bringing pages in.
const (
	// PrefaultRead brings pages in for reading.
	PrefaultRead PrefaultMode = C.MEMMAP_PREFAULT_READ
	// PrefaultWrite brings pages in for writing: they get blocks, and count as changed.
	PrefaultWrite PrefaultMode = C.MEMMAP_PREFAULT_WRITE
)

// Advise gives the kernel advice for the pages that hold length bytes from offset, of any alignment. The length
// may be [ToEnd].
//
// Advise returns [ErrUnsupported] for advice that has no meaning for this kind of memory or that the kernel
// does not know, and [ErrAccess] for [AdviceDontNeed] on private memory, whose bytes the kernel would discard.
func (m *Map) Advise(offset, length int64, advice Advice) error {
	start, count, err := m.enterRange("advise", offset, length)
	if err != nil {
		return err
	}
	defer m.leave(operation)
	return m.outcome("advise", advise(m.handle, start, count, advice))
}

// Prefault brings in the pages that hold length bytes from offset, and waits for it. Later accesses do not
// wait, as long as memory is not short. The length may be [ToEnd].
//
// Prefault returns [ErrAccess] for [PrefaultWrite] on a read-only mapping, [ErrLimit] if memory has no room for
// so much (see [Overcommit]), and [ErrFault] if a page is lost.
func (m *Map) Prefault(offset, length int64, mode PrefaultMode) error {
	start, count, err := m.enterRange("prefault", offset, length)
	if err != nil {
		return err
	}
	defer m.leave(operation)
	return m.outcome("prefault", prefault(m.handle, start, count, mode))
}

// Residency returns, for each page that holds one of length bytes from offset, whether it is in memory. The
// length may be [ToEnd].
//
// The result is a snapshot. Of a file that this process may not write and does not own, the kernel reports
// every page as resident (mincore(2)). Residency allocates a byte for each page; [Map.Resident] counts without.
func (m *Map) Residency(offset, length int64) ([]bool, error) {
	start, _, err := m.enterRange("residency", offset, length)
	if err != nil {
		return nil, err
	}
	defer m.leave(operation)
	size := m.length.Load() // The Map may grow meanwhile: ToEnd is resolved here, once.
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

// pagesOf returns how many pages hold length bytes from an address.
func pagesOf(address, length int64) int64 {
	if length == 0 {
		return 0
	}
	page := int64(pageSize)
	return (address+length-1)/page - address/page + 1
}

// Resident returns how many of the pages that hold length bytes from offset are in memory; see [Map.Residency].
// The length may be [ToEnd].
func (m *Map) Resident(offset, length int64) (int64, error) {
	start, count, err := m.enterRange("residency", offset, length)
	if err != nil {
		return 0, err
	}
	defer m.leave(operation)
	resident, status := countResidents(m.handle, start, count, nil)
	return resident, m.outcome("residency", status)
}

// LockMemory keeps the pages that hold length bytes from offset in memory until [Map.UnlockMemory] or the end
// of the mapping. Locks are not counted, and a child of fork has none. The length may be [ToEnd].
//
// LockMemory returns [ErrLimit] if RLIMIT_MEMLOCK or memory has no room for so much.
func (m *Map) LockMemory(offset, length int64) error {
	start, count, err := m.enterRange("lock memory", offset, length)
	if err != nil {
		return err
	}
	defer m.leave(operation)
	return m.outcome("lock memory", lockMemory(m.handle, start, count))
}

// UnlockMemory allows the pages that hold length bytes from offset to be swapped out again. The length may be
// [ToEnd].
func (m *Map) UnlockMemory(offset, length int64) error {
	start, count, err := m.enterRange("unlock memory", offset, length)
	if err != nil {
		return err
	}
	defer m.leave(operation)
	return m.outcome("unlock memory", unlockMemory(m.handle, start, count))
}

// Protect makes the mapping read-only (allow is [ReadOnly]), so that a stray slice cannot change it, or
// restores its access (allow is the access it was opened with, or 0). While it is read-only, writing to a slice
// crashes the program, and writing by a method returns [ErrAccess].
//
// Protect returns [ErrAccess] for more than the mapping was opened with, and [ErrBusy] while it is viewed.
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

// enterRange enters and returns the range as the library takes it. If it returns an error, it has not entered.
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
