/* A flush that failed is not forgotten by the next that succeeds. */

#include <sys/syscall.h>

#include "faults.h"

static memmap_handle handle;

/* The errno that msync(2) answers the next times, and how many: a device that fails. */
static int failure, failing, calls;

/* Whether the first flush is told of a failure only after a second one has come back without it. */
static int in_two;
static pthread_barrier_t both;

static int msync_in_two(int first) {
    pthread_barrier_wait(&both);
    if (!first)
        return 0;
    while (__atomic_load_n(&calls, __ATOMIC_ACQUIRE) < 3)
        usleep(100); /* The other one is on its way back. */
    usleep(20000);
    errno = EIO;
    return -1;
}

int msync(void *address, size_t len, int flags) {
    if (in_two)
        return msync_in_two(__atomic_fetch_add(&calls, 1, __ATOMIC_ACQ_REL) == 0);
    calls++;
    if (failing > 0) {
        failing--;
        errno = failure;
        return -1;
    }
    return (int)syscall(SYS_msync, address, len, flags);
}

static void fail(int with, int times) {
    failure = with;
    failing = times;
    calls = 0;
}

static void open_file(uint32_t flags) {
    make_file("file", 2 * PAGE, 'x');
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE, .flags = flags), &handle));
}

static void close_file(void) {
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void is_remembered(int with) {
    fail(with, 1);
    CHECK_STATUS(with, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_EQUAL(1, calls);
    CHECK_STATUS(with, memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    CHECK_STATUS(with, memmap_flush(handle, PAGE, 1, MEMMAP_FLUSH_SYNC)); /* Another page. */
    CHECK_STATUS(with, memmap_flush(handle, 0, 0, MEMMAP_FLUSH_SYNC));
    CHECK_STATUS(with, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_ASYNC));
    CHECK_STATUS(with, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_INVALIDATE));
    CHECK_EQUAL(1, calls); /* The device, which is well again, was not asked. */
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_flush(handle, 2 * PAGE, 1, MEMMAP_FLUSH_SYNC));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_flush(handle, 0, 1, 3));
    CHECK_OK(memmap_recover(handle));
    CHECK_OK(memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    CHECK_EQUAL(2, calls);
}

static void a_durable_flush_that_failed_is_answered_until_it_is_acknowledged(void) {
    const int errors[] = {EIO, ENOSPC, EDQUOT, EROFS, ESTALE};
    size_t i;
    open_file(0);
    for (i = 0; i < sizeof errors / sizeof errors[0]; i++)
        is_remembered(errors[i]);
    close_file();
}

