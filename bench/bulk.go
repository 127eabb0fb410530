package main

/*
#cgo CFLAGS: -O2 -I${SRCDIR}/../include
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "memmap.h"

static uint64_t sum(const uint8_t *data, uint64_t len) {
	uint64_t sum = 0;
	for (uint64_t i = 0; i < len; i++) sum += data[i];
	return sum;
}

// Each copies len bytes into a fresh file, and returns 0, or what went wrong.

static int copy_plainly(const char *path, const uint8_t *from, uint64_t len) {
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, len) != 0) return -1;
	void *data = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED) return -1;
	memcpy(data, from, len);
	return munmap(data, len) | close(fd);
}

static int copy(const char *path, const uint8_t *from, uint64_t len, uint32_t flags) {
	memmap_options options = {.size = sizeof options, .flags = flags};
	memmap_handle map;
	memmap_status status = memmap_create(path, len, &options, &map);
	if (status == 0) status = memmap_write(map, 0, from, len);
	return status != 0 ? status : memmap_close(map);
}
*/
import "C"

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
	"libmemmap/bench/measure"
	"libmemmap/memmap"
)

const half = 512 * mib

// hotSum adds up the bytes of a file in memory, by the same loop in C.
func hotSum(folder string) (pair, error) {
	path, err := newFile(folder, "hot", half)
	if err != nil {
		return pair{}, err
	}
	m, err := memmap.Open(path, nil)
	if err != nil {
		return pair{}, err
	}
	plain, err := mapped(path)
	expected := half / 16 * uint64('0'*10+45+'a'*6+15)
	check := func(b *measure.B, sum uint64) {
		if sum != expected {
			b.Fatalf("the sum is %d, not %d", sum, expected)
		}
	}
	return pair{
		ours: func(b *measure.B) {
			for range b.N {
				err := m.View(func(data []byte) error {
					check(b, sum(data))
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		},
		theirs: func(b *measure.B) {
			for range b.N {
				check(b, sum(plain))
			}
		},
		times: 1, rounds: 11,
		done: func() { m.Close() },
	}, err
}

func sum(data []byte) uint64 {
	return uint64(C.sum((*C.uint8_t)(unsafe.SliceData(data)), C.uint64_t(len(data))))
}

// mapped is the file at path, mapped by mmap(2).
func mapped(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
}

// freshCopy copies 512 MiB into a new file, in memory so that the disk isn't what is measured.
func freshCopy(flags memmap.Flags) func(string) (pair, error) {
	return func(string) (pair, error) {
		folder, err := newFolder("/dev/shm")
		if err != nil {
			return skipped(err.Error())
		}
		path := cPath(folder + "/copy")
		source, err := memmap.Anonymous(half, &memmap.Options{Flags: memmap.Prefault})
		if err != nil {
			return pair{}, err
		}
		if err := source.Fill(0, memmap.ToEnd, 'x'); err != nil {
			return pair{}, err
		}
		from := (*C.uint8_t)(unsafe.SliceData(source.Bytes()))
		again := func(copy func() C.int) func(*measure.B) {
			return func(b *measure.B) {
				for range b.N {
					inC(b, copy())
					b.StopTimer()
					os.Remove(folder + "/copy")
					b.StartTimer()
				}
			}
		}
		return pair{
			times: 1, rounds: 9,
			ours:   again(func() C.int { return C.copy(path, from, half, C.uint32_t(flags)) }),
			theirs: again(func() C.int { return C.copy_plainly(path, from, half) }),
			done: func() {
				source.Close()
				os.RemoveAll(folder)
			},
		}, nil
	}
}
