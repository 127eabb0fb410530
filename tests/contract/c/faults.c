/* Pages that are lost under a mapping: who is told, what survives, and how they come back. */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "faults.h"

#ifdef SYS_mmap2
#define SYS_MAP SYS_mmap2
#else
#define SYS_MAP SYS_mmap
#endif

static memmap_handle handle;

static void close_file(void) {
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void outputs_are_checked_before_anything_is_done(void) {
    memmap_fault fault = {0};
    handle = guarded(1, NULL);
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_get_fault(handle, NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_get_fault(handle, &fault));
    fault.size = sizeof fault + 8;
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_get_fault(handle, &fault));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_fault_counter(handle, NULL));
    close_file();
}

static void a_closed_handle_is_none_here_either(void) {
    memmap_fault fault = {0};
    const uint32_t *counter = (const uint32_t *)&fault;
    fault.size = sizeof fault;
    fault.count = 7;
    handle = guarded(1, NULL);
    close_file();
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_get_fault(handle, &fault));
    CHECK_EQUAL(7, fault.count);
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_check(handle, 0, 0));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_recover(handle));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_fault_counter(handle, &counter));
    CHECK(counter == (const uint32_t *)&fault);
}

static void nothing_is_lost_at_first(void) {
    const uint32_t *counter = NULL;
    handle = guarded(2, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_WHOLE(handle);
    CHECK_OK(memmap_fault_counter(handle, &counter));
    CHECK_EQUAL(0, *counter);
    CHECK_OK(memmap_check(handle, 2 * PAGE, 0));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_check(handle, 2 * PAGE, 1));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_check(handle, 2 * PAGE + 1, MEMMAP_TO_END));
    CHECK_OK(memmap_recover(handle));
    close_file();
}

static void every_call_whose_range_has_a_lost_byte_says_so(void) {
    const uint64_t end = 2 * PAGE + 100;
    const uint32_t *counter = NULL;
    char byte;
    uint64_t len;
    memmap_view view;
    handle = guarded(8, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_OK(memmap_fault_counter(handle, &counter));
    set_size("file", end);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 7 * PAGE, &byte, 1));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, end, 6 * PAGE - 100, handle);
    CHECK_EQUAL(1, *counter);

    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, end, &byte, 1));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_write(handle, end, "y", 1));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_fill(handle, 0, MEMMAP_TO_END, 'y'));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_move(handle, 0, end, 1));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_move(handle, end, 0, 1));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_check(handle, end, 1));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_check(handle, 0, MEMMAP_TO_END));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_resize(handle, 9 * PAGE));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_resize(handle, PAGE));
    CHECK_REFUSED(MEMMAP_ERR_FAULT, len, memmap_refresh(handle, &len));
    CHECK_OK(memmap_pin(handle, &view));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_unpin(handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_unpin(handle)); /* It was given back. */
    CHECK_EQUAL(8 * PAGE, length_of(handle));

    /* What is left of the file is as good as ever. */
    CHECK_OK(memmap_read(handle, end - 1, &byte, 1));
    CHECK_EQUAL('x', byte);
    CHECK_OK(memmap_write(handle, 0, "a", 1));
    CHECK_OK(memmap_fill(handle, 1, end - 1, 'b'));
    CHECK_OK(memmap_move(handle, 1, 0, 1));
    CHECK_OK(memmap_check(handle, 0, end));
    CHECK_OK(memmap_check(handle, end, 0));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_EQUAL('a', byte_of("file", 1));
    CHECK_EQUAL('b', byte_of("file", end - 1));
    close_file();
}

static void a_copy_of_what_was_lost_before_copies_nothing(void) {
    char bytes[200];
    size_t i;
    handle = guarded(2, OPTIONS(.access = MEMMAP_READ_WRITE));
    set_size("file", PAGE);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, PAGE, bytes, 1));
    memset(bytes, 'u', sizeof bytes);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, PAGE - 100, bytes, sizeof bytes));
    for (i = 0; i < sizeof bytes; i++)
        CHECK_EQUAL('u', bytes[i]);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_write(handle, PAGE - 100, bytes, sizeof bytes));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_fill(handle, PAGE - 100, 200, 'f'));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_move(handle, PAGE - 100, 0, 200));
    for (i = PAGE - 100; i < PAGE; i++)
        CHECK_EQUAL('x', byte_of("file", i));
    close_file();
}

static void a_copy_that_meets_the_loss_says_so(void) {
    char bytes[100];
    const memmap_options *writable = OPTIONS(.access = MEMMAP_READ_WRITE);
    handle = guarded(2, writable);
    set_size("file", PAGE);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, PAGE - 50, bytes, 100));
    close_file();
    handle = guarded(2, writable);
    set_size("file", PAGE);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_write(handle, PAGE - 50, bytes, 100));
    close_file();
    handle = guarded(2, writable);
    set_size("file", PAGE);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_fill(handle, 0, MEMMAP_TO_END, 1));
    close_file();
    handle = guarded(2, writable);
    set_size("file", PAGE);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_move(handle, 0, PAGE, 1));
    close_file();
}

static void a_raw_pointer_survives_and_the_next_call_tells(void) {
    memmap_view view;
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_OK(memmap_pin(handle, &view));
    set_size("file", PAGE);
    CHECK_EQUAL(0, load(view.data + 3 * PAGE));
    store(view.data + 2 * PAGE, 'y');
    CHECK_EQUAL('y', load(view.data + 2 * PAGE));
    CHECK_EQUAL('x', load(view.data));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_check(handle, 3 * PAGE, 1));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_unpin(handle));
    CHECK_EQUAL(PAGE, size_of("file"));
    close_file();
}

/* ---- Threads that go on while the file is cut ---- */

enum { THREADS = 8, PAGES = 16, ROUNDS = 10 };

static pthread_barrier_t line;
static int done;      /* What main does meanwhile is done. */
static unsigned told; /* How often FAULT was met. */

static void is_ok_or_lost(memmap_status status) {
    CHECK(status == 0 || status == MEMMAP_ERR_FAULT);
    if (status == MEMMAP_ERR_FAULT)
        __atomic_fetch_add(&told, 1, __ATOMIC_SEQ_CST);
}

