package memmap

/*
#cgo noescape open_path
#cgo nocallback open_path
#cgo noescape create_path
#cgo nocallback create_path
#cgo noescape open_fd
#cgo nocallback open_fd
#cgo noescape open_anonymous
#cgo nocallback open_anonymous
#cgo noescape open_shared
#cgo nocallback open_shared
#cgo noescape open_memfd
#cgo nocallback open_memfd
#cgo noescape guard_region
#cgo nocallback guard_region
#cgo noescape adopt
#cgo nocallback adopt
#cgo noescape lock_when_touched
#cgo nocallback lock_when_touched
#cgo noescape open_window
#cgo nocallback open_window
#cgo noescape set_length
#cgo nocallback set_length
#cgo noescape set_length_in_place
#cgo nocallback set_length_in_place
#cgo noescape write_and_flush
#cgo nocallback write_and_flush
#cgo noescape memmap_flush
#cgo nocallback memmap_flush
#cgo noescape memmap_commit
#cgo nocallback memmap_commit
#cgo noescape memmap_rollback
#cgo nocallback memmap_rollback
#cgo noescape memmap_checkpoint
#cgo nocallback memmap_checkpoint
#cgo noescape memmap_get_info
#cgo nocallback memmap_get_info
#cgo noescape memmap_get_fault
#cgo nocallback memmap_get_fault
#cgo noescape memmap_check
#cgo nocallback memmap_check
#cgo noescape memmap_advise
#cgo nocallback memmap_advise
#cgo noescape memmap_prefault
#cgo nocallback memmap_prefault
#cgo noescape count_residents
#cgo nocallback count_residents
#cgo noescape memmap_lock_memory
#cgo nocallback memmap_lock_memory
#cgo noescape memmap_unlock_memory
#cgo nocallback memmap_unlock_memory
#cgo noescape memmap_protect
#cgo nocallback memmap_protect
#cgo noescape find
#cgo nocallback find
#cgo noescape find_last
#cgo nocallback find_last
#cgo noescape memmap_close
#cgo nocallback memmap_close

#include "catch.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

// A result by value: memory for C to fill would be checked for Go pointers at each call.
typedef struct {
	memmap_handle handle;
	uint8_t *data;
	uint64_t len;
	const uint32_t *faults;
	memmap_status status;
} mapped;

static mapped look(memmap_handle handle, memmap_status status)
{
	mapped m = {.handle = handle, .status = status};
	if (m.status == 0)
		m.status = memmap_data(handle, &m.data, &m.len);
	if (m.status == 0)
		m.status = memmap_fault_counter(handle, &m.faults);
	return m;
}

// Whether to install the guard before a mapping is opened.
enum { GUARD_IS_DECIDED, GUARD_INSTALL };

static memmap_status heed(uint32_t guard)
{
	return guard == GUARD_INSTALL ? memmap_go_catch() : 0;
}

static mapped open_path(const char *path, const memmap_options *options, uint32_t guard)
{
	memmap_handle handle = 0;
	memmap_status status = heed(guard);
	if (status == 0)
		status = memmap_open(path, options, &handle);
	return look(handle, status);
}

static mapped create_path(const char *path, uint64_t size, const memmap_options *options, uint32_t guard)
{
	memmap_handle handle = 0;
	memmap_status status = heed(guard);
	if (status == 0)
		status = memmap_create(path, size, options, &handle);
	return look(handle, status);
}

static mapped open_fd(int fd, const memmap_options *options, uint32_t guard)
{
	memmap_handle handle = 0;
	memmap_status status = heed(guard);
	if (status == 0)
		status = memmap_from_fd(fd, options, &handle);
	return look(handle, status);
}

static mapped open_anonymous(uint64_t size, const memmap_options *options, uint32_t guard)
{
	memmap_handle handle = 0;
	memmap_status status = heed(guard);
	if (status == 0)
		status = memmap_anonymous(size, options, &handle);
	return look(handle, status);
}

static mapped open_shared(const char *name, uint64_t size, const memmap_options *options, uint32_t guard)
{
	memmap_handle handle = 0;
	memmap_status status = heed(guard);
	if (status == 0)
		status = memmap_shared_open(name, size, options, &handle);
	return look(handle, status);
}

static mapped open_memfd(const char *name, uint64_t size, const memmap_options *options, uint32_t guard)
{
	memmap_handle handle = 0;
	memmap_status status = heed(guard);
	if (status == 0)
		status = memmap_memfd(name, size, options, &handle);
	return look(handle, status);
}

static mapped guard_region(uint8_t *data, uint64_t len, int fd, uint32_t guard)
{
	memmap_handle handle = 0;
	memmap_status status = heed(guard);
	if (status == 0)
		status = memmap_guard_region(data, len, fd, &handle);
	return look(handle, status);
}

// Adopts memory that mmap(2) has just mapped, without keeping a descriptor.
static mapped adopt(uint8_t *data, uint64_t len, uint64_t offset, int protection, int flags, uint32_t guard)
{
	memmap_mapped how = {
		.size = sizeof how, .protection = protection, .data = data, .length = len, .offset = offset, .flags = flags,
	};
	memmap_handle handle = 0;
	memmap_status status = heed(guard);
	if (status == 0)
		status = memmap_adopt(&how, -1, NULL, &handle);
	return look(handle, status);
}

// mlock2(2) by its number, since older C libraries don't have it.
static memmap_status lock_when_touched(uint8_t *data, uint64_t len)
{
	const int on_fault = 1; // MLOCK_ONFAULT.
	if (syscall(SYS_mlock2, data, (size_t)len, on_fault) == 0)
		return 0;
	return errno == EAGAIN || errno == ENOMEM || errno == EPERM ? MEMMAP_ERR_LIMIT : errno;
}

// Maps another part of the mapping's file, without the flags that concern a path. A length of 0 is all bytes up to the end
// of the file.
static mapped open_window(memmap_handle handle, uint64_t offset, uint64_t length)
{
	memmap_handle window = 0;
	memmap_info info = {.size = sizeof info};
	int fd;
	memmap_status status = memmap_get_info(handle, &info);
	if (status == 0)
		status = memmap_fd(handle, &fd);
	if (status != 0)
		return look(window, status);
	memmap_options options = {
		.size = sizeof options,
		.access = info.access,
		.flags = info.flags & ~(MEMMAP_EXCLUSIVE | MEMMAP_DURABLE | MEMMAP_NO_FOLLOW | MEMMAP_NO_SYMLINKS),
		.offset = offset,
		.length = length,
	};
	status = memmap_from_fd(fd, &options, &window);
	close(fd);
	return look(window, status);
}

// With MEMMAP_TO_END as len, takes the length of the file. A call that fails may have moved the mapping, so data is set in
// any case, NULL if it is not known.
static mapped set_length(memmap_handle handle, uint64_t len)
{
	uint64_t now;
	memmap_status status = len == MEMMAP_TO_END ? memmap_refresh(handle, &now) : memmap_resize(handle, len);
	mapped m = look(handle, 0);
	if (status != 0)
		m.status = status;
	return m;
}

// The same if the mapping neither moves nor shrinks; else the pin makes it MEMMAP_ERR_BUSY.
static mapped set_length_in_place(memmap_handle handle, uint64_t len)
{
	memmap_view view;
	memmap_status status = memmap_pin(handle, &view);
	if (status != 0)
		return look(handle, status);
	mapped m = set_length(handle, len);
	memmap_unpin(handle);
	return m;
}

static memmap_status write_and_flush(memmap_handle handle, uint64_t offset, const uint8_t *buf, uint64_t len)
{
	memmap_status status = memmap_write(handle, offset, buf, len);
	return status != 0 ? status : memmap_flush(handle, offset, len, MEMMAP_FLUSH_SYNC);
}

// A count or an offset by value, for the same reason as `mapped`.
typedef struct {
	uint64_t number;
	memmap_status status;
} counted;

static counted count_residents(memmap_handle handle, uint64_t offset, uint64_t len, uint8_t *pages, uint64_t room)
{
	counted c = {0};
	c.status = memmap_residency(handle, offset, len, pages, room, &c.number);
	return c;
}

static counted find(memmap_handle handle, uint64_t from, uint64_t to, const uint8_t *needle, uint64_t len)
{
	counted c = {0};
	c.status = memmap_find(handle, from, to, needle, len, &c.number);
	return c;
}

static counted find_last(memmap_handle handle, uint64_t from, uint64_t to, const uint8_t *needle, uint64_t len)
{
	counted c = {0};
	c.status = memmap_rfind(handle, from, to, needle, len, &c.number);
	return c;
}
*/
import "C"

