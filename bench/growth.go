package main

/*
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// Appends records by making the file longer and mapping it anew each time; 0, or -1 when something failed.
static int append_plainly(const char *path, const uint8_t *record, size_t len, long count)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint8_t *data = NULL;
	size_t size = 0;
	if (fd < 0)
		return -1;
	for (long i = 0; i < count; i++) {
		if (data != NULL && munmap(data, size) != 0)
			return -1;
		if (ftruncate(fd, size + len) != 0)
			return -1;
		data = mmap(NULL, size + len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (data == MAP_FAILED)
			return -1;
		memcpy(data + size, record, len);
		size += len;
	}
	return munmap(data, size) == 0 && close(fd) == 0 ? 0 : -1;
}
*/
import "C"

import (
	"errors"
	"os"
	"path/filepath"
	"unsafe"

	mmapgo "github.com/edsrzf/mmap-go"
	"libmemmap/bench/measure"
	"libmemmap/memmap"
)

const (
	records   = 65_536
	recordLen = 4096
)

func appendOnDisk(folder string) (pair, error) { return appending(folder) }

func appendInMemory(string) (pair, error) {
	folder, err := newFolder("/dev/shm")
	if err != nil {
		return skipped(err.Error())
	}
	p, err := appending(folder)
	p.done = func() { os.RemoveAll(folder) }
	return p, err
}

func appending(folder string) (pair, error) {
	record := make([]byte, recordLen)
	for i := range record {
		record[i] = byte(i)
	}
	path := filepath.Join(folder, "appended")
	return pair{
		ours: fresh(path, func() error { return appendWithCapacity(path, record) }),
		theirs: fresh(path, func() error {
			if C.append_plainly(cPath(path), (*C.uint8_t)(unsafe.SliceData(record)), recordLen, records) != 0 {
				return errors.New("appending without the library failed")
			}
			return nil
		}),
		times: 1, rounds: 7,
	}, nil
}

// fresh benchmarks the making of a file that isn't there yet, and checks its size.
func fresh(path string, make func() error) func(*measure.B) {
	return func(b *measure.B) {
		for range b.N {
			err := make()
			b.StopTimer()
			status, statErr := os.Stat(path)
			if err = errors.Join(err, statErr, os.Remove(path)); err != nil {
				b.Fatal(err)
			}
			if status.Size() != records*recordLen {
				b.Fatalf("the file has %d bytes", status.Size())
			}
			b.StartTimer()
		}
	}
}

func appendWithCapacity(path string, record []byte) error {
	m, err := memmap.Create(path, 0, &memmap.Options{Capacity: records * recordLen})
	if err != nil {
		return err
	}
	a := m.Appender()
	for range records {
		if _, err := a.Write(record); err != nil {
			return err
		}
	}
	return errors.Join(a.Close(), m.Close())
}

// firstTouch writes a byte to every page of new memory.
func firstTouch(string) (pair, error) {
	const size = 512 * mib
	touch := func(data []byte) {
		for i := 0; i < len(data); i += 4096 {
			data[i] = 1
		}
	}
	return pair{
		ours: func(b *measure.B) {
			for range b.N {
				m, err := memmap.Anonymous(size, &memmap.Options{Flags: memmap.HugePages})
				if err != nil {
					b.Fatal(err)
				}
				touch(m.Bytes())
				b.StopTimer()
				m.Close()
				b.StartTimer()
			}
		},
		theirs: func(b *measure.B) {
			for range b.N {
				data, err := mmapgo.MapRegion(nil, size, mmapgo.RDWR, mmapgo.ANON, 0)
				if err != nil {
					b.Fatal(err)
				}
				touch(data)
				b.StopTimer()
				data.Unmap()
				b.StartTimer()
			}
		},
		times: 1, rounds: 11,
	}, nil
}
