package memmap

/*
#cgo noescape get_fd
#cgo nocallback get_fd
#cgo noescape get_read_only_fd
#cgo nocallback get_read_only_fd
#cgo noescape get_seals
#cgo nocallback get_seals
#cgo noescape cell_size
#cgo nocallback cell_size
#cgo noescape cell_publish
#cgo nocallback cell_publish
#cgo noescape cell_read
#cgo nocallback cell_read
#cgo noescape cell_look
#cgo nocallback cell_look

#include <memmap.h>

// Results by value, as in cgo.go.
typedef struct {
	int fd;
	memmap_status status;
} descriptor;

static descriptor get_fd(memmap_handle handle)
{
	descriptor d = {.fd = -1};
	d.status = memmap_fd(handle, &d.fd);
	return d;
}

static descriptor get_read_only_fd(memmap_handle handle)
{
	descriptor d = {.fd = -1};
	d.status = memmap_read_only_fd(handle, &d.fd);
	return d;
}

typedef struct {
	uint32_t seals;
	memmap_status status;
} sealed;

static sealed get_seals(memmap_handle handle)
{
	sealed s = {0};
	s.status = memmap_get_seals(handle, &s.seals);
	return s;
}

typedef struct {
	uint64_t size, sequence;
	memmap_status status;
} celled;

static celled cell_size(uint64_t capacity)
{
	celled c = {0};
	c.status = memmap_cell_size(capacity, &c.size);
	return c;
}

static memmap_status cell_publish(memmap_handle handle, uint64_t offset, const uint8_t *value, uint64_t len)
{
	return memmap_cell_publish(handle, offset, value, len);
}

static celled cell_read(memmap_handle handle, uint64_t offset, uint8_t *buf, uint64_t room)
{
	celled c = {0};
	c.status = memmap_cell_read(handle, offset, buf, room, &c.size, &c.sequence);
	return c;
}

static celled cell_look(memmap_handle handle, uint64_t offset)
{
	celled c = {0};
	c.status = memmap_cell_look(handle, offset, &c.size, &c.sequence);
	return c;
}
*/
import "C"

import "unsafe"

const statusTimeout = C.MEMMAP_ERR_TIMEOUT

func unlinkShared(name string) int32 {
	var room cPath
	text := room.of(name)
	if text == nil {
		return statusInvalid
	}
	return int32(C.memmap_shared_unlink(text))
}

func getDescriptor(handle uint64, readOnly bool) (int, int32) {
	var d C.descriptor
	if readOnly {
		d = C.get_read_only_fd(C.memmap_handle(handle))
	} else {
		d = C.get_fd(C.memmap_handle(handle))
	}
	return int(d.fd), int32(d.status)
}

func seal(handle uint64, seals Seals) int32 {
	return int32(C.memmap_seal(C.memmap_handle(handle), C.uint32_t(seals)))
}

func getSeals(handle uint64) (Seals, int32) {
	s := C.get_seals(C.memmap_handle(handle))
	return Seals(s.seals), int32(s.status)
}

func lockRange(handle, offset, length uint64, mode LockMode, milliseconds int64) int32 {
	return int32(C.memmap_lock(C.memmap_handle(handle), C.uint64_t(offset), C.uint64_t(length), C.uint32_t(mode), C.int64_t(milliseconds)))
}

func unlockRange(handle, offset, length uint64) int32 {
	return int32(C.memmap_unlock(C.memmap_handle(handle), C.uint64_t(offset), C.uint64_t(length)))
}

func waitWord(handle, offset uint64, expected uint32, milliseconds int64) int32 {
	return int32(C.memmap_wait(C.memmap_handle(handle), C.uint64_t(offset), C.uint32_t(expected), C.int64_t(milliseconds)))
}

func wakeWord(handle, offset uint64, count uint32) int32 {
	return int32(C.memmap_wake(C.memmap_handle(handle), C.uint64_t(offset), C.uint32_t(count)))
}

func cellSize(capacity uint64) (int64, int32) {
	c := C.cell_size(C.uint64_t(capacity))
	return int64(c.size), int32(c.status)
}

func createCell(handle, offset, capacity uint64) int32 {
	return int32(C.memmap_cell_create(C.memmap_handle(handle), C.uint64_t(offset), C.uint64_t(capacity)))
}

func publishCell(handle, offset uint64, value []byte) int32 {
	first := (*C.uint8_t)(unsafe.SliceData(value))
	return int32(C.cell_publish(C.memmap_handle(handle), C.uint64_t(offset), first, C.uint64_t(len(value))))
}

// readCell returns the length of the value that is in buf afterwards, and its sequence number.
func readCell(handle, offset uint64, buf []byte) (int, uint64, int32) {
	first := (*C.uint8_t)(unsafe.SliceData(buf))
	c := C.cell_read(C.memmap_handle(handle), C.uint64_t(offset), first, C.uint64_t(len(buf)))
	return int(c.size), uint64(c.sequence), int32(c.status)
}

func lookCell(handle, offset uint64) (capacity int64, sequence uint64, status int32) {
	c := C.cell_look(C.memmap_handle(handle), C.uint64_t(offset))
	return int64(c.size), uint64(c.sequence), int32(c.status)
}
