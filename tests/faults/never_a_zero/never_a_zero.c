/*
 * No value that was computed from zeros is returned as good: THREADS threads read one mapping by memmap_try, memmap_read and
 * memmap_find, and recover it, while another process truncates the file and writes it anew.
 *
 * usage: never_a_zero FOLDER SECONDS
 *
 * Every 8 bytes of the file say at which offset they are, and have no zero byte. The file is cut to nothing, since a cut in
 * the middle shows zeros of the kernel's own without a fault (docs/faults.md), and grows by whole pages that are written.
 *
 * It prints, for each way to read, how many calls succeeded, how many were MEMMAP_ERR_FAULT, and how many of the former had
 * read what the file never had. It ends with 1 if there was one of those, and if there was none of one of the others.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "memmap.h"

enum { THREADS = 8, PAGES = 256, PAGE = 4096, SIZE = PAGES * PAGE, RUN = 16 * PAGE, WORD = 8, MOST = 8 * PAGE };

static memmap_handle handle;
static atomic_int *ended; /* Shared with the other process. */
static uint8_t whole[SIZE];

static void fail(const char *call, memmap_status status) {
    printf("failed: %s: %s\n", call, memmap_strerror(status));
    exit(1);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* The word at an offset: six bits of its number a byte, behind one that says where a word begins. */
static uint64_t word_at(uint64_t offset) {
    uint64_t number = offset / WORD, word = 0xff;
    int i;
    for (i = 1; i < WORD; i++)
        word |= (0x80 | (number >> (6 * i % 18) & 0x3f)) << (8 * i);
    return word;
}

/* How many of the words that stand at an offset are others. */
static uint64_t wrong_in(const uint8_t *bytes, uint64_t offset, uint64_t len) {
    uint64_t wrong = 0, i, word;
    for (i = 0; i < len; i += WORD) {
        memcpy(&word, bytes + i, WORD);
        wrong += word != word_at(offset + i);
    }
    return wrong;
}

/* ---- The process that truncates ---- */

static void cut_and_write(const char *path, uint64_t seed) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    while (!atomic_load(ended)) {
        off_t at;
        struct timespec moment = {0, (long)(seed % 400) * 1000};
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        if (ftruncate(fd, 0) != 0)
            _exit(2);
        nanosleep(&moment, NULL);
        for (at = 0; at < SIZE; at += RUN)
            if (pwrite(fd, whole + at, RUN, at) != RUN)
                _exit(2);
        moment.tv_nsec = (long)(seed >> 33) % 3000 * 1000;
        nanosleep(&moment, NULL);
    }
    _exit(0);
}

/* ---- The threads that read ---- */

struct range {
    uint64_t offset, len, wrong;
};

static int look(const memmap_view *view, void *arg) {
    struct range *range = arg;
    range->wrong = wrong_in(view->data + range->offset, range->offset, range->len);
    return 0;
}

static int look_twice(const memmap_view *view, void *arg) {
    struct range *range = arg;
    struct range first = *range;
    memmap_status status = memmap_try(handle, look, &first, NULL);
    if (status != 0 && status != MEMMAP_ERR_FAULT)
        fail("memmap_try in memmap_try", status);
    look(view, arg);
    range->wrong += status == 0 ? first.wrong : 0;
    return 0;
}

static memmap_status by_try(struct range *range) {
    return memmap_try(handle, look, range, NULL);
}

static memmap_status by_nested_try(struct range *range) {
    return memmap_try(handle, look_twice, range, NULL);
}

static memmap_status by_read(struct range *range) {
    uint8_t bytes[MOST];
    memmap_status status = memmap_read(handle, range->offset, bytes, range->len);
    range->wrong = wrong_in(bytes, range->offset, range->len);
    return status;
}

/* A word that is there, and zeros that aren't. */
static memmap_status by_find(struct range *range) {
    static const uint8_t zeros[WORD];
    uint64_t end = range->offset + range->len, at, zero, wanted = word_at(end - WORD);
    memmap_status status = memmap_find(handle, range->offset, end, &wanted, WORD, &at);
    if (status == 0)
        status = memmap_rfind(handle, range->offset, end, zeros, WORD, &zero);
    range->wrong = status == 0 && (at != end - WORD || zero != MEMMAP_NPOS);
    return status;
}

static const struct {
    const char *name;
    memmap_status (*read)(struct range *);
} ways[] = {
    {"memmap_try", by_try},
    {"memmap_try, nested", by_nested_try},
    {"memmap_read", by_read},
    {"memmap_find", by_find},
};

enum { WAYS = sizeof ways / sizeof ways[0] };

static atomic_ullong good[WAYS], lost[WAYS], wrong[WAYS], recovered;

static void recover(void) {
    memmap_status status = memmap_recover(handle);
    if (status == 0)
        atomic_fetch_add(&recovered, 1);
    else if (status != MEMMAP_ERR_FAULT && status != MEMMAP_ERR_BUSY)
        fail("memmap_recover", status);
}

static void *read_on(void *number) {
    uint64_t seed = (uint64_t)(uintptr_t)number;
    while (!atomic_load(ended)) {
        struct range range = {0, 0, 0};
        memmap_status status;
        unsigned way;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        way = (unsigned)(seed >> 60) % WAYS;
        range.len = WORD * (1 + (seed >> 40) % (MOST / WORD));
        range.offset = (seed >> 20) % ((SIZE - range.len) / WORD) * WORD;
        status = ways[way].read(&range);
        if (status == MEMMAP_ERR_FAULT) {
            atomic_fetch_add(&lost[way], 1);
            recover();
        } else if (status == 0) {
            atomic_fetch_add(&good[way], 1);
            atomic_fetch_add(&wrong[way], range.wrong != 0);
        } else {
            fail(ways[way].name, status);
        }
    }
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t threads[THREADS];
    uint64_t offset, until, i;
    int fd, status, bad = 0;
    char path[4096];
    pid_t child;
    memmap_status opened;
    if (argc != 3) {
        fprintf(stderr, "usage: never_a_zero FOLDER SECONDS\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/numbered", argv[1]);
    ended = mmap(NULL, sizeof *ended, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (offset = 0; offset < SIZE; offset += WORD) {
        uint64_t word = word_at(offset);
        memcpy(whole + offset, &word, WORD);
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (ended == MAP_FAILED || fd < 0 || write(fd, whole, SIZE) != SIZE || close(fd) != 0) {
        perror(path);
        return 2;
    }
    if ((opened = memmap_guard_install()) != 0 || (opened = memmap_open(path, NULL, &handle)) != 0)
        fail(path, opened);
    fflush(stdout);
    child = fork();
    if (child == 0)
        cut_and_write(path, 1);
    for (i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, read_on, (void *)(uintptr_t)(i + 1)) != 0)
            return 2;
    until = now() + (uint64_t)(atof(argv[2]) * 1e9);
    while (now() < until)
        usleep(10000);
    atomic_store(ended, 1);
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    bad = waitpid(child, &status, 0) != child || status != 0;
    unlink(path);
    printf("%-20s %12s %12s %12s\n", "", "succeeded", "lost", "wrong");
    for (i = 0; i < WAYS; i++) {
        printf("%-20s %12llu %12llu %12llu\n", ways[i].name, good[i], lost[i], wrong[i]);
        bad |= wrong[i] != 0 || good[i] == 0 || lost[i] == 0;
    }
    printf("%-20s %12llu\n", "memmap_recover", recovered);
    return bad || recovered == 0;
}
