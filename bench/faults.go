package main

/*
#cgo CFLAGS: -O2 -I${SRCDIR}/../include
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "memmap.h"

static struct sigaction unguarded, guarded;

static int remember_handlers(void) {
	if (sigaction(SIGBUS, NULL, &unguarded) != 0) return -1;
	int status = memmap_guard_install();
	return status != 0 ? status : sigaction(SIGBUS, NULL, &guarded);
}

static int guard_on(void) { return sigaction(SIGBUS, &guarded, NULL); }
static int guard_off(void) { return sigaction(SIGBUS, &unguarded, NULL); }

static int read_64(memmap_handle map, long n) {
	char bytes[64];
	for (long i = 0; i < n; i++) {
		memmap_status status = memmap_read(map, i * 64 % (1 << 20), bytes, sizeof bytes);
		if (status != 0) return status;
	}
	return 0;
}

// A bare handler: it puts a zero page where the fault was, and that is all.
static long page_size;

static void put_a_page(int signal, siginfo_t *info, void *context) {
	(void)signal, (void)context;
	char *page = (char *)((long)info->si_addr & -page_size);
	mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static int bare_on(void) {
	struct sigaction bare = {.sa_sigaction = put_a_page, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	page_size = sysconf(_SC_PAGESIZE);
	return sigaction(SIGBUS, &bare, NULL);
}

// Mappings of a file of one page, each of which is lost when the file is cut.
enum { LOSSES = 64 };
static volatile char *pages[LOSSES];
static memmap_handle maps[LOSSES];

static void lose_all(void) {
	for (int i = 0; i < LOSSES; i++) (void)*pages[i];
}

static int open_maps(const char *path) {
	for (int i = 0; i < LOSSES; i++) {
		uint8_t *data;
		uint64_t len;
		memmap_status status = memmap_open(path, NULL, &maps[i]);
		if (status != 0 || (status = memmap_data(maps[i], &data, &len)) != 0) return status;
		pages[i] = (char *)data;
	}
	return 0;
}

// Each of them has been lost, and is whole afterwards.
static int recover_maps(void) {
	for (int i = 0; i < LOSSES; i++) {
		memmap_status status = memmap_check(maps[i], 0, 1);
		if (status != MEMMAP_ERR_FAULT) return -1;
		if ((status = memmap_recover(maps[i])) != 0) return status;
	}
	return 0;
}

static void close_maps(void) {
	for (int i = 0; i < LOSSES; i++) memmap_close(maps[i]);
}

static int map_by_hand(const char *path) {
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < LOSSES; i++) {
		pages[i] = mmap(NULL, page_size, PROT_READ, MAP_SHARED, fd, 0);
		if (pages[i] == MAP_FAILED) return -1;
	}
	return close(fd);
}

static int unmap_by_hand(void) {
	for (int i = 0; i < LOSSES; i++) {
		if (*pages[i] != 0 || munmap((void *)pages[i], page_size) != 0) return -1;
	}
	return 0;
}
*/
import "C"

import (
	"fmt"
	"os"
	"testing"

	"libmemmap/memmap"
)

// ---- What the guard costs where nothing faults ----

// rememberHandlers is to be called before the first mapping, which installs the guard.
func rememberHandlers() error {
	if status := C.remember_handlers(); status != 0 {
		return fmt.Errorf("the guard can't be installed: status %d", int(status))
	}
	return nil
}

// guardRows has the handler of SIGBUS that was there before put back for "off", which is all that the
// guard leaves in a process.
func guardRows(folder string, results *report) error {
	path, err := newFile(folder, "guard", mib)
	if err != nil {
		return err
	}
	m, err := memmap.Open(path, &memmap.Options{Access: memmap.ReadWrite})
	if err != nil {
		return err
	}
	defer m.Close()
	var handle C.memmap_handle
	if status := C.memmap_open(cPath(path), nil, &handle); status != 0 {
		return fmt.Errorf("opening: status %d", int(status))
	}
	defer C.memmap_close(handle)
	var buf [64]byte
	for _, row := range []struct {
		work string
		loop func(b *testing.B)
	}{
		{"Go ReadAt of 64 bytes, guard on", loop(func(i int) error { _, err := m.ReadAt(buf[:], int64(i*64%mib)); return err })},
		{"Go WriteAt of 64 bytes, guard on", loop(func(i int) error { _, err := m.WriteAt(buf[:], int64(i*64%mib)); return err })},
		{"Go View, guard on", loop(func(int) error { return m.View(func([]byte) error { return nil }) })},
		{"C memmap_read of 64 bytes, guard on", func(b *testing.B) { inC(b, C.read_64(handle, C.long(b.N))) }},
	} {
		err := results.add(pair{
			work: row.work, against: "the same, guard off", asked: 1 / 1.02,
			ours:      func(b *testing.B) { inC(b, C.guard_on()); row.loop(b) },
			theirs:    func(b *testing.B) { inC(b, C.guard_off()); row.loop(b) },
			benchtime: "100000x", rounds: 101,
		})
		C.guard_on()
		if err != nil {
			return err
		}
	}
	return nil
}

func loop(f func(i int) error) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if err := f(i); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// ---- What it costs to survive ----

// faultsAmong loses LOSSES mappings at a time, among count that aren't lost.
func faultsAmong(count int, asked float64) func(string, *report) error {
	return func(folder string, results *report) error {
		crowdPath, err := newFile(folder, "others", mib)
		if err != nil {
			return err
		}
		path, err := newFile(folder, "lost", os.Getpagesize())
		if err != nil {
			return err
		}
		others, err := gather(cPath(crowdPath), count)
		if err != nil {
			return err
		}
		defer others.disperse()
		return results.add(pair{
			work:    fmt.Sprintf("%d faults among %d mappings", C.LOSSES, count),
			against: "a handler that only calls mmap", asked: asked,
			ours: surviving(path), theirs: survivingBarely(path), benchtime: "20x",
		})
	}
}

func surviving(path string) func(*testing.B) {
	name := cPath(path)
	return func(b *testing.B) {
		b.StopTimer()
		inC(b, C.guard_on())
		inC(b, C.open_maps(name))
		for range b.N {
			loseAndTime(b, path)
			inC(b, C.recover_maps())
		}
		C.close_maps()
	}
}

func survivingBarely(path string) func(*testing.B) {
	name := cPath(path)
	return func(b *testing.B) {
		b.StopTimer()
		inC(b, C.bare_on())
		defer C.guard_on()
		for range b.N {
			inC(b, C.map_by_hand(name))
			loseAndTime(b, path)
			inC(b, C.unmap_by_hand())
		}
	}
}

// loseAndTime leaves the file as it was.
func loseAndTime(b *testing.B, path string) {
	size := int64(os.Getpagesize())
	if err := os.Truncate(path, 0); err != nil {
		b.Fatal(err)
	}
	b.StartTimer()
	C.lose_all()
	b.StopTimer()
	if err := os.Truncate(path, size); err != nil {
		b.Fatal(err)
	}
}
