/*
 * Every function that changes a size or a file runs beside another process that appends to the file, overwrites it,
 * locks it or changes its size.
 *
 * usage: writers FOLDER [BEHAVIOUR]
 *
 * MEMMAP_ROUNDS is the number of most calls; nothing depends on time. MEMMAP_SEED selects other random numbers.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "files.h"

enum { PAGE = 4096, RECORD = 48, MOST_RECORDS = 60000 };

/* The state that this process and the other one share. */
static struct {
    atomic_int ready, stop;
    atomic_uint count;
    atomic_uint values[4096];
} *both;

static memmap_handle handle;
static uint64_t random_state;

static uint64_t below(uint64_t n) {
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % n;
}

static uint64_t number(const char *name, uint64_t otherwise) {
    const char *set = getenv(name);
    return set != NULL ? strtoull(set, NULL, 10) : otherwise;
}

static uint64_t seed_number(void) { return number("MEMMAP_SEED", 1); }

static int rounds(void) { return (int)number("MEMMAP_ROUNDS", 2000); }

/* Each behaviour begins with the same random numbers, whichever behaviours run. */
static void seed(void) {
    random_state = seed_number() * UINT64_C(0x9E3779B97F4A7C15);
    below(1);
}

/* ---- The other process ---------------------------------------------------------------- */

static pid_t start(void (*work)(void)) {
    pid_t child;
    both = mmap(NULL, sizeof *both, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!CHECK(both != MAP_FAILED))
        exit(1);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        failures = 0;
        alarm(60);
        work();
        fflush(NULL);
        _exit(failures != 0);
    }
    while (!atomic_load(&both->ready) && waitpid(child, NULL, WNOHANG) == 0)
        sched_yield();
    return child;
}

static void stop(pid_t child) {
    int status = -1;
    atomic_store(&both->stop, 1);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQUAL(0, status);
}

/* ---- Records, of which none may be lost ------------------------------------------------ */

struct record {
    uint32_t magic, number;
    uint8_t rest[RECORD - 8];
};

static struct record record_of(uint32_t number) {
    struct record record = {.magic = 0xA5A5A5A5u, .number = number};
    size_t i;
    for (i = 0; i < sizeof record.rest; i++)
        record.rest[i] = (uint8_t)(1 + (number * 31 + i) % 255);
    return record;
}

/* Appends until it is told to stop. */
static void append(void) {
    int fd = open("file", O_WRONLY | O_APPEND | O_CLOEXEC);
    uint32_t number = 0;
    while (number < MOST_RECORDS && !atomic_load(&both->stop)) {
        struct record record = record_of(number);
        if (!CHECK(write(fd, &record, RECORD) == RECORD))
            break;
        number++;
        atomic_store(&both->count, number);
        atomic_store(&both->ready, 1);
    }
    close(fd);
}

/* Every record is there once, whole and in its place. Bytes between them are zeros, which growing wrote. */
static void check_records(uint64_t from) {
    uint64_t size = size_of("file"), at = from;
    uint32_t number = 0, count = atomic_load(&both->count);
    uint8_t *bytes;
    int fd;
    if (!CHECK(size < 64 << 20)) /* A failed call has left the file so long. */
        return;
    bytes = malloc(size + RECORD);
    fd = open("file", O_RDONLY | O_CLOEXEC);
    CHECK_EQUAL(size, pread(fd, bytes, size, 0));
    memset(bytes + size, 0, RECORD);
    close(fd);
    while (at < size) {
        struct record wanted = record_of(number);
        if (bytes[at] == 0) {
            at++;
        } else if (memcmp(bytes + at, &wanted, RECORD) == 0) {
            at += RECORD;
            number++;
        } else {
            failed_at(__FILE__, __LINE__, "records");
            printf("number %u of %u isn't at %" PRIu64 " of %" PRIu64 "\n", number, count, at, size);
            break;
        }
    }
    if (at >= size)
        CHECK_EQUAL(count, number); /* As many as were appended. */
    free(bytes);
}

