/*
 * PROCESSES processes of THREADS threads mix all operations: on private files, on shared files that are truncated again
 * and again, on a log that all append to, and on a book that all change under locks. Every byte of log and book is
 * checked.
 *
 * usage: soak FOLDER SECONDS INTERVAL [ROUNDS]
 *
 * It ends after SECONDS, or when each thread has made its ROUNDS. MEMMAP_SEED selects the operations.
 *
 * Each process prints a line per INTERVAL: seconds since the start, its number, resident memory in KiB, open
 * descriptors, areas of memory, calls made, and of their latency in nanoseconds the median, the 99th and the 99.9th
 * percentile. At the first result that the header does not allow, it prints the result and exits with 1.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "memmap.h"

enum { PROCESSES = 4, THREADS = 8, SHARED = 4, OWN = 4, PAGE = 4096, MOST = 64 * PAGE };
/* Of the log, and of the book. */
enum { RECORD = 64, MOST_LOGGED = 16 << 20, HEAD = 64, RECORDS = 2 * HEAD, MOST_RECORDS = 100 };

/* Latencies are counted by eighths of a power of two. */
enum { BUCKETS = 64 * 8 };
static atomic_ullong latencies[BUCKETS];
static atomic_int ended;
/* The time at which the call began. It is no argument, since the order of their evaluation is unspecified. */
static _Thread_local uint64_t began;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static unsigned bucket_of(uint64_t nanoseconds) {
    unsigned power = 63 - (unsigned)__builtin_clzll(nanoseconds | 8);
    return power * 8 + (unsigned)(nanoseconds >> (power - 3) & 7);
}

static uint64_t from_bucket(unsigned bucket) {
    return ((UINT64_C(8) | (bucket & 7)) << (bucket / 8)) >> 3;
}

static _Noreturn void fail(const char *call, memmap_status status) {
    printf("failed: %s answers %d: %s\n", call, (int)status, memmap_strerror(status));
    fflush(stdout);
    _exit(1);
}

/* Counts and times one call. Returns 1 if its status is 0. A status other than 0 and those named is a failure. */
static int answered(const char *call, memmap_status status, const memmap_status *allowed) {
    atomic_fetch_add_explicit(&latencies[bucket_of(now() - began)], 1, memory_order_relaxed);
    for (; status != 0 && *allowed != status; allowed++)
        if (*allowed == 0)
            fail(call, status);
    return status == 0;
}

#define TRY(call, ...) (began = now(), answered(#call, call, (const memmap_status[]){__VA_ARGS__, 0}))
/* The statuses that are allowed for a mapping of a file whose size other threads change. */
#define LOST MEMMAP_ERR_FAULT, MEMMAP_ERR_RANGE

struct thread {
    int process, number;
    uint64_t random;
    const char *folder;
    memmap_handle shared[SHARED], own[OWN], log, book;
    uint64_t written[OWN];
    int log_fd, book_fd;
    /* What the readers of the process lock the book by, and this thread as a writer. Who comes first is served
     * first among those of one handle, so who has one range and waits for another needs one of his own. */
    memmap_handle readers, writer;
};

/* The number of records that each thread of all processes has appended to the log. */
static struct {
    atomic_ullong logged[PROCESSES][THREADS];
} *all;

static uint64_t below(struct thread *thread, uint64_t n) {
    thread->random = thread->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (thread->random >> 33) % n;
}

static void shared_path(const struct thread *thread, int file, char *path) {
    snprintf(path, 256, "%s/shared%d", thread->folder, file);
}

/* Closes a mapping of a shared file and opens the file again, with one of several options. */
static void reopen(struct thread *thread, int file) {
    static const uint32_t accesses[] = {MEMMAP_READ_ONLY, MEMMAP_READ_WRITE, MEMMAP_COPY_ON_WRITE};
    memmap_options options = {.size = sizeof options};
    char path[256];
    shared_path(thread, file, path);
    if (thread->shared[file])
        TRY(memmap_close(thread->shared[file]), 0);
    thread->shared[file] = 0;
    options.access = accesses[below(thread, 3)];
    options.flags = below(thread, 8) == 0 ? MEMMAP_NO_DESCRIPTOR : 0;
    options.capacity = below(thread, 2) * MOST;
    options.offset = below(thread, 2) * below(thread, 3 * PAGE);
    TRY(memmap_open(path, &options, &thread->shared[file]), MEMMAP_ERR_RANGE);
}