import (
	"strings"
	"sync/atomic"
	"unsafe"
)

// A mapped is the result of a call that opens or resizes a mapping. If its status is not 0, the other fields
// have no meaning.
type mapped struct {
	handle uint64
	data   unsafe.Pointer
	length int
	faults *atomic.Uint32 // The library's count of faults. It stays readable, and is this mapping's until that is closed.
	status int32
}

const (
	statusInvalid    = C.MEMMAP_ERR_INVALID
	statusClosed     = C.MEMMAP_ERR_HANDLE
	statusRange      = C.MEMMAP_ERR_RANGE
	statusNotRegular = C.MEMMAP_ERR_NOT_REGULAR
	statusAccess     = C.MEMMAP_ERR_ACCESS
	statusFault      = C.MEMMAP_ERR_FAULT
	statusBusy       = C.MEMMAP_ERR_BUSY

	statusUnsupported = C.MEMMAP_ERR_UNSUPPORTED
	toEnd             = C.MEMMAP_TO_END
)

func inGo(m C.mapped) mapped {
	faults := (*atomic.Uint32)(unsafe.Pointer(m.faults))
	return mapped{uint64(m.handle), unsafe.Pointer(m.data), int(m.len), faults, int32(m.status)}
}

// opened is inGo for a call that was passed guardWish.
func opened(m C.mapped) mapped {
	if m.status == 0 {
		guarding.CompareAndSwap(guardWanted, guardOn)
	}
	return inGo(m)
}