static void use_every_page(unsigned first) {
    char bytes[64];
    memmap_view view;
    unsigned page;
    memset(bytes, 'x', sizeof bytes);
    for (page = 0; page < PAGES; page++) {
        const uint64_t at = (page + first) % PAGES * PAGE;
        is_ok_or_lost(memmap_read(handle, at + 200, bytes, sizeof bytes));
        is_ok_or_lost(memmap_write(handle, at, "x", 1));
        is_ok_or_lost(memmap_fill(handle, at + 1, 10, 'x'));
        is_ok_or_lost(memmap_move(handle, at, (at + PAGE) % (PAGES * PAGE), 9));
        CHECK_OK(memmap_pin(handle, &view));
        load(view.data + at + PAGE - 1);
        store(view.data + at + 20, 'x');
        is_ok_or_lost(memmap_check(handle, at, PAGE));
        is_ok_or_lost(memmap_unpin(handle));
    }
}

/* Goes round while main cuts the file, while it recovers, and once more when all is well. */
static void *use_while_others_cut(void *number) {
    const unsigned first = (unsigned)*(int *)number;
    int turn;
    for (turn = 0; turn < 2 * ROUNDS + 1; turn++) {
        pthread_barrier_wait(&line);
        while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST))
            use_every_page(first);
        use_every_page(first);
        pthread_barrier_wait(&line);
    }
    return NULL;
}

static void let_them_go(void) {
    __atomic_store_n(&done, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&told, 0, __ATOMIC_SEQ_CST);
    pthread_barrier_wait(&line);
}

/* Each goes round at least once more. */
static void wait_for_them(void) {
    __atomic_store_n(&done, 1, __ATOMIC_SEQ_CST);
    pthread_barrier_wait(&line);
}

/* On a busy machine a call that is to be waited for may not get its turn in time. */
static void recover_among_others(void) {
    memmap_status status;
    do
        status = memmap_recover(handle);
    while (status == MEMMAP_ERR_BUSY);
    CHECK_OK(status);
}

static void threads_survive_a_cut_to(uint64_t size) {
    pthread_t threads[THREADS];
    memmap_stats stats = {0};
    uint8_t *data;
    int numbers[THREADS], i, round;
    CHECK(pthread_barrier_init(&line, NULL, THREADS + 1) == 0);
    handle = guarded(PAGES, OPTIONS(.access = MEMMAP_READ_WRITE));
    data = address_of(handle);
    for (i = 0; i < THREADS; i++) {
        numbers[i] = i * 3;
        CHECK(pthread_create(&threads[i], NULL, use_while_others_cut, &numbers[i]) == 0);
    }
    for (round = 0; round < ROUNDS; round++) {
        let_them_go();
        set_size("file", size);
        wait_for_them();
        CHECK(told > 0);
        CHECK_LOST(MEMMAP_FAULT_TRUNCATED, size, PAGES * PAGE - size, handle);
        let_them_go();
        CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_recover(handle));
        set_size("file", PAGES * PAGE);
        recover_among_others();
        wait_for_them();
        CHECK_WHOLE(handle);
    }
    let_them_go();
    wait_for_them();
    CHECK_EQUAL(0, told);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(address_of(handle) == data);
    stats.size = sizeof stats;
    CHECK_OK(memmap_get_stats(&stats));
    CHECK(stats.faults_survived >= ROUNDS);
    close_file();
}

static void eight_threads_survive_a_file_cut_to_nothing(void) {
    threads_survive_a_cut_to(0);
}

static void eight_threads_survive_a_file_cut_in_a_page(void) {
    threads_survive_a_cut_to(PAGE / 2);
}

static void eight_threads_survive_a_file_cut_in_half(void) {
    threads_survive_a_cut_to(PAGES / 2 * PAGE);
}

/* ---- Getting the file back ---- */

static void *load_all_the_time(void *data) {
    const uint8_t *pages = data;
    unsigned page = 0;
    while (!__atomic_load_n(&done, __ATOMIC_RELAXED))
        load(pages + (++page % PAGES) * PAGE);
    return NULL;
}

/* Stand-ins and what comes back are made aside here, and moved in: nobody finds a gap in between. */
static void threads_that_read_while_pages_are_moved_in_find_no_gap(void) {
    enum { READERS = 2, CUTS = 200 };
    pthread_t threads[READERS];
    int i, fd = memfd_create("file", MFD_CLOEXEC);
    CHECK_OK(memmap_guard_install());
    CHECK(fd >= 0 && ftruncate(fd, PAGES * PAGE) == 0);
    CHECK_OK(memmap_from_fd(fd, OPTIONS(.access = MEMMAP_READ_WRITE, .flags = MEMMAP_NO_DUMP), &handle));
    for (i = 0; i < READERS; i++)
        CHECK(pthread_create(&threads[i], NULL, load_all_the_time, address_of(handle)) == 0);
    for (i = 0; i < CUTS; i++) {
        CHECK(ftruncate(fd, PAGE) == 0);
        load(address_of(handle) + 5 * PAGE);
        CHECK(ftruncate(fd, PAGES * PAGE) == 0);
        recover_among_others();
    }
    __atomic_store_n(&done, 1, __ATOMIC_RELAXED);
    for (i = 0; i < READERS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK_OK(memmap_close(handle));
    close(fd);
}

static void writes_the_file_anew(void) {
    int fd = open("file", O_WRONLY | O_CLOEXEC);
    uint64_t i;
    for (i = 0; i < 8 * PAGE; i += PAGE)
        CHECK(pwrite(fd, "new", 3, (off_t)i) == 3);
    CHECK(ftruncate(fd, (off_t)(8 * PAGE)) == 0);
    close(fd);
}

static void recovering_shows_what_others_wrote_and_nothing_that_was_written_meanwhile(void) {
    const uint32_t *counter = NULL;
    memmap_view view;
    handle = guarded(8, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_OK(memmap_fault_counter(handle, &counter));
    CHECK_OK(memmap_pin(handle, &view));
    set_size("file", PAGE + 10);
    store(view.data + 3 * PAGE + 5, 'l');
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_recover(handle));
    CHECK_EQUAL('l', load(view.data + 3 * PAGE + 5)); /* Nothing has changed. */
    set_size("file", 8 * PAGE - 1);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_recover(handle));
    in_child(writes_the_file_anew);
    CHECK_OK(memmap_recover(handle));
    CHECK_WHOLE(handle);
    CHECK_EQUAL(0, *counter);
    CHECK(address_of(handle) == view.data);
    CHECK_EQUAL('n', load(view.data + 3 * PAGE));
    CHECK_EQUAL(0, load(view.data + 3 * PAGE + 5));
    store(view.data + 7 * PAGE + 9, 'm');
    CHECK_EQUAL('m', byte_of("file", 7 * PAGE + 9));
    CHECK_OK(memmap_unpin(handle));
    CHECK_OK(memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_resize(handle, 9 * PAGE));
    close_file();
}