/* Other threads truncate the file at any time. Lost pages are reported, and can be recovered when the file has them. */
static void use_shared(struct thread *thread, int file) {
    memmap_handle handle = thread->shared[file];
    memmap_fault fault = {.size = sizeof fault};
    memmap_view view;
    uint64_t len = 0, found, offset;
    uint8_t buffer[3000];
    if (!handle) {
        reopen(thread, file);
        return;
    }
    TRY(memmap_len(handle, &len), 0);
    offset = len ? below(thread, len) : 0;
    switch (below(thread, 13)) {
    case 0: TRY(memmap_read(handle, offset, buffer, sizeof buffer), LOST); break;
    case 1: TRY(memmap_write(handle, offset, "soak", 4), LOST, MEMMAP_ERR_ACCESS); break;
    case 2: TRY(memmap_fill(handle, offset, 100, 7), LOST, MEMMAP_ERR_ACCESS); break;
    case 3: TRY(memmap_find(handle, offset, MEMMAP_TO_END, "soak", 4, &found), LOST); break;
    case 4:
        TRY(memmap_flush(handle, offset, 100, MEMMAP_FLUSH_ASYNC), LOST, MEMMAP_ERR_ACCESS, MEMMAP_ERR_UNSUPPORTED);
        break;
    case 5: TRY(memmap_refresh(handle, &len), MEMMAP_ERR_FAULT, MEMMAP_ERR_UNSUPPORTED); break;
    case 6: TRY(memmap_recover(handle), MEMMAP_ERR_FAULT, MEMMAP_ERR_UNSUPPORTED); break;
    case 7: TRY(memmap_get_fault(handle, &fault), 0); break;
    case 8: TRY(memmap_prefault(handle, offset, 1, MEMMAP_PREFAULT_READ), LOST); break;
    case 9:
        if (TRY(memmap_pin(handle, &view), 0)) {
            if (view.len)
                *(volatile uint8_t *)(view.data + below(thread, view.len));
            TRY(memmap_unpin(handle), MEMMAP_ERR_FAULT);
        }
        break;
    case 10:
        if (TRY(memmap_lock(handle, 0, 1, MEMMAP_LOCK_SHARED, 0), LOST, MEMMAP_ERR_TIMEOUT, MEMMAP_ERR_UNSUPPORTED))
            TRY(memmap_unlock(handle, 0, 1), 0);
        break;
    case 11:
        TRY(memmap_resize(handle, below(thread, MOST)), MEMMAP_ERR_FAULT, MEMMAP_ERR_ACCESS, MEMMAP_ERR_UNSUPPORTED);
        break;
    default: reopen(thread, file); break;
    }
}

/* Sets the size of a shared file by ftruncate(2). */
static void cut(struct thread *thread) {
    char path[256];
    shared_path(thread, (int)below(thread, SHARED), path);
    if (truncate(path, (off_t)below(thread, MOST)) != 0)
        fail("truncate", errno);
}

static uint8_t pattern(uint64_t seed, uint64_t at) { return (uint8_t)(seed * 31 + at); }

static void remake(struct thread *thread, int file) {
    memmap_options options = {.size = sizeof options};
    char path[256];
    if (thread->own[file])
        TRY(memmap_close(thread->own[file]), 0);
    snprintf(path, sizeof path, "%s/own%d-%d-%d", thread->folder, thread->process, thread->number, file);
    options.flags = below(thread, 2) ? MEMMAP_SPARSE : 0;
    options.capacity = below(thread, 2) * MOST;
    if (file == 0) {
        options.flags = 0;
        TRY(memmap_anonymous(below(thread, MOST), &options, &thread->own[file]), 0);
    } else if (file == 1) {
        TRY(memmap_memfd("soak", below(thread, MOST), &options, &thread->own[file]), 0);
    } else {
        TRY(memmap_create(path, below(thread, MOST), &options, &thread->own[file]), 0);
    }
    thread->written[file] = 0;
}

