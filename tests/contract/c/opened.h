/* The mapping of a file that the behaviours of a program open and close. */
#ifndef OPENED_H
#define OPENED_H

#include "check.h"
#include "files.h"

static memmap_handle handle;

/* Makes a file of so many 'x' and maps it. */
static inline void open_file(size_t size, const memmap_options *options) {
    make_file("file", size, 'x');
    CHECK_OK(memmap_open("file", options, &handle));
}

static inline void close_file(void) {
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

#endif