static void what_is_lost_again_after_recovering_is_told_again(void) {
    char byte;
    int i;
    handle = guarded(4, NULL);
    for (i = 0; i < 3; i++) {
        set_size("file", PAGE);
        CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 2 * PAGE, &byte, 1));
        CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 3 * PAGE, handle);
        CHECK_EQUAL(1, fault_of(handle).count);
        set_size("file", 4 * PAGE);
        CHECK_OK(memmap_recover(handle));
        CHECK_WHOLE(handle);
    }
    close_file();
}

static void a_file_that_was_cut_again_loses_more(void) {
    char byte;
    handle = guarded(8, NULL);
    set_size("file", 6 * PAGE);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 7 * PAGE, &byte, 1));
    set_size("file", 2 * PAGE);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 4 * PAGE, &byte, 1));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, 2 * PAGE, 6 * PAGE, handle);
    CHECK_EQUAL(2, fault_of(handle).count);
    set_size("file", 8 * PAGE);
    CHECK_OK(memmap_recover(handle));
    CHECK(all_bytes(handle, 0, 2 * PAGE, 'x') && all_bytes(handle, 2 * PAGE, 6 * PAGE, 0));
    close_file();
}

static void a_file_that_has_grown_again_before_the_touch_is_no_loss(void) {
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    set_size("file", 0);
    set_size("file", 4 * PAGE);
    CHECK(all_bytes(handle, 0, 4 * PAGE, 0));
    CHECK_OK(memmap_write(handle, 3 * PAGE, "y", 1));
    CHECK_WHOLE(handle);
    close_file();
}

static void recovering_needs_the_mappings_descriptor(void) {
    char byte;
    int fd = -1;
    handle = guarded(4, NULL);
    set_size("file", 0);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 0, &byte, 1));
    set_size("file", 4 * PAGE);
    CHECK_EQUAL(1, descriptors_of("file", &fd));
    close(fd);
    CHECK_STATUS(EBADF, memmap_recover(handle));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 0, &byte, 1));
    unlink("file"); /* The handle goes with the process: its descriptor is closed already. */
}

/* Somebody has closed our descriptor, and its number is that of a file that has the same number on another device. */
static void a_file_of_the_same_number_on_another_device_is_not_ours(void) {
    struct twins twins = twin_files(4 * PAGE);
    uint64_t len;
    int ours = -1, fd;
    if (twins.other < 0)
        return;
    CHECK_OK(memmap_guard_install());
    CHECK_OK(memmap_open("one/file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_EQUAL(1, descriptors_of("one/file", &ours));
    CHECK(dup2(twins.other, ours) == ours);
    CHECK_STATUS(EBADF, memmap_resize(handle, PAGE));
    CHECK_STATUS(EBADF, memmap_resize(handle, 9 * PAGE));
    CHECK_STATUS(EBADF, memmap_refresh(handle, &len));
    CHECK_STATUS(EBADF, memmap_lock(handle, 0, 1, MEMMAP_LOCK_EXCLUSIVE, 0));
    CHECK_STATUS(EBADF, memmap_fd(handle, &fd));
    CHECK_EQUAL(4 * PAGE, size_of(twins.name));
    set_size("one/file", 0);
    load(address_of(handle) + PAGE);
    CHECK_LOST(MEMMAP_FAULT_UNKNOWN, PAGE, PAGE, handle); /* The other file's size tells nothing. */
    CHECK_STATUS(EBADF, memmap_recover(handle));
    CHECK_EQUAL(0, load(address_of(handle) + PAGE));
    CHECK_EQUAL('2', byte_of(twins.name, PAGE));
    CHECK_OK(memmap_close(handle));
    forget_twins(&twins);
}

static void what_the_system_refuses_to_map_again_stays_lost(void) {
    char permissions[5] = "";
    memmap_view view;
    int fd;
    CHECK_OK(memmap_guard_install());
    CHECK_OK(memmap_memfd("m", 4 * PAGE, NULL, &handle));
    CHECK_OK(memmap_fd(handle, &fd));
    CHECK_OK(memmap_pin(handle, &view));
    CHECK(ftruncate(fd, (off_t)PAGE) == 0);
    CHECK_EQUAL(0, load(view.data + 2 * PAGE));
    CHECK(ftruncate(fd, (off_t)(4 * PAGE)) == 0);
    CHECK_OK(memmap_seal(handle, MEMMAP_SEAL_FUTURE_WRITE));
    CHECK_STATUS(EPERM, memmap_recover(handle));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_fill(handle, 2 * PAGE, 1, 1));
    CHECK(mapping_at(view.data + 2 * PAGE, permissions));
    CHECK(strcmp(permissions, "rw-p") == 0);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_unpin(handle));
    CHECK_OK(memmap_close(handle));
}

/* ---- Kinds of mappings ---- */

static void a_read_only_mapping_is_guarded_and_recovered(void) {
    char permissions[5] = "";
    char byte;
    handle = guarded(4, NULL);
    set_size("file", 0);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, PAGE, &byte, 1));
    CHECK(mapping_at(address_of(handle), permissions));
    CHECK(strcmp(permissions, "r--p") == 0);
    set_size("file", 4 * PAGE);
    CHECK_OK(memmap_recover(handle));
    CHECK(mapping_at(address_of(handle), permissions));
    CHECK(strcmp(permissions, "r--s") == 0);
    CHECK(all_bytes(handle, 0, 4 * PAGE, 0));
    close_file();
}

static void a_copy_on_write_mapping_loses_its_own_changes_too(void) {
    char byte;
    handle = guarded(4, OPTIONS(.access = MEMMAP_COPY_ON_WRITE));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'o'));
    set_size("file", PAGE);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 2 * PAGE, &byte, 1));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 3 * PAGE, handle);
    CHECK_EQUAL('o', byte_at(handle, PAGE - 1));
    set_size("file", 4 * PAGE);
    CHECK_OK(memmap_recover(handle));
    CHECK(all_bytes(handle, 0, PAGE, 'o') && all_bytes(handle, PAGE, 3 * PAGE, 0));
    CHECK_OK(memmap_fill(handle, 2 * PAGE, PAGE, 'p'));
    CHECK_EQUAL(0, byte_of("file", 2 * PAGE));
    close_file();
}

