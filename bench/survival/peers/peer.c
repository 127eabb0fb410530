/* libmemmap from C, as a peer of survival: peer SCENARIO FILE. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <memmap.h>

enum { SIZE = 64 << 10, WHOLE = 0, LOST = SIZE * 3 / 4, MIDDLE = SIZE / 2 + 100 };

static memmap_handle map;
static char byte;

static void must(memmap_status status) {
    if (status == 0)
        return;
    fprintf(stderr, "%s\n", memmap_strerror(status));
    exit(1);
}

static memmap_status cut(const char *path, off_t size) {
    must(memmap_read(map, WHOLE, &byte, 1));
    if (truncate(path, size) != 0) {
        perror(path);
        exit(1);
    }
    return memmap_read(map, LOST, &byte, 1);
}

static memmap_status meet(const char *scenario, const char *path) {
    if (strcmp(scenario, "nothing") == 0)
        return cut(path, 0);
    if (strcmp(scenario, "middle") == 0)
        return cut(path, MIDDLE);
    if (strcmp(scenario, "hole") == 0)
        return memmap_write(map, LOST, "y", 1);
    if (strcmp(scenario, "unreadable") == 0)
        return memmap_read(map, LOST, &byte, 1);
    if (strcmp(scenario, "closed") == 0) {
        must(memmap_close(map));
        return memmap_read(map, WHOLE, &byte, 1);
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
    if (argc != 3)
        return 1;
    must(memmap_guard_install());
    must(memmap_open(argv[2], &options, &map));
    met = meet(argv[1], argv[2]);
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
