/* Changes of a mapping's size beside others: writers of the file, threads, forks, and what was advised or locked. */

#include <sys/mman.h>

#include "blocked.h"
#include "faults.h"
#include "opened.h"

static uint64_t refreshed(void) {
    uint64_t len = UNTOUCHED;
    CHECK_OK(memmap_refresh(handle, &len));
    return len;
}

/* How much memory of this process is locked. */
static uint64_t locked_pages(void) {
    FILE *status = fopen("/proc/self/status", "r");
    uint64_t kib = 0;
    char line[256];
    while (CHECK(status != NULL) && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "VmLck: %" SCNu64, &kib) == 1)
            break;
    fclose(status);
    return kib * 1024 / PAGE;
}

/* Records of another process: none is lost, and each is whole and in its place. */
#define RECORDS 30000
#define RECORD "R%014d\n"

static void append_records(const char *path) {
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC), i;
    char record[32];
    for (i = 0; i < RECORDS; i++) {
        int len = snprintf(record, sizeof record, RECORD, i);
        if (write(fd, record, (size_t)len) != len)
            _exit(2);
    }
    _exit(0);
}

/* How many records the file has, one after the other, whatever zeros lie between them. */
static int records_in(const char *path) {
    FILE *file = fopen(path, "r");
    char record[32], wanted[32];
    int byte, count = 0;
    while (CHECK(file != NULL) && (byte = fgetc(file)) != EOF) {
        if (byte == 0)
            continue;
        snprintf(wanted, sizeof wanted, RECORD, count);
        if (byte != 'R' || fgets(record, sizeof record, file) == NULL || strcmp(record, wanted + 1) != 0)
            break;
        count++;
    }
    fclose(file);
    return count;
}

static void grow_beside_an_appender(const char *path, uint32_t flags, uint64_t capacity) {
    memmap_options *options = OPTIONS(.access = MEMMAP_READ_WRITE, .flags = flags, .capacity = capacity);
    pid_t child = fork();
    int ended, left = 0;
    if (child == 0)
        append_records(path);
    CHECK_OK(memmap_open(path, options, &handle));
    while (waitpid(child, &ended, WNOHANG) == 0) {
        uint64_t len = refreshed();
        left += memmap_resize(handle, len + 1 + len % 5000) != 0;
    }
    CHECK(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    CHECK_EQUAL(0, left);
    CHECK_EQUAL(RECORDS, records_in(path));
    CHECK_OK(memmap_close(handle));
}

static void growing_loses_nothing_that_others_append(void) {
    char path[64];
    int fd = memfd_create("tmpfs", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), fd);
    grow_beside_an_appender(path, 0, 0);
    CHECK(ftruncate(fd, 0) == 0);
    grow_beside_an_appender(path, MEMMAP_SPARSE, 1 << 30);
    close(fd);
    make_file("file", 0, 0);
    grow_beside_an_appender("file", 0, 1 << 30);
    unlink("file");
}

static void *resize_to_100(void *status) {
    *(memmap_status *)status = memmap_resize(handle, 100);
    return NULL;
}

static void a_shrink_that_waited_leaves_what_was_appended_meanwhile(void) {
    struct blocked call;
    memmap_status status = 1;
    pthread_t thread;
    int fd;
    open_file(20000, OPTIONS(.access = MEMMAP_READ_WRITE));
    if (block(&call, handle)) {
        CHECK(pthread_create(&thread, NULL, resize_to_100, &status) == 0);
        usleep(20000); /* It waits for the call by now; if it doesn't, this asks less. */
        fd = open("file", O_WRONLY | O_APPEND | O_CLOEXEC);
        CHECK(write(fd, "record", 6) == 6 && close(fd) == 0);
        unblock(&call);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK_OK(status);
        CHECK_EQUAL(100, length_of(handle));
        CHECK_EQUAL(20006, size_of("file"));
        CHECK_EQUAL('d', byte_of("file", 20005));
    }
    close_file();
}

static void *grow_past_the_capacity(void *status) {
    *(memmap_status *)status = memmap_resize(handle, 1 << 20);
    return NULL;
}