static void a_window_at_an_odd_offset_loses_what_the_file_loses(void) {
    char byte;
    handle = guarded(8, OPTIONS(.access = MEMMAP_READ_WRITE, .offset = PAGE + 10, .length = 5 * PAGE));
    set_size("file", 3 * PAGE + 7);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 4 * PAGE, &byte, 1));
    CHECK_OK(memmap_read(handle, 2 * PAGE - 4, &byte, 1));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 2 * PAGE - 3, &byte, 1));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, 2 * PAGE - 3, 3 * PAGE + 3, handle);
    set_size("file", 6 * PAGE + 9);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_recover(handle));
    set_size("file", 6 * PAGE + 10); /* As long as the window needs. */
    CHECK_OK(memmap_recover(handle));
    CHECK_WHOLE(handle);
    CHECK_OK(memmap_write(handle, 5 * PAGE - 1, "z", 1));
    CHECK_EQUAL('z', byte_of("file", 6 * PAGE + 9));
    CHECK_EQUAL('x', byte_at(handle, 0));
    /* A file that ends before the window begins takes all of it. */
    set_size("file", 5);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 0, &byte, 1));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, 0, 5 * PAGE, handle);
    close_file();
}

static void without_a_descriptor_the_cause_is_unknown_and_nothing_comes_back(void) {
    char byte;
    handle = guarded(4, OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR));
    set_size("file", 0);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, PAGE + 1, &byte, 1));
    CHECK_LOST(MEMMAP_FAULT_UNKNOWN, PAGE, PAGE, handle);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 3 * PAGE, &byte, 1));
    CHECK_LOST(MEMMAP_FAULT_UNKNOWN, PAGE, 3 * PAGE, handle);
    CHECK_OK(memmap_check(handle, 2 * PAGE, PAGE)); /* Nobody has touched it. */
    set_size("file", 4 * PAGE);
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_recover(handle));
    close_file();
}

/* Whether the page has all that MEMMAP_NO_DUMP, MEMMAP_LOCKED and the advice ask for. */
static int has_all_that_was_asked_for(uint64_t page, const char *advice) {
    const uint8_t *at = address_of(handle) + page * PAGE;
    return CHECK(has_vm_flag(at, " dd")) && CHECK(has_vm_flag(at, " lo")) && CHECK(has_vm_flag(at, advice));
}

static void loses_and_recovers_what_was_asked_for(uint32_t flags, uint32_t advice, const char *flag) {
    const uint32_t asked = flags | MEMMAP_NO_DUMP | MEMMAP_LOCKED;
    handle = guarded(8, OPTIONS(.access = MEMMAP_READ_WRITE, .flags = asked, .advice = advice));
    has_all_that_was_asked_for(1, flag);
    set_size("file", PAGE);
    CHECK_EQUAL(0, load(address_of(handle) + 4 * PAGE));
    has_all_that_was_asked_for(0, flag);
    has_all_that_was_asked_for(1, flag);
    has_all_that_was_asked_for(7, flag);
    set_size("file", 8 * PAGE);
    CHECK_OK(memmap_recover(handle));
    has_all_that_was_asked_for(1, flag);
    has_all_that_was_asked_for(7, flag);
    CHECK_EQUAL(8 * PAGE, area_at(address_of(handle)).rss); /* Locked, and so there. */
    pretend_a_fault(BUS_MCEERR_AR, address_of(handle) + 2 * PAGE);
    CHECK_LOST(MEMMAP_FAULT_IO, 2 * PAGE, PAGE, handle);
    has_all_that_was_asked_for(2, flag);
    CHECK_OK(memmap_recover(handle));
    has_all_that_was_asked_for(2, flag);
    close_file();
}

static void stand_ins_and_what_comes_back_have_what_the_options_ask_for(void) {
    loses_and_recovers_what_was_asked_for(0, MEMMAP_ADVICE_RANDOM, " rr");
    loses_and_recovers_what_was_asked_for(0, MEMMAP_ADVICE_SEQUENTIAL, " sr");
    loses_and_recovers_what_was_asked_for(0, MEMMAP_ADVICE_DONT_FORK, " dc");
    loses_and_recovers_what_was_asked_for(MEMMAP_HUGE_PAGES, MEMMAP_ADVICE_NORMAL, " hg");
}

/* A core dump has this process's own memory, and by default not that of shared files. */
static void no_core_dump_has_stand_ins(void) {
    static const uint32_t accesses[] = {MEMMAP_READ_WRITE, MEMMAP_READ_ONLY, MEMMAP_COPY_ON_WRITE};
    size_t i;
    for (i = 0; i < 3; i++) {
        handle = guarded(8, OPTIONS(.access = accesses[i]));
        set_size("file", PAGE);
        load(address_of(handle) + 4 * PAGE);
        CHECK(has_vm_flag(address_of(handle) + PAGE, " dd") && has_vm_flag(address_of(handle) + 7 * PAGE, " dd"));
        set_size("file", 8 * PAGE);
        CHECK_OK(memmap_recover(handle));
        CHECK(!has_vm_flag(address_of(handle) + PAGE, " dd"));
        close_file();
    }
}

/* Nobody remembers for which pages: it holds for all that come in the place of others. */
static void what_a_dump_or_a_child_was_not_to_have_has_no_stand_ins_that_they_have(void) {
    uint8_t *data;
    handle = guarded(8, OPTIONS(.access = MEMMAP_READ_WRITE));
    data = address_of(handle);
    CHECK_OK(memmap_advise(handle, 6 * PAGE, 1, MEMMAP_ADVICE_DONT_DUMP));
    set_size("file", 4 * PAGE);
    load(data + 5 * PAGE);
    CHECK(has_vm_flag(data + 4 * PAGE, " dd") && has_vm_flag(data + 7 * PAGE, " dd"));
    CHECK(!has_vm_flag(data + 4 * PAGE, " dc") && !has_vm_flag(data + PAGE, " dd"));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_advise(handle, 0, 1, MEMMAP_ADVICE_WIPE_ON_FORK));
    CHECK_OK(memmap_advise(handle, PAGE, 1, MEMMAP_ADVICE_DONT_FORK));
    set_size("file", 8 * PAGE);
    CHECK_OK(memmap_recover(handle));
    CHECK(has_vm_flag(data + 4 * PAGE, " dd") && has_vm_flag(data + 7 * PAGE, " dd"));
    CHECK(has_vm_flag(data + 4 * PAGE, " dc"));
    pretend_a_fault(BUS_MCEERR_AR, data + 3 * PAGE);
    CHECK(has_vm_flag(data + 3 * PAGE, " dd") && has_vm_flag(data + 3 * PAGE, " dc"));
    CHECK(!has_vm_flag(data + 2 * PAGE, " dd"));
    close_file();
}

