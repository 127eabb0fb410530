/* Resizing, and following a file that others resize. */

#include <sys/mman.h>

#include "opened.h"

static uint64_t refreshed(void) {
    uint64_t len = UNTOUCHED;
    CHECK_OK(memmap_refresh(handle, &len));
    CHECK_EQUAL(len, length_of(handle));
    return len;
}

static void growing_keeps_the_bytes_and_adds_zeros_with_blocks(void) {
    open_file(100, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_OK(memmap_resize(handle, 100)); /* The same length is nothing to do. */
    CHECK_OK(memmap_resize(handle, 1 << 20));
    CHECK_EQUAL(1 << 20, length_of(handle));
    CHECK_EQUAL(1 << 20, size_of("file"));
    CHECK(all_bytes(handle, 0, 100, 'x') && all_bytes(handle, 100, (1 << 20) - 100, 0));
    CHECK(status_of("file").st_blocks * 512 >= 1 << 20);
    CHECK_OK(memmap_write(handle, (1 << 20) - 1, "y", 1));
    CHECK_EQUAL('y', byte_of("file", (1 << 20) - 1));
    close_file();
}

static void growing_a_sparse_mapping_reserves_its_last_block(void) {
    CHECK_OK(memmap_create("file", 0, OPTIONS(.flags = MEMMAP_SPARSE), &handle));
    CHECK_OK(memmap_resize(handle, 1 << 20));
    CHECK_EQUAL(1 << 20, size_of("file"));
    CHECK(status_of("file").st_blocks * 512 <= status_of("file").st_blksize);
    close_file();
}

static void shrinking_cuts_the_file_and_what_comes_back_is_zero(void) {
    open_file(20000, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_OK(memmap_resize(handle, 5000));
    CHECK_EQUAL(5000, length_of(handle));
    CHECK_EQUAL(5000, size_of("file"));
    CHECK_EQUAL(-1, byte_at(handle, 5000));
    CHECK_OK(memmap_resize(handle, 20000));
    CHECK(all_bytes(handle, 0, 5000, 'x') && all_bytes(handle, 5000, 15000, 0));
    CHECK_OK(memmap_resize(handle, 0));
    CHECK_EQUAL(0, size_of("file"));
    CHECK(address_of(handle) != NULL);
    CHECK_OK(memmap_resize(handle, 10));
    CHECK(all_bytes(handle, 0, 10, 0));
    close_file();
}

static void within_the_capacity_the_address_stays(void) {
    const uint64_t lengths[] = {4096, 1 << 20, 5000, 0, (1 << 20) - 1, 1 << 20};
    uint8_t *data;
    size_t i;
    open_file(100, OPTIONS(.access = MEMMAP_READ_WRITE, .capacity = 1 << 20));
    data = address_of(handle);
    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        CHECK_OK(memmap_resize(handle, lengths[i]));
        CHECK(address_of(handle) == data);
        CHECK_EQUAL(lengths[i], size_of("file"));
        CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'f'));
    }
    close_file();
}

