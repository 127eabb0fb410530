/*
 * A hostile peer with access to the same shared memory, beside each function that reads what peers write. It changes
 * the bytes of cells, words that are waited on, and the length of the file, punches holes, and locks.
 *
 * If this runs as root, the peer is another user. MEMMAP_ROUNDS is the number of calls of each function. With
 * MEMMAP_SECONDS they are repeated until so many seconds have passed. The address space is limited, so that a call that
 * allocates what a peer claims fails.
 */

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include "check.h"

enum { LENGTH = 1 << 20, CAPACITY = 3000, SECOND = 1 << 16, BEHIND = 64 };

static memmap_handle handle;
static int file;
static uint64_t seed = 88172645463325252u;

static uint64_t random_number(void) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17; /* xorshift (Marsaglia, 2003). */
    return seed;
}

/* Returns a boundary value. */
static uint64_t likely_number(void) {
    uint64_t number = random_number();
    switch (number % 6) {
    case 0: return number >> 60;
    case 1: return UINT64_MAX - (number >> 60);
    case 2: return UINT64_C(1) << (number >> 58);
    case 3: return (UINT64_C(1) << (number >> 58)) - 1;
    case 4: return CAPACITY * (number >> 61);
    default: return number >> 16;
    }
}

static void become_another_user(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* It ends with the process that it attacks. */
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
        _exit(1);
}

/* ---- What the peer does, until it is killed ---- */

static void scribble(void) {
    uint64_t *words = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    become_another_user();
    if (words == MAP_FAILED)
        _exit(1);
    for (;;) {
        uint64_t place = random_number(), where = place >> 40;
        uint64_t cell = place % 2 == 0 ? 0 : SECOND / 8, slot = (24 + CAPACITY + 63) / 64 * 8;
        switch (place % 5) {
        case 0: words[cell + where % 16] = likely_number(); break;
        case 1: words[cell + 16 + where % 4 * slot + where / 4 % 4] = likely_number(); break;
        case 2: words[cell + where % (16 + 4 * slot)] = random_number(); break;
        case 3: words[cell] = UINT64_C(0x6d656d6d61700002); break; /* A cell again: src/share/cell.rs. */
        default: words[cell + 1] = CAPACITY;
        }
    }
}

/* One value, whose length changes all the time. */
static void toggle_a_length(void) {
    volatile uint64_t *words = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    volatile uint64_t *slot = words + 16 + (24 + CAPACITY + 63) / 64 * 8;
    become_another_user();
    if ((const void *)words == MAP_FAILED)
        _exit(1);
    for (words[8] = slot[0] = 1;;) {
        int i;
        for (i = 0; i < 1000; i++)
            slot[1] = 8, slot[1] = UINT64_MAX >> 8;
        for (i = 0; i < 1000; i++)
            slot[1] = 0, slot[1] = CAPACITY;
        words[1] = CAPACITY - 100;
        words[1] = CAPACITY;
    }
}

/* Changes the length of the file and punches holes. */
static void cut_and_grow(void) {
    become_another_user();
    for (;;) {
        uint64_t number = random_number();
        if (number % 4 == 0)
            (void)!fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(number >> 45), 8192);
        else
            (void)!ftruncate(file, (off_t)(number >> 44));
        if (number % 8 == 0)
            (void)!ftruncate(file, LENGTH);
    }
}

static void take_locks(void) {
    struct flock lock = {.l_whence = SEEK_SET};
    become_another_user();
    for (;;) {
        uint64_t number = random_number();
        lock.l_type = number % 3 == 0 ? F_UNLCK : number % 3 == 1 ? F_RDLCK : F_WRLCK;
        lock.l_start = (off_t)(number >> 46), lock.l_len = (off_t)(number >> 20 & 0xffff);
        fcntl(file, F_OFD_SETLK, &lock);
    }
}

/* ---- What is called beside it ---- */

/* The status is one of those that the header lists for the call, whatever the peer does. */
#define CHECK_AMONG(status, ...) \
    check_among(__LINE__, #status, status, (const memmap_status[]){__VA_ARGS__}, \
                sizeof((memmap_status[]){__VA_ARGS__}) / sizeof(memmap_status))