static void what_cannot_be_locked_again_stays_lost(void) {
    handle = guarded(8, OPTIONS(.access = MEMMAP_READ_WRITE, .flags = MEMMAP_LOCKED));
    set_size("file", PAGE);
    load(address_of(handle) + 4 * PAGE);
    set_size("file", 8 * PAGE);
    become_nobody();
    CHECK(limit(RLIMIT_MEMLOCK, 2 * PAGE));
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_recover(handle));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_check(handle, 4 * PAGE, 1));
    CHECK(limit(RLIMIT_MEMLOCK, 8 * PAGE));
    CHECK_OK(memmap_recover(handle));
    CHECK_WHOLE(handle);
    CHECK(has_vm_flag(address_of(handle) + 4 * PAGE, " lo"));
    CHECK_OK(memmap_close(handle));
}

enum { MANY = 512 << 20 };

static int file;

/* A file of so many bytes that it has none of, open and mapped. */
static void map_sparse(uint64_t size) {
    file = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK_OK(memmap_guard_install());
    CHECK(file >= 0 && ftruncate(file, (off_t)size) == 0);
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
}

static void where_the_whole_process_is_locked_stand_ins_take_no_memory_until_they_are_touched(void) {
    struct area stand_ins;
    map_sparse(MANY);
    if (mlockall(MCL_FUTURE) != 0) {
        skip("the process can't be locked");
    } else {
        set_size("file", 10);
        CHECK_EQUAL(0, load(address_of(handle) + MANY / 2));
        CHECK_LOST(MEMMAP_FAULT_TRUNCATED, 10, MANY - 10, handle);
        stand_ins = area_at(address_of(handle) + MANY / 2);
        CHECK(stand_ins.rss < MANY / 100);
        CHECK(strstr(stand_ins.flags, " lo") != NULL); /* As all of the process is. */
        store(address_of(handle) + MANY - 1, 'l');
        CHECK_EQUAL('l', load(address_of(handle) + MANY - 1));
        CHECK(munlockall() == 0);
    }
    close_file();
}

/* How much of this process is locked, in bytes. */
static uint64_t locked_bytes(void) {
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    uint64_t kib = 0;
    while (CHECK(status != NULL) && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "VmLck: %" SCNu64, &kib) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return kib * 1024;
}

static void survives_with_all_locked_that_may_be(uint64_t pages) {
    struct rlimit most;
    CHECK(getrlimit(RLIMIT_MEMLOCK, &most) == 0 && limit(RLIMIT_MEMLOCK, most.rlim_max));
    map_sparse(pages * PAGE);
    become_nobody();
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        skip("the process can't be locked");
        return;
    }
    CHECK(limit(RLIMIT_MEMLOCK, locked_bytes()));
    CHECK(ftruncate(file, 10) == 0);
    load(address_of(handle) + (pages - 2) * PAGE);
    CHECK(limit(RLIMIT_MEMLOCK, most.rlim_max));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, 10, pages * PAGE - 10, handle);
    CHECK(has_vm_flag(address_of(handle) + (pages - 1) * PAGE, " lo"));
    CHECK_OK(memmap_close(handle));
    close(file);
}

static void survives_with_all_of_8_pages_locked(void) {
    survives_with_all_locked_that_may_be(8);
}

static void survives_with_all_of_100_pages_locked(void) {
    survives_with_all_locked_that_may_be(100);
}

static void where_no_more_may_be_locked_stand_ins_take_the_place_of_what_was(void) {
    in_child(survives_with_all_of_8_pages_locked);
    in_child(survives_with_all_of_100_pages_locked);
    unlink("file");
}

/* From here on no more than `most` bytes can be mapped at once by this process, as with vm.overcommit_memory=2
 * where so little may still be promised; 0 where that can't be had. RLIMIT_DATA and RLIMIT_AS don't count what is
 * mapped over something else. */
static int allow_to_map(uint32_t most) {
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_MAP, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, most, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {sizeof rules / sizeof rules[0], rules};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static void where_large_stand_ins_are_refused_small_ones_are_put_there(uint64_t size, uint32_t most) {
    const uint64_t step = size / 8;
    uint8_t *data;
    uint64_t at;
    map_sparse(size);
    data = address_of(handle);
    if (!allow_to_map(most)) {
        skip("no seccomp filter can be installed");
    } else {
        set_size("file", 10);
        for (at = step / 2; at < size; at += step) {
            CHECK_EQUAL(0, load(data + at));
            store(data + at, 'l');
        }
        CHECK_EQUAL('l', load(data + step / 2));
        CHECK_LOST(MEMMAP_FAULT_TRUNCATED, 10, size - 10, handle); /* All of it, though most isn't replaced. */
        CHECK_EQUAL(8, fault_of(handle).count);
        CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_check(handle, 11, 1));
        CHECK_EQUAL(PAGE, area_at(data + step / 2).end - area_at(data + step / 2).start);
    }
    close_file();
}

static void where_a_large_stand_in_is_refused_a_small_one_is_put_there(void) {
    where_large_stand_ins_are_refused_small_ones_are_put_there(64 << 20, 1 << 20);
}

static void where_more_than_a_page_is_refused_a_page_is_put_there(void) {
    where_large_stand_ins_are_refused_small_ones_are_put_there(64 << 20, (uint32_t)PAGE);
}

static void touches_behind_the_length(void) {
    load(address_of(handle) + PAGE);
}

static void touches_the_length(void) {
    char byte;
    set_size("file", 0);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, PAGE - 1, &byte, 1));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, 0, PAGE, handle);
}