/* A private file has exactly the bytes that were written. */
static void verify(struct thread *thread, int file, uint64_t len) {
    uint8_t buffer[2000];
    uint64_t offset = below(thread, len), i, count = len - offset < sizeof buffer ? len - offset : sizeof buffer;
    TRY(memmap_read(thread->own[file], offset, buffer, count), 0);
    for (i = 0; i < count; i++)
        if (buffer[i] != (thread->written[file] ? pattern(thread->written[file], offset + i) : 0))
            fail("a byte of its own file differs, and memmap_read", 0);
}

static void rewrite(struct thread *thread, int file, uint64_t len) {
    uint8_t *bytes = malloc(len);
    uint64_t i;
    thread->written[file] = 1 + below(thread, 1000);
    for (i = 0; i < len; i++)
        bytes[i] = pattern(thread->written[file], i);
    TRY(memmap_write(thread->own[file], 0, bytes, len), 0);
    free(bytes);
}

/* Old bytes are kept, and new ones are zero. */
static void verify_resized(struct thread *thread, int file, uint64_t before, uint64_t len) {
    static const uint8_t zeros[PAGE];
    uint8_t buffer[PAGE];
    uint64_t at = before < len ? before : len, count = len - at < PAGE ? len - at : PAGE;
    if (at > 0)
        verify(thread, file, at);
    TRY(memmap_read(thread->own[file], at, buffer, count), 0);
    if (memcmp(buffer, zeros, count) != 0)
        fail("a new byte isn't zero, and memmap_resize", 0);
}

static void use_own(struct thread *thread, int file) {
    memmap_handle handle = thread->own[file];
    uint64_t len = 0, before;
    int fd;
    memmap_handle again;
    if (!handle) {
        remake(thread, file);
        return;
    }
    TRY(memmap_len(handle, &len), 0);
    switch (below(thread, 10)) {
    case 0: if (len) rewrite(thread, file, len); break;
    case 1: if (len) verify(thread, file, len); break;
    case 2: /* New bytes are zero. Then all bytes are written again. */
        before = below(thread, MOST);
        if (TRY(memmap_resize(handle, before), 0) && before) {
            verify_resized(thread, file, len, before);
            rewrite(thread, file, before);
        }
        break;
    case 3: if (len >= 8 && TRY(memmap_fill(handle, 0, MEMMAP_TO_END, 0), 0)) {
            thread->written[file] = 0;
            TRY(memmap_atomic_add64(handle, 0, 1, &before), 0);
            TRY(memmap_atomic_compare_swap64(handle, 0, 1, 0, &before), 0);
        }
        break;
    case 4: if (file > 0) TRY(memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_ASYNC), 0); break;
    case 5: if (file > 1 && below(thread, 50) == 0) TRY(memmap_flush(handle, 0, PAGE < len ? PAGE : len, 0), 0); break;
    case 6: TRY(memmap_advise(handle, 0, MEMMAP_TO_END, MEMMAP_ADVICE_RANDOM), 0); break;
    case 7: TRY(memmap_protect(handle, MEMMAP_READ_ONLY), 0); TRY(memmap_protect(handle, MEMMAP_READ_WRITE), 0); break;
    case 8:
        if (file > 0 && TRY(memmap_fd(handle, &fd), 0)) {
            if (TRY(memmap_from_fd(fd, NULL, &again), 0))
                TRY(memmap_close(again), 0);
            close(fd);
        }
        break;
    default: remake(thread, file); break;
    }
}

/* ---- Records --------------------------------------------------------------------------- */

struct record {
    uint32_t magic, writer;
    uint64_t number;
    uint8_t rest[RECORD - 24];
    uint64_t sum;
};

static uint64_t sum_of(const struct record *record) {
    const uint8_t *bytes = (const uint8_t *)record;
    uint64_t sum = UINT64_C(14695981039346656037);
    size_t i;
    for (i = 0; i < offsetof(struct record, sum); i++)
        sum = (sum ^ bytes[i]) * UINT64_C(1099511628211);
    return sum;
}

static struct record record_of(uint32_t writer, uint64_t number) {
    struct record record = {.magic = 0xA5A5A5A5u, .writer = writer, .number = number};
    memset(record.rest, (int)(1 + number % 255), sizeof record.rest);
    record.sum = sum_of(&record);
    return record;
}

static int is_whole(const struct record *record) {
    return record->magic == 0xA5A5A5A5u && record->sum == sum_of(record);
}

static uint64_t size_of(int fd) {
    struct stat status;
    if (fstat(fd, &status) != 0)
        fail("fstat", errno);
    return (uint64_t)status.st_size;
}

