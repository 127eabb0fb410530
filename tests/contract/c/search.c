/* Searching: memmap_find and memmap_rfind. */

#include <signal.h>
#include <sys/ptrace.h>

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

enum { HIT = 500, FAR_HIT = 2 << 10 };

/* A mapping of that many lines' bytes, which has "near" and "further" twice, as far from either end. */
static void open_log(uint64_t size) {
    const char line[] = "2026-11-27 12:00:00 INFO the quick brown fox jumps over the lazy dog\n";
    uint8_t *data;
    uint64_t at, len;
    CHECK_OK(memmap_anonymous(size, NULL, &handle));
    CHECK_OK(memmap_data(handle, &data, &len));
    for (at = 0; at + sizeof line <= size; at += sizeof line - 1)
        memcpy(data + at, line, sizeof line - 1);
    memcpy(data + HIT, "near", 4);
    memcpy(data + FAR_HIT, "further", 7);
    memcpy(data + size - HIT, "near", 4);
    memcpy(data + size - FAR_HIT, "further", 7);
}

static uint64_t look(int backwards, const char *needle) {
    uint64_t at = UNTOUCHED;
    CHECK_OK((backwards ? memmap_rfind : memmap_find)(handle, 0, MEMMAP_TO_END, needle, strlen(needle), &at));
    return at;
}

/* The instructions of a search, each of which the processor stops after; 0 where that isn't allowed. */
static long steps_of(int backwards, const char *needle) {
    long steps = 0;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(0);
        raise(SIGSTOP);
        look(backwards, needle);
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    /* A search takes some thousands; who takes more is not waited for. */
    for (; WIFSTOPPED(status) && steps < 20000; steps++)
        CHECK(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0 && waitpid(child, &status, 0) == child);
    if (WIFSTOPPED(status))
        CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
    return steps;
}

/* Time would tell this too, now and then. */
static void what_is_near_is_found_as_soon_in_a_long_text_as_in_a_short_one(void) {
    const char *const needles[] = {"near", "further"};
    const uint64_t sizes[] = {1 << 20, 16 << 20};
    long steps[2];
    int i, size, backwards;
    for (i = 0; i < 2; i++) {
        for (backwards = 0; backwards < 2; backwards++) {
            for (size = 0; size < 2; size++) {
                const uint64_t distance = i ? FAR_HIT : HIT;
                open_log(sizes[size]);
                CHECK_EQUAL(backwards ? sizes[size] - distance : distance, look(backwards, needles[i]));
                steps[size] = steps_of(backwards, needles[i]);
                CHECK_OK(memmap_close(handle));
            }
            if (steps[0] == 0) {
                skip("no child can be traced");
                return;
            }
            if (!CHECK(steps[1] < steps[0] + steps[0] / 4))
                printf("%s %s: %ld instructions in 1 MiB, %ld in 16\n", backwards ? "rfind" : "find", needles[i], steps[0],
                       steps[1]);
        }
    }
}

int main(int argc, char **argv) {
    const struct behaviour behaviours[] = {
        BEHAVIOUR(the_first_and_the_last_of_several_are_found),
        BEHAVIOUR(what_is_not_there_is_no_failure),
        BEHAVIOUR(nothing_is_found_at_the_beginning_and_at_the_end),
        BEHAVIOUR(bounds_outside_the_mapping_are_refused),
        BEHAVIOUR(a_search_that_looks_at_a_lost_page_is_a_fault),
        BEHAVIOUR(what_is_near_is_found_as_soon_in_a_long_text_as_in_a_short_one),
    };
    return RUN(argc, argv, behaviours);
}
