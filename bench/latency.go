package main

/*
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include "memmap.h"
#include "pin.h"

// Each does n single operations, and writes how many nanoseconds each took; 0, or what went wrong.

static void *(*volatile call_of_memcpy)(void *, const void *, size_t) = memcpy;

static int read_each(memmap_handle map, const uint8_t *data, long n, double *took) {
	uint8_t bytes[64];
	int failed = 0;
	for (long i = 0; i < n && !failed; i++) {
		double begun = nanoseconds(CLOCK_MONOTONIC);
		if (map != 0) failed = memmap_read(map, i * 64 % (1 << 20), bytes, sizeof bytes);
		else call_of_memcpy(bytes, data + i * 64 % (1 << 20), sizeof bytes);
		took[i] = nanoseconds(CLOCK_MONOTONIC) - begun;
	}
	return failed;
}

static int flush_each(memmap_handle map, uint8_t *data, long n, double *took) {
	enum { PAGE = 4096, PAGES = 256 };
	int failed = 0;
	for (long i = 0; i < n && !failed; i++) {
		uint64_t at = i % PAGES * PAGE;
		data[at]++;
		double begun = nanoseconds(CLOCK_MONOTONIC);
		if (map != 0) failed = memmap_flush(map, at, PAGE, MEMMAP_FLUSH_SYNC);
		else failed = msync(data + at, PAGE, MS_SYNC);
		took[i] = nanoseconds(CLOCK_MONOTONIC) - begun;
	}
	return failed;
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// eachInC collects what a loop in C writes.
func eachInC(loop func(n C.long, took *C.double) C.int) func(int) ([]float64, error) {
	return func(n int) ([]float64, error) {
		took := make([]float64, n)
		if status := loop(C.long(n), (*C.double)(unsafe.Pointer(unsafe.SliceData(took)))); status != 0 {
			return nil, fmt.Errorf("status %d", int(status))
		}
		return took, nil
	}
}

func readTail(folder string) (single, error) {
	handle, plain, err := openedInC(folder, "read-tail")
	by := func(handle C.memmap_handle) func(int) ([]float64, error) {
		return eachInC(func(n C.long, took *C.double) C.int { return C.read_each(handle, first(plain), n, took) })
	}
	return single{
		ours: by(handle), theirs: by(0), times: 20_000,
		done: func() { C.memmap_close(handle) },
	}, err
}

// flushTail flushes a page of a file at a time, without the library by the mapping that the library made.
func flushTail(folder string) (single, error) {
	handle, _, err := openedInC(folder, "flush-tail")
	if err != nil {
		return single{}, err
	}
	var data *C.uint8_t
	var length C.uint64_t
	if status := C.memmap_data(handle, &data, &length); status != 0 {
		return single{}, fmt.Errorf("status %d", int(status))
	}
	by := func(handle C.memmap_handle) func(int) ([]float64, error) {
		return eachInC(func(n C.long, took *C.double) C.int { return C.flush_each(handle, data, n, took) })
	}
	return single{
		ours: by(handle), theirs: by(0), times: 100, rounds: 15,
		done: func() { C.memmap_close(handle) },
	}, nil
}
