/* Reading and writing by copy. */

#include "files.h"

enum { SIZE = 5000 };

static memmap_handle handle;

static void open_file(uint32_t access) {
    make_file("file", SIZE, 'x');
    CHECK_OK(memmap_open("file", OPTIONS(.access = access), &handle));
}

static void close_file(void) {
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

/* Ranges that end at the mapping's end, and ranges outside it. */
static const struct {
    uint64_t offset, len;
} inside[] = {{0, 0}, {0, 1}, {0, SIZE}, {SIZE - 1, 1}, {SIZE, 0}, {4095, 2}},
  outside[] = {
      {0, SIZE + 1},         {SIZE, 1},       {SIZE + 1, 0},          {SIZE - 1, 2},
      {UINT64_MAX, 0},       {UINT64_MAX, 1}, {1, UINT64_MAX},        {SIZE, UINT64_MAX - SIZE},
      {2, UINT64_MAX - 1},   {1, INT64_MAX},  {INT64_MAX, INT64_MAX}, {SIZE + 1, UINT64_MAX},
      {UINT64_MAX, UINT64_MAX},
};

#define COUNT(array) (sizeof array / sizeof array[0])

static void ranges_inside_are_read_and_written(void) {
    static char buf[SIZE];
    size_t i;
    open_file(MEMMAP_READ_WRITE);
    for (i = 0; i < COUNT(inside); i++) {
        uint64_t offset = inside[i].offset, len = inside[i].len;
        memset(buf, (int)('a' + i), sizeof buf);
        CHECK_OK(memmap_write(handle, offset, buf, len));
        memset(buf, 0, sizeof buf);
        CHECK_OK(memmap_read(handle, offset, buf, len));
        CHECK(len == 0 || (buf[0] == (char)('a' + i) && buf[len - 1] == (char)('a' + i)));
        CHECK(len == SIZE || buf[len] == 0);
        CHECK_OK(memmap_fill(handle, offset, len, 'z'));
        CHECK(all_bytes(handle, offset, len, 'z'));
        CHECK_OK(memmap_move(handle, offset, 0, len));
        CHECK_OK(memmap_move(handle, 0, offset, len));
    }
    close_file();
}

static void ranges_outside_are_refused_and_nothing_changes(void) {
    char buf[8] = "buffer!";
    size_t i;
    open_file(MEMMAP_READ_WRITE);
    for (i = 0; i < COUNT(outside); i++) {
        uint64_t offset = outside[i].offset, len = outside[i].len;
        CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_read(handle, offset, buf, len));
        CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_write(handle, offset, buf, len));
        CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_move(handle, offset, 0, len));
        CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_move(handle, 0, offset, len));
        if (len != MEMMAP_TO_END || offset > SIZE)
            CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_fill(handle, offset, len, 'z'));
    }
    CHECK(strcmp(buf, "buffer!") == 0);
    CHECK(all_bytes(handle, 0, SIZE, 'x'));
    close_file();
}

static void to_end_is_a_length_for_fill_alone(void) {
    char buf[1];
    open_file(MEMMAP_READ_WRITE);
    CHECK_OK(memmap_fill(handle, 10, MEMMAP_TO_END, 'e'));
    CHECK(all_bytes(handle, 0, 10, 'x') && all_bytes(handle, 10, SIZE - 10, 'e'));
    CHECK_OK(memmap_fill(handle, SIZE, MEMMAP_TO_END, 'f'));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_fill(handle, SIZE + 1, MEMMAP_TO_END, 'f'));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_read(handle, 0, buf, MEMMAP_TO_END));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_write(handle, 0, buf, MEMMAP_TO_END));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_move(handle, 0, 0, MEMMAP_TO_END));
    close_file();
}

static void a_null_buffer_is_invalid_unless_it_is_empty(void) {
    open_file(MEMMAP_READ_WRITE);
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_read(handle, 0, NULL, 1));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_write(handle, 0, NULL, 1));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_read(handle, 0, NULL, UINT64_MAX));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_write(handle, 0, NULL, UINT64_MAX));
    CHECK_OK(memmap_read(handle, SIZE, NULL, 0));
    CHECK_OK(memmap_write(handle, SIZE, NULL, 0));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_read(handle, SIZE + 1, NULL, 0));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_write(handle, SIZE + 1, NULL, 0));
    close_file();
}