// guardWish returns whether a call that opens a mapping has to install the guard, in the same cgo call. It has
// to until such a call has succeeded.
func guardWish() C.uint32_t {
	if decideGuard() == guardWanted {
		return C.GUARD_INSTALL
	}
	return C.GUARD_IS_DECIDED
}

func (w wishes) inC() C.memmap_options {
	return C.memmap_options{
		size:     C.sizeof_memmap_options,
		access:   C.uint32_t(w.Access),
		flags:    C.uint32_t(w.Flags),
		mode:     C.uint32_t(w.Mode),
		offset:   C.uint64_t(w.Offset),
		length:   C.uint64_t(w.Length),
		capacity: C.uint64_t(w.Capacity),
		advice:   C.uint32_t(w.Advice),
	}
}

// A cPath is space on the stack for the path of most files.
type cPath [256]byte

// of returns path as a C string, or nil if it contains a NUL byte.
func (room *cPath) of(path string) *C.char {
	if strings.IndexByte(path, 0) >= 0 {
		return nil
	}
	text := append(append(room[:0], path...), 0)
	return (*C.char)(unsafe.Pointer(unsafe.SliceData(text)))
}

func openPath(path string, w wishes) mapped {
	var room cPath
	name, options := room.of(path), w.inC()
	if name == nil {
		return mapped{status: statusInvalid}
	}
	return opened(C.open_path(name, &options, guardWish()))
}

func createPath(path string, size int64, w wishes) mapped {
	var room cPath
	name, options := room.of(path), w.inC()
	if name == nil {
		return mapped{status: statusInvalid}
	}
	return opened(C.create_path(name, C.uint64_t(size), &options, guardWish()))
}

func openDescriptor(fd uintptr, w wishes) mapped {
	options := w.inC()
	return opened(C.open_fd(C.int(fd), &options, guardWish()))
}

func openAnonymous(size int64, w wishes) mapped {
	options := w.inC()
	return opened(C.open_anonymous(C.uint64_t(size), &options, guardWish()))
}

func openShared(name string, size int64, w wishes) mapped {
	var room cPath
	text, options := room.of(name), w.inC()
	if text == nil {
		return mapped{status: statusInvalid}
	}
	return opened(C.open_shared(text, C.uint64_t(size), &options, guardWish()))
}

func openMemfd(name string, size int64, w wishes) mapped {
	var room cPath
	text, options := room.of(name), w.inC()
	if text == nil {
		return mapped{status: statusInvalid}
	}
	return opened(C.open_memfd(text, C.uint64_t(size), &options, guardWish()))
}

// lookAt returns where a mapping is now.
func lookAt(handle uint64) mapped { return inGo(C.look(C.memmap_handle(handle), 0)) }

func openWindow(handle uint64, offset, length int64) mapped {
	return inGo(C.open_window(C.memmap_handle(handle), C.uint64_t(offset), C.uint64_t(length)))
}

func setLength(handle, length uint64) mapped {
	return inGo(C.set_length(C.memmap_handle(handle), C.uint64_t(length)))
}

func setLengthInPlace(handle, length uint64) mapped {
	return inGo(C.set_length_in_place(C.memmap_handle(handle), C.uint64_t(length)))
}

// writeAndFlush passes content as bytes: of a void pointer, cgo would search the memory for Go pointers.
func writeAndFlush(handle uint64, offset int, content []byte) int32 {
	first := (*C.uint8_t)(unsafe.SliceData(content))
	return int32(C.write_and_flush(C.memmap_handle(handle), C.uint64_t(offset), first, C.uint64_t(len(content))))
}

func flush(handle, offset, length uint64, mode FlushMode) int32 {
	return int32(C.memmap_flush(C.memmap_handle(handle), C.uint64_t(offset), C.uint64_t(length), C.uint32_t(mode)))
}