static void the_first_failure_is_the_one_that_counts_and_others_are_not_asked_for(void) {
    open_file(0);
    fail(EIO, 5);
    CHECK_STATUS(EIO, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    failure = ENOSPC;
    CHECK_STATUS(EIO, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_EQUAL(1, calls);
    CHECK_OK(memmap_recover(handle));
    CHECK_STATUS(ENOSPC, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    close_file();
}

static void what_the_call_got_wrong_is_not_remembered(void) {
    const int errors[] = {EBUSY, EINVAL, ENOMEM};
    size_t i;
    open_file(0);
    for (i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        fail(errors[i], 1);
        CHECK_STATUS(errors[i], memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
        CHECK_OK(memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    }
    close_file();
}

static void a_signal_in_between_is_no_failure(void) {
    open_file(0);
    fail(EINTR, 3);
    CHECK_OK(memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_EQUAL(4, calls);
    close_file();
}

static void what_promised_nothing_durable_is_not_remembered(void) {
    open_file(0);
    fail(EIO, 2);
    CHECK_STATUS(EIO, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_ASYNC));
    CHECK_STATUS(EIO, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_INVALIDATE));
    CHECK_OK(memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    close_file();
}

static void mappings_of_other_files_are_not_concerned(void) {
    memmap_handle other;
    open_file(0);
    make_file("other", PAGE, 'x');
    CHECK_OK(memmap_open("other", OPTIONS(.access = MEMMAP_READ_WRITE), &other));
    fail(EIO, 1);
    CHECK_STATUS(EIO, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_flush(other, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_close(other));
    unlink("other");
    close_file();
    open_file(0); /* In the same place, perhaps. */
    CHECK_OK(memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    close_file();
}

/* The kernel tells one of them. */
static void each_mapping_of_the_file_is_told_until_it_has_acknowledged(void) {
    memmap_handle others[4];
    int fd, i;
    const uint32_t flags[4] = {0, MEMMAP_NO_DESCRIPTOR, 0, MEMMAP_NO_DESCRIPTOR};
    open_file(0);
    CHECK_OK(memmap_fd(handle, &fd));
    for (i = 0; i < 4; i++) {
        const memmap_options *how = OPTIONS(.access = MEMMAP_READ_WRITE, .flags = flags[i]);
        if (i < 2)
            CHECK_OK(memmap_from_fd(fd, how, &others[i]));
        else
            CHECK_OK(memmap_open("file", how, &others[i]));
        CHECK_OK(memmap_write(others[i], 0, "y", 1));
    }
    fail(EIO, 1);
    CHECK_STATUS(EIO, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_recover(handle)); /* For itself. */
    CHECK_OK(memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    for (i = 0; i < 4; i++) {
        CHECK_STATUS(EIO, memmap_flush(others[i], 0, 1, MEMMAP_FLUSH_SYNC));
        CHECK_STATUS(EIO, memmap_flush(others[i], PAGE, 1, MEMMAP_FLUSH_SYNC));
        CHECK_OK(memmap_recover(others[i]));
        CHECK_OK(memmap_flush(others[i], 0, 1, MEMMAP_FLUSH_SYNC));
        CHECK_OK(memmap_close(others[i]));
    }
    close(fd);
    close_file();
}

static void who_opens_the_file_afterwards_is_not_concerned(void) {
    memmap_handle later;
    open_file(0);
    fail(EIO, 1);
    CHECK_STATUS(EIO, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE), &later));
    CHECK_OK(memmap_flush(later, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_STATUS(EIO, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_close(later));
    close_file();
}

/* Of the same number as another one on another device, which two tmpfs have at once. */
static void a_file_of_the_same_number_is_not_concerned(void) {
    memmap_handle one, two;
    if (!mount_tmpfs("one", "size=64k") || !mount_tmpfs("two", "size=64k"))
        return;
    make_file("one/file", PAGE, 'x');
    make_file("two/file", PAGE, 'x');
    CHECK_EQUAL(status_of("one/file").st_ino, status_of("two/file").st_ino);
    CHECK_OK(memmap_open("one/file", OPTIONS(.access = MEMMAP_READ_WRITE), &one));
    CHECK_OK(memmap_open("two/file", OPTIONS(.access = MEMMAP_READ_WRITE), &two));
    fail(EIO, 1);
    CHECK_STATUS(EIO, memmap_flush(one, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_flush(two, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_close(one));
    CHECK_OK(memmap_close(two));
    unmount("one");
    unmount("two");
}

static void *flush_it(void *status) {
    *(memmap_status *)status = memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC);
    __atomic_fetch_add(&calls, 1, __ATOMIC_ACQ_REL);
    return NULL;
}

/* Two threads flush; the kernel tells one of them, and that one is not back yet. */
static void of_two_flushes_at_once_none_succeeds_when_one_is_told(void) {
    memmap_status statuses[2] = {0, 0};
    pthread_t threads[2];
    int i;
    open_file(0);
    calls = 0;
    in_two = 1;
    pthread_barrier_init(&both, NULL, 2);
    for (i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, flush_it, &statuses[i]) == 0);
    usleep(20000); /* The one that was told nothing may be back by now, and must not be. */
    __atomic_fetch_add(&calls, 1, __ATOMIC_ACQ_REL);
    for (i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    in_two = 0;
    CHECK_EQUAL(EIO, statuses[0]);
    CHECK_EQUAL(EIO, statuses[1]);
    close_file();
}

static void reading_and_writing_go_on(void) {
    open_file(0);
    fail(EIO, 1);
    CHECK_STATUS(EIO, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_WHOLE(handle);
    CHECK_OK(memmap_write(handle, 0, "y", 1));
    CHECK_EQUAL('y', byte_at(handle, 0));
    CHECK_OK(memmap_resize(handle, 3 * PAGE));
    CHECK_STATUS(EIO, memmap_flush(handle, 2 * PAGE, PAGE, MEMMAP_FLUSH_SYNC));
    close_file();
}

static void without_a_descriptor_it_is_acknowledged_too(void) {
    open_file(MEMMAP_NO_DESCRIPTOR);
    is_remembered(EIO);
    close_file();
}

static void where_pages_are_lost_too_recovering_takes_the_file(void) {
    char byte;
    CHECK_OK(memmap_guard_install());
    open_file(0);
    fail(EIO, 1);
    CHECK_STATUS(EIO, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    set_size("file", PAGE);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, PAGE, &byte, 1));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_recover(handle));
    CHECK_STATUS(EIO, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC)); /* Nothing has changed. */
    set_size("file", 2 * PAGE);
    CHECK_OK(memmap_recover(handle));
    CHECK_OK(memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    close_file();
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(a_durable_flush_that_failed_is_answered_until_it_is_acknowledged),
        BEHAVIOUR(the_first_failure_is_the_one_that_counts_and_others_are_not_asked_for),
        BEHAVIOUR(what_the_call_got_wrong_is_not_remembered),
        BEHAVIOUR(a_signal_in_between_is_no_failure),
        BEHAVIOUR(what_promised_nothing_durable_is_not_remembered),
        BEHAVIOUR(mappings_of_other_files_are_not_concerned),
        BEHAVIOUR(each_mapping_of_the_file_is_told_until_it_has_acknowledged),
        BEHAVIOUR(who_opens_the_file_afterwards_is_not_concerned),
        BEHAVIOUR(a_file_of_the_same_number_is_not_concerned),
        BEHAVIOUR(of_two_flushes_at_once_none_succeeds_when_one_is_told),
        BEHAVIOUR(reading_and_writing_go_on),
        BEHAVIOUR(without_a_descriptor_it_is_acknowledged_too),
        BEHAVIOUR(where_pages_are_lost_too_recovering_takes_the_file),
    };
    return RUN(argc, argv, behaviours);
}
