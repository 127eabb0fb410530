/*
 * copy SOURCE TARGET: copies a file through two mappings, and exits when the copy is on the device.
 *
 *     make build
 *     cc -I include examples/copy.c target/release/libmemmap.a -lpthread -ldl -lm -o target/copy
 *     rm -f target/README.copy
 *     target/copy README.md target/README.copy
 */

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "memmap.h"

/* memmap_strerror has a text for every status, both libmemmap's own and the system's. */
static memmap_status explained(memmap_status status, const char *doing, const char *name) {
    if (status != 0)
        fprintf(stderr, "copy: cannot %s %s: %s\n", doing, name, memmap_strerror(status));
    return status;
}

/* While the source is pinned, its bytes stay mapped at the same address. Every path unpins it. */
static memmap_status copy_bytes(memmap_handle source, memmap_handle target) {
    memmap_view bytes;
    memmap_status status = memmap_pin(source, &bytes);
    if (status != 0)
        return status;
    status = memmap_write(target, 0, bytes.data, bytes.len);
    memmap_unpin(source);
    return status;
}

/*
 * MEMMAP_EXCLUSIVE refuses a target that exists; emptying it would lose the data if source and target are the
 * same file. MEMMAP_DURABLE makes the new name survive a power cut, and the flush makes the bytes survive it;
 * memmap_close makes nothing durable. memmap_create reserves blocks, so a full disk is a status here and not
 * a signal later. An empty source works too; its length is 0.
 */
static memmap_status copy_to(const char *name, memmap_handle source) {
    memmap_options options = {0};
    memmap_handle target;
    memmap_status status;
    uint64_t size;

    status = explained(memmap_len(source, &size), "measure the source of", name);
    if (status != 0)
        return status;

    options.size = sizeof options;
    options.flags = MEMMAP_EXCLUSIVE | MEMMAP_DURABLE;
    status = explained(memmap_create(name, size, &options, &target), "create", name);
    if (status != 0)
        return status; /* memmap_create left no file behind. */

    status = explained(copy_bytes(source, target), "write", name);
    if (status == 0)
        status = explained(memmap_flush(target, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC), "flush", name);
    memmap_close(target);

    if (status == 0)
        printf("%s: %" PRIu64 " bytes\n", name, size);
    else
        unlink(name); /* Leave no partial copy. */
    return status;
}

int main(int argc, char **argv) {
    memmap_handle source;
    memmap_status status;

    if (argc != 3) {
        fprintf(stderr, "usage: copy SOURCE TARGET\n");
        return 1;
    }
    /* NULL options: read-only, the whole file. */
    status = explained(memmap_open(argv[1], NULL, &source), "open", argv[1]);
    if (status != 0)
        return 1;
    status = copy_to(argv[2], source);
    memmap_close(source);
    return status == 0 ? 0 : 1;
}
