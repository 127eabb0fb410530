package main

/*
#cgo CFLAGS: -O2 -I${SRCDIR}/../include -D_GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <stdint.h>
#include <string.h>
#include "memmap.h"
#include "pin.h"

enum { THREADS = 8, PROCESSORS = 64, FILE_SIZE = 1 << 20, PIECE = 64, HAYSTACK = 4096 };
enum work { READ, PIN, FIND };

// What threads do together: one work, on one handle, or where that is 0 without the library.
struct job {
	enum work work;
	memmap_handle map;
	const uint8_t *data;
	int threads, processors[PROCESSORS], processor_count;
	long n; // Of each.
	int ready, go, failed;
};

struct worker {
	struct job *job;
	int number;
	pthread_t thread;
};

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

// By an address that the compiler doesn't know, so that it is a call, as memmap_read is one.
static void *(*volatile plain_copy)(void *, const void *, size_t) = memcpy;

static int read_once(const struct job *j, long i) {
	uint8_t bytes[PIECE];
	if (j->map != 0) return memmap_read(j->map, i * PIECE % FILE_SIZE, bytes, sizeof bytes);
	plain_copy(bytes, j->data + i * PIECE % FILE_SIZE, sizeof bytes);
	return 0;
}

static int pin_once(const struct job *j) {
	memmap_view view;
	if (j->map != 0) return memmap_pin(j->map, &view) != 0 ? -1 : memmap_unpin(j->map);
	return pthread_rwlock_rdlock(&rwlock) != 0 ? -1 : pthread_rwlock_unlock(&rwlock);
}

// Of a file of "0123456789abcdef", of which each piece looks like the beginning.
static int find_once(const struct job *j, long i) {
	static const char needle[] = "0123456789abcdeg";
	uint64_t from = i * HAYSTACK % FILE_SIZE, at = 0;
	if (j->map == 0) return memmem(j->data + from, HAYSTACK, needle, 16) != NULL;
	return memmap_find(j->map, from, from + HAYSTACK, needle, 16, &at) != 0 || at != MEMMAP_NPOS;
}

static int do_n(const struct job *j, long first) {
	int failed = 0;
	for (long i = first; i < first + j->n && !failed; i++)
		failed = j->work == READ ? read_once(j, i) : j->work == PIN ? pin_once(j) : find_once(j, i);
	return failed;
}

static void *work_on(void *argument) {
	struct worker *w = argument;
	struct job *j = w->job;
	run_on(j->processors[w->number % j->processor_count]);
	__atomic_add_fetch(&j->ready, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&j->go, __ATOMIC_ACQUIRE)) sched_yield();
	if (do_n(j, w->number * (FILE_SIZE / THREADS / PIECE)) != 0) __atomic_store_n(&j->failed, 1, __ATOMIC_RELAXED);
	return NULL;
}

// Has the threads do n of the work in all; the nanoseconds that it takes them, negative when something fails.
static double together(struct job *j, long n) {
	struct worker workers[THREADS];
	int started = 0;
	j->n = (n + j->threads - 1) / j->threads;
	j->ready = j->go = j->failed = 0;
	for (; started < j->threads; started++) {
		workers[started] = (struct worker){j, started};
		if (pthread_create(&workers[started].thread, NULL, work_on, &workers[started]) != 0) break;
	}
	if (started < j->threads) j->n = 0, j->failed = 1;
	while (__atomic_load_n(&j->ready, __ATOMIC_SEQ_CST) < started) sched_yield();
	double begun = nanoseconds(CLOCK_MONOTONIC);
	__atomic_store_n(&j->go, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < started; i++) pthread_join(workers[i].thread, NULL);
	return j->failed ? -1 : nanoseconds(CLOCK_MONOTONIC) - begun;
}

// The same by the calling thread: 0, or what went wrong.
static int alone(enum work work, memmap_handle map, const uint8_t *data, long n, long size) {
	struct job j = {.work = work, .map = map, .data = data, .n = n};
	uint8_t bytes[4096];
	if (size == PIECE) return do_n(&j, 0);
	for (long i = 0; i < n; i++) {
		uint64_t at = i * size % FILE_SIZE;
		if (map == 0) plain_copy(bytes, data + at, size);
		else if (memmap_read(map, at, bytes, size) != 0) return -1;
	}
	return 0;
}
*/
import "C"