static void on_a_read_only_mapping_writing_is_a_status_and_no_signal(void) {
    open_file(MEMMAP_READ_ONLY);
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_write(handle, 0, "y", 1));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_write(handle, 0, NULL, 0));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_fill(handle, 0, MEMMAP_TO_END, 'y'));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_move(handle, 0, 1, 1));
    CHECK(all_bytes(handle, 0, SIZE, 'x'));
    close_file();
}

static void what_is_written_is_everyones_at_once(void) {
    memmap_handle other;
    open_file(MEMMAP_READ_WRITE);
    CHECK_OK(memmap_open("file", NULL, &other));
    CHECK_OK(memmap_write(handle, SIZE - 1, "y", 1));
    CHECK_EQUAL('y', byte_at(other, SIZE - 1));
    CHECK_EQUAL('y', byte_of("file", SIZE - 1));
    CHECK_OK(memmap_close(other));
    close_file();
}

static void copy_on_write_stays_in_its_mapping(void) {
    memmap_handle other;
    open_file(MEMMAP_COPY_ON_WRITE);
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_COPY_ON_WRITE), &other));
    CHECK_OK(memmap_write(handle, 0, "y", 1));
    CHECK_OK(memmap_fill(handle, 4000, MEMMAP_TO_END, 'z'));
    CHECK_OK(memmap_move(handle, 1, 4999, 1));
    CHECK_EQUAL('y', byte_at(handle, 0));
    CHECK_EQUAL('z', byte_at(handle, 1));
    CHECK(all_bytes(other, 0, SIZE, 'x'));
    CHECK_OK(memmap_close(other));
    CHECK_OK(memmap_close(handle));
    CHECK(byte_of("file", 0) == 'x' && byte_of("file", 1) == 'x' && byte_of("file", 4999) == 'x');
    unlink("file");
}

static void ranges_that_overlap_move_as_with_memmove(void) {
    char buf[10];
    CHECK_OK(memmap_anonymous(10, NULL, &handle));
    CHECK_OK(memmap_write(handle, 0, "0123456789", 10));
    CHECK_OK(memmap_move(handle, 2, 0, 8));
    CHECK_OK(memmap_read(handle, 0, buf, 10));
    CHECK(memcmp(buf, "0101234567", 10) == 0);
    CHECK_OK(memmap_move(handle, 0, 2, 8));
    CHECK_OK(memmap_read(handle, 0, buf, 10));
    CHECK(memcmp(buf, "0123456767", 10) == 0);
    CHECK_OK(memmap_close(handle));
}

static void the_buffer_may_lie_in_the_mapping_itself(void) {
    uint8_t *data;
    CHECK_OK(memmap_anonymous(10, NULL, &handle));
    CHECK_OK(memmap_write(handle, 0, "0123456789", 10));
    data = address_of(handle);
    CHECK_OK(memmap_write(handle, 3, data, 7));
    CHECK(memcmp(data, "0120123456", 10) == 0);
    CHECK_OK(memmap_read(handle, 3, data, 7));
    CHECK(memcmp(data, "0123456456", 10) == 0);
    CHECK_OK(memmap_close(handle));
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(ranges_inside_are_read_and_written),
        BEHAVIOUR(ranges_outside_are_refused_and_nothing_changes),
        BEHAVIOUR(to_end_is_a_length_for_fill_alone),
        BEHAVIOUR(a_null_buffer_is_invalid_unless_it_is_empty),
        BEHAVIOUR(on_a_read_only_mapping_writing_is_a_status_and_no_signal),
        BEHAVIOUR(what_is_written_is_everyones_at_once),
        BEHAVIOUR(copy_on_write_stays_in_its_mapping),
        BEHAVIOUR(ranges_that_overlap_move_as_with_memmove),
        BEHAVIOUR(the_buffer_may_lie_in_the_mapping_itself),
    };
    return RUN(argc, argv, behaviours);
}
