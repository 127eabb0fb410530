/* Memory without a file. */

#include "files.h"

static memmap_handle handle;

#define REFUSED(expected, size, options) \
    CHECK_REFUSED(expected, handle, memmap_anonymous(size, options, &handle))

static void it_is_zero_and_can_be_written(void) {
    CHECK_OK(memmap_anonymous(5000, NULL, &handle));
    CHECK_EQUAL(5000, length_of(handle));
    CHECK_EQUAL(MEMMAP_READ_WRITE, info_of(handle).access);
    CHECK(all_bytes(handle, 0, 5000, 0));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 7));
    CHECK(all_bytes(handle, 0, 5000, 7));
    CHECK_OK(memmap_close(handle));
}

static void no_bytes_at_all_map_too(void) {
    CHECK_OK(memmap_anonymous(0, NULL, &handle));
    CHECK_EQUAL(0, length_of(handle));
    CHECK(address_of(handle) != NULL);
    CHECK_OK(memmap_resize(handle, 10));
    CHECK(all_bytes(handle, 0, 10, 0));
    CHECK_OK(memmap_close(handle));
}

static void what_means_nothing_without_a_file_is_invalid(void) {
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_anonymous(1, NULL, NULL));
    REFUSED(MEMMAP_ERR_INVALID, 1, OPTIONS(.access = MEMMAP_READ_ONLY));
    REFUSED(MEMMAP_ERR_INVALID, 1, OPTIONS(.access = MEMMAP_COPY_ON_WRITE));
    REFUSED(MEMMAP_ERR_INVALID, 1, OPTIONS(.access = 4));
    REFUSED(MEMMAP_ERR_INVALID, 1, OPTIONS(.offset = 1));
    REFUSED(MEMMAP_ERR_INVALID, 1, OPTIONS(.length = 1));
    REFUSED(MEMMAP_ERR_INVALID, 1, OPTIONS(.mode = 0600));
    REFUSED(MEMMAP_ERR_INVALID, 1, OPTIONS(.flags = MEMMAP_SPARSE));
    REFUSED(MEMMAP_ERR_INVALID, 1, OPTIONS(.flags = MEMMAP_EXCLUSIVE));
    REFUSED(MEMMAP_ERR_INVALID, 1, OPTIONS(.flags = MEMMAP_DURABLE));
    REFUSED(MEMMAP_ERR_INVALID, 1, OPTIONS(.flags = MEMMAP_NO_FOLLOW));
    REFUSED(MEMMAP_ERR_INVALID, 1, OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR));
    REFUSED(MEMMAP_ERR_INVALID, 1, OPTIONS(.flags = MEMMAP_EXECUTABLE));
    REFUSED(MEMMAP_ERR_INVALID, 1, OPTIONS(.flags = 1u << 31));
    REFUSED(MEMMAP_ERR_INVALID, 1, &(memmap_options){.size = 0});
}

static void more_than_there_is_room_for_is_a_limit(void) {
    REFUSED(MEMMAP_ERR_LIMIT, UINT64_MAX, NULL);
    REFUSED(MEMMAP_ERR_LIMIT, INT64_MAX, NULL);
    REFUSED(MEMMAP_ERR_LIMIT, UINT64_C(1) << 60, NULL);
    REFUSED(MEMMAP_ERR_LIMIT, 1, OPTIONS(.capacity = UINT64_MAX));
    CHECK(limit(RLIMIT_AS, 1 << 29));
    REFUSED(MEMMAP_ERR_LIMIT, 1 << 30, NULL);
    CHECK_OK(memmap_anonymous(4096, NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_resize(handle, 1 << 30));
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_resize(handle, UINT64_MAX));
    CHECK_EQUAL(4096, length_of(handle));
    CHECK_OK(memmap_close(handle));
}

