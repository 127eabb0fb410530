/* Files that lose pages, and what is known of the loss. */
#ifndef FAULTS_H
#define FAULTS_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "files.h"

#define PAGE memmap_page_size()

static inline void set_size(const char *name, uint64_t size) {
    CHECK(truncate(name, (off_t)size) == 0);
}

static inline memmap_fault fault_of(memmap_handle handle) {
    memmap_fault fault = {0};
    fault.size = sizeof fault;
    CHECK_OK(memmap_get_fault(handle, &fault));
    return fault;
}

/* Checks what was lost: `offset` and `length` of it, and why. */
#define CHECK_LOST(expected_causes, expected_offset, expected_length, handle) \
    do {                                                                      \
        memmap_fault lost_ = fault_of(handle);                                \
        CHECK(lost_.count > 0);                                               \
        CHECK_EQUAL(expected_causes, lost_.causes);                           \
        CHECK_EQUAL(expected_offset, lost_.offset);                           \
        CHECK_EQUAL(expected_length, lost_.length);                           \
        CHECK_EQUAL(0, lost_.reserved);                                       \
    } while (0)

#define CHECK_WHOLE(handle)                              \
    do {                                                 \
        memmap_fault lost_ = fault_of(handle);           \
        CHECK_EQUAL(0, lost_.count);                     \
        CHECK_EQUAL(0, lost_.causes);                    \
        CHECK_EQUAL(0, lost_.offset);                    \
        CHECK_EQUAL(0, lost_.length);                    \
        CHECK_OK(memmap_check(handle, 0, MEMMAP_TO_END)); \
    } while (0)

/* The file "file" of so many pages, each byte 'x', mapped with these options, under the guard. */
static inline memmap_handle guarded(uint64_t pages, const memmap_options *options) {
    memmap_handle handle = 0;
    CHECK_OK(memmap_guard_install());
    make_file("file", pages * PAGE, 'x');
    CHECK_OK(memmap_open("file", options, &handle));
    return handle;
}

/* Loads and stores that the compiler leaves alone, and around which it keeps nothing back: a signal
 * handler may come in between. */
static inline int load(const void *address) {
    int byte;
    __asm__ volatile("" ::: "memory");
    byte = *(const volatile uint8_t *)address;
    __asm__ volatile("" ::: "memory");
    return byte;
}

static inline void store(void *address, int byte) {
    __asm__ volatile("" ::: "memory");
    *(volatile uint8_t *)address = (uint8_t)byte;
    __asm__ volatile("" ::: "memory");
}

/* `pages` pages of the file `name`, mapped by nobody that libmemmap knows. */
static inline uint8_t *foreign(const char *name, uint64_t pages, int protection, int flags) {
    int fd = open(name, protection & PROT_WRITE ? O_RDWR : O_RDONLY);
    void *data = mmap(NULL, pages * PAGE, protection, flags, fd, 0);
    close(fd);
    CHECK(data != MAP_FAILED);
    return data;
}

/* Sends this thread what the kernel would tell of a fault at `address`. */
static inline void pretend_a_fault(int code, void *address) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGBUS;
    info.si_code = code;
    info.si_addr = address;
    CHECK(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &info) == 0);
}

#endif