static void behind_the_length_a_touch_is_the_programs_own_fault(void) {
    handle = guarded(1, OPTIONS(.access = MEMMAP_READ_WRITE, .capacity = 8 * PAGE));
    CHECK_EQUAL(SIGBUS, killed_by(touches_behind_the_length));
    CHECK_EQUAL(0, killed_by(touches_the_length));
    set_size("file", PAGE);
    CHECK_OK(memmap_resize(handle, 2 * PAGE));
    CHECK_EQUAL(0, killed_by(touches_behind_the_length));
    close_file();
}

/* ---- Room and devices ---- */

static void fill_up(const char *name) {
    static char bytes[4096];
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    memset(bytes, 'f', sizeof bytes);
    while (write(fd, bytes, sizeof bytes) > 0)
        ;
    CHECK_EQUAL(ENOSPC, errno);
    CHECK(fsync(fd) == 0);
    close(fd);
}

/* sync(2) would wait for every disk of the machine. */
static int syncs_its_file_system(const char *name) {
    const int fd = open(name, O_RDONLY);
    const int synced = fd >= 0 && syncfs(fd) == 0;
    close(fd);
    return synced;
}

static void a_store_into_a_hole_of_a_full_file_system_is_survived(void) {
    const uint64_t size = 16 * PAGE;
    memmap_view view;
    CHECK_OK(memmap_guard_install());
    CHECK_OK(memmap_create("full/file", size, OPTIONS(.flags = MEMMAP_SPARSE), &handle));
    CHECK_OK(memmap_write(handle, 0, "real", 4));
    CHECK_OK(memmap_flush(handle, 0, 4, MEMMAP_FLUSH_SYNC));
    fill_up("full/filler");
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_write(handle, 5 * PAGE + 1, "lost", 4));
    CHECK_LOST(MEMMAP_FAULT_IO, 5 * PAGE, PAGE, handle);
    CHECK_OK(memmap_pin(handle, &view));
    store(view.data + 9 * PAGE, 'l');
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_check(handle, 9 * PAGE, 1));
    CHECK_OK(memmap_check(handle, 6 * PAGE, 3 * PAGE));
    pretend_a_fault(BUS_ADRERR, view.data); /* What was gone at once has not used up the patience. */
    CHECK_OK(memmap_write(handle, 0, "kept", 4));
    unlink("full/filler");
    CHECK(syncs_its_file_system("full/file")); /* ext4 gives freed blocks away with its next commit. */
    CHECK_OK(memmap_recover(handle));
    CHECK_WHOLE(handle);
    CHECK_EQUAL(0, load(view.data + 5 * PAGE + 1));
    CHECK_OK(memmap_unpin(handle));
    CHECK_OK(memmap_write(handle, 5 * PAGE, "good", 4));
    CHECK_OK(memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    CHECK_EQUAL('k', byte_of("full/file", 0));
    CHECK_EQUAL('g', byte_of("full/file", 5 * PAGE));
    CHECK_OK(memmap_close(handle));
    unlink("full/file");
}

static void a_full_tmpfs_under_a_sparse_file_is_survived(void) {
    if (!mount_tmpfs("full", "size=1m"))
        return;
    a_store_into_a_hole_of_a_full_file_system_is_survived();
    unmount("full");
}

static void a_full_ext4_under_a_sparse_file_is_survived(void) {
    if (!mount_ext4("full", 8 << 20))
        return;
    a_store_into_a_hole_of_a_full_file_system_is_survived();
    unmount("full");
}

/* ---- Processes ---- */

static void maps_and_cuts_the_file(void) {
    memmap_handle own;
    char byte;
    CHECK_OK(memmap_open("file", NULL, &own));
    set_size("file", PAGE);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(own, 3 * PAGE, &byte, 1));
    CHECK_OK(memmap_close(own));
}

static void of_two_processes_that_map_a_file_one_may_cut_it(void) {
    char byte;
    handle = guarded(4, NULL);
    in_child(maps_and_cuts_the_file);
    CHECK_WHOLE(handle); /* What happened to the other is its own affair. */
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 3 * PAGE, &byte, 1));
    CHECK_OK(memmap_read(handle, PAGE - 1, &byte, 1));
    close_file();
}

static void writes_into_the_zero_page_and_loses_another(void) {
    uint8_t *data = address_of(handle);
    CHECK_EQUAL('p', load(data + 3 * PAGE));
    store(data + 3 * PAGE, 'c');
    set_size("file", 0);
    CHECK_EQUAL(0, load(data));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, 0, 4 * PAGE, handle);
    set_size("file", 4 * PAGE);
    CHECK_OK(memmap_recover(handle));
    CHECK_WHOLE(handle);
}

static void a_fork_inherits_the_guard_and_its_zero_pages_are_its_own(void) {
    uint8_t *data;
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    data = address_of(handle);
    set_size("file", PAGE);
    store(data + 3 * PAGE, 'p');
    in_child(writes_into_the_zero_page_and_loses_another);
    CHECK_EQUAL('p', load(data + 3 * PAGE));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 3 * PAGE, handle);
    CHECK_OK(memmap_recover(handle));
    CHECK_EQUAL(0, load(data + 3 * PAGE));
    close_file();
}

/* ---- Closing ---- */

/* ---- Pages that a child of fork doesn't have ---- */

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static uint64_t missing, missing_end; /* Of 8 pages, those that were advised about. */

/* Memory of somebody else where the pages were, which are not there. */
static uint8_t *put_theirs(int flags, int fd) {
    uint8_t *place = address_of(handle) + missing * PAGE;
    uint8_t *put = mmap(place, (missing_end - missing) * PAGE, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE, fd, 0);
    CHECK(put == place);
    return put;
}

static void uses_and_closes_what_it_has_not(void) {
    char byte = 'b';
    uint64_t len;
    uint8_t *put = put_theirs(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    memset(put, 't', (missing_end - missing) * PAGE);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, missing * PAGE, &byte, 1));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_write(handle, missing_end * PAGE - 1, "w", 1));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_fill(handle, 0, MEMMAP_TO_END, 'w'));
    CHECK_EQUAL('b', byte);
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_recover(handle));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_protect(handle, MEMMAP_READ_ONLY));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_advise(handle, missing * PAGE, 1, MEMMAP_ADVICE_DONT_NEED));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_resize(handle, PAGE));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_refresh(handle, &len));
    if (missing > 0)
        CHECK_EQUAL('x', byte_at(handle, missing * PAGE - 1));
    if (missing_end < 8)
        CHECK_EQUAL('x', byte_at(handle, missing_end * PAGE));
    CHECK_OK(memmap_close(handle));
    for (len = 0; len < (missing_end - missing) * PAGE; len++)
        if (put[len] != 't')
            break;
    CHECK_EQUAL((missing_end - missing) * PAGE, len);
}

