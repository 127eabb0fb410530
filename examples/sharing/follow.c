/*
 * follow FILE LAST: reads the values that publish/main.go publishes in the cell of FILE, until it has read the
 * value that begins with LAST, and prints how many it has read. While there is no FILE it waits, and says so.
 * Reader and writer never wait for each other's calls. README.md shows how to run both.
 */

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "memmap.h"

enum { CAPACITY = 1000 };

/* Each value repeats its number. A torn value would hold two different numbers. */
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

/* Opens the file when the writer has created it and its cell; returns 0 if it can't be opened at all. */
static memmap_handle opened(const char *name) {
    uint64_t capacity, sequence;
    memmap_handle file;
    int waiting = 0;
    for (;; sched_yield()) {
        memmap_status status = memmap_open(name, NULL, &file);
        if (status == 0) {
            if (memmap_cell_look(file, 0, &capacity, &sequence) == 0)
                return file;
            memmap_close(file);
        } else if (status != ENOENT) {
            fprintf(stderr, "follow: cannot open %s: %s\n", name, memmap_strerror(status));
            return 0;
        }
        if (!waiting++)
            fprintf(stderr, "follow: waiting until publish has made %s\n", name);
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
    if (file == 0)
        return 1;
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