static void check_among(int line, const char *call, memmap_status got, const memmap_status *named, size_t count) {
    size_t i;
    for (i = 0; i < count; i++)
        if (named[i] == got)
            return;
    if (failures < 10)
        failed_at(__FILE__, line, call), printf("got %d (%s)\n", (int)got, memmap_strerror(got));
    failures++;
}

static void look_at_a_cell(uint64_t offset) {
    static uint8_t value[CAPACITY + BEHIND];
    uint64_t capacity = 0, len = 0, sequence = 0, size = 0, room = random_number() % (CAPACITY + 1);
    memmap_status status = memmap_cell_look(handle, offset, &capacity, &sequence);
    CHECK_AMONG(status, 0, MEMMAP_ERR_CORRUPT, MEMMAP_ERR_RANGE, MEMMAP_ERR_FAULT);
    if (status == 0) {
        CHECK_OK(memmap_cell_size(capacity, &size));
        CHECK(offset + size <= LENGTH);
    }
    memset(value, 0xa5, sizeof value);
    status = memmap_cell_read(handle, offset, value, room, &len, &sequence);
    CHECK_AMONG(status, 0, MEMMAP_ERR_CORRUPT, MEMMAP_ERR_RANGE, MEMMAP_ERR_BUSY, MEMMAP_ERR_FAULT);
    CHECK(status != 0 || len <= room);
    for (size = room; size < room + BEHIND; size++)
        if (!CHECK(value[size] == 0xa5))
            return;
    status = memmap_cell_publish(handle, offset, value, room);
    CHECK_AMONG(status, 0, MEMMAP_ERR_CORRUPT, MEMMAP_ERR_RANGE, MEMMAP_ERR_FAULT);
    status = memmap_cell_create(handle, offset, CAPACITY);
    CHECK_AMONG(status, 0, MEMMAP_ERR_CORRUPT, MEMMAP_ERR_FAULT);
}

/* Reads while the peer changes the bytes. */
static void read_a_cell(void) {
    static uint8_t value[64 + BEHIND];
    uint64_t len, sequence;
    int i, end;
    for (i = 0; i < 20; i++) {
        memset(value + 64, 0xa5, BEHIND);
        CHECK_AMONG(memmap_cell_read(handle, 0, value, 64, &len, &sequence), 0, MEMMAP_ERR_CORRUPT,
                    MEMMAP_ERR_RANGE, MEMMAP_ERR_BUSY);
        for (end = 64; end < 64 + BEHIND; end++)
            if (!CHECK(value[end] == 0xa5))
                return;
    }
    CHECK_AMONG(memmap_cell_look(handle, 0, &len, &sequence), 0, MEMMAP_ERR_CORRUPT);
}

static void wait_and_count(uint64_t offset) {
    uint64_t before, found;
    uint32_t word;
    CHECK_AMONG(memmap_wait(handle, offset, (uint32_t)random_number(), 0), 0, MEMMAP_ERR_TIMEOUT, MEMMAP_ERR_FAULT);
    CHECK_AMONG(memmap_wake(handle, offset, 1), 0, MEMMAP_ERR_FAULT);
    CHECK_AMONG(memmap_atomic_add64(handle, offset, 1, &before), 0, MEMMAP_ERR_FAULT);
    CHECK_AMONG(memmap_atomic_add32(handle, offset, 1, &word), 0, MEMMAP_ERR_FAULT);
    CHECK_AMONG(memmap_find(handle, 0, SECOND, "needle", 6, &found), 0, MEMMAP_ERR_FAULT, MEMMAP_ERR_RANGE);
}

static void lock_and_unlock(void) {
    uint64_t offset = random_number() % (LENGTH - 100);
    memmap_status status = memmap_lock(handle, offset, 100, MEMMAP_LOCK_EXCLUSIVE, 0);
    CHECK_AMONG(status, 0, MEMMAP_ERR_TIMEOUT);
    if (status == 0)
        CHECK_OK(memmap_unlock(handle, offset, 100));
}