static void named(const struct thread *thread, const char *name, char *path) {
    snprintf(path, 256, "%s/%s", thread->folder, name);
}

/* Maps the file of that name with one of several options. */
static void reopen_named(struct thread *thread, const char *name, memmap_handle *handle) {
    memmap_options options = {.size = sizeof options, .access = MEMMAP_READ_WRITE};
    char path[256];
    named(thread, name, path);
    if (*handle)
        TRY(memmap_close(*handle), 0);
    options.flags = below(thread, 2) ? MEMMAP_SPARSE : 0;
    options.capacity = below(thread, 2) * 2 * MOST;
    options.advice = (uint32_t)below(thread, 3);
    TRY(memmap_open(path, &options, handle), 0);
}

/* ---- The log: all threads append to it and grow it, and none truncates it ------------------ */

/* The last bytes of the mapping are those of the file. */
static void follow_log(struct thread *thread) {
    uint8_t shown[200], there[200];
    uint64_t len = 0, count, at;
    TRY(memmap_refresh(thread->log, &len), 0);
    count = len < sizeof shown ? len : sizeof shown;
    at = len - count;
    if (pread(thread->log_fd, there, count, (off_t)at) != (ssize_t)count)
        fail("the log is shorter than it was, and pread", errno);
    TRY(memmap_read(thread->log, at, shown, count), 0);
    if (memcmp(shown, there, count) != 0)
        fail("the log isn't what the mapping shows, and memmap_read", 0);
}

static void use_log(struct thread *thread) {
    atomic_ullong *logged = &all->logged[thread->process][thread->number];
    uint64_t len = 0;
    int full = size_of(thread->log_fd) > MOST_LOGGED, count;
    struct record record;
    switch (below(thread, 6)) {
    case 0:
        for (count = 0; !full && count < 20; count++) {
            record = record_of((uint32_t)(thread->process * THREADS + thread->number), atomic_load(logged));
            if (write(thread->log_fd, &record, RECORD) != RECORD)
                fail("write", errno);
            atomic_fetch_add(logged, 1);
        }
        break;
    case 1:
        TRY(memmap_refresh(thread->log, &len), 0);
        TRY(memmap_resize(thread->log, len + (full ? 0 : 1 + below(thread, 50))), 0);
        break;
    case 2: /* The requested length may be outdated: the mapping then takes the length of the file. */
        TRY(memmap_len(thread->log, &len), 0);
        TRY(memmap_resize(thread->log, len + (full ? 0 : 1 + below(thread, 50))), 0);
        break;
    case 3: follow_log(thread); break;
    case 4: TRY(memmap_flush(thread->log, 0, MEMMAP_TO_END, MEMMAP_FLUSH_ASYNC), 0); break;
    default: reopen_named(thread, "log", &thread->log); break;
    }
}

/* Every appended record is there, those of each thread in order; all other bytes are zero. */
static void check_log(const char *folder) {
    uint64_t next[PROCESSES * THREADS] = {0}, size, at = 0, i;
    struct thread thread = {.folder = folder};
    uint8_t *bytes;
    char path[256];
    int fd;
    named(&thread, "log", path);
    fd = open(path, O_RDONLY);
    size = size_of(fd);
    bytes = calloc(1, size + RECORD);
    if (read(fd, bytes, size) != (ssize_t)size)
        fail("read", errno);
    while (at < size) {
        struct record record;
        memcpy(&record, bytes + at, RECORD);
        if (bytes[at] == 0) {
            at++;
        } else if (is_whole(&record) && record.writer < PROCESSES * THREADS && record.number == next[record.writer]) {
            next[record.writer]++;
            at += RECORD;
        } else {
            printf("at %" PRIu64 " of %" PRIu64 "\n", at, size);
            fail("a record of the log is not whole or not the next, and check_log", 0);
        }
    }
    for (i = 0; i < PROCESSES * THREADS; i++)
        if (next[i] != atomic_load(&all->logged[i / THREADS][i % THREADS]))
            fail("a record of the log is lost, and check_log", 0);
    free(bytes);
    close(fd);
}

/* ---- The book: records and two copies of their number, changed only under locks ------------ */

/* No thread holds the book for long. */
enum { PATIENCE = 60000 };

