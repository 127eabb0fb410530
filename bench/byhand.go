package main

/*
#cgo CFLAGS: -O2 -I${SRCDIR}/../include -D_GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "memmap.h"

// Each loop returns 0, or what went wrong.

static int open_close_plainly(const char *path, long n) {
	for (long i = 0; i < n; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		struct stat status;
		if (fd < 0 || fstat(fd, &status) != 0) return -1;
		void *data = mmap(NULL, status.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (data == MAP_FAILED || munmap(data, status.st_size) != 0 || close(fd) != 0) return -1;
	}
	return 0;
}

static int open_close(const char *path, long n) {
	for (long i = 0; i < n; i++) {
		memmap_handle map;
		memmap_status status = memmap_open(path, NULL, &map);
		if (status != 0 || (status = memmap_close(map)) != 0) return status;
	}
	return 0;
}

static int rdlock_unlock(long n) {
	static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
	for (long i = 0; i < n; i++) {
		if (pthread_rwlock_rdlock(&lock) != 0 || pthread_rwlock_unlock(&lock) != 0) return -1;
	}
	return 0;
}

static int pin_unpin(memmap_handle map, long n) {
	for (long i = 0; i < n; i++) {
		memmap_view view;
		memmap_status status = memmap_pin(map, &view);
		if (status != 0 || (status = memmap_unpin(map)) != 0) return status;
	}
	return 0;
}

// Opens the file `count` times without keeping descriptors.
static memmap_handle *crowd(const char *path, long count) {
	memmap_handle *maps = malloc(count * sizeof *maps);
	memmap_options options = {.size = sizeof options, .flags = MEMMAP_NO_DESCRIPTOR};
	for (long i = 0; maps != NULL && i < count; i++) {
		if (memmap_open(path, &options, &maps[i]) != 0) return NULL;
	}
	return maps;
}

static void disperse(memmap_handle *maps, long count) {
	for (long i = 0; i < count; i++) memmap_close(maps[i]);
	free(maps);
}
*/
import "C"

import (
	"fmt"
	"unsafe"

	"libmemmap/bench/measure"
)

// The loops run in C, one cgo call for all of b.N, so that what is compared is C with C.

func inC(b *measure.B, status C.int) {
	if status != 0 {
		b.Fatalf("status %d", int(status))
	}
}

// cPath is path for C, for as long as the program runs.
func cPath(path string) *C.char { return C.CString(path) }

func openClosePlainly(path *C.char) func(*measure.B) {
	return func(b *measure.B) { inC(b, C.open_close_plainly(path, C.long(b.N))) }
}

func openClose(path *C.char) func(*measure.B) {
	return func(b *measure.B) { inC(b, C.open_close(path, C.long(b.N))) }
}

func rdlockUnlock(b *measure.B) { inC(b, C.rdlock_unlock(C.long(b.N))) }

func pinUnpin(path *C.char) func(*measure.B) {
	var handle C.memmap_handle
	if status := C.memmap_open(path, nil, &handle); status != 0 {
		panic(C.GoString(C.memmap_strerror(status)))
	}
	return func(b *measure.B) { inC(b, C.pin_unpin(handle, C.long(b.N))) }
}

// A crowd is many mappings of one file, alive at once.
type crowd struct {
	maps  *C.memmap_handle
	count int
}

func gather(path *C.char, count int) (crowd, error) {
	maps := C.crowd(path, C.long(count))
	if maps == nil {
		return crowd{}, fmt.Errorf("%d mappings can't be had: raise vm.max_map_count", count)
	}
	return crowd{maps, count}, nil
}

func (c crowd) disperse() { C.disperse(c.maps, C.long(c.count)) }

// own is the memory that the program itself holds for the list of handles, in bytes.
func (c crowd) own() int { return c.count * int(unsafe.Sizeof(*c.maps)) }
