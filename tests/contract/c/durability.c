/* Flushing. */

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "files.h"

enum { SIZE = 9000 };

static memmap_handle handle;
static const uint32_t modes[] = {MEMMAP_FLUSH_SYNC, MEMMAP_FLUSH_ASYNC, MEMMAP_FLUSH_INVALIDATE};

static void a_range_of_any_alignment_is_flushed_in_every_mode(void) {
    const uint64_t ranges[][2] = {
        {0, SIZE}, {0, MEMMAP_TO_END}, {0, 1},    {1, 1},       {4095, 2},           {4096, 4096},
        {4097, 1}, {8999, 1},          {9000, 0}, {5000, 4000}, {8999, MEMMAP_TO_END},
        {0, 0},    {9000, MEMMAP_TO_END},
    };
    size_t i, mode;
    CHECK_OK(memmap_create("file", SIZE, NULL, &handle));
    for (mode = 0; mode < 3; mode++) {
        for (i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
            CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, (uint8_t)i));
            CHECK_OK(memmap_flush(handle, ranges[i][0], ranges[i][1], modes[mode]));
            CHECK_EQUAL(i, byte_of("file", SIZE - 1));
        }
    }
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void a_window_of_any_alignment_is_flushed(void) {
    size_t mode;
    make_file("file", SIZE, 'x');
    CHECK_OK(memmap_open(
        "file", OPTIONS(.access = MEMMAP_READ_WRITE, .offset = 4099, .length = 4000), &handle));
    for (mode = 0; mode < 3; mode++) {
        CHECK_OK(memmap_flush(handle, 0, MEMMAP_TO_END, modes[mode]));
        CHECK_OK(memmap_flush(handle, 0, 1, modes[mode]));
        CHECK_OK(memmap_flush(handle, 3999, 1, modes[mode]));
        CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_flush(handle, 3999, 2, modes[mode]));
    }
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void a_range_outside_is_refused(void) {
    const uint64_t ranges[][2] = {
        {0, SIZE + 1},   {SIZE, 1},     {SIZE + 1, 0},          {SIZE + 1, MEMMAP_TO_END},
        {UINT64_MAX, 0}, {UINT64_MAX, 1}, {UINT64_MAX, UINT64_MAX}, {1, UINT64_MAX - 1},
        {SIZE, UINT64_MAX - SIZE},
    };
    size_t i, mode;
    CHECK_OK(memmap_create("file", SIZE, NULL, &handle));
    for (mode = 0; mode < 3; mode++)
        for (i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
            CHECK_STATUS(MEMMAP_ERR_RANGE,
                         memmap_flush(handle, ranges[i][0], ranges[i][1], modes[mode]));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void an_unknown_mode_is_invalid(void) {
    CHECK_OK(memmap_create("file", SIZE, NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_flush(handle, 0, 1, 3));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_flush(handle, 0, 0, MS_SYNC));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_flush(handle, 0, 1, UINT32_MAX));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void copy_on_write_never_becomes_durable(void) {
    make_file("file", SIZE, 'x');
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_COPY_ON_WRITE), &handle));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'y'));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_flush(handle, 0, 0, MEMMAP_FLUSH_ASYNC));
    CHECK_OK(memmap_protect(handle, MEMMAP_READ_ONLY));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    CHECK_EQUAL('x', byte_of("file", 0));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

/* How many pages of the file are in memory after the page cache was told to drop what it can: those that are
 * yet to be written back. */
static uint64_t dirty_pages(memmap_handle of) {
    uint64_t count = 0;
    CHECK_OK(memmap_advise(of, 0, MEMMAP_TO_END, MEMMAP_ADVICE_PAGE_OUT));
    CHECK_OK(memmap_residency(of, 0, MEMMAP_TO_END, NULL, 0, &count));
    return count;
}

/* msync(2) alone does not: to the kernel such a mapping is not a shared one. */
static void a_flush_through_a_read_only_mapping_writes_back_what_others_wrote(void) {
    struct statfs fs;
    make_file("file", SIZE, 'x');
    CHECK_OK(memmap_open("file", NULL, &handle));
    if (statfs("file", &fs) != 0 || fs.f_type == TMPFS_MAGIC) {
        skip("the folder is in memory, where nothing is ever written back");
    } else if (dirty_pages(handle) == 0) {
        skip("the file system writes back at once");
    } else {
        CHECK_OK(memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
        CHECK_EQUAL(0, dirty_pages(handle));
    }
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("file", OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR), &handle));
    CHECK_OK(memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC)); /* As msync(2). */
    CHECK_OK(memmap_flush(handle, 0, 1, MEMMAP_FLUSH_ASYNC));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void read_only_empty_and_without_descriptor_flush_too(void) {
    make_file("file", SIZE, 'x');
    CHECK_OK(memmap_open("file", NULL, &handle));
    CHECK_OK(memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_create("file", 10, OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR), &handle));
    CHECK_OK(memmap_write(handle, 9, "y", 1));
    CHECK_OK(memmap_flush(handle, 9, 1, MEMMAP_FLUSH_SYNC));
    CHECK_EQUAL('y', byte_of("file", 9));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_create("file", 0, NULL, &handle));
    CHECK_OK(memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void invalidating_locked_memory_is_ebusy(void) {
    CHECK_OK(memmap_create("file", SIZE, NULL, &handle));
    if (mlock(address_of(handle), 1) != 0) {
        skip("no memory can be locked");
    } else {
        CHECK_STATUS(EBUSY, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_INVALIDATE));
        CHECK_OK(memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    }
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

/* What the file does not have any more is on no device. */
static void a_flush_of_bytes_that_were_cut_off_is_a_fault(void) {
    make_file("file", 10000, 'x');
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'y'));
    CHECK(truncate("file", 5000) == 0);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_flush(handle, 5000, 1, MEMMAP_FLUSH_SYNC));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_flush(handle, 4999, 2, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_flush(handle, 0, 5000, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_ASYNC));
    CHECK(truncate("file", 10000) == 0);
    CHECK_OK(memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(a_range_of_any_alignment_is_flushed_in_every_mode),
        BEHAVIOUR(a_window_of_any_alignment_is_flushed),
        BEHAVIOUR(a_range_outside_is_refused),
        BEHAVIOUR(an_unknown_mode_is_invalid),
        BEHAVIOUR(copy_on_write_never_becomes_durable),
        BEHAVIOUR(a_flush_through_a_read_only_mapping_writes_back_what_others_wrote),
        BEHAVIOUR(a_flush_of_bytes_that_were_cut_off_is_a_fault),
        BEHAVIOUR(read_only_empty_and_without_descriptor_flush_too),
        BEHAVIOUR(invalidating_locked_memory_is_ebusy),
    };
    return RUN(argc, argv, behaviours);
}