func commit(handle uint64) int32     { return int32(C.memmap_commit(C.memmap_handle(handle))) }
func rollback(handle uint64) int32   { return int32(C.memmap_rollback(C.memmap_handle(handle))) }
func checkpoint(handle uint64) int32 { return int32(C.memmap_checkpoint(C.memmap_handle(handle))) }

func advise(handle, offset, length uint64, advice Advice) int32 {
	return int32(C.memmap_advise(C.memmap_handle(handle), C.uint64_t(offset), C.uint64_t(length), C.uint32_t(advice)))
}

func prefault(handle, offset, length uint64, mode PrefaultMode) int32 {
	return int32(C.memmap_prefault(C.memmap_handle(handle), C.uint64_t(offset), C.uint64_t(length), C.uint32_t(mode)))
}

// countResidents fills pages, one byte of 0 or 1 for each page, unless it is empty.
func countResidents(handle, offset, length uint64, pages []bool) (int64, int32) {
	first := (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(pages)))
	c := C.count_residents(C.memmap_handle(handle), C.uint64_t(offset), C.uint64_t(length), first, C.uint64_t(len(pages)))
	return int64(c.number), int32(c.status)
}

func lockMemory(handle, offset, length uint64) int32 {
	return int32(C.memmap_lock_memory(C.memmap_handle(handle), C.uint64_t(offset), C.uint64_t(length)))
}

func unlockMemory(handle, offset, length uint64) int32 {
	return int32(C.memmap_unlock_memory(C.memmap_handle(handle), C.uint64_t(offset), C.uint64_t(length)))
}

func protect(handle uint64, access Access) int32 {
	return int32(C.memmap_protect(C.memmap_handle(handle), C.uint32_t(access)))
}

// find returns -1 if there is no match: that is MEMMAP_NPOS as a signed number.
func find(handle uint64, from, to int64, needle []byte) (int64, int32) {
	first := (*C.uint8_t)(unsafe.SliceData(needle))
	c := C.find(C.memmap_handle(handle), C.uint64_t(from), C.uint64_t(to), first, C.uint64_t(len(needle)))
	return int64(c.number), int32(c.status)
}

// findLast returns -1 if there is no match.
func findLast(handle uint64, from, to int64, needle []byte) (int64, int32) {
	first := (*C.uint8_t)(unsafe.SliceData(needle))
	c := C.find_last(C.memmap_handle(handle), C.uint64_t(from), C.uint64_t(to), first, C.uint64_t(len(needle)))
	return int64(c.number), int32(c.status)
}

func getInfo(handle uint64) (Info, int32) {
	info := C.memmap_info{size: C.sizeof_memmap_info}
	status := C.memmap_get_info(C.memmap_handle(handle), &info)
	return Info{
		Access:   Access(info.access),
		Flags:    Flags(info.flags),
		Offset:   int64(info.offset),
		Length:   int64(info.length),
		Capacity: int64(info.capacity),
	}, int32(status)
}

func guardRegion(data []byte, fd int) mapped {
	first := (*C.uint8_t)(unsafe.SliceData(data))
	return opened(C.guard_region(first, C.uint64_t(len(data)), C.int(fd), guardWish()))
}

func adopt(data []byte, offset int64, protection, flags int) mapped {
	first := (*C.uint8_t)(unsafe.SliceData(data))
	return opened(C.adopt(first, C.uint64_t(len(data)), C.uint64_t(offset), C.int(protection), C.int(flags), guardWish()))
}

func lockWhenTouched(data unsafe.Pointer, length int) int32 {
	return int32(C.lock_when_touched((*C.uint8_t)(data), C.uint64_t(length)))
}

// getFault returns what was lost of a mapping, nil if nothing was.
func getFault(handle uint64) (*FaultError, int32) {
	fault := C.memmap_fault{size: C.sizeof_memmap_fault}
	status := int32(C.memmap_get_fault(C.memmap_handle(handle), &fault))
	if status != 0 || fault.count == 0 {
		return nil, status
	}
	return &FaultError{int64(fault.offset), int64(fault.length), Cause(fault.causes)}, 0
}

func checkRange(handle, offset, length uint64) int32 {
	return int32(C.memmap_check(C.memmap_handle(handle), C.uint64_t(offset), C.uint64_t(length)))
}

func recoverPages(handle uint64) int32 {
	return int32(C.memmap_recover(C.memmap_handle(handle)))
}

func reapHandle(handle uint64) int32 {
	return int32(C.memmap_reap(C.memmap_handle(handle)))
}

func closeHandle(handle uint64) int32 {
	return int32(C.memmap_close(C.memmap_handle(handle)))
}
