/*
 * tally FILE SLOT COUNT: COUNT times adds 1 to number SLOT of FILE and to its first number, the total. Each addition
 * holds a lock of that number's bytes only. Any number of processes may run at once. README.md shows how to run it.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "memmap.h"

enum { NUMBER = sizeof(uint64_t) };

/* Reads, adds and writes under a lock: without one, another process could write between the read and the write. */
static memmap_status add_one(memmap_handle file, uint64_t offset) {
    uint64_t number;
    memmap_status status = memmap_lock(file, offset, NUMBER, MEMMAP_LOCK_EXCLUSIVE, -1);
    if (status != 0)
        return status;
    status = memmap_read(file, offset, &number, NUMBER);
    number++;
    if (status == 0)
        status = memmap_write(file, offset, &number, NUMBER);
    memmap_unlock(file, offset, NUMBER);
    return status;
}

int main(int argc, char **argv) {
    memmap_options options = {0};
    memmap_handle file;
    memmap_status status;
    long i;
    if (argc != 4) {
        fprintf(stderr, "usage: tally FILE SLOT COUNT\n");
        return 1;
    }
    options.size = sizeof options;
    options.access = MEMMAP_READ_WRITE;
    status = memmap_open(argv[1], &options, &file);
    for (i = 0; status == 0 && i < atol(argv[3]); i++) {
        status = add_one(file, 0);
        if (status == 0)
            status = add_one(file, (uint64_t)atol(argv[2]) * NUMBER);
    }
    if (status != 0) {
        fprintf(stderr, "tally: %s\n", memmap_strerror(status));
        return 1;
    }
    memmap_close(file);
    return 0;
}
