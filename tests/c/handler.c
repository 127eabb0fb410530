/* What the guard's handler does while it repairs: a few system calls, and nothing that could wait for
 * what the interrupted code holds. */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "faults.h"

static memmap_handle handle;

/* ---- Every allocation and every lock of this process comes by here ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static int watching, allocations, locks;

static void note(int *count) {
    if (__atomic_load_n(&watching, __ATOMIC_SEQ_CST))
        __atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
}

void *malloc(size_t size) {
    note(&allocations);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    note(&allocations);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    note(&allocations);
    return __libc_realloc(old, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    note(&allocations);
    *memory = __libc_memalign(alignment, size);
    return *memory == NULL ? ENOMEM : 0;
}

void *aligned_alloc(size_t alignment, size_t size) {
    note(&allocations);
    return __libc_memalign(alignment, size);
}

void free(void *memory) {
    note(&allocations);
    __libc_free(memory);
}

/* No behaviour needs more of it than that it can be counted: they have one thread. */
int pthread_mutex_lock(pthread_mutex_t *mutex) {
    (void)mutex;
    note(&locks);
    return 0;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex) {
    (void)mutex;
    return 0;
}

static void touch(uint64_t page) {
    __atomic_store_n(&watching, 1, __ATOMIC_SEQ_CST);
    load(address_of(handle) + page * PAGE);
    __atomic_store_n(&watching, 0, __ATOMIC_SEQ_CST);
}

/* From here on this process may call what a repair takes, and end; anything else ends it by SIGSYS. */
static void allow_only_a_repair(void) {
#define ALLOW(call)                                    \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_mmap),
        ALLOW(SYS_madvise),
        ALLOW(SYS_fstat),
#ifdef SYS_newfstatat
        ALLOW(SYS_newfstatat),
#else
        ALLOW(SYS_fstatat64), ALLOW(SYS_mmap2), ALLOW(SYS_statx),
#endif
        ALLOW(SYS_rt_sigreturn),
        ALLOW(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog filter = {sizeof rules / sizeof rules[0], rules};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        skip("no seccomp filter can be installed");
        fflush(stdout);
    }
}

static void the_counters_count(void) {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    void *volatile memory;
    handle = guarded(1, NULL);
    watching = 1;
    memory = malloc(1);
    free(memory);
    CHECK_OK(memmap_guard_install());
    pthread_mutex_lock(&mutex);
    watching = 0;
    CHECK_EQUAL(2, allocations);
    CHECK_EQUAL(1, locks);
    watching = 1;
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("file", NULL, &handle));
    memmap_get_system(&(memmap_system){.size = sizeof(memmap_system)});
    watching = 0;
    CHECK(allocations > 2); /* Those of the library come by here too. */
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void nothing_was_allocated_or_locked(void) {
    CHECK_EQUAL(0, allocations);
    CHECK_EQUAL(0, locks);
    CHECK(fault_of(handle).count > 0);
}

static void repairing_a_truncated_file_allocates_and_locks_nothing(void) {
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    set_size("file", 0);
    touch(2);
    nothing_was_allocated_or_locked();
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void repairing_page_by_page_allocates_and_locks_nothing(void) {
    uint64_t page;
    handle = guarded(1000, OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR));
    set_size("file", 0);
    for (page = 0; page < 1000; page++)
        touch(page * 7 % 1000);
    nothing_was_allocated_or_locked();
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void ends_after(void) {
    if (fault_of(handle).count == 0)
        _exit(1);
    _exit(failures == 0 ? 0 : 1);
}

static void touches_a_truncated_file_with_few_system_calls(void) {
    set_size("file", 0);
    allow_only_a_repair();
    load(address_of(handle) + 2 * PAGE);
    ends_after();
}

static void touches_page_by_page_with_few_system_calls(void) {
    uint64_t page;
    set_size("file", 0);
    allow_only_a_repair();
    for (page = 0; page < 1000; page++)
        load(address_of(handle) + page * 7 % 1000 * PAGE);
    ends_after();
}

static void writes_with_few_system_calls(void) {
    allow_only_a_repair();
    if (write(1, "", 1) == 1)
        _exit(0);
}

static void a_repair_takes_no_system_call_but_those_that_it_must(void) {
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_EQUAL(SIGSYS, killed_by(writes_with_few_system_calls));
    CHECK_EQUAL(0, killed_by(touches_a_truncated_file_with_few_system_calls));
    CHECK_OK(memmap_close(handle));
    handle = guarded(1000, OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR));
    CHECK_EQUAL(0, killed_by(touches_page_by_page_with_few_system_calls));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(the_counters_count),
        BEHAVIOUR(repairing_a_truncated_file_allocates_and_locks_nothing),
        BEHAVIOUR(repairing_page_by_page_allocates_and_locks_nothing),
        BEHAVIOUR(a_repair_takes_no_system_call_but_those_that_it_must),
    };
    return RUN(argc, argv, behaviours);
}
