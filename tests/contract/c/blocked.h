/*
 * A call on a mapping that goes on until it is told to end: it reads from a page that nobody has brought in yet
 * (userfaultfd(2)).
 */
#ifndef BLOCKED_H
#define BLOCKED_H

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "check.h"

struct blocked {
    memmap_handle handle;
    int faults;
    void *page;
    pthread_t thread;
    memmap_status status;
};

static inline void *write_from_the_page(void *argument) {
    struct blocked *call = argument;
    call->status = memmap_write(call->handle, 0, call->page, 1);
    return NULL;
}

/* Has a thread write to the mapping, and comes back when it is in the middle of that; 0 where the system won't. */
static inline int block(struct blocked *call, memmap_handle handle) {
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register registered = {.mode = UFFDIO_REGISTER_MODE_MISSING};
    struct pollfd asked = {.events = POLLIN};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    call->handle = handle;
    call->faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
    if (call->faults < 0 || ioctl(call->faults, UFFDIO_API, &api) != 0)
        return 0 * printf("skipped: no userfaultfd (%s)\n", strerror(errno));
    call->page = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    registered.range.start = (uintptr_t)call->page;
    registered.range.len = page;
    CHECK(ioctl(call->faults, UFFDIO_REGISTER, &registered) == 0);
    CHECK(pthread_create(&call->thread, NULL, write_from_the_page, call) == 0);
    asked.fd = call->faults;
    return CHECK(poll(&asked, 1, -1) == 1 && asked.revents == POLLIN);
}

/* Lets it end, with a zero byte, and waits for that. */
static inline void unblock(struct blocked *call) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct uffdio_zeropage zeros = {.range = {(uintptr_t)call->page, page}};
    CHECK(ioctl(call->faults, UFFDIO_ZEROPAGE, &zeros) == 0);
    CHECK(pthread_join(call->thread, NULL) == 0);
    munmap(call->page, page);
    close(call->faults);
}

#endif