/* Locks by the handle, or by fcntl(2) as a program without the library does. */
static void set_lock(struct thread *thread, memmap_handle by, uint64_t from, uint64_t len, int mode) {
    struct flock lock = {.l_whence = SEEK_SET, .l_start = (off_t)from, .l_len = (off_t)len};
    if (by) {
        TRY(memmap_lock(by, from, len, (uint32_t)mode, PATIENCE), 0);
        return;
    }
    lock.l_type = mode == MEMMAP_LOCK_EXCLUSIVE ? F_WRLCK : F_RDLCK;
    while (fcntl(thread->book_fd, F_OFD_SETLKW, &lock) != 0)
        if (errno != EINTR)
            fail("fcntl", errno);
}

static void unset_lock(struct thread *thread, memmap_handle by, uint64_t from, uint64_t len) {
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = (off_t)from, .l_len = (off_t)len};
    if (by)
        TRY(memmap_unlock(by, from, len), 0);
    else if (fcntl(thread->book_fd, F_OFD_SETLK, &lock) != 0)
        fail("fcntl", errno);
}

static uint64_t counted(struct thread *thread, uint64_t at) {
    uint64_t number = UINT64_MAX;
    if (pread(thread->book_fd, &number, sizeof number, (off_t)at) != sizeof number)
        fail("pread", errno);
    return number;
}

/* Other threads may have changed the size of the book since this thread held it, which must be reported. */
static void resize_what_was_cut(struct thread *thread) {
    uint64_t len = 0, size = size_of(thread->book_fd);
    memmap_status status;
    TRY(memmap_len(thread->book, &len), 0);
    if (len <= size)
        return;
    began = now();
    status = memmap_resize(thread->book, len + below(thread, 2) * RECORD);
    if (status != MEMMAP_ERR_FAULT)
        fail("the book was cut, and memmap_resize", status);
    if (size_of(thread->book_fd) != size)
        fail("memmap_resize failed and changed the size, and it", status);
}

/* Makes the mapping as long as the file. If lost pages cannot be recovered, the file is mapped again. */
static void follow_book(struct thread *thread) {
    uint64_t len = 0;
    if (below(thread, 2))
        resize_what_was_cut(thread);
    if (!TRY(memmap_refresh(thread->book, &len), MEMMAP_ERR_FAULT) && !TRY(memmap_recover(thread->book), MEMMAP_ERR_FAULT))
        reopen_named(thread, "book", &thread->book);
    TRY(memmap_refresh(thread->book, &len), 0);
    if (len != size_of(thread->book_fd))
        fail("another length than the file, and memmap_refresh", 0);
}

/* Both numbers are the number of records, and mapping and file have the same bytes. */
static uint64_t check_book(struct thread *thread) {
    uint64_t count = counted(thread, 0), i, size = size_of(thread->book_fd);
    struct record shown, there;
    if (size != RECORDS + count * RECORD || counted(thread, HEAD) != count)
        fail("the book isn't as long as it says, and fstat", 0);
    for (i = 0; i < count; i++) {
        off_t at = (off_t)(RECORDS + i * RECORD);
        if (pread(thread->book_fd, &there, RECORD, at) != RECORD || !is_whole(&there) || there.number != i)
            fail("a record of the book isn't whole, and pread", 0);
        TRY(memmap_read(thread->book, (uint64_t)at, &shown, RECORD), 0);
        if (memcmp(&shown, &there, RECORD) != 0)
            fail("the book isn't what the mapping shows, and memmap_read", 0);
    }
    return count;
}

static void write_book(struct thread *thread, int mapped, const void *bytes, uint64_t len, uint64_t at) {
    if (mapped)
        TRY(memmap_write(thread->book, at, bytes, len), 0);
    else if (pwrite(thread->book_fd, bytes, len, (off_t)at) != (ssize_t)len)
        fail("pwrite", errno);
}

static void append_to_book(struct thread *thread, int mapped, uint64_t count) {
    struct record record = record_of(0, count);
    uint64_t at = RECORDS + count * RECORD;
    if (mapped)
        TRY(memmap_resize(thread->book, at + RECORD), 0);
    write_book(thread, mapped, &record, RECORD, at);
}

