/* A flush that failed is not forgotten by the next that succeeds. */

#include <sys/syscall.h>

#include "faults.h"

static memmap_handle handle;

/* The errno that msync(2) answers the next times, and how many: a device that fails. */
static int failure, failing, calls;

int msync(void *address, size_t len, int flags) {
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

static void other_mappings_are_not_concerned(void) {
    memmap_handle other;
    open_file(0);
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE), &other));
    fail(EIO, 1);
    CHECK_STATUS(EIO, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_flush(other, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_close(other));
    close_file();
    open_file(0); /* In the same place, perhaps. */
    CHECK_OK(memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
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
        BEHAVIOUR(other_mappings_are_not_concerned),
        BEHAVIOUR(reading_and_writing_go_on),
        BEHAVIOUR(without_a_descriptor_it_is_acknowledged_too),
        BEHAVIOUR(where_pages_are_lost_too_recovering_takes_the_file),
    };
    return RUN(argc, argv, behaviours);
}