static void a_growth_that_waited_changes_nothing_before_it_begins(void) {
    struct blocked call;
    memmap_status status = 1;
    memmap_view view;
    pthread_t thread;
    open_file(5000, OPTIONS(.access = MEMMAP_READ_WRITE));
    if (block(&call, handle)) {
        CHECK(pthread_create(&thread, NULL, grow_past_the_capacity, &status) == 0);
        usleep(20000);
        CHECK_EQUAL(5000, size_of("file")); /* So there is nothing to take back, either. */
        CHECK_OK(memmap_pin(handle, &view));
        unblock(&call);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(status == MEMMAP_ERR_BUSY || status == 0); /* It may have begun before the pin. */
        CHECK_EQUAL(status == 0 ? 1 << 20 : 5000, size_of("file"));
        CHECK_EQUAL(size_of("file"), length_of(handle));
        CHECK_OK(memmap_unpin(handle));
    }
    close_file();
}

/* A file that somebody has cut is not made to look whole. */
static void a_resize_does_not_hide_what_was_cut_off(void) {
    const uint64_t lengths[] = {20000, 15000, 10001, 20001, 1 << 20};
    size_t i;
    open_file(20000, OPTIONS(.access = MEMMAP_READ_WRITE, .capacity = 30000));
    set_size("file", 10000);
    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_resize(handle, lengths[i]));
        CHECK_EQUAL(10000, size_of("file"));
        CHECK_EQUAL(20000, length_of(handle));
    }
    CHECK_OK(memmap_resize(handle, 10000)); /* What is left is whole. */
    CHECK_EQUAL(10000, length_of(handle));
    set_size("file", 5000);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_resize(handle, 12000));
    CHECK_EQUAL(5000, refreshed()); /* Or the file's size is taken. */
    CHECK_OK(memmap_resize(handle, 12000));
    CHECK(all_bytes(handle, 0, 5000, 'x') && all_bytes(handle, 5000, 7000, 0));
    close_file();
}

/* Several areas: a part of the mapping was advised, locked or protected in its own way. */
static void split(void) {
    CHECK_OK(memmap_advise(handle, 3 * PAGE, 2 * PAGE, MEMMAP_ADVICE_RANDOM));
    CHECK_OK(memmap_lock_memory(handle, 6 * PAGE, PAGE));
    CHECK_OK(memmap_advise(handle, 8 * PAGE, PAGE, MEMMAP_ADVICE_DONT_DUMP));
}

static void fill_pages(void) {
    uint64_t i;
    for (i = 0; i < 10; i++)
        CHECK_OK(memmap_fill(handle, i * PAGE, PAGE, 'a' + (uint8_t)i));
}

static void check_pages(void) {
    uint64_t i;
    for (i = 0; i < 10; i++)
        CHECK(all_bytes(handle, i * PAGE, PAGE, 'a' + (int)i));
    CHECK(has_vm_flag(address_of(handle) + 3 * PAGE, " rr") && has_vm_flag(address_of(handle) + 4 * PAGE, " rr"));
    CHECK(!has_vm_flag(address_of(handle) + 5 * PAGE, " rr"));
    CHECK(has_vm_flag(address_of(handle) + 6 * PAGE, " lo") && !has_vm_flag(address_of(handle) + 7 * PAGE, " lo"));
    CHECK(has_vm_flag(address_of(handle) + 8 * PAGE, " dd"));
}

static void move_what_was_split(void) {
    fill_pages();
    split();
    CHECK_OK(memmap_resize(handle, 4096 * PAGE));
    check_pages();
    CHECK(all_bytes(handle, 10 * PAGE, 4086 * PAGE, 0));
    CHECK_OK(memmap_fill(handle, 4000 * PAGE, MEMMAP_TO_END, 'z'));
    CHECK_OK(memmap_resize(handle, 10 * PAGE));
    check_pages();
    CHECK_OK(memmap_resize(handle, 9000 * PAGE));
    check_pages();
    CHECK(all_bytes(handle, 10 * PAGE, 8990 * PAGE, 0));
}

static void what_was_advised_or_locked_in_part_grows_too(void) {
    open_file(10 * PAGE, OPTIONS(.access = MEMMAP_READ_WRITE));
    move_what_was_split();
    CHECK_EQUAL(9000 * PAGE, size_of("file"));
    CHECK_EQUAL('j', byte_of("file", 9 * PAGE));
    close_file();
    CHECK_OK(memmap_anonymous(10 * PAGE, NULL, &handle));
    move_what_was_split();
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_anonymous(10 * PAGE, OPTIONS(.capacity = 100 * PAGE), &handle));
    move_what_was_split();
    CHECK_OK(memmap_close(handle));
}

