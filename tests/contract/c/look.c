/* Looking at a mapping, and pinning it. */

#include <pthread.h>

#include "files.h"

static memmap_handle handle;

static void null_where_a_pointer_is_needed_is_invalid_and_nothing_is_written(void) {
    uint8_t *data = NULL;
    uint64_t len = UNTOUCHED;
    CHECK_OK(memmap_anonymous(1, NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_data(handle, NULL, &len));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_data(handle, &data, NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_data(handle, NULL, NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_len(handle, NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_get_info(handle, NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_pin(handle, NULL));
    CHECK_EQUAL(0, info_of(handle).pins);
    CHECK(data == NULL && len == UNTOUCHED);
    CHECK_OK(memmap_close(handle));
}

static void data_len_view_and_info_agree(void) {
    uint8_t *data;
    uint64_t len;
    memmap_view view;
    memmap_info info;
    make_file("file", 9000, 'x');
    CHECK_OK(memmap_open(
        "file", OPTIONS(.access = MEMMAP_READ_WRITE, .offset = 5000, .flags = MEMMAP_SPARSE),
        &handle));
    CHECK_OK(memmap_data(handle, &data, &len));
    CHECK_OK(memmap_pin(handle, &view));
    info = info_of(handle);
    CHECK(data == view.data);
    CHECK_EQUAL(4000, len);
    CHECK_EQUAL(4000, view.len);
    CHECK_EQUAL(4000, length_of(handle));
    CHECK_EQUAL(sizeof info, info.size);
    CHECK_EQUAL(MEMMAP_READ_WRITE, info.access);
    CHECK_EQUAL(MEMMAP_SPARSE, info.flags);
    CHECK_EQUAL(1, info.pins);
    CHECK_EQUAL(5000, info.offset);
    CHECK_EQUAL(4000, info.length);
    CHECK_EQUAL(0, (info.capacity + info.offset) % memmap_page_size());
    CHECK(info.capacity >= info.length);
    CHECK_OK(memmap_unpin(handle));
    CHECK_EQUAL(0, info_of(handle).pins);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void info_of_another_size_is_invalid_and_left_alone(void) {
    const uint32_t sizes[] = {0, 1, sizeof(memmap_info) - 1, sizeof(memmap_info) + 1, UINT32_MAX};
    uint32_t *only_size = malloc(sizeof *only_size); /* valgrind sees who goes on. */
    size_t i;
    CHECK_OK(memmap_anonymous(1, NULL, &handle));
    for (i = 0; CHECK(only_size != NULL) && i < sizeof sizes / sizeof sizes[0]; i++) {
        *only_size = sizes[i];
        CHECK_STATUS(MEMMAP_ERR_INVALID,
                     memmap_get_info(handle, (memmap_info *)(void *)only_size));
        CHECK_EQUAL(sizes[i], *only_size);
    }
    free(only_size);
    CHECK_OK(memmap_close(handle));
}

static void a_capacity_less_than_the_length_is_the_length(void) {
    CHECK_OK(memmap_anonymous(10000, OPTIONS(.capacity = 1), &handle));
    CHECK(info_of(handle).capacity >= 10000);
    CHECK(info_of(handle).capacity < 10000 + memmap_page_size());
    CHECK_OK(memmap_close(handle));
}

static void unpinning_once_too_often_is_invalid(void) {
    memmap_view view;
    CHECK_OK(memmap_anonymous(1, NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_unpin(handle));
    CHECK_OK(memmap_pin(handle, &view));
    CHECK_OK(memmap_unpin(handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_unpin(handle));
    CHECK_OK(memmap_fill(handle, 0, 1, 1));
    CHECK_OK(memmap_close(handle));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_unpin(handle));
}

static void *unpin(void *unused) {
    CHECK_OK(memmap_unpin(handle));
    return unused;
}

static void any_thread_may_give_a_pin_back(void) {
    pthread_t thread;
    memmap_view view;
    CHECK_OK(memmap_anonymous(1, NULL, &handle));
    CHECK_OK(memmap_pin(handle, &view));
    CHECK(pthread_create(&thread, NULL, unpin, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQUAL(0, info_of(handle).pins);
    CHECK_OK(memmap_close(handle));
}

static void half_a_million_pins_are_the_limit_and_all_come_back(void) {
    memmap_view view;
    memmap_status status;
    uint32_t pins = 0;
    CHECK_OK(memmap_anonymous(1, NULL, &handle));
    while ((status = memmap_pin(handle, &view)) == 0)
        pins++;
    CHECK_STATUS(MEMMAP_ERR_LIMIT, status);
    CHECK(pins > 500000);
    CHECK_EQUAL(pins, info_of(handle).pins);
    CHECK_OK(memmap_fill(handle, 0, 1, 1)); /* Who copies needs none of them. */
    CHECK_OK(memmap_unpin(handle));
    CHECK_OK(memmap_pin(handle, &view));
    while (pins-- > 0)
        CHECK_OK(memmap_unpin(handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_unpin(handle));
    CHECK_OK(memmap_close(handle));
}

static void bytes_written_through_the_pointer_are_the_files(void) {
    memmap_view view;
    CHECK_OK(memmap_create("file", 100, NULL, &handle));
    CHECK_OK(memmap_pin(handle, &view));
    view.data[99] = 'p';
    CHECK_EQUAL('p', byte_of("file", 99));
    CHECK_EQUAL('p', byte_at(handle, 99));
    CHECK_OK(memmap_unpin(handle));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(null_where_a_pointer_is_needed_is_invalid_and_nothing_is_written),
        BEHAVIOUR(data_len_view_and_info_agree),
        BEHAVIOUR(info_of_another_size_is_invalid_and_left_alone),
        BEHAVIOUR(a_capacity_less_than_the_length_is_the_length),
        BEHAVIOUR(unpinning_once_too_often_is_invalid),
        BEHAVIOUR(any_thread_may_give_a_pin_back),
        BEHAVIOUR(half_a_million_pins_are_the_limit_and_all_come_back),
        BEHAVIOUR(bytes_written_through_the_pointer_are_the_files),
    };
    return RUN(argc, argv, behaviours);
}