static void cut_book(struct thread *thread, int mapped, uint64_t count) {
    uint64_t size = RECORDS + count * RECORD;
    if (mapped)
        TRY(memmap_resize(thread->book, size), 0);
    else if (ftruncate(thread->book_fd, (off_t)size) != 0)
        fail("ftruncate", errno);
}

/* A writer locks the second number, and then the first. */
static void write_into_book(struct thread *thread) {
    memmap_handle by = below(thread, 2) ? thread->writer : 0;
    int mapped = (int)below(thread, 2);
    uint64_t count;
    set_lock(thread, by, HEAD, HEAD, MEMMAP_LOCK_EXCLUSIVE);
    set_lock(thread, by, 0, HEAD, MEMMAP_LOCK_EXCLUSIVE);
    follow_book(thread);
    count = check_book(thread);
    if (count < MOST_RECORDS && below(thread, 10) != 0)
        append_to_book(thread, mapped, count++);
    else
        cut_book(thread, mapped, count = below(thread, count + 1));
    write_book(thread, mapped, &count, sizeof count, HEAD);
    write_book(thread, !mapped, &count, sizeof count, 0);
    unset_lock(thread, by, HEAD, HEAD);
    unset_lock(thread, by, 0, HEAD);
}

/* A reader locks the first number, or both at once. */
static void read_in_book(struct thread *thread) {
    memmap_handle by = below(thread, 4) ? thread->readers : 0;
    uint64_t len = HEAD + below(thread, 2) * HEAD;
    set_lock(thread, by, 0, len, MEMMAP_LOCK_SHARED);
    follow_book(thread);
    check_book(thread);
    unset_lock(thread, by, 0, len);
}

static void use_book(struct thread *thread) {
    switch (below(thread, 4)) {
    case 0: write_into_book(thread); break;
    case 1: read_in_book(thread); break;
    case 2: if (below(thread, 4) == 0) reopen_named(thread, "book", &thread->book); break;
    default: break;
    }
}

static void open_log_and_book(struct thread *thread) {
    char path[256];
    named(thread, "log", path);
    thread->log_fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    named(thread, "book", path);
    thread->book_fd = open(path, O_RDWR | O_CLOEXEC);
    if (thread->log_fd < 0 || thread->book_fd < 0)
        fail("open", errno);
    reopen_named(thread, "log", &thread->log);
    reopen_named(thread, "book", &thread->book);
    reopen_named(thread, "book", &thread->writer);
}

static void close_log_and_book(struct thread *thread) {
    TRY(memmap_close(thread->log), 0);
    TRY(memmap_close(thread->book), 0);
    TRY(memmap_close(thread->writer), 0);
    close(thread->log_fd);
    close(thread->book_fd);
}

/* ---- Threads ----------------------------------------------------------------------------- */

static unsigned long rounds;
static atomic_int working;

static void *work(void *argument) {
    struct thread *thread = argument;
    unsigned long round;
    int file;
    open_log_and_book(thread);
    for (round = 0; !atomic_load(&ended) && (rounds == 0 || round < rounds); round++) {
        use_own(thread, (int)below(thread, OWN));
        use_shared(thread, (int)below(thread, SHARED));
        use_log(thread);
        use_book(thread);
        if (below(thread, 20) == 0)
            cut(thread);
    }
    close_log_and_book(thread);
    for (file = 0; file < OWN; file++)
        if (thread->own[file])
            TRY(memmap_close(thread->own[file]), 0);
    for (file = 0; file < SHARED; file++)
        if (thread->shared[file])
            TRY(memmap_close(thread->shared[file]), 0);
    atomic_fetch_sub(&working, 1);
    return NULL;
}

static long entries(const char *folder) {
    DIR *opened = opendir(folder);
    long count = -3; /* Without the descriptor of the listing, "." and "..". */
    while (readdir(opened))
        count++;
    closedir(opened);
    return count;
}

static long lines(const char *path) {
    FILE *file = fopen(path, "r");
    long count = 0;
    int c;
    while ((c = getc(file)) != EOF)
        count += c == '\n';
    fclose(file);
    return count;
}

static long resident(void) {
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long anonymous = 0;
    /* Private memory only: the kernel decides which pages of files are resident. */
    while (fgets(line, sizeof line, file))
        sscanf(line, "Anonymous: %ld", &anonymous);
    fclose(file);
    return anonymous;
}