/* A loss of theirs, at an address that is ours in the parent. */
static void loses_what_is_theirs(void) {
    int fd = memfd_create("theirs", MFD_CLOEXEC);
    CHECK(fd >= 0 && ftruncate(fd, 8 * PAGE) == 0);
    put_theirs(MAP_SHARED, fd);
    CHECK(ftruncate(fd, 0) == 0);
    load(address_of(handle) + missing * PAGE);
}

static void a_child_leaves_alone_what_it_has_not(uint32_t advice) {
    handle = guarded(8, OPTIONS(.access = MEMMAP_READ_WRITE, .advice = advice));
    missing = advice == 0 ? 3 : 0;
    missing_end = advice == 0 ? 5 : 8;
    if (advice == 0)
        CHECK_OK(memmap_advise(handle, 3 * PAGE + 7, PAGE, MEMMAP_ADVICE_DONT_FORK));
    in_child(uses_and_closes_what_it_has_not);
    CHECK_EQUAL(SIGBUS, killed_by(loses_what_is_theirs));
    CHECK_WHOLE(handle);
    CHECK(all_bytes(handle, 0, 8 * PAGE, 'x'));
}

static void what_a_child_has_not_it_neither_touches_nor_unmaps(void) {
    a_child_leaves_alone_what_it_has_not(MEMMAP_ADVICE_DONT_FORK);
    close_file();
    a_child_leaves_alone_what_it_has_not(0);
    set_size("file", 2 * PAGE); /* What takes the place of others isn't there either. */
    load(address_of(handle) + 5 * PAGE);
    set_size("file", 8 * PAGE);
    CHECK_OK(memmap_recover(handle));
    missing = 2;
    missing_end = 8;
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'x'));
    in_child(uses_and_closes_what_it_has_not);
    CHECK_OK(memmap_poison_closed(1 << 30));
    in_child(uses_and_closes_what_it_has_not);
    close_file();
}

static void *use_until_closed(void *unused) {
    memmap_status status;
    memmap_view view;
    char byte;
    pthread_barrier_wait(&line);
    do {
        status = memmap_read(handle, 2 * PAGE, &byte, 1);
        CHECK(status == 0 || status == MEMMAP_ERR_FAULT || status == MEMMAP_ERR_HANDLE);
        if (memmap_pin(handle, &view) == 0) {
            load(view.data + 3 * PAGE);
            store(view.data + PAGE, 'y');
            is_ok_or_lost(memmap_unpin(handle));
        }
    } while (status != MEMMAP_ERR_HANDLE);
    return unused;
}

static void a_fault_while_another_thread_closes_the_handle_is_survived(void) {
    enum { USERS = 3, CLOSES = 100 };
    pthread_t users[USERS];
    int i, round;
    CHECK(pthread_barrier_init(&line, NULL, USERS + 1) == 0);
    for (round = 0; round < CLOSES; round++) {
        handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
        for (i = 0; i < USERS; i++)
            CHECK(pthread_create(&users[i], NULL, use_until_closed, NULL) == 0);
        pthread_barrier_wait(&line);
        set_size("file", 0);
        if (round % 2 == 0)
            sched_yield();
        CHECK_OK(memmap_close(handle));
        for (i = 0; i < USERS; i++)
            CHECK(pthread_join(users[i], NULL) == 0);
    }
    unlink("file");
}

static void closed_but_still_pinned_it_is_guarded(void) {
    memmap_view view;
    handle = guarded(4, NULL);
    CHECK_OK(memmap_pin(handle, &view));
    CHECK_OK(memmap_close(handle));
    set_size("file", 0);
    CHECK_EQUAL(0, load(view.data + 3 * PAGE));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_unpin(handle));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_unpin(handle));
    unlink("file");
}

static uint8_t *stale;

static void touches_a_stale_pointer(void) {
    load(stale);
}

static void an_address_that_was_ours_a_moment_ago_is_not_ours_any_more(void) {
    int fd;
    handle = guarded(4, NULL);
    stale = address_of(handle);
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL(SIGSEGV, killed_by(touches_a_stale_pointer));
    fd = open("file", O_RDONLY);
    CHECK(mmap(stale, 4 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == stale);
    CHECK_EQUAL(0, killed_by(touches_a_stale_pointer));
    set_size("file", 0);
    CHECK_EQUAL(SIGBUS, killed_by(touches_a_stale_pointer));
    close(fd);
    unlink("file");
}

/* ---- What is documented, and no miracle ---- */

static void a_system_call_that_is_handed_a_lost_page_answers_efault(void) {
    int fds[2];
    handle = guarded(4, NULL);
    CHECK(pipe(fds) == 0);
    set_size("file", 0);
    errno = 0;
    CHECK(write(fds[1], address_of(handle) + PAGE, 10) == -1 && errno == EFAULT);
    CHECK_WHOLE(handle);
    CHECK_EQUAL(0, load(address_of(handle) + PAGE));
    CHECK(write(fds[1], address_of(handle) + PAGE, 10) == 10);
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, 0, 4 * PAGE, handle);
    close_file();
}

static void touches_a_lost_page_with_sigbus_blocked(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGBUS);
    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    load(address_of(handle));
}

static void a_thread_that_blocks_sigbus_is_not_saved(void) {
    handle = guarded(1, NULL);
    set_size("file", 0);
    CHECK_EQUAL(SIGBUS, killed_by(touches_a_lost_page_with_sigbus_blocked));
    close_file();
}

static void touches_a_lost_page(void) {
    load(address_of(handle));
}

static void without_the_guard_the_process_ends_as_ever(void) {
    make_file("file", PAGE, 'x');
    CHECK_OK(memmap_open("file", NULL, &handle));
    set_size("file", 0);
    CHECK_EQUAL(SIGBUS, killed_by(touches_a_lost_page));
    CHECK_OK(memmap_guard_install());
    CHECK_EQUAL(0, killed_by(touches_a_lost_page));
    close_file();
}

/* ---- Many areas ---- */

/* Maps the file "file" until `most` mappings are there or no more can be had; how many there are. */
static long map_many(memmap_handle *handles, long most) {
    long count = 0;
    while (count < most &&
           memmap_open("file", OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR), &handles[count]) == 0)
        count++;
    return count;
}