import (
	"io"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/exp/mmap"
	"libmemmap/bench/measure"
	"libmemmap/memmap"
)

const (
	reading = C.READ
	pins    = C.PIN
	finding = C.FIND
)

// openedInC is a file of FILE_SIZE bytes, by the library and as plain memory.
func openedInC(folder, name string) (C.memmap_handle, []byte, error) {
	path, err := newFile(folder, name, C.FILE_SIZE)
	if err != nil {
		return 0, nil, err
	}
	handle, err := handleOf(path)
	if err != nil {
		return 0, nil, err
	}
	plain, err := mapped(path)
	return handle, plain, err
}

// cThreads has threads of C do a work together.
func cThreads(work uint32) func(string) (shared, error) {
	return func(folder string) (shared, error) {
		handle, plain, err := openedInC(folder, "threads")
		by := func(handle C.memmap_handle) func(int) func(*measure.B) {
			return func(threads int) func(*measure.B) {
				return func(b *measure.B) {
					j := (*C.struct_job)(C.calloc(1, C.sizeof_struct_job))
					defer C.free(unsafe.Pointer(j))
					j.work, j._map, j.data, j.threads = work, handle, first(plain), C.int(threads)
					j.processor_count = C.int(min(measure.Processors(), C.PROCESSORS))
					for i := range j.processor_count {
						j.processors[i] = C.int(measure.Processor(int(i)))
					}
					took := C.together(j, C.long(b.N))
					if took < 0 {
						b.Fatal("a thread failed")
					}
					b.Took(time.Duration(took))
				}
			}
		}
		return shared{ours: by(handle), theirs: by(0), done: func() { C.memmap_close(handle) }}, err
	}
}

// cReadPlain reads by one thread, beside a call of memcpy that the compiler can't replace.
func cReadPlain(size int) func(string) (pair, error) {
	return func(folder string) (pair, error) {
		handle, plain, err := openedInC(folder, "plain")
		by := func(handle C.memmap_handle) func(*measure.B) {
			return func(b *measure.B) { inC(b, C.alone(C.READ, handle, first(plain), C.long(b.N), C.long(size))) }
		}
		return pair{ours: by(handle), theirs: by(0), done: func() { C.memmap_close(handle) }}, err
	}
}

// goThreads has goroutines do a work together, each on a thread of its own; do does it n times.
func goThreads(do func(number, n int)) func(int) func(*measure.B) {
	return func(threads int) func(*measure.B) {
		return func(b *measure.B) {
			b.StopTimer()
			var ready, finished sync.WaitGroup
			begin := make(chan struct{})
			for number := range threads {
				ready.Add(1)
				finished.Add(1)
				go func() {
					defer finished.Done()
					// The thread ends with the goroutine.
					measure.OwnThread(number)
					ready.Done()
					<-begin
					do(number, (b.N+threads-1)/threads)
				}()
			}
			ready.Wait()
			b.StartTimer()
			close(begin)
			finished.Wait()
			b.StopTimer()
		}
	}
}

func goReadThreads(folder string) (shared, error) {
	path, err := newFile(folder, "go-threads", mib)
	if err != nil {
		return shared{}, err
	}
	ours, err := memmap.Open(path, nil)
	if err != nil {
		return shared{}, err
	}
	theirs, err := mmap.Open(path)
	by := func(r io.ReaderAt) func(int) func(*measure.B) {
		return goThreads(func(number, n int) {
			var buf [64]byte
			for i := range n {
				if _, err := r.ReadAt(buf[:], int64((number*mib/8+i*64)%mib)); err != nil {
					panic(err)
				}
			}
		})
	}
	return shared{ours: by(ours), theirs: by(theirs), done: func() { ours.Close() }}, err
}

func goViewThreads(folder string) (shared, error) {
	path, err := newFile(folder, "view-threads", mib)
	if err != nil {
		return shared{}, err
	}
	m, err := memmap.Open(path, nil)
	var lock sync.RWMutex
	return shared{
		ours: goThreads(func(_, n int) {
			for range n {
				if err := m.View(func([]byte) error { return nil }); err != nil {
					panic(err)
				}
			}
		}),
		theirs: goThreads(func(_, n int) {
			for range n {
				lock.RLock()
				lock.RUnlock() //nolint:staticcheck // Nothing in between is what is measured.
			}
		}),
		done: func() { m.Close() },
	}, err
}