static void report(double seconds, int process) {
    static unsigned long long before[BUCKETS];
    unsigned long long counts[BUCKETS], all = 0, seen = 0;
    const double parts[] = {0.5, 0.99, 0.999};
    uint64_t at[3];
    unsigned i, part = 0;
    for (i = 0; i < BUCKETS; i++) {
        unsigned long long count = atomic_load(&latencies[i]);
        counts[i] = count - before[i];
        before[i] = count;
        all += counts[i];
    }
    for (i = 0; i < BUCKETS && part < 3; i++) {
        seen += counts[i];
        while (part < 3 && (double)seen >= parts[part] * (double)all)
            at[part++] = from_bucket(i);
    }
    printf("%.1f %d %ld %ld %ld %llu %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", seconds, process, resident(),
           entries("/proc/self/fd"), lines("/proc/self/maps"), all, at[0], at[1], at[2]);
    fflush(stdout);
}

/* Ends earlier when all threads have made their rounds. */
static void sleep_until(uint64_t moment) {
    const struct timespec little = {.tv_nsec = 10000000};
    while (now() < moment && atomic_load(&working) > 0)
        nanosleep(&little, NULL);
}

static uint64_t seed(void) {
    const char *set = getenv("MEMMAP_SEED");
    return set != NULL ? strtoull(set, NULL, 10) : 1;
}

static int run(const char *folder, int process, int seconds, int interval) {
    static struct thread threads[THREADS];
    pthread_t ids[THREADS];
    uint64_t start = now();
    memmap_stats stats = {.size = sizeof stats};
    int i, at;
    struct thread opener = {.folder = folder, .random = 1};
    memmap_handle readers = 0;
    alarm((unsigned)seconds + 2 * PATIENCE / 1000); /* A call that hangs ends the process by SIGALRM. */
    if (memmap_guard_install() != 0)
        return 1;
    reopen_named(&opener, "book", &readers);
    atomic_store(&working, THREADS);
    for (i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){.process = process, .number = i, .folder = folder};
        threads[i].random = (uint64_t)(process * THREADS + i) * 2654435761u + seed();
        threads[i].readers = readers;
        pthread_create(&ids[i], NULL, work, &threads[i]);
    }
    for (at = interval; at <= seconds && atomic_load(&working) > 0; at += interval) {
        sleep_until(start + (uint64_t)at * 1000000000);
        report((double)(now() - start) / 1e9, process);
    }
    atomic_store(&ended, 1);
    for (i = 0; i < THREADS; i++)
        pthread_join(ids[i], NULL);
    TRY(memmap_close(readers), 0);
    if (memmap_get_stats(&stats) != 0 || stats.mappings != 0)
        fail("a mapping is left, and memmap_get_stats", 0);
    printf("# process %d survived %" PRIu64 " faults\n", process, stats.faults_survived);
    return 0;
}

static void make_log_and_book(const char *folder) {
    static const uint8_t numbers[RECORDS];
    struct thread thread = {.folder = folder};
    const char *names[] = {"log", "book"};
    char path[256];
    int i, fd;
    for (i = 0; i < 2; i++) {
        named(&thread, names[i], path);
        fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
        if (write(fd, numbers, sizeof numbers) != sizeof numbers)
            fail("write", errno);
        close(fd);
    }
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        fail("mmap", errno);
}

int main(int argc, char **argv) {
    int process, status, failed = 0, i;
    if (argc != 4 && argc != 5)
        return fprintf(stderr, "usage: soak FOLDER SECONDS INTERVAL [ROUNDS]\n"), 2;
    printf("# MEMMAP_SEED=%" PRIu64 "\n", seed());
    rounds = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;
    make_log_and_book(argv[1]);
    for (i = 0; i < SHARED; i++) {
        struct thread thread = {.folder = argv[1]};
        char path[256];
        shared_path(&thread, i, path);
        close(open(path, O_CREAT | O_RDWR, 0600));
        if (truncate(path, MOST) != 0)
            fail("truncate", errno);
    }
    fflush(stdout);
    for (process = 0; process < PROCESSES; process++)
        if (fork() == 0)
            exit(run(argv[1], process, atoi(argv[2]), atoi(argv[3])));
    while (wait(&status) > 0)
        if (status != 0) {
            printf("failed: a process ended with status %#x\n", status);
            failed = 1;
        }
    if (!failed)
        check_log(argv[1]);
    return failed;
}
