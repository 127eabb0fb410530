/*
 * Everything at once, for a long time: PROCESSES processes of THREADS threads mix all operations on files of their
 * own and on files that all share, which are cut under them again and again.
 *
 * usage: soak FOLDER SECONDS INTERVAL
 *
 * Each process prints a line an interval: seconds since the start, its number, resident memory in KiB, open
 * descriptors, areas of memory, calls made, and of their latency in nanoseconds the median, the 99th and the 99.9th
 * percentile. It ends with 1 at the first answer that no rule of the header explains, and says which.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "memmap.h"

enum { PROCESSES = 4, THREADS = 8, SHARED = 4, OWN = 4, PAGE = 4096, MOST = 64 * PAGE };

/* Latencies by eighths of a power of two. */
enum { BUCKETS = 64 * 8 };
static atomic_ullong latencies[BUCKETS];
static atomic_int ended;
/* When the call began: arguments are evaluated in no particular order, so it can't be one. */
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

/* One call, timed; 1 if it answered 0. Others than 0 and those named are a failure. */
static int answered(const char *call, memmap_status status, const memmap_status *allowed) {
    atomic_fetch_add_explicit(&latencies[bucket_of(now() - began)], 1, memory_order_relaxed);
    for (; status != 0 && *allowed != status; allowed++)
        if (*allowed == 0)
            fail(call, status);
    return status == 0;
}

#define TRY(call, ...) (began = now(), answered(#call, call, (const memmap_status[]){__VA_ARGS__, 0}))
/* What a mapping of a file may answer that others cut and lengthen. */
#define LOST MEMMAP_ERR_FAULT, MEMMAP_ERR_RANGE

struct thread {
    int process, number;
    uint64_t random;
    const char *folder;
    memmap_handle shared[SHARED], own[OWN];
    uint64_t written[OWN];
};

static uint64_t below(struct thread *thread, uint64_t n) {
    thread->random = thread->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (thread->random >> 33) % n;
}

static void shared_path(const struct thread *thread, int file, char *path) {
    snprintf(path, 256, "%s/shared%d", thread->folder, file);
}

/* Closes a mapping of a shared file and opens it anew, in one of the ways that there are. */
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

/* Others cut the file at any time: whatever is lost is told, and comes back when the file does. */
static void use_shared(struct thread *thread, int file) {
    memmap_handle handle = thread->shared[file];
    memmap_fault fault = {.size = sizeof fault};
    memmap_view view;
    uint64_t len = 0, found, offset;
    uint8_t buffer[3000];
    if (!handle)
        return reopen(thread, file);
    TRY(memmap_len(handle, &len), 0);
    offset = len ? below(thread, len) : 0;
    switch (below(thread, 12)) {
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
    default: reopen(thread, file); break;
    }
}

/* Another size for a shared file, by somebody who knows nothing of mappings. */
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

/* What nobody else touches holds what was written, to the byte. */
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

static void use_own(struct thread *thread, int file) {
    memmap_handle handle = thread->own[file];
    uint64_t len = 0, before;
    int fd;
    memmap_handle again;
    if (!handle)
        return remake(thread, file);
    TRY(memmap_len(handle, &len), 0);
    switch (below(thread, 10)) {
    case 0: if (len) rewrite(thread, file, len); break;
    case 1: if (len) verify(thread, file, len); break;
    case 2: /* Longer or shorter, and all of it written anew: what is new is zero. */
        before = below(thread, MOST);
        if (TRY(memmap_resize(handle, before), 0) && before)
            rewrite(thread, file, before);
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

static void *work(void *argument) {
    struct thread *thread = argument;
    int file;
    while (!atomic_load(&ended)) {
        use_own(thread, (int)below(thread, OWN));
        use_shared(thread, (int)below(thread, SHARED));
        if (below(thread, 20) == 0)
            cut(thread);
    }
    for (file = 0; file < OWN; file++)
        if (thread->own[file])
            TRY(memmap_close(thread->own[file]), 0);
    for (file = 0; file < SHARED; file++)
        if (thread->shared[file])
            TRY(memmap_close(thread->shared[file]), 0);
    return NULL;
}

static long entries(const char *folder) {
    DIR *opened = opendir(folder);
    long count = -3; /* Itself, and the two dots. */
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
    /* What is this process's own: pages of files come and go as the system likes. */
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

static int run(const char *folder, int process, int seconds, int interval) {
    static struct thread threads[THREADS];
    pthread_t ids[THREADS];
    uint64_t start = now();
    memmap_stats stats = {.size = sizeof stats};
    int i, at;
    if (memmap_guard_install() != 0)
        return 1;
    for (i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){.process = process, .number = i, .folder = folder};
        threads[i].random = (uint64_t)(process * THREADS + i) * 2654435761u + 1;
        pthread_create(&ids[i], NULL, work, &threads[i]);
    }
    for (at = interval; at <= seconds; at += interval) {
        uint64_t until = start + (uint64_t)at * 1000000000, time = now();
        struct timespec wait = {0};
        if (until > time) {
            wait.tv_sec = (time_t)((until - time) / 1000000000);
            wait.tv_nsec = (long)((until - time) % 1000000000);
            nanosleep(&wait, NULL);
        }
        report((double)(now() - start) / 1e9, process);
    }
    atomic_store(&ended, 1);
    for (i = 0; i < THREADS; i++)
        pthread_join(ids[i], NULL);
    if (memmap_get_stats(&stats) != 0 || stats.mappings != 0)
        fail("a mapping is left, and memmap_get_stats", 0);
    printf("# process %d survived %" PRIu64 " faults\n", process, stats.faults_survived);
    return 0;
}

int main(int argc, char **argv) {
    int process, status, failed = 0, i;
    if (argc != 4)
        return fprintf(stderr, "usage: soak FOLDER SECONDS INTERVAL\n"), 2;
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
    return failed;
}