static void map_again(void) {
    memmap_handle again;
    uint64_t len;
    memmap_status status = memmap_from_fd(file, OPTIONS(.flags = MEMMAP_SEALED), &again);
    CHECK_STATUS(MEMMAP_ERR_UNSEALED, status);
    status = memmap_from_fd(file, OPTIONS(.access = MEMMAP_READ_WRITE, .length = SECOND), &again);
    CHECK_AMONG(status, 0, MEMMAP_ERR_RANGE);
    if (status != 0)
        return;
    CHECK_AMONG(memmap_refresh(again, &len), 0, MEMMAP_ERR_FAULT);
    CHECK_OK(memmap_close(again));
}

static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text != NULL ? atol(text) : otherwise;
}

/* Limits the address space to so many bytes more than are in use. */
static void limit_addresses(void) {
    struct rlimit limit;
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    CHECK(statm != NULL && fscanf(statm, "%lu", &pages) == 1 && fclose(statm) == 0);
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = (rlim_t)pages * memmap_page_size() + (64 << 20);
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void beside(void (*attack)(void), void (*victim)(void), long rounds) {
    const time_t end = time(NULL) + number("MEMMAP_SECONDS", 0);
    long round;
    pid_t peer;
    int status, begun[2];
    char byte;
    rounds = number("MEMMAP_ROUNDS", rounds);
    CHECK_OK(memmap_guard_install());
    CHECK_OK(memmap_memfd("shared", LENGTH, NULL, &handle));
    CHECK_OK(memmap_fd(handle, &file));
    CHECK_OK(memmap_cell_create(handle, 0, CAPACITY));
    CHECK_OK(memmap_cell_create(handle, SECOND, CAPACITY));
    CHECK(pipe(begun) == 0);
    peer = fork();
    if (peer == 0) {
        CHECK(write(begun[1], "!", 1) == 1);
        attack();
    }
    CHECK(read(begun[0], &byte, 1) == 1);
    close(begun[0]), close(begun[1]);
    limit_addresses();
    alarm((unsigned)number("MEMMAP_SECONDS", 0) + 60); /* A call that hangs ends the process by SIGALRM. */
    do {
        for (round = 0; round < rounds && failures < 10; round++)
            victim();
    } while (failures == 0 && time(NULL) < end);
    CHECK(waitpid(peer, &status, WNOHANG) == 0); /* The peer was running. */
    CHECK(kill(peer, SIGKILL) == 0 && waitpid(peer, &status, 0) == peer);
    CHECK_OK(memmap_close(handle));
    close(file);
}

static void look_at_cells(void) {
    look_at_a_cell(random_number() % 2 * SECOND);
}

static void do_everything_else(void) {
    look_at_cells();
    wait_and_count(random_number() % (LENGTH / 8) * 8);
    if (random_number() % 16 == 0)
        CHECK_AMONG(memmap_recover(handle), 0, MEMMAP_ERR_FAULT);
}

static void a_peer_that_scribbles_on_cells_is_survived(void) {
    beside(scribble, look_at_cells, 60000);
}

static void a_peer_that_changes_the_length_of_a_value_between_two_looks_is_survived(void) {
    beside(toggle_a_length, read_a_cell, 60000);
}

static void a_peer_that_changes_the_length_is_survived(void) {
    beside(cut_and_grow, do_everything_else, 15000);
}

static void a_peer_that_changes_the_length_while_it_is_mapped_is_survived(void) {
    beside(cut_and_grow, map_again, 5000);
}

static void a_peer_that_holds_locks_is_not_waited_for(void) {
    beside(take_locks, lock_and_unlock, 15000);
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(a_peer_that_scribbles_on_cells_is_survived),
        BEHAVIOUR(a_peer_that_changes_the_length_of_a_value_between_two_looks_is_survived),
        BEHAVIOUR(a_peer_that_changes_the_length_is_survived),
        BEHAVIOUR(a_peer_that_changes_the_length_while_it_is_mapped_is_survived),
        BEHAVIOUR(a_peer_that_holds_locks_is_not_waited_for),
    };
    return RUN(argc, argv, behaviours);
}