static void shrinking_gives_address_space_back_unless_it_was_asked_for(void) {
    open_file(100 * 4096, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_OK(memmap_resize(handle, 10));
    CHECK(info_of(handle).capacity < 100 * 4096);
    close_file();
    open_file(100 * 4096, OPTIONS(.access = MEMMAP_READ_WRITE, .capacity = 1 << 20));
    CHECK_OK(memmap_resize(handle, 10));
    CHECK(info_of(handle).capacity >= 1 << 20);
    close_file();
}

static void a_pin_forbids_moving_and_cutting_and_nothing_else(void) {
    memmap_view view;
    uint64_t capacity;
    open_file(5000, OPTIONS(.access = MEMMAP_READ_WRITE, .capacity = 100000));
    capacity = info_of(handle).capacity;
    CHECK_OK(memmap_pin(handle, &view));
    CHECK_STATUS(MEMMAP_ERR_BUSY, memmap_resize(handle, 4999));
    CHECK_STATUS(MEMMAP_ERR_BUSY, memmap_resize(handle, 0));
    CHECK_STATUS(MEMMAP_ERR_BUSY, memmap_resize(handle, capacity + 1));
    CHECK_EQUAL(5000, size_of("file"));
    CHECK_EQUAL(5000, length_of(handle));
    CHECK_OK(memmap_resize(handle, 5000));
    CHECK_OK(memmap_resize(handle, capacity));
    CHECK(view.len == 5000 && view.data == address_of(handle));
    CHECK_OK(memmap_unpin(handle));
    CHECK_OK(memmap_resize(handle, capacity + 1));
    CHECK_EQUAL(capacity + 1, size_of("file"));
    close_file();
}

/* Clearing it could hit what others append. */
static void on_tmpfs_what_was_written_past_the_end_is_there_when_the_file_has_grown(void) {
    int fd = memfd_create("tmpfs", MFD_CLOEXEC);
    CHECK(ftruncate(fd, 100) == 0);
    CHECK_OK(memmap_from_fd(fd, OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    address_of(handle)[100] = 's'; /* In the last page, past the end of the file. */
    CHECK_OK(memmap_resize(handle, 10000));
    CHECK_EQUAL('s', byte_at(handle, 100));
    CHECK(all_bytes(handle, 101, 9899, 0));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'y'));
    CHECK_OK(memmap_resize(handle, 5000)); /* A cut leaves nothing behind. */
    CHECK_OK(memmap_resize(handle, 10000));
    CHECK(all_bytes(handle, 0, 5000, 'y') && all_bytes(handle, 5000, 5000, 0));
    CHECK_OK(memmap_close(handle));
    close(fd);
}

static void a_window_before_the_end_leaves_what_follows_it(void) {
    open_file(12288, OPTIONS(.access = MEMMAP_READ_WRITE, .offset = 4000, .length = 4000));
    CHECK_OK(memmap_resize(handle, 100));
    CHECK_EQUAL(12288, size_of("file"));
    CHECK_EQUAL(100, length_of(handle));
    CHECK_OK(memmap_resize(handle, 8288)); /* Takes in what the file has, to its end. */
    CHECK_EQUAL(12288, size_of("file"));
    CHECK(all_bytes(handle, 0, 8288, 'x'));
    CHECK_OK(memmap_resize(handle, 10000)); /* And on from there makes it longer. */
    CHECK_EQUAL(14000, size_of("file"));
    CHECK(all_bytes(handle, 0, 8288, 'x') && all_bytes(handle, 8288, 10000 - 8288, 0));
    CHECK_OK(memmap_resize(handle, 10)); /* It ends with its file now, so both are cut. */
    CHECK_EQUAL(4010, size_of("file"));
    CHECK_EQUAL('x', byte_of("file", 3999));
    close_file();
}

static void only_a_read_write_mapping_with_its_descriptor_resizes(void) {
    open_file(100, NULL);
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_resize(handle, 200));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_resize(handle, 50));
    close_file();
    open_file(100, OPTIONS(.access = MEMMAP_COPY_ON_WRITE));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_resize(handle, 200));
    close_file();
    open_file(100, OPTIONS(.access = MEMMAP_READ_WRITE, .flags = MEMMAP_NO_DESCRIPTOR));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_resize(handle, 200));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_resize(handle, 50));
    CHECK_EQUAL(100, size_of("file"));
    close_file();
}

static void more_than_can_be_had_is_a_status_and_changes_nothing(void) {
    const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 4096, INT64_MAX, UINT64_C(1) << 56};
    size_t i;
    open_file(5000, OPTIONS(.access = MEMMAP_READ_WRITE, .offset = 4500, .flags = MEMMAP_SPARSE));
    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        memmap_status status = memmap_resize(handle, lengths[i]);
        CHECK(status == MEMMAP_ERR_LIMIT || (lengths[i] < INT64_MAX && status == EFBIG));
        CHECK_EQUAL(500, length_of(handle));
        CHECK_EQUAL(5000, size_of("file"));
    }
    CHECK(all_bytes(handle, 0, 500, 'x'));
    close_file();
}

static void more_memory_than_there_are_addresses_is_a_limit(void) {
    const uint64_t lengths[] = {UINT64_C(1) << 49, UINT64_C(1) << 52, UINT64_C(1) << 62};
    size_t i;
    CHECK_OK(memmap_anonymous(100, OPTIONS(.flags = MEMMAP_OVERCOMMIT), &handle));
    CHECK_OK(memmap_fill(handle, 0, 100, 'x'));
    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_resize(handle, lengths[i]));
        CHECK(all_bytes(handle, 0, 100, 'x'));
    }
    CHECK_OK(memmap_close(handle));
}

static void a_full_disk_is_enospc_and_changes_nothing(void) {
    if (!mount_tmpfs("small", "size=64k"))
        return;
    make_file("small/file", 5000, 'x');
    CHECK_OK(memmap_open("small/file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_STATUS(ENOSPC, memmap_resize(handle, 1 << 20));
    CHECK_EQUAL(5000, length_of(handle));
    CHECK_EQUAL(5000, size_of("small/file"));
    CHECK(all_bytes(handle, 0, 5000, 'x'));
    CHECK_OK(memmap_resize(handle, 60000)); /* The space was given back. */
    CHECK(all_bytes(handle, 0, 5000, 'x') && all_bytes(handle, 5000, 55000, 0));
    CHECK_OK(memmap_close(handle));
    unmount("small");
}

static void without_room_to_map_it_the_file_keeps_its_size(void) {
    open_file(5000, OPTIONS(.access = MEMMAP_READ_WRITE, .flags = MEMMAP_SPARSE));
    CHECK(limit(RLIMIT_AS, 1 << 29));
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_resize(handle, 1 << 30));
    CHECK_EQUAL(5000, length_of(handle));
    CHECK_EQUAL(5000, size_of("file"));
    close_file();
}

static void refresh_follows_a_file_that_others_grow_and_cut(void) {
    open_file(5000, NULL);
    CHECK_EQUAL(5000, refreshed());
    CHECK(truncate("file", 1 << 20) == 0);
    CHECK_EQUAL(-1, byte_at(handle, 5000));
    CHECK_EQUAL(1 << 20, refreshed());
    CHECK(all_bytes(handle, 0, 5000, 'x') && all_bytes(handle, 5000, 1000, 0));
    CHECK(truncate("file", 10) == 0);
    CHECK_EQUAL(10, refreshed());
    CHECK(all_bytes(handle, 0, 10, 'x'));
    CHECK(truncate("file", 0) == 0);
    CHECK_EQUAL(0, refreshed());
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_refresh(handle, NULL));
    close_file();
}

