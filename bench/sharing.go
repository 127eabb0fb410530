package main

/*
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "memmap.h"
#include "pin.h"

// Each loop returns 0, or what went wrong.

enum { SMALL = 64 };

static int cell_both(memmap_handle cell, long n) {
	char value[SMALL] = {0}, copy[SMALL];
	uint64_t len, sequence;
	for (long i = 0; i < n; i++) {
		memcpy(value, &i, sizeof i);
		memmap_status status = memmap_cell_publish(cell, 0, value, SMALL);
		if (status == 0) status = memmap_cell_read(cell, 0, copy, SMALL, &len, &sequence);
		if (status != 0) return status;
		if (memcmp(value, copy, SMALL) != 0) return -1;
	}
	return 0;
}

// What each way takes at least where others look on: a copy, and an atomic change before and after it.
static int copy_both(long n) {
	static struct { long before, after; char value[SMALL]; } shared __attribute__((aligned(64)));
	char value[SMALL] = {0}, copy[SMALL];
	for (long i = 0; i < n; i++) {
		memcpy(value, &i, sizeof i);
		__atomic_add_fetch(&shared.before, 1, __ATOMIC_SEQ_CST);
		memcpy(shared.value, value, SMALL);
		__atomic_add_fetch(&shared.after, 1, __ATOMIC_SEQ_CST);
		__atomic_add_fetch(&shared.before, 1, __ATOMIC_SEQ_CST);
		memcpy(copy, shared.value, SMALL);
		__atomic_add_fetch(&shared.after, 1, __ATOMIC_SEQ_CST);
		if (memcmp(value, copy, SMALL) != 0) return -1;
	}
	return 0;
}

static int lock_unlock(memmap_handle file, long n) {
	for (long i = 0; i < n; i++) {
		memmap_status status = memmap_lock(file, 0, 8, MEMMAP_LOCK_EXCLUSIVE, -1);
		if (status != 0 || (status = memmap_unlock(file, 0, 8)) != 0) return status;
	}
	return 0;
}

static int lock_unlock_plainly(int fd, long n) {
	for (long i = 0; i < n; i++) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 8};
		if (fcntl(fd, F_OFD_SETLKW, &lock) != 0) return -1;
		lock.l_type = F_UNLCK;
		if (fcntl(fd, F_OFD_SETLK, &lock) != 0) return -1;
	}
	return 0;
}

static int play(memmap_handle map, uint32_t own, long n) {
	for (long i = 0; i < n; i++) {
		uint32_t now, before;
		memmap_status status;
		while ((status = memmap_atomic_load32(map, 0, &now)) == 0 && now % 2 != own)
			if ((status = memmap_wait(map, 0, now, -1)) != 0) return status;
		if (status == 0) status = memmap_atomic_add32(map, 0, 1, &before);
		if (status == 0) status = memmap_wake(map, 0, 1);
		if (status != 0) return status;
	}
	return 0;
}

static int play_plainly(uint32_t *word, uint32_t own, long n) {
	for (long i = 0; i < n; i++) {
		uint32_t now;
		while ((now = __atomic_load_n(word, __ATOMIC_ACQUIRE)) % 2 != own)
			syscall(SYS_futex, word, FUTEX_WAIT, now, NULL);
		__atomic_fetch_add(word, 1, __ATOMIC_ACQ_REL);
		syscall(SYS_futex, word, FUTEX_WAKE, 1);
	}
	return 0;
}

// Two processes take n turns each, the other one on that processor; `word` is NULL to do it by the library.
static int turns(memmap_handle map, uint32_t *word, long n, int processor) {
	int status = -1;
	pid_t other = fork();
	if (other == 0) run_on(processor);
	if (other == 0) _exit(word != NULL ? play_plainly(word, 1, n) : play(map, 1, n));
	if (other < 0) return -1;
	int own = word != NULL ? play_plainly(word, 0, n) : play(map, 0, n);
	return waitpid(other, &status, 0) == other && own == 0 ? status : -1;
}

enum { READERS = 2, LONGEST = 1 << 16 };

// What is published where, and read all the time: a cell, by two handles as two processes would have them, or
// where there is none a value behind a number that is odd while it is written (a seqlock).
struct published {
	memmap_handle cell, reading;
	long len;
	int begun, stop, processors[READERS];
	struct { uint64_t number; char value[LONGEST]; } plain __attribute__((aligned(64)));
};

static void *read_on(void *argument) {
	static __thread char copy[LONGEST];
	struct published *p = argument;
	uint64_t len, sequence;
	run_on(p->processors[__atomic_fetch_add(&p->begun, 1, __ATOMIC_RELAXED)]);
	while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED))
		if (p->cell != 0) {
			memmap_cell_read(p->reading, 0, copy, LONGEST, &len, &sequence);
		} else {
			do {
				sequence = __atomic_load_n(&p->plain.number, __ATOMIC_ACQUIRE);
				memcpy(copy, p->plain.value, p->len);
				__atomic_thread_fence(__ATOMIC_ACQUIRE);
			} while ((sequence & 1) != 0 || __atomic_load_n(&p->plain.number, __ATOMIC_RELAXED) != sequence);
		}
	return NULL;
}

static int publish(struct published *p, const char *value, uint64_t number) {
	if (p->cell != 0) return memmap_cell_publish(p->cell, 0, value, p->len);
	__atomic_store_n(&p->plain.number, 2 * number + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy(p->plain.value, value, p->len);
	__atomic_store_n(&p->plain.number, 2 * number + 2, __ATOMIC_RELEASE);
	return 0;
}

// The processor's time that publishing takes the writer, in nanoseconds, while `readers` threads read all the time;
// negative when something went wrong.
static double publishing(struct published *p, int readers, long n) {
	static char value[LONGEST];
	pthread_t threads[READERS];
	int status = 0;
	p->begun = p->stop = 0;
	for (int i = 0; i < readers; i++)
		if (pthread_create(&threads[i], NULL, read_on, p) != 0) return -1;
	while (__atomic_load_n(&p->begun, __ATOMIC_RELAXED) < readers) sched_yield();
	double begun = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
	for (long i = 0; i < n && status == 0; i++) {
		memcpy(value, &i, sizeof i);
		status = publish(p, value, i);
	}
	double took = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - begun;
	__atomic_store_n(&p->stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < readers; i++) pthread_join(threads[i], NULL);
	return status != 0 ? -1 : took;
}
*/
import "C"

