/*
 * follow FILE LAST: reads what is published in the cell of FILE (publish/main.go) until the value that
 * begins with LAST has come, and prints how many it saw. It never waits for the writer, nor the writer for it.
 */

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "memmap.h"

enum { CAPACITY = 1000 };

/* A value is its number, again and again: one that is torn isn't. */
static int is_whole(const char *value, uint64_t len, long *number) {
    char wanted[CAPACITY + 32];
    int written, i;
    *number = strtol(value, NULL, 10);
    written = sprintf(wanted, "%ld", *number);
    for (i = 0; i < (*number - 1) % 100; i++)
        written += sprintf(wanted + written, " %ld", *number);
    for (i = 0; i < written && (uint64_t)i < len; i++)
        if (wanted[i] != value[i])
            return 0;
    return (uint64_t)written == len;
}

static memmap_handle opened(const char *name) {
    uint64_t capacity, sequence;
    memmap_handle file;
    for (;; sched_yield()) { /* Until the writer has made the file, and its cell. */
        if (memmap_open(name, NULL, &file) != 0)
            continue;
        if (memmap_cell_look(file, 0, &capacity, &sequence) == 0)
            return file;
        memmap_close(file);
    }
}

int main(int argc, char **argv) {
    char value[CAPACITY + 1];
    uint64_t len, sequence, before = 0;
    long number = 0, seen = 0;
    memmap_handle file;
    memmap_status status = 0;
    if (argc != 3) {
        fprintf(stderr, "usage: follow FILE LAST\n");
        return 1;
    }
    file = opened(argv[1]);
    while (status == 0 && number < atol(argv[2])) {
        status = memmap_cell_read(file, 0, value, CAPACITY, &len, &sequence);
        if (status != 0 || sequence == before)
            continue;
        value[len] = 0;
        if (sequence < before || !is_whole(value, len, &number)) {
            fprintf(stderr, "follow: torn: %s\n", value);
            return 1;
        }
        before = sequence;
        seen++;
    }
    memmap_close(file);
    if (status != 0) {
        fprintf(stderr, "follow: %s\n", memmap_strerror(status));
        return 1;
    }
    printf("%ld values, the last is %ld\n", seen, number);
    return 0;
}