/* ---- What runs beside the appender ------------------------------------------------------ */

static uint64_t refreshed(void) {
    uint64_t len = 0;
    CHECK_OK(memmap_refresh(handle, &len));
    return len;
}

static void grow(void) { CHECK_OK(memmap_resize(handle, refreshed() + 1 + below(100))); }

static void grow_from_an_old_length(void) {
    uint64_t len = length_of(handle);
    CHECK_OK(memmap_resize(handle, len + 1 + below(200)));
    if (below(8) == 0)
        refreshed();
}

static void keep_the_length(void) { CHECK_OK(memmap_resize(handle, refreshed())); }

static void refresh_and_read(void) {
    uint8_t there[RECORD], read[RECORD];
    uint64_t len = refreshed();
    int fd = open("file", O_RDONLY | O_CLOEXEC);
    CHECK(len >= RECORD);
    CHECK_EQUAL(RECORD, pread(fd, there, RECORD, (off_t)(len - RECORD)));
    CHECK_OK(memmap_read(handle, len - RECORD, read, RECORD));
    CHECK(memcmp(there, read, RECORD) == 0);
    close(fd);
}

static void flush(void) {
    uint64_t len = refreshed();
    uint32_t mode = below(100) == 0 ? MEMMAP_FLUSH_SYNC : MEMMAP_FLUSH_ASYNC;
    CHECK_OK(memmap_flush(handle, below(len), MEMMAP_TO_END, mode));
}

static void page(void) {
    uint64_t from;
    if (below(10) != 0) /* This is slow. */
        return;
    from = below(refreshed());
    CHECK_OK(memmap_advise(handle, from, MEMMAP_TO_END, MEMMAP_ADVICE_DONT_NEED));
    CHECK_OK(memmap_advise(handle, from, MEMMAP_TO_END, MEMMAP_ADVICE_PAGE_OUT));
    CHECK_OK(memmap_prefault(handle, from, MEMMAP_TO_END, below(2) ? MEMMAP_PREFAULT_WRITE : MEMMAP_PREFAULT_READ));
}

static void protect_and_recover(void) {
    refreshed();
    CHECK_OK(memmap_protect(handle, MEMMAP_READ_ONLY));
    CHECK_OK(memmap_recover(handle));
    CHECK_OK(memmap_protect(handle, MEMMAP_READ_WRITE));
}

static void open_and_close(void) {
    static const uint32_t accesses[] = {MEMMAP_READ_ONLY, MEMMAP_READ_WRITE, MEMMAP_COPY_ON_WRITE};
    memmap_handle other = 0;
    int fd = -1;
    CHECK_OK(memmap_open("file", OPTIONS(.access = accesses[below(3)], .capacity = below(2) << 20), &other));
    CHECK_OK(memmap_fd(other, &fd));
    CHECK_OK(memmap_close(other));
    CHECK_OK(memmap_from_fd(fd, NULL, &other));
    CHECK_OK(memmap_close(other));
    close(fd);
}

/* Within the first size of the file: only the mapping changes. */
static void shorten_the_mapping(void) {
    CHECK_OK(memmap_resize(handle, below(PAGE)));
    CHECK_OK(memmap_resize(handle, PAGE + below(PAGE)));
}

/* More than the address space or the file system allows: a failed call may undo only its own changes. */
static void grow_too_far(void) {
    memmap_status status;
    CHECK(limit(RLIMIT_AS, (rlim_t)1 << 40));
    status = memmap_resize(handle, refreshed() + (UINT64_C(1) << 45));
    CHECK(status == MEMMAP_ERR_LIMIT || status == EFBIG || status == ENOSPC);
}

static atomic_int pinning;

static void *pin_again_and_again(void *nothing) {
    memmap_view view;
    (void)nothing;
    while (atomic_load(&pinning)) {
        memmap_pin(handle, &view);
        memmap_unpin(handle);
    }
    return NULL;
}

