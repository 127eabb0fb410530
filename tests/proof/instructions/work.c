/* work NAME TIMES: does one thing so many times, for a profiler that counts instructions. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memmap.h"

#define SIZE (1u << 20)

static memmap_handle handle, cell;
static uint8_t buffer[64];

static int open_close(void) {
    memmap_handle other;
    return memmap_open("file", NULL, &other) || memmap_close(other);
}

static int pin_unpin(void) {
    memmap_view view;
    return memmap_pin(handle, &view) || memmap_unpin(handle);
}

static int read_64(void) {
    return memmap_read(handle, 1000, buffer, sizeof buffer);
}

static int write_64(void) {
    return memmap_write(handle, 1000, buffer, sizeof buffer);
}

static int find_in_1_mib(void) {
    uint64_t at;
    return memmap_find(handle, 0, MEMMAP_TO_END, (const uint8_t *)"lazy cat", 8, &at) || at != SIZE - 8;
}

static int rfind_in_1_mib(void) {
    uint64_t at;
    return memmap_rfind(handle, 0, MEMMAP_TO_END, (const uint8_t *)"crazy cat", 9, &at) || at != MEMMAP_NPOS;
}

static int returns_0(const memmap_view *view, void *arg) {
    (void)view;
    return arg != NULL;
}

static int try_a_mapping(void) {
    return memmap_try(handle, returns_0, NULL, NULL);
}

static int try_any(void) {
    return memmap_try(0, returns_0, NULL, NULL);
}

static int publish_64(void) {
    return memmap_cell_publish(cell, 0, buffer, sizeof buffer);
}

static int cell_read_64(void) {
    uint64_t len, sequence;
    return memmap_cell_read(cell, 0, buffer, sizeof buffer, &len, &sequence);
}

static int lock_unlock(void) {
    return memmap_lock(handle, 0, 8, MEMMAP_LOCK_EXCLUSIVE, -1) || memmap_unlock(handle, 0, 8);
}

static const struct {
    const char *name;
    int (*once)(void);
} works[] = {
    {"open_close", open_close},         {"pin_unpin", pin_unpin},
    {"read_64", read_64},               {"write_64", write_64},
    {"try_a_mapping", try_a_mapping},   {"try_any", try_any},
    {"find_in_1_mib", find_in_1_mib},   {"rfind_in_1_mib", rfind_in_1_mib},
    {"publish_64", publish_64},         {"cell_read_64", cell_read_64},
    {"lock_unlock", lock_unlock},
};

/* Of the first calls more is counted: see CALLS_BEFORE_SHOWN in src/threads/sync.rs. */
static int read_often(void) {
    int i, broken = 0;
    for (i = 0; i < 200; i++)
        broken |= read_64() || cell_read_64();
    return broken;
}

static int prepare(void) {
    uint64_t size;
    return memmap_create("file", SIZE, NULL, &handle) || memmap_fill(handle, 0, MEMMAP_TO_END, 'x') ||
           memmap_write(handle, SIZE - 8, (const uint8_t *)"lazy cat", 8) ||
           memmap_cell_size(sizeof buffer, &size) || memmap_memfd("cell", size, NULL, &cell) ||
           memmap_cell_create(cell, 0, sizeof buffer) || publish_64() ||
           read_often();
}

int main(int argc, char **argv) {
    size_t i;
    long times;
    if (argc != 3 || prepare() != 0)
        return 2;
    for (i = 0; i < sizeof works / sizeof works[0]; i++) {
        if (strcmp(works[i].name, argv[1]) != 0)
            continue;
        for (times = atol(argv[2]); times > 0; times--)
            if (works[i].once() != 0)
                return 1;
        return 0;
    }
    fprintf(stderr, "work: %s is unknown\n", argv[1]);
    return 2;
}