static void within_the_capacity_it_grows_in_place_and_comes_back_zero(void) {
    uint8_t *data;
    memmap_view view;
    CHECK_OK(memmap_anonymous(100, OPTIONS(.capacity = 1 << 20), &handle));
    CHECK(info_of(handle).capacity >= 1 << 20);
    data = address_of(handle);
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'a'));
    CHECK_OK(memmap_pin(handle, &view)); /* A pin is no hindrance to growing. */
    CHECK_OK(memmap_resize(handle, 1 << 20));
    CHECK_EQUAL(100, view.len);
    CHECK_OK(memmap_unpin(handle));
    CHECK(address_of(handle) == data);
    CHECK(all_bytes(handle, 0, 100, 'a') && all_bytes(handle, 100, (1 << 20) - 100, 0));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'b'));
    CHECK_OK(memmap_resize(handle, 4500));
    CHECK_EQUAL(-1, byte_at(handle, 4500));
    CHECK_OK(memmap_resize(handle, 1 << 20));
    CHECK(address_of(handle) == data);
    CHECK(all_bytes(handle, 0, 4500, 'b') && all_bytes(handle, 4500, (1 << 20) - 4500, 0));
    CHECK_OK(memmap_close(handle));
}

static void beyond_the_capacity_it_grows_and_keeps_its_bytes(void) {
    memmap_view view;
    CHECK_OK(memmap_anonymous(5000, NULL, &handle));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'a'));
    CHECK_OK(memmap_pin(handle, &view));
    CHECK_STATUS(MEMMAP_ERR_BUSY, memmap_resize(handle, 1 << 24));
    CHECK_STATUS(MEMMAP_ERR_BUSY, memmap_resize(handle, 4999));
    CHECK_OK(memmap_unpin(handle));
    CHECK_OK(memmap_resize(handle, 1 << 24));
    CHECK(all_bytes(handle, 0, 5000, 'a') && all_bytes(handle, 5000, (1 << 24) - 5000, 0));
    CHECK_OK(memmap_close(handle));
}

static void nothing_of_it_becomes_durable_or_is_refreshed(void) {
    uint64_t len;
    CHECK_OK(memmap_anonymous(10, NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_flush(handle, 0, 10, MEMMAP_FLUSH_SYNC));
    CHECK_REFUSED(MEMMAP_ERR_UNSUPPORTED, len, memmap_refresh(handle, &len));
    CHECK_OK(memmap_close(handle));
}

static void code_takes_both_flags_since_it_is_writable(void) {
    char permissions[5] = "";
    const uint32_t both = MEMMAP_EXECUTABLE | MEMMAP_WRITE_AND_EXECUTE;
    CHECK_OK(memmap_anonymous(1, OPTIONS(.flags = both), &handle));
    CHECK(mapping_at(address_of(handle), permissions));
    CHECK(strcmp(permissions, "rwxp") == 0);
    CHECK_OK(memmap_close(handle));
}

static void in_a_fork(void) {
    CHECK_EQUAL('p', byte_at(handle, 0));
    CHECK_OK(memmap_write(handle, 0, "c", 1));
    CHECK_EQUAL('c', byte_at(handle, 0));
}

static void a_fork_has_a_copy(void) {
    CHECK_OK(memmap_anonymous(1, NULL, &handle));
    CHECK_OK(memmap_write(handle, 0, "p", 1));
    in_child(in_a_fork);
    CHECK_EQUAL('p', byte_at(handle, 0));
    CHECK_OK(memmap_close(handle));
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(it_is_zero_and_can_be_written),
        BEHAVIOUR(no_bytes_at_all_map_too),
        BEHAVIOUR(what_means_nothing_without_a_file_is_invalid),
        BEHAVIOUR(more_than_there_is_room_for_is_a_limit),
        BEHAVIOUR(within_the_capacity_it_grows_in_place_and_comes_back_zero),
        BEHAVIOUR(beyond_the_capacity_it_grows_and_keeps_its_bytes),
        BEHAVIOUR(nothing_of_it_becomes_durable_or_is_refreshed),
        BEHAVIOUR(code_takes_both_flags_since_it_is_writable),
        BEHAVIOUR(a_fork_has_a_copy),
    };
    return RUN(argc, argv, behaviours);
}