static void refresh_grows_it_too_also_from_the_middle_of_a_page(void) {
    open_file(10 * PAGE + 100, OPTIONS(.access = MEMMAP_COPY_ON_WRITE, .offset = 100));
    fill_pages();
    split();
    set_size("file", 4096 * PAGE);
    CHECK_EQUAL(4096 * PAGE - 100, refreshed());
    CHECK(all_bytes(handle, 9 * PAGE, PAGE, 'j')); /* Its own, and nobody else's. */
    CHECK_EQUAL('x', byte_of("file", 9 * PAGE));
    close_file();
    open_file(10 * PAGE, OPTIONS(.advice = MEMMAP_ADVICE_RANDOM, .capacity = 20 * PAGE));
    set_size("file", 4096 * PAGE);
    CHECK_EQUAL(4096 * PAGE, refreshed());
    CHECK(has_vm_flag(address_of(handle) + 4095 * PAGE, " rr"));
    close_file();
}

static void growing_what_may_not_be_written_leaves_it_so(void) {
    open_file(10 * PAGE, OPTIONS(.access = MEMMAP_READ_WRITE));
    split();
    CHECK_OK(memmap_protect(handle, MEMMAP_READ_ONLY));
    set_size("file", 4096 * PAGE);
    CHECK_EQUAL(4096 * PAGE, refreshed());
    CHECK(!has_vm_flag(address_of(handle), " wr") && !has_vm_flag(address_of(handle) + 4095 * PAGE, " wr"));
    CHECK_OK(memmap_protect(handle, MEMMAP_READ_WRITE));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'w'));
    close_file();
}

static void pages_that_come_later_are_as_the_options_ask(void) {
    const memmap_options *options = OPTIONS(.access = MEMMAP_READ_WRITE, .capacity = 64 * PAGE,
                                            .flags = MEMMAP_NO_DUMP | MEMMAP_LOCKED);
    const uint64_t lengths[] = {10 * PAGE, 20 * PAGE, 20 * PAGE + 1, 64 * PAGE, 100 * PAGE};
    size_t i;
    open_file(PAGE + 1, options);
    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t *last;
        CHECK_OK(memmap_resize(handle, lengths[i]));
        last = address_of(handle) + lengths[i] - 1;
        CHECK(has_vm_flag(last, " dd") && has_vm_flag(last, " lo"));
        CHECK(has_vm_flag(address_of(handle), " dd") && has_vm_flag(address_of(handle), " lo"));
    }
    CHECK_EQUAL(100, locked_pages());
    close_file();
    CHECK_OK(memmap_anonymous(PAGE, OPTIONS(.capacity = 64 * PAGE, .flags = MEMMAP_NO_DUMP | MEMMAP_LOCKED), &handle));
    CHECK_OK(memmap_resize(handle, 64 * PAGE));
    CHECK_EQUAL(64, locked_pages());
    CHECK(has_vm_flag(address_of(handle) + 63 * PAGE, " dd"));
    CHECK_OK(memmap_close(handle));
}

/* The fault handler knows of them before anybody can touch them. */
static void pages_grown_into_are_guarded(void) {
    char byte;
    int i;
    CHECK_OK(memmap_guard_install());
    for (i = 0; i < 2; i++) {
        open_file(PAGE, OPTIONS(.access = MEMMAP_READ_WRITE, .capacity = 64 * PAGE));
        if (i == 0) {
            CHECK_OK(memmap_resize(handle, 64 * PAGE));
        } else {
            set_size("file", 64 * PAGE);
            CHECK_EQUAL(64 * PAGE, refreshed());
        }
        set_size("file", PAGE);
        CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 63 * PAGE, &byte, 1));
        CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 63 * PAGE, handle);
        CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_resize(handle, PAGE)); /* What is lost is recovered first. */
        set_size("file", 64 * PAGE);
        CHECK_OK(memmap_recover(handle));
        CHECK_OK(memmap_resize(handle, 100 * PAGE)); /* Also past the capacity, in as many areas as there are. */
        CHECK(all_bytes(handle, 0, PAGE, 'x') && all_bytes(handle, PAGE, 99 * PAGE, 0));
        close_file();
    }
}