static void a_fault_among_60000_mappings_is_survived(void) {
    enum { MANY = 60000 };
    memmap_handle *handles = malloc(MANY * sizeof *handles);
    char byte;
    long i, count;
    handle = guarded(4, NULL);
    make_file("other", 4 * PAGE, 'o');
    count = map_many(handles, MANY);
    if (count < MANY) {
        skip("vm.max_map_count is too low");
    } else {
        set_size("file", PAGE);
        CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 2 * PAGE, &byte, 1));
        for (i = 0; i < count; i += 1000) {
            CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handles[i], 3 * PAGE, &byte, 1));
            CHECK_OK(memmap_read(handles[i + 1], 0, &byte, 1));
            CHECK_WHOLE(handles[i + 1]);
        }
    }
    for (i = 0; i < count; i++)
        CHECK_OK(memmap_close(handles[i]));
    free(handles);
    unlink("other");
    close_file();
}

static void touches_the_third_page(void) {
    load(address_of(handle) + 2 * PAGE);
}

static void a_fault_at_the_limit_of_areas_loses_all_of_the_mapping_instead_of_the_process(void) {
    enum { MOST = 65530 + 1 };
    memmap_handle *handles = malloc(MOST * sizeof *handles);
    char byte;
    long i, count;
    handle = guarded(4, OPTIONS(.capacity = 8 * PAGE));
    count = map_many(handles, MOST);
    if (count == MOST) {
        skip("vm.max_map_count is higher than 65530");
    } else {
        set_size("file", PAGE);
        /* Where no memory can be mapped at all, there is none to stand in. */
        CHECK_EQUAL(SIGBUS, killed_by(touches_the_third_page));
        /* With one area to spare a hole can't be made in the middle, and the whole can be replaced. */
        CHECK_OK(memmap_close(handles[--count]));
        CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 2 * PAGE, &byte, 1));
        CHECK_LOST(MEMMAP_FAULT_TRUNCATED, 0, 4 * PAGE, handle);
        CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 0, &byte, 1));
    }
    for (i = 0; i < count; i++)
        CHECK_OK(memmap_close(handles[i]));
    set_size("file", 4 * PAGE);
    CHECK_OK(memmap_recover(handle));
    CHECK_EQUAL('x', byte_at(handle, 0));
    free(handles);
    close_file();
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(outputs_are_checked_before_anything_is_done),
        BEHAVIOUR(a_closed_handle_is_none_here_either),
        BEHAVIOUR(nothing_is_lost_at_first),
        BEHAVIOUR(every_call_whose_range_has_a_lost_byte_says_so),
        BEHAVIOUR(a_copy_of_what_was_lost_before_copies_nothing),
        BEHAVIOUR(a_copy_that_meets_the_loss_says_so),
        BEHAVIOUR(a_raw_pointer_survives_and_the_next_call_tells),
        BEHAVIOUR(eight_threads_survive_a_file_cut_to_nothing),
        BEHAVIOUR(eight_threads_survive_a_file_cut_in_a_page),
        BEHAVIOUR(eight_threads_survive_a_file_cut_in_half),
        BEHAVIOUR(threads_that_read_while_pages_are_moved_in_find_no_gap),
        BEHAVIOUR(recovering_shows_what_others_wrote_and_nothing_that_was_written_meanwhile),
        BEHAVIOUR(what_is_lost_again_after_recovering_is_told_again),
        BEHAVIOUR(a_file_that_was_cut_again_loses_more),
        BEHAVIOUR(a_file_that_has_grown_again_before_the_touch_is_no_loss),
        BEHAVIOUR(recovering_needs_the_mappings_descriptor),
        BEHAVIOUR(a_file_of_the_same_number_on_another_device_is_not_ours),
        BEHAVIOUR(what_the_system_refuses_to_map_again_stays_lost),
        BEHAVIOUR(a_read_only_mapping_is_guarded_and_recovered),
        BEHAVIOUR(a_copy_on_write_mapping_loses_its_own_changes_too),
        BEHAVIOUR(a_window_at_an_odd_offset_loses_what_the_file_loses),
        BEHAVIOUR(without_a_descriptor_the_cause_is_unknown_and_nothing_comes_back),
        BEHAVIOUR(stand_ins_and_what_comes_back_have_what_the_options_ask_for),
        BEHAVIOUR(no_core_dump_has_stand_ins),
        BEHAVIOUR(what_a_dump_or_a_child_was_not_to_have_has_no_stand_ins_that_they_have),
        BEHAVIOUR(what_cannot_be_locked_again_stays_lost),
        BEHAVIOUR(where_the_whole_process_is_locked_stand_ins_take_no_memory_until_they_are_touched),
        BEHAVIOUR(where_no_more_may_be_locked_stand_ins_take_the_place_of_what_was),
        BEHAVIOUR(where_a_large_stand_in_is_refused_a_small_one_is_put_there),
        BEHAVIOUR(where_more_than_a_page_is_refused_a_page_is_put_there),
        BEHAVIOUR(behind_the_length_a_touch_is_the_programs_own_fault),
        BEHAVIOUR(a_full_tmpfs_under_a_sparse_file_is_survived),
        BEHAVIOUR(a_full_ext4_under_a_sparse_file_is_survived),
        BEHAVIOUR(of_two_processes_that_map_a_file_one_may_cut_it),
        BEHAVIOUR(a_fork_inherits_the_guard_and_its_zero_pages_are_its_own),
        BEHAVIOUR(what_a_child_has_not_it_neither_touches_nor_unmaps),
        BEHAVIOUR(a_fault_while_another_thread_closes_the_handle_is_survived),
        BEHAVIOUR(closed_but_still_pinned_it_is_guarded),
        BEHAVIOUR(an_address_that_was_ours_a_moment_ago_is_not_ours_any_more),
        BEHAVIOUR(a_system_call_that_is_handed_a_lost_page_answers_efault),
        BEHAVIOUR(a_thread_that_blocks_sigbus_is_not_saved),
        BEHAVIOUR(without_the_guard_the_process_ends_as_ever),
        BEHAVIOUR(a_fault_among_60000_mappings_is_survived),
        BEHAVIOUR(a_fault_at_the_limit_of_areas_loses_all_of_the_mapping_instead_of_the_process),
    };
    return RUN(argc, argv, behaviours);
}