import (
	"errors"
	"os"
	"time"
	"unsafe"

	"libmemmap/bench/measure"
)

func handleOf(path string) (C.memmap_handle, error) {
	var handle C.memmap_handle
	options := C.memmap_options{size: C.sizeof_memmap_options, access: C.MEMMAP_READ_WRITE}
	if status := C.memmap_open(cPath(path), &options, &handle); status != 0 {
		return 0, errors.New(C.GoString(C.memmap_strerror(status)))
	}
	return handle, nil
}

// newCell is a cell in memory, as those who share it have it.
func newCell(capacity int) (C.memmap_handle, error) {
	var size C.uint64_t
	var handle C.memmap_handle
	name := cPath("cell")
	status := C.memmap_cell_size(C.uint64_t(capacity), &size)
	if status == 0 {
		status = C.memmap_memfd(name, size, nil, &handle)
	}
	if status == 0 {
		status = C.memmap_cell_create(handle, 0, C.uint64_t(capacity))
	}
	if status != 0 {
		return 0, errors.New(C.GoString(C.memmap_strerror(status)))
	}
	return handle, nil
}

func cellBoth(cell C.memmap_handle) func(*measure.B) {
	return func(b *measure.B) { inC(b, C.cell_both(cell, C.long(b.N))) }
}

func cellBesideCopy(string) (pair, error) {
	cell, err := newCell(C.SMALL)
	return pair{
		ours: cellBoth(cell), theirs: func(b *measure.B) { inC(b, C.copy_both(C.long(b.N))) },
	}, err
}