static void a_limit_of_locked_memory_is_met_before_anything_has_changed(void) {
    const uint64_t lengths[] = {32 * PAGE, 64 * PAGE, 100 * PAGE};
    size_t i;
    become_nobody();
    if (!CHECK(limit(RLIMIT_MEMLOCK, 16 * PAGE)))
        return;
    CHECK_OK(memmap_memfd("locked", 10 * PAGE,
                          OPTIONS(.capacity = 64 * PAGE, .flags = MEMMAP_LOCKED), &handle));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'x'));
    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        int fd;
        struct stat status;
        CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_resize(handle, lengths[i]));
        CHECK_EQUAL(10 * PAGE, length_of(handle));
        CHECK_OK(memmap_fd(handle, &fd));
        CHECK(fstat(fd, &status) == 0 && status.st_size == 10 * (off_t)PAGE && close(fd) == 0);
        CHECK_EQUAL(10, locked_pages());
    }
    CHECK_OK(memmap_resize(handle, 16 * PAGE));
    CHECK(all_bytes(handle, 0, 10 * PAGE, 'x') && all_bytes(handle, 10 * PAGE, 6 * PAGE, 0));
    CHECK_OK(memmap_close(handle));
}

static void shrinking_locked_memory_works_and_what_comes_back_is_zero(void) {
    const uint64_t capacities[] = {0, 100 * PAGE};
    size_t i;
    for (i = 0; i < 2; i++) {
        CHECK_OK(memmap_anonymous(10 * PAGE, OPTIONS(.capacity = capacities[i]), &handle));
        fill_pages();
        CHECK_OK(memmap_lock_memory(handle, 2 * PAGE, 5 * PAGE));
        CHECK_OK(memmap_resize(handle, PAGE + 10));
        CHECK_OK(memmap_resize(handle, 10 * PAGE));
        CHECK(all_bytes(handle, 0, PAGE, 'a') && all_bytes(handle, PAGE, 10, 'b'));
        CHECK(all_bytes(handle, PAGE + 10, 9 * PAGE - 10, 0));
        CHECK_OK(memmap_close(handle));
    }
}

/* A change that waits for a call keeps nobody waiting who has no business with it. */
static void in_the_child(memmap_handle other) {
    char byte;
    if (memmap_read(handle, 0, &byte, 1) != 0 || memmap_resize(other, 2 * PAGE) != 0 ||
        memmap_close(handle) != 0 || memmap_close(other) != 0)
        _exit(3);
    _exit(0);
}

static void neither_a_fork_nor_another_mapping_waits_for_a_change_that_waits(void) {
    memmap_handle others[200];
    struct blocked call;
    memmap_status status = 1;
    pthread_t thread;
    pid_t child;
    int ended, i, same = 0;
    for (i = 0; i < 200; i++)
        CHECK_OK(memmap_anonymous(PAGE, NULL, &others[i]));
    open_file(20000, OPTIONS(.access = MEMMAP_READ_WRITE));
    if (block(&call, handle)) {
        CHECK(pthread_create(&thread, NULL, resize_to_100, &status) == 0);
        usleep(20000);
        for (i = 0; i < 200; i++) {
            CHECK_OK(memmap_resize(others[i], 2 * PAGE));
            same += (others[i] - handle) % 64 == 0;
        }
        CHECK(same > 0);
        child = fork();
        if (child == 0)
            in_the_child(others[0]);
        CHECK(waitpid(child, &ended, 0) == child);
        CHECK(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
        CHECK_EQUAL(1, status); /* All of that came before the resize. */
        unblock(&call);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK_OK(status);
    }
    close_file();
    for (i = 0; i < 200; i++)
        CHECK_OK(memmap_close(others[i]));
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(growing_loses_nothing_that_others_append),
        BEHAVIOUR(a_shrink_that_waited_leaves_what_was_appended_meanwhile),
        BEHAVIOUR(a_growth_that_waited_changes_nothing_before_it_begins),
        BEHAVIOUR(a_resize_does_not_hide_what_was_cut_off),
        BEHAVIOUR(what_was_advised_or_locked_in_part_grows_too),
        BEHAVIOUR(refresh_grows_it_too_also_from_the_middle_of_a_page),
        BEHAVIOUR(growing_what_may_not_be_written_leaves_it_so),
        BEHAVIOUR(pages_that_come_later_are_as_the_options_ask),
        BEHAVIOUR(pages_grown_into_are_guarded),
        BEHAVIOUR(a_limit_of_locked_memory_is_met_before_anything_has_changed),
        BEHAVIOUR(shrinking_locked_memory_works_and_what_comes_back_is_zero),
        BEHAVIOUR(neither_a_fork_nor_another_mapping_waits_for_a_change_that_waits),
    };
    return RUN(argc, argv, behaviours);
}
