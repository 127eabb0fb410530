/* libmemmap from C, as a peer of survival: peer HOW SCENARIO FILE. HOW is "read", by memmap_read and memmap_write, "pin" or "try". */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <memmap.h>

enum { SIZE = 64 << 10, WHOLE = 0, LOST = SIZE * 3 / 4, MIDDLE = SIZE / 2 + 100 };

static memmap_handle map;
static char byte;
static int pinned; /* Loads and stores by a pointer, */
static int trying; /* by functions that memmap_try leaves at a loss. */

static void must(memmap_status status) {
    if (status == 0)
        return;
    fprintf(stderr, "%s\n", memmap_strerror(status));
    exit(1);
}

static int load_here(const memmap_view *view, void *offset) {
    byte = *(volatile char *)(view->data + *(uint64_t *)offset);
    return 0;
}

static int store_here(const memmap_view *view, void *offset) {
    *(volatile char *)(view->data + *(uint64_t *)offset) = 'y';
    return 0;
}

static memmap_status load(uint64_t offset) {
    memmap_view view;
    memmap_status status;
    int result;
    if (trying)
        return memmap_try(map, load_here, &offset, &result);
    if (!pinned)
        return memmap_read(map, offset, &byte, 1);
    status = memmap_pin(map, &view);
    if (status != 0)
        return status;
    byte = *(volatile char *)(view.data + offset);
    return memmap_unpin(map);
}

static memmap_status store(uint64_t offset) {
    memmap_view view;
    memmap_status status;
    int result;
    if (trying)
        return memmap_try(map, store_here, &offset, &result);
    if (!pinned)
        return memmap_write(map, offset, "y", 1);
    status = memmap_pin(map, &view);
    if (status != 0)
        return status;
    *(volatile char *)(view.data + offset) = 'y';
    return memmap_unpin(map);
}

static void truncated(const char *path, off_t size) {
    if (truncate(path, size) != 0) {
        perror(path);
        exit(1);
    }
}

static uint64_t added_up(const volatile uint8_t *bytes, uint64_t from, uint64_t to) {
    uint64_t total = 0;
    for (; from < to; from++)
        total += bytes[from];
    return total;
}

static const char *path_to_cut;

static int sum_here(const memmap_view *view, void *total) {
    uint64_t first = added_up(view->data, 0, SIZE / 2);
    truncated(path_to_cut, 0);
    *(uint64_t *)total = first + added_up(view->data, SIZE / 2, SIZE);
    return 1;
}

/* Adds up all bytes, half of which are cut off meanwhile; returns whether it came to the end. */
static int sum(const char *path, uint64_t *total, memmap_status *status) {
    static uint8_t bytes[SIZE];
    memmap_view view = {bytes, SIZE};
    int done = 0;
    if (trying) {
        path_to_cut = path;
        *status = memmap_try(map, sum_here, total, &done);
        return done;
    }
    if (pinned)
        must(memmap_pin(map, &view));
    else
        must(memmap_read(map, 0, bytes, SIZE / 2));
    *total = added_up(view.data, 0, SIZE / 2);
    truncated(path, 0);
    if (!pinned) {
        *status = memmap_read(map, SIZE / 2, bytes + SIZE / 2, SIZE / 2);
        if (*status != 0)
            return 0;
    }
    *total += added_up(view.data, SIZE / 2, SIZE);
    *status = pinned ? memmap_unpin(map) : 0;
    return 1;
}

static void compute(const char *path) {
    uint64_t total;
    memmap_status status = 0;
    if (!sum(path, &total, &status))
        puts(status == MEMMAP_ERR_FAULT ? "computed: nothing: `MEMMAP_ERR_FAULT`" : memmap_strerror(status));
    else if (total == (uint64_t)SIZE * 'x')
        puts("the sum is right although half of the bytes are gone");
    else if (status == MEMMAP_ERR_FAULT)
        puts("computed: zeros, told afterwards");
    else
        puts("computed: **zeros, not told**");
}

static memmap_status cut(const char *path, off_t size) {
    must(load(WHOLE));
    truncated(path, size);
    return load(LOST);
}

static memmap_status meet(const char *scenario, const char *path) {
    if (strcmp(scenario, "nothing") == 0)
        return cut(path, 0);
    if (strcmp(scenario, "middle") == 0)
        return cut(path, MIDDLE);
    if (strcmp(scenario, "hole") == 0)
        return store(LOST);
    if (strcmp(scenario, "unreadable") == 0)
        return load(LOST);
    if (strcmp(scenario, "closed") == 0) {
        must(memmap_close(map));
        return load(WHOLE);
    }
    fprintf(stderr, "no scenario is called \"%s\"\n", scenario);
    exit(1);
}

static const char *cause(uint32_t causes) {
    switch (causes) {
    case MEMMAP_FAULT_TRUNCATED:
        return "truncated";
    case MEMMAP_FAULT_IO:
        return "I/O";
    default:
        return "unknown";
    }
}

int main(int argc, char **argv) {
    memmap_options options = {.size = sizeof options, .access = MEMMAP_READ_WRITE};
    memmap_fault fault = {.size = sizeof fault};
    memmap_status met;
    if (argc != 4)
        return 1;
    pinned = strcmp(argv[1], "pin") == 0;
    trying = strcmp(argv[1], "try") == 0;
    must(memmap_guard_install());
    must(memmap_open(argv[3], &options, &map));
    if (strcmp(argv[2], "sum") == 0) {
        compute(argv[3]);
        return 0;
    }
    met = meet(argv[2], argv[3]);
    if (met == MEMMAP_ERR_FAULT) {
        must(memmap_get_fault(map, &fault));
        printf("told: MEMMAP_ERR_FAULT, %llu bytes from %llu on (%s)\n", (unsigned long long)fault.length,
               (unsigned long long)fault.offset, cause(fault.causes));
    } else if (met == MEMMAP_ERR_HANDLE) {
        puts("told: MEMMAP_ERR_HANDLE");
    } else if (met != 0) {
        printf("told: %s\n", memmap_strerror(met));
    } else {
        puts("not told");
    }
    return 0;
}