static void refresh_within_the_capacity_moves_nothing(void) {
    memmap_view view;
    uint64_t len;
    open_file(100, OPTIONS(.capacity = 100000));
    CHECK_OK(memmap_pin(handle, &view));
    CHECK(truncate("file", 100000) == 0);
    CHECK_EQUAL(100000, refreshed());
    CHECK(address_of(handle) == view.data);
    CHECK(truncate("file", 50) == 0);
    CHECK_REFUSED(MEMMAP_ERR_BUSY, len, memmap_refresh(handle, &len));
    CHECK(truncate("file", 1 << 24) == 0);
    CHECK_REFUSED(MEMMAP_ERR_BUSY, len, memmap_refresh(handle, &len));
    CHECK_EQUAL(100000, length_of(handle));
    CHECK_OK(memmap_unpin(handle));
    CHECK_EQUAL(1 << 24, refreshed());
    close_file();
}

static void refresh_takes_a_window_to_the_end_of_its_file(void) {
    open_file(9000, OPTIONS(.offset = 5000, .length = 10));
    CHECK_EQUAL(4000, refreshed());
    CHECK(truncate("file", 4999) == 0);
    CHECK_EQUAL(0, refreshed());
    CHECK_EQUAL(-1, byte_at(handle, 0));
    CHECK(truncate("file", 5001) == 0);
    CHECK_EQUAL(1, refreshed());
    close_file();
}

static void refresh_keeps_what_copy_on_write_has_written(void) {
    open_file(5000, OPTIONS(.access = MEMMAP_COPY_ON_WRITE));
    CHECK_OK(memmap_write(handle, 0, "y", 1));
    CHECK(truncate("file", 1 << 20) == 0);
    CHECK_EQUAL(1 << 20, refreshed());
    CHECK_EQUAL('y', byte_at(handle, 0));
    CHECK_EQUAL('x', byte_of("file", 0));
    close_file();
}

static void a_descriptor_that_others_closed_or_took_is_ebadf_and_harms_no_file(void) {
    uint64_t len;
    int kept = -1, other;
    make_file("other", 300, 'o');
    open_file(100, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_EQUAL(1, descriptors_of("file", &kept));
    other = open("other", O_RDWR | O_CLOEXEC);
    CHECK(dup2(other, kept) == kept);
    CHECK_STATUS(EBADF, memmap_resize(handle, 200));
    CHECK_STATUS(EBADF, memmap_resize(handle, 50));
    CHECK_REFUSED(EBADF, len, memmap_refresh(handle, &len));
    CHECK_EQUAL(300, size_of("other"));
    CHECK(close(kept) == 0);
    CHECK_STATUS(EBADF, memmap_resize(handle, 200));
    CHECK_REFUSED(EBADF, len, memmap_refresh(handle, &len));
    CHECK(all_bytes(handle, 0, 100, 'x'));
    CHECK_OK(memmap_close(handle));
    close(other);
    CHECK(unlink("file") == 0 && unlink("other") == 0);
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(growing_keeps_the_bytes_and_adds_zeros_with_blocks),
        BEHAVIOUR(growing_a_sparse_mapping_reserves_its_last_block),
        BEHAVIOUR(shrinking_cuts_the_file_and_what_comes_back_is_zero),
        BEHAVIOUR(within_the_capacity_the_address_stays),
        BEHAVIOUR(shrinking_gives_address_space_back_unless_it_was_asked_for),
        BEHAVIOUR(a_pin_forbids_moving_and_cutting_and_nothing_else),
        BEHAVIOUR(on_tmpfs_what_was_written_past_the_end_is_there_when_the_file_has_grown),
        BEHAVIOUR(a_window_before_the_end_leaves_what_follows_it),
        BEHAVIOUR(only_a_read_write_mapping_with_its_descriptor_resizes),
        BEHAVIOUR(more_than_can_be_had_is_a_status_and_changes_nothing),
        BEHAVIOUR(more_memory_than_there_are_addresses_is_a_limit),
        BEHAVIOUR(a_full_disk_is_enospc_and_changes_nothing),
        BEHAVIOUR(without_room_to_map_it_the_file_keeps_its_size),
        BEHAVIOUR(refresh_follows_a_file_that_others_grow_and_cut),
        BEHAVIOUR(refresh_within_the_capacity_moves_nothing),
        BEHAVIOUR(refresh_takes_a_window_to_the_end_of_its_file),
        BEHAVIOUR(refresh_keeps_what_copy_on_write_has_written),
        BEHAVIOUR(a_descriptor_that_others_closed_or_took_is_ebadf_and_harms_no_file),
    };
    return RUN(argc, argv, behaviours);
}