/* Growing moves, which a pin of another thread may refuse after the file has become longer. */
static void grow_beside_pins(void) {
    static pthread_t thread;
    uint64_t len = length_of(handle);
    memmap_status status;
    if (!atomic_exchange(&pinning, 1))
        CHECK(pthread_create(&thread, NULL, pin_again_and_again, NULL) == 0);
    status = memmap_resize(handle, len + 1 + below(2 * PAGE));
    CHECK(status == 0 || status == MEMMAP_ERR_BUSY);
}

/* Two full pages without records. */
static void make_the_file(const memmap_options *options) {
    make_file("file", 2 * PAGE, 0);
    CHECK_OK(memmap_open("file", options, &handle));
}

static void beside_an_appender(const memmap_options *options, void (*call)(void)) {
    pid_t child;
    int round;
    seed();
    make_the_file(options);
    child = start(append);
    for (round = 0; round < rounds() && failures == 0; round++)
        call();
    stop(child);
    atomic_store(&pinning, 0);
    check_records(0);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

#define READ_WRITE(...) OPTIONS(.access = MEMMAP_READ_WRITE, __VA_ARGS__)
#define BESIDE_AN_APPENDER(name, call, ...) \
    static void name##_beside_an_appender(void) { beside_an_appender(READ_WRITE(__VA_ARGS__), call); }

BESIDE_AN_APPENDER(growing_by_moving, grow, .flags = 0)
BESIDE_AN_APPENDER(growing_in_place, grow, .capacity = 16 << 20)
BESIDE_AN_APPENDER(growing_sparsely, grow, .flags = MEMMAP_SPARSE, .capacity = 16 << 20)
BESIDE_AN_APPENDER(growing_from_an_old_length, grow_from_an_old_length, .capacity = 16 << 20)
BESIDE_AN_APPENDER(growing_sparsely_from_an_old_length, grow_from_an_old_length, .flags = MEMMAP_SPARSE)
BESIDE_AN_APPENDER(growing_beside_pins, grow_beside_pins, .flags = 0)
BESIDE_AN_APPENDER(growing_too_far, grow_too_far, .flags = 0)
BESIDE_AN_APPENDER(growing_too_far_sparsely, grow_too_far, .flags = MEMMAP_SPARSE)
BESIDE_AN_APPENDER(keeping_the_length, keep_the_length, .flags = 0)
BESIDE_AN_APPENDER(shortening_the_mapping_alone, shorten_the_mapping, .length = 2 * PAGE)
BESIDE_AN_APPENDER(following, refresh_and_read, .flags = 0)
BESIDE_AN_APPENDER(flushing, flush, .capacity = 16 << 20)
BESIDE_AN_APPENDER(paging, page, .capacity = 16 << 20)
BESIDE_AN_APPENDER(protecting, protect_and_recover, .flags = 0)
BESIDE_AN_APPENDER(opening, open_and_close, .flags = 0)

/* The file is emptied, and earlier records are lost. Then it is at least as long as requested. */
static void creating_beside_an_appender(void) {
    pid_t child;
    int round;
    seed();
    make_the_file(NULL);
    child = start(append);
    for (round = 0; round < rounds() / 10 && failures == 0; round++) {
        memmap_handle other = 0;
        uint64_t size = below(4 * PAGE);
        uint32_t flags = below(2) ? MEMMAP_SPARSE : 0;
        CHECK_OK(memmap_create("file", size, OPTIONS(.flags = flags), &other));
        CHECK_EQUAL(size, length_of(other));
        CHECK(size_of("file") >= size);
        CHECK_OK(memmap_check(other, 0, MEMMAP_TO_END));
        CHECK_OK(memmap_close(other));
    }
    stop(child);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

/* ---- Beside threads that read ------------------------------------------------------------- */

static atomic_int reading;

/* Reads the last byte again and again: a length that is returned is readable at once. */
static void *read_the_end(void *nothing) {
    uint64_t len = 0;
    uint8_t byte = 0;
    (void)nothing;
    while (atomic_load(&reading)) {
        CHECK_OK(memmap_len(handle, &len));
        if (!CHECK_OK(memmap_read(handle, len - 1, &byte, 1)))
            break;
    }
    return NULL;
}

static void beside_readers(const memmap_options *options, void (*call)(void)) {
    pthread_t threads[2];
    int round, i;
    seed();
    make_the_file(options);
    CHECK_OK(memmap_guard_install());
    atomic_store(&reading, 1);
    for (i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, read_the_end, NULL) == 0);
    for (round = 0; round < rounds() / 3 && failures == 0; round++)
        call();
    atomic_store(&reading, 0);
    for (i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void grow_by_pages(void) { CHECK_OK(memmap_resize(handle, length_of(handle) + 1 + below(2 * PAGE))); }

/* Another process makes the file longer, and the mapping follows. */
static void follow_by_pages(void) {
    CHECK(truncate("file", (off_t)(size_of("file") + 1 + below(2 * PAGE))) == 0);
    refreshed();
}

static void readers_of_what_grows_in_place_lose_nothing(void) {
    beside_readers(READ_WRITE(.capacity = 64 << 20, .flags = MEMMAP_SPARSE), grow_by_pages);
}

static void readers_of_what_grows_by_moving_lose_nothing(void) {
    beside_readers(READ_WRITE(.flags = MEMMAP_SPARSE), grow_by_pages);
}

static void readers_of_what_follows_lose_nothing(void) {
    beside_readers(READ_WRITE(.capacity = 64 << 20), follow_by_pages);
}

/* ---- Beside a process that overwrites ------------------------------------------------------ */

enum { SLOTS = 512, SLOT = 40 };

/* Writes numbers into the even slots by pwrite(2). */
static void overwrite(void) {
    int fd = open("file", O_WRONLY | O_CLOEXEC);
    uint32_t number = 0;
    atomic_store(&both->ready, 1);
    while (number < MOST_RECORDS && !atomic_load(&both->stop)) {
        unsigned slot = (unsigned)below(SLOTS / 2) * 2;
        number++;
        if (!CHECK(pwrite(fd, &number, sizeof number, (off_t)slot * SLOT) == sizeof number))
            break;
        atomic_store(&both->values[slot], number);
    }
    close(fd);
}

static void call_of_any_kind(void) {
    uint64_t len = length_of(handle);
    switch (below(6)) {
    case 0: CHECK_OK(memmap_resize(handle, len + below(100))); break;
    case 1: CHECK_OK(memmap_resize(handle, SLOTS * SLOT + below(len - SLOTS * SLOT + 1))); break;
    case 2: flush(); break;
    case 3: page(); break;
    case 4: protect_and_recover(); break;
    default: open_and_close(); break;
    }
}

/* Each process writes its own slots, which share pages, and finds them unchanged at the end. */
static void every_call_beside_an_overwriter(void) {
    uint32_t numbers[SLOTS] = {0}, found;
    pid_t child;
    int round, fd;
    unsigned slot;
    seed();
    make_file("file", SLOTS * SLOT, 0);
    CHECK_OK(memmap_open("file", READ_WRITE(.flags = 0), &handle));
    child = start(overwrite);
    for (round = 0; round < rounds() && failures == 0; round++) {
        slot = (unsigned)below(SLOTS / 2) * 2 + 1;
        numbers[slot] = (uint32_t)round + 1;
        CHECK_OK(memmap_write(handle, slot * SLOT, &numbers[slot], sizeof numbers[slot]));
        call_of_any_kind();
    }
    stop(child);
    fd = open("file", O_RDONLY | O_CLOEXEC);
    for (slot = 0; slot < SLOTS; slot++) {
        CHECK_EQUAL(sizeof found, pread(fd, &found, sizeof found, (off_t)slot * SLOT));
        CHECK_EQUAL(slot % 2 == 0 ? atomic_load(&both->values[slot]) : numbers[slot], found);
    }
    close(fd);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

/* ---- Beside a process that changes the size ------------------------------------------------ */

/* Longer than the mapping ever is. */
enum { WHOLE = 32 * PAGE };

static void cut_and_lengthen(void) {
    int fd = open("file", O_WRONLY | O_CLOEXEC);
    int count;
    atomic_store(&both->ready, 1);
    for (count = 0; count < MOST_RECORDS && !atomic_load(&both->stop); count++)
        CHECK(ftruncate(fd, (off_t)below(8 * PAGE)) == 0);
    close(fd);
}

static int is_one_of(memmap_status status, const memmap_status *allowed) {
    while (status != *allowed && *allowed != 0)
        allowed++;
    return status == *allowed;
}

/* 0, or one of these. */
#define CHECK_ONE_OF(call, ...) CHECK(is_one_of(call, (const memmap_status[]){__VA_ARGS__, 0}))

static void use_what_is_cut(void) {
    uint64_t len = length_of(handle), at = below(len + 1);
    memmap_handle other = 0;
    uint32_t flags = below(2) ? MEMMAP_SPARSE : 0;
    uint8_t buffer[100];
    switch (below(12)) {
    case 0: CHECK_ONE_OF(memmap_resize(handle, len), MEMMAP_ERR_FAULT); break;
    case 1: CHECK_ONE_OF(memmap_resize(handle, len + below(PAGE)), MEMMAP_ERR_FAULT); break;
    case 2: CHECK_ONE_OF(memmap_resize(handle, below(len + 1)), MEMMAP_ERR_FAULT); break;
    case 3: CHECK_ONE_OF(memmap_refresh(handle, &len), MEMMAP_ERR_FAULT); break;
    case 4: CHECK_ONE_OF(memmap_flush(handle, at, MEMMAP_TO_END, MEMMAP_FLUSH_ASYNC), MEMMAP_ERR_FAULT); break;
    case 5: CHECK_ONE_OF(memmap_recover(handle), MEMMAP_ERR_FAULT); break;
    case 6: CHECK_ONE_OF(memmap_prefault(handle, at, MEMMAP_TO_END, MEMMAP_PREFAULT_WRITE), MEMMAP_ERR_FAULT); break;
    case 7: CHECK_ONE_OF(memmap_advise(handle, at, MEMMAP_TO_END, MEMMAP_ADVICE_PAGE_OUT), 0); break;
    case 8: CHECK_ONE_OF(memmap_write(handle, at, "written", 7), MEMMAP_ERR_FAULT, MEMMAP_ERR_RANGE); break;
    case 9:
        CHECK_ONE_OF(memmap_open("file", OPTIONS(.offset = below(PAGE)), &other), MEMMAP_ERR_RANGE);
        break;
    case 10: CHECK_ONE_OF(memmap_create("file", below(8 * PAGE), OPTIONS(.flags = flags), &other), 0); break;
    default: CHECK_ONE_OF(memmap_read(handle, at, buffer, sizeof buffer), MEMMAP_ERR_FAULT, MEMMAP_ERR_RANGE); break;
    }
    if (other != 0)
        CHECK_OK(memmap_close(other));
}

/* The mapping has the bytes of the file. */
static void check_it_shows_the_file(void) {
    static uint8_t there[WHOLE], shown[WHOLE];
    uint64_t len = 0;
    int fd = open("file", O_RDONLY | O_CLOEXEC);
    CHECK_OK(memmap_recover(handle));
    CHECK_OK(memmap_refresh(handle, &len));
    CHECK_EQUAL(WHOLE, len);
    CHECK_EQUAL(WHOLE, pread(fd, there, sizeof there, 0));
    CHECK_OK(memmap_read(handle, 0, shown, sizeof shown));
    CHECK(memcmp(there, shown, sizeof shown) == 0);
    close(fd);
}

static void every_call_beside_who_cuts(uint64_t capacity) {
    pid_t child;
    int round;
    seed();
    make_file("file", 8 * PAGE, 'x');
    CHECK_OK(memmap_guard_install());
    CHECK_OK(memmap_open("file", READ_WRITE(.capacity = capacity), &handle));
    child = start(cut_and_lengthen);
    for (round = 0; round < 2 * rounds() && failures == 0; round++) {
        use_what_is_cut();
        if (length_of(handle) > 16 * PAGE) { /* Its growth is truncated at once, and it would grow without end. */
            CHECK_OK(memmap_close(handle));
            CHECK_OK(memmap_open("file", READ_WRITE(.capacity = capacity), &handle));
        }
    }
    stop(child);
    CHECK(truncate("file", WHOLE) == 0);
    check_it_shows_the_file();
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void every_call_beside_who_cuts_what_moves(void) { every_call_beside_who_cuts(0); }
static void every_call_beside_who_cuts_in_place(void) { every_call_beside_who_cuts(WHOLE); }

/* ---- Beside a process that locks ----------------------------------------------------------- */

/* Locks by fcntl(2), as a program without the library does. */
static void lock_by_the_system(int fd, short type) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 8};
    while (fcntl(fd, F_OFD_SETLKW, &lock) != 0 && CHECK(errno == EINTR)) {
    }
}

/* Adds one in two steps, which a lock must make one. */
static void add_one_by_the_system(int fd) {
    uint64_t number = 0;
    CHECK(pread(fd, &number, sizeof number, 0) == sizeof number);
    number++;
    CHECK(pwrite(fd, &number, sizeof number, 0) == sizeof number);
}

static void lock_and_add(void) {
    int fd = open("file", O_RDWR | O_CLOEXEC);
    atomic_store(&both->ready, 1);
    while (atomic_load(&both->count) < MOST_RECORDS && !atomic_load(&both->stop) && failures == 0) {
        lock_by_the_system(fd, F_WRLCK);
        add_one_by_the_system(fd);
        atomic_fetch_add(&both->count, 1);
        lock_by_the_system(fd, F_UNLCK);
    }
    close(fd);
}

/* While this process holds the lock, calls with other handles of the same file release nothing. */
static void add_one_under_a_lock(void) {
    uint64_t number = 0;
    CHECK_OK(memmap_lock(handle, 0, 8, MEMMAP_LOCK_EXCLUSIVE, 60000));
    CHECK_OK(memmap_read(handle, 0, &number, sizeof number));
    number++;
    open_and_close();
    grow();
    CHECK_OK(memmap_write(handle, 0, &number, sizeof number));
    CHECK_OK(memmap_unlock(handle, 0, 8));
}

static void every_call_beside_a_locker(void) {
    uint64_t number = 0;
    pid_t child;
    int round;
    seed();
    make_file("file", 2 * PAGE, 0);
    CHECK_OK(memmap_open("file", READ_WRITE(.flags = 0), &handle));
    child = start(lock_and_add);
    for (round = 0; round < rounds() / 4 && failures == 0; round++)
        add_one_under_a_lock();
    stop(child);
    CHECK_OK(memmap_read(handle, 0, &number, sizeof number));
    CHECK_EQUAL((uint64_t)rounds() / 4 + atomic_load(&both->count), number);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

/* ---- Changes of another process while a call waits ------------------------------------------ */

/* A page whose reads block until it is released. */
static uint8_t *gate;
static atomic_int at_the_gate, gate_open;

static void wait_at_the_gate(int signal) {
    (void)signal;
    atomic_store(&at_the_gate, 1);
    while (!atomic_load(&gate_open))
        sched_yield();
    mprotect(gate, PAGE, PROT_READ);
}

static void close_the_gate(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = wait_at_the_gate;
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    gate = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void *write_from_the_gate(void *nothing) {
    (void)nothing;
    CHECK_OK(memmap_write(handle, 0, gate, 8));
    return NULL;
}

enum { REFRESHED = UINT32_MAX };

struct resizing {
    atomic_int thread;
    uint64_t len;
    memmap_status status;
};

static void *resize(void *argument) {
    struct resizing *resizing = argument;
    atomic_store(&resizing->thread, (int)syscall(SYS_gettid));
    if (resizing->len == REFRESHED)
        resizing->status = memmap_refresh(handle, &resizing->len);
    else
        resizing->status = memmap_resize(handle, resizing->len);
    return NULL;
}

/* Waits until a thread sleeps, since it waits for the running call. */
static void wait_until_it_sleeps(const struct resizing *resizing) {
    const struct timespec little = {.tv_nsec = 1000000};
    char path[64], state = 'R';
    int looks, asleep = 0;
    for (looks = 0; looks < 2000 && asleep < 3; looks++) {
        FILE *file;
        snprintf(path, sizeof path, "/proc/self/task/%d/stat", atomic_load(&resizing->thread));
        file = fopen(path, "r");
        if (file != NULL && fscanf(file, "%*d (%*[^)]) %c", &state) == 1)
            asleep = state == 'S' ? asleep + 1 : 0;
        if (file != NULL)
            fclose(file);
        nanosleep(&little, NULL);
    }
}

static pthread_t writer, resizer;

/* Resizes or refreshes a mapping of two pages, which waits for a call. */
static void begin_resizing(struct resizing *resizing) {
    make_file("file", 2 * PAGE, 'x');
    CHECK_OK(memmap_open("file", READ_WRITE(.flags = 0), &handle));
    close_the_gate();
    CHECK(pthread_create(&writer, NULL, write_from_the_gate, NULL) == 0);
    while (!atomic_load(&at_the_gate))
        sched_yield();
    if (resizing->len == REFRESHED) /* Beyond the capacity. */
        CHECK(truncate("file", 3 * PAGE) == 0);
    CHECK(pthread_create(&resizer, NULL, resize, resizing) == 0);
    wait_until_it_sleeps(resizing);
}

static void end_resizing(void) {
    atomic_store(&gate_open, 1);
    pthread_join(writer, NULL);
    pthread_join(resizer, NULL);
}

/* Another process writes a record behind the end while resizing waits for a call: the record is kept. */
static void resize_while_a_record_comes(uint64_t len, int pinned) {
    struct resizing resizing = {.len = len};
    struct record record = record_of(7), found;
    memmap_view view;
    int fd;
    begin_resizing(&resizing);
    fd = open("file", O_RDWR | O_CLOEXEC);
    CHECK(pwrite(fd, &record, RECORD, 2 * PAGE) == RECORD);
    if (pinned)
        CHECK_OK(memmap_pin(handle, &view));
    end_resizing();
    CHECK(resizing.status == 0 || resizing.status == MEMMAP_ERR_BUSY);
    CHECK_EQUAL(RECORD, pread(fd, &found, RECORD, 2 * PAGE));
    CHECK(memcmp(&record, &found, RECORD) == 0);
    if (pinned)
        CHECK_OK(memmap_unpin(handle));
    CHECK_OK(memmap_close(handle));
    close(fd);
    unlink("file");
}

static void shrinking_keeps_what_came_while_it_waited(void) { resize_while_a_record_comes(PAGE, 0); }
static void growing_keeps_what_came_while_it_waited(void) { resize_while_a_record_comes(3 * PAGE, 0); }
static void growing_that_fails_keeps_what_came_while_it_waited(void) { resize_while_a_record_comes(3 * PAGE, 1); }

/* The size of the file counts at the moment in which the mapping changes. */
static void refresh_while_the_size_changes(uint64_t size) {
    struct resizing resizing = {.len = REFRESHED};
    begin_resizing(&resizing);
    CHECK(truncate("file", (off_t)size) == 0);
    end_resizing();
    CHECK_OK(resizing.status);
    CHECK_EQUAL(size, resizing.len);
    CHECK_EQUAL(size, length_of(handle));
    CHECK_OK(memmap_check(handle, 0, MEMMAP_TO_END));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void refreshing_takes_what_came_while_it_waited(void) { refresh_while_the_size_changes(4 * PAGE + 5); }
static void refreshing_takes_no_more_than_is_left(void) { refresh_while_the_size_changes(PAGE + 7); }

/* While growing waits, another process truncates the file: bytes of the mapping are not replaced by zeros. */
static void growing_waits_and_finds_the_file_cut(void) {
    struct resizing resizing = {.len = 3 * PAGE};
    begin_resizing(&resizing);
    CHECK(truncate("file", PAGE) == 0);
    end_resizing();
    CHECK_STATUS(MEMMAP_ERR_FAULT, resizing.status);
    CHECK_EQUAL(PAGE, size_of("file"));
    CHECK_EQUAL(2 * PAGE, length_of(handle));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

/* Another process has truncated the file: the lost pages are reported, whatever the new size. */
static void resizing_hides_no_loss(void) {
    static const uint64_t lengths[] = {3 * PAGE, 4 * PAGE, 3 * PAGE - 1, 2 * PAGE, PAGE + 101};
    uint64_t len = 0;
    size_t i;
    uint8_t byte;
    CHECK_OK(memmap_guard_install());
    make_file("file", 3 * PAGE, 'x');
    CHECK_OK(memmap_open("file", READ_WRITE(.capacity = 8 * PAGE), &handle));
    CHECK(truncate("file", PAGE + 100) == 0);
    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_resize(handle, lengths[i]));
        CHECK_EQUAL(PAGE + 100, size_of("file"));
        CHECK_EQUAL(3 * PAGE, length_of(handle));
    }
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 2 * PAGE, &byte, 1));
    CHECK(truncate("file", 3 * PAGE) == 0);
    CHECK_OK(memmap_recover(handle));
    CHECK(truncate("file", PAGE + 100) == 0);
    CHECK_OK(memmap_refresh(handle, &len));
    CHECK_EQUAL(PAGE + 100, len);
    CHECK_OK(memmap_resize(handle, PAGE + 1));
    CHECK_EQUAL(PAGE + 1, size_of("file"));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(growing_by_moving_beside_an_appender),
        BEHAVIOUR(growing_in_place_beside_an_appender),
        BEHAVIOUR(growing_sparsely_beside_an_appender),
        BEHAVIOUR(growing_from_an_old_length_beside_an_appender),
        BEHAVIOUR(growing_sparsely_from_an_old_length_beside_an_appender),
        BEHAVIOUR(growing_beside_pins_beside_an_appender),
        BEHAVIOUR(growing_too_far_beside_an_appender),
        BEHAVIOUR(growing_too_far_sparsely_beside_an_appender),
        BEHAVIOUR(keeping_the_length_beside_an_appender),
        BEHAVIOUR(shortening_the_mapping_alone_beside_an_appender),
        BEHAVIOUR(following_beside_an_appender),
        BEHAVIOUR(flushing_beside_an_appender),
        BEHAVIOUR(paging_beside_an_appender),
        BEHAVIOUR(protecting_beside_an_appender),
        BEHAVIOUR(opening_beside_an_appender),
        BEHAVIOUR(creating_beside_an_appender),
        BEHAVIOUR(readers_of_what_grows_in_place_lose_nothing),
        BEHAVIOUR(readers_of_what_grows_by_moving_lose_nothing),
        BEHAVIOUR(readers_of_what_follows_lose_nothing),
        BEHAVIOUR(every_call_beside_an_overwriter),
        BEHAVIOUR(every_call_beside_who_cuts_what_moves),
        BEHAVIOUR(every_call_beside_who_cuts_in_place),
        BEHAVIOUR(every_call_beside_a_locker),
        BEHAVIOUR(shrinking_keeps_what_came_while_it_waited),
        BEHAVIOUR(growing_keeps_what_came_while_it_waited),
        BEHAVIOUR(growing_that_fails_keeps_what_came_while_it_waited),
        BEHAVIOUR(refreshing_takes_what_came_while_it_waited),
        BEHAVIOUR(refreshing_takes_no_more_than_is_left),
        BEHAVIOUR(growing_waits_and_finds_the_file_cut),
        BEHAVIOUR(resizing_hides_no_loss),
    };
    printf("MEMMAP_SEED=%" PRIu64 "\n", seed_number());
    return RUN(argc, argv, behaviours);
}