// cellMmapSync has both in memory: on a disk mmap-sync flushes at every write.
func cellMmapSync(string) (pair, error) {
	them, reason := rustPeer("mmap-sync")
	if them == nil {
		return skipped("mmap-sync: " + reason)
	}
	folder, err := newFolder("/dev/shm")
	if err != nil {
		return skipped(err.Error())
	}
	cell, err := newCell(C.SMALL)
	return pair{
		ours: cellBoth(cell), theirs: them.does("cell", folder+"/cell"), elsewhere: true, times: 20_000,
		done: func() { os.RemoveAll(folder) },
	}, err
}

func lockUnlock(folder string) (pair, error) {
	path, err := newFile(folder, "locks", mib)
	if err != nil {
		return pair{}, err
	}
	handle, err := handleOf(path)
	if err != nil {
		return pair{}, err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return pair{}, err
	}
	fd := C.int(file.Fd())
	return pair{
		ours:   func(b *measure.B) { inC(b, C.lock_unlock(handle, C.long(b.N))) },
		theirs: func(b *measure.B) { inC(b, C.lock_unlock_plainly(fd, C.long(b.N))) },
		done:   func() { file.Close() },
	}, nil
}

func wakeWait(string) (pair, error) {
	var handle C.memmap_handle
	if status := C.memmap_memfd(cPath("turns"), 4096, nil, &handle); status != 0 {
		return pair{}, errors.New(C.GoString(C.memmap_strerror(status)))
	}
	var data *C.uint8_t
	var length C.uint64_t
	C.memmap_data(handle, &data, &length)
	word := (*C.uint32_t)(unsafe.Pointer(data))
	other := C.int(measure.Processor(1))
	return pair{
		ours:   func(b *measure.B) { inC(b, C.turns(handle, nil, C.long(b.N), other)) },
		theirs: func(b *measure.B) { inC(b, C.turns(handle, word, C.long(b.N), other)) },
	}, nil
}

const (
	small   = C.SMALL
	longest = C.LONGEST
)

// published compares what a value costs its writer with readers on every processor and without. It is the processor's
// time of the writer's thread: with more threads than processors the clock on the wall would count the readers' turns.
// The seqlock takes at least what the processors' caches do: what a reader has looked at comes back to the writer line
// by line.
func published(byCell bool, length, times int) func(string) (pair, error) {
	return func(string) (pair, error) {
		p := (*C.struct_published)(C.aligned_alloc(64, C.sizeof_struct_published))
		if p == nil {
			return pair{}, errors.New("no memory")
		}
		*p = C.struct_published{len: C.long(length)}
		for i := range p.processors {
			p.processors[i] = C.int(measure.Processor(i))
		}
		if byCell {
			var err error
			if p.cell, err = newCell(length); err != nil {
				return pair{}, err
			}
			if p.reading, err = secondHandle(p.cell); err != nil {
				return pair{}, err
			}
		}
		by := func(readers C.int) func(*measure.B) {
			return func(b *measure.B) {
				took := C.publishing(p, readers, C.long(b.N))
				if took < 0 {
					b.Fatal("publishing failed")
				}
				b.Took(time.Duration(took))
			}
		}
		return pair{
			ours: by(C.READERS), theirs: by(0), times: times, rounds: 11,
			done: func() {
				C.memmap_close(p.cell)
				C.memmap_close(p.reading)
				C.free(unsafe.Pointer(p))
			},
		}, nil
	}
}

// secondHandle maps the same memory again, as another process does.
func secondHandle(first C.memmap_handle) (C.memmap_handle, error) {
	var fd C.int
	var second C.memmap_handle
	status := C.memmap_fd(first, &fd)
	if status == 0 {
		defer C.close(fd)
		status = C.memmap_from_fd(fd, nil, &second)
	}
	if status != 0 {
		return 0, errors.New(C.GoString(C.memmap_strerror(status)))
	}
	return second, nil
}
