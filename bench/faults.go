package main

/*
#cgo CFLAGS: -O2 -I${SRCDIR}/../include
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "memmap.h"
#include "pin.h"

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

static double took[LOSSES]; // Each fault alone, in nanoseconds.

static void lose_all(void) {
	for (int i = 0; i < LOSSES; i++) (void)*pages[i];
}

static void lose_each(void) {
	for (int i = 0; i < LOSSES; i++) {
		double begun = nanoseconds(CLOCK_MONOTONIC);
		(void)*pages[i];
		took[i] = nanoseconds(CLOCK_MONOTONIC) - begun;
	}
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

static double took_to_lose(int i) { return took[i]; }

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

static int map_plainly(const char *path) {
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < LOSSES; i++) {
		pages[i] = mmap(NULL, page_size, PROT_READ, MAP_SHARED, fd, 0);
		if (pages[i] == MAP_FAILED) return -1;
	}
	return close(fd);
}

static int unmap_plainly(void) {
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
	"sync"

	"libmemmap/bench/measure"
	"libmemmap/memmap"
)

// ---- What the guard costs where nothing faults ----

// rememberHandlers is to be called before the first mapping, which installs the guard.
var rememberHandlers = sync.OnceValue(func() error {
	if status := C.remember_handlers(); status != 0 {
		return fmt.Errorf("the guard can't be installed: status %d", int(status))
	}
	return nil
})

// guarded has the handler of SIGBUS that was there before put back for "off", which is all that the guard leaves in a
// process.
func guarded(call func(m *memmap.Map, buf []byte, i int) error) func(string) (pair, error) {
	return func(folder string) (pair, error) {
		path, err := newFile(folder, "guard", mib)
		if err != nil {
			return pair{}, err
		}
		m, err := memmap.Open(path, &memmap.Options{Access: memmap.ReadWrite})
		return onAndOff(func(b *measure.B) {
			var buf [64]byte
			for i := range b.N {
				if err := call(m, buf[:], i); err != nil {
					b.Fatal(err)
				}
			}
		}, func() { m.Close() }), err
	}
}

func readAt(m *memmap.Map, buf []byte, i int) error {
	_, err := m.ReadAt(buf, int64(i*64%mib))
	return err
}

func writesAt(m *memmap.Map, buf []byte, i int) error {
	_, err := m.WriteAt(buf, int64(i*64%mib))
	return err
}

func view(m *memmap.Map, _ []byte, _ int) error { return m.View(func([]byte) error { return nil }) }

func guardedInC(folder string) (pair, error) {
	path, err := newFile(folder, "guard", mib)
	if err != nil {
		return pair{}, err
	}
	handle, err := handleOf(path)
	return onAndOff(func(b *measure.B) { inC(b, C.read_64(handle, C.long(b.N))) }, func() { C.memmap_close(handle) }), err
}

func onAndOff(work func(*measure.B), done func()) pair {
	return pair{
		ours:   func(b *measure.B) { inC(b, C.guard_on()); work(b) },
		theirs: func(b *measure.B) { inC(b, C.guard_off()); work(b) },
		times:  100_000, rounds: 101,
		done: func() {
			C.guard_on()
			done()
		},
	}
}

// ---- What it costs to survive ----

// faultsAmong loses LOSSES mappings at a time, among count that aren't lost.
func faultsAmong(count int) func(string) (pair, error) {
	return func(folder string) (pair, error) {
		path, others, err := beside(folder, count)
		return pair{ours: surviving(path, nil), theirs: survivingBarely(path, nil), times: 10, rounds: 15, done: others.disperse}, err
	}
}

// faultTail times each fault for itself.
func faultTail(folder string) (single, error) {
	path, others, err := beside(folder, 10)
	each := func(way func(string, *[]float64) func(*measure.B)) func(int) ([]float64, error) {
		return func(n int) ([]float64, error) {
			var took []float64
			err := measure.Once(way(path, &took), n/C.LOSSES)
			return took, err
		}
	}
	return single{ours: each(surviving), theirs: each(survivingBarely), times: 10 * C.LOSSES, rounds: 25, done: others.disperse}, err
}

// beside is a file of one page to lose, and count mappings of another.
func beside(folder string, count int) (path string, others crowd, err error) {
	crowdPath, err := newFile(folder, "others", mib)
	if err != nil {
		return "", crowd{}, err
	}
	if path, err = newFile(folder, "lost", os.Getpagesize()); err != nil {
		return "", crowd{}, err
	}
	others, err = gather(cPath(crowdPath), count)
	return path, others, err
}

// surviving has the library see to it that lost pages can be read; each, if it isn't nil, gets the time of each.
func surviving(path string, each *[]float64) func(*measure.B) {
	name := cPath(path)
	return func(b *measure.B) {
		b.StopTimer()
		inC(b, C.guard_on())
		inC(b, C.open_maps(name))
		for range b.N {
			loseAndTime(b, path, each)
			inC(b, C.recover_maps())
		}
		C.close_maps()
	}
}

func survivingBarely(path string, each *[]float64) func(*measure.B) {
	name := cPath(path)
	return func(b *measure.B) {
		b.StopTimer()
		inC(b, C.bare_on())
		defer C.guard_on()
		for range b.N {
			inC(b, C.map_plainly(name))
			loseAndTime(b, path, each)
			inC(b, C.unmap_plainly())
		}
	}
}

// loseAndTime leaves the file as it was.
func loseAndTime(b *measure.B, path string, each *[]float64) {
	size := int64(os.Getpagesize())
	if err := os.Truncate(path, 0); err != nil {
		b.Fatal(err)
	}
	if each != nil {
		C.lose_each()
		for i := range C.int(C.LOSSES) {
			*each = append(*each, float64(C.took_to_lose(i)))
		}
	} else {
		b.StartTimer()
		C.lose_all()
		b.StopTimer()
	}
	if err := os.Truncate(path, size); err != nil {
		b.Fatal(err)
	}
}
