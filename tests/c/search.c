/* Searching: memmap_find and memmap_rfind. */

#include "files.h"

static memmap_handle handle;

static void open_text(const char *text) {
    CHECK_OK(memmap_anonymous(strlen(text), NULL, &handle));
    CHECK_OK(memmap_write(handle, 0, text, strlen(text)));
}

#define FOUND(expected, function, from, to, needle)                                     \
    do {                                                                                \
        uint64_t at = UNTOUCHED;                                                        \
        CHECK_OK(function(handle, from, to, needle, strlen(needle), &at));              \
        CHECK_EQUAL(expected, at);                                                      \
    } while (0)

static void the_first_and_the_last_of_several_are_found(void) {
    open_text("one two one two");
    FOUND(0, memmap_find, 0, MEMMAP_TO_END, "one");
    FOUND(8, memmap_rfind, 0, MEMMAP_TO_END, "one");
    FOUND(8, memmap_find, 1, MEMMAP_TO_END, "one");
    FOUND(0, memmap_rfind, 0, 10, "one");
    FOUND(8, memmap_rfind, 0, 11, "one");
    FOUND(2, memmap_find, 0, MEMMAP_TO_END, "e");
    FOUND(14, memmap_rfind, 0, 15, "o");
    FOUND(0, memmap_find, 0, 15, "one two one two");
    CHECK_OK(memmap_close(handle));
}

static void what_is_not_there_is_no_failure(void) {
    open_text("one two");
    FOUND(MEMMAP_NPOS, memmap_find, 0, MEMMAP_TO_END, "three");
    FOUND(MEMMAP_NPOS, memmap_rfind, 0, MEMMAP_TO_END, "three");
    FOUND(MEMMAP_NPOS, memmap_find, 0, 2, "one");
    FOUND(MEMMAP_NPOS, memmap_find, 0, 7, "one two three");
    FOUND(MEMMAP_NPOS, memmap_find, 7, 7, "o");
    FOUND(MEMMAP_NPOS, memmap_find, 4, 3, "o");
    CHECK_OK(memmap_close(handle));
}

/* As Python's bytes.find and rfind have it. */
static void nothing_is_found_at_the_beginning_and_at_the_end(void) {
    open_text("abc");
    FOUND(0, memmap_find, 0, MEMMAP_TO_END, "");
    FOUND(3, memmap_rfind, 0, MEMMAP_TO_END, "");
    FOUND(3, memmap_find, 3, 3, "");
    FOUND(2, memmap_rfind, 1, 2, "");
    FOUND(MEMMAP_NPOS, memmap_find, 2, 1, "");
    CHECK_OK(memmap_close(handle));
}

static void bounds_outside_the_mapping_are_refused(void) {
    uint64_t at;
    open_text("abc");
    CHECK_REFUSED(MEMMAP_ERR_RANGE, at, memmap_find(handle, 4, MEMMAP_TO_END, "a", 1, &at));
    CHECK_REFUSED(MEMMAP_ERR_RANGE, at, memmap_find(handle, 0, 4, "a", 1, &at));
    CHECK_REFUSED(MEMMAP_ERR_RANGE, at, memmap_rfind(handle, UINT64_MAX, 3, "a", 1, &at));
    CHECK_REFUSED(MEMMAP_ERR_RANGE, at, memmap_rfind(handle, 0, UINT64_MAX - 1, "a", 1, &at));
    CHECK_REFUSED(MEMMAP_ERR_INVALID, at, memmap_find(handle, 0, 3, NULL, 1, &at));
    CHECK_REFUSED(MEMMAP_ERR_INVALID, at, memmap_rfind(handle, 0, 3, NULL, 1, &at));
    CHECK_REFUSED(MEMMAP_ERR_LIMIT, at, memmap_find(handle, 0, 3, "a", UINT64_MAX, &at));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_find(handle, 0, 3, "a", 1, NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_rfind(handle, 0, 3, "a", 1, NULL));
    CHECK_OK(memmap_find(handle, 0, 3, NULL, 0, &at));
    CHECK_OK(memmap_close(handle));
    CHECK_REFUSED(MEMMAP_ERR_HANDLE, at, memmap_find(handle, 0, 3, "a", 1, &at));
    CHECK_REFUSED(MEMMAP_ERR_HANDLE, at, memmap_rfind(handle, 0, 3, "a", 1, &at));
}

/* Whoever stops before the lost part has seen only what is there. */
static void a_search_that_looks_at_a_lost_page_is_a_fault(void) {
    uint64_t at;
    FILE *file;
    CHECK_OK(memmap_guard_install());
    make_file("file", 4 * 4096, 'x');
    file = fopen("file", "r+b");
    CHECK(file != NULL && fseek(file, 3000, SEEK_SET) == 0 && fputs("yz", file) > 0 && fclose(file) == 0);
    CHECK_OK(memmap_open("file", NULL, &handle));
    CHECK(truncate("file", 4096) == 0);
    CHECK_OK(memmap_find(handle, 0, MEMMAP_TO_END, "xx", 2, &at));
    CHECK_EQUAL(0, at);
    CHECK_REFUSED(MEMMAP_ERR_FAULT, at, memmap_find(handle, 0, MEMMAP_TO_END, "q", 1, &at));
    CHECK_REFUSED(MEMMAP_ERR_FAULT, at, memmap_rfind(handle, 0, MEMMAP_TO_END, "x", 1, &at));
    CHECK_REFUSED(MEMMAP_ERR_FAULT, at, memmap_rfind(handle, 8, MEMMAP_TO_END, "x", 1, &at));
    CHECK_OK(memmap_find(handle, 0, MEMMAP_TO_END, "yz", 2, &at));
    CHECK_EQUAL(3000, at);
    CHECK_OK(memmap_rfind(handle, 0, 4096, "x", 1, &at));
    CHECK_EQUAL(4095, at);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

int main(int argc, char **argv) {
    const struct behaviour behaviours[] = {
        BEHAVIOUR(the_first_and_the_last_of_several_are_found),
        BEHAVIOUR(what_is_not_there_is_no_failure),
        BEHAVIOUR(nothing_is_found_at_the_beginning_and_at_the_end),
        BEHAVIOUR(bounds_outside_the_mapping_are_refused),
        BEHAVIOUR(a_search_that_looks_at_a_lost_page_is_a_fault),
    };
    return RUN(argc, argv, behaviours);
}
