/* What the guard's handler does while it repairs: a few system calls, and nothing that could wait for
 * what the interrupted code holds. */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "faults.h"

static memmap_handle handle;

/* ---- Every allocation of this process comes by here ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static int watching, allocations;

static void note(void) {
    if (__atomic_load_n(&watching, __ATOMIC_SEQ_CST))
        __atomic_fetch_add(&allocations, 1, __ATOMIC_SEQ_CST);
}

void *malloc(size_t size) {
    note();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    note();
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    note();
    return __libc_realloc(old, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    note();
    *memory = __libc_memalign(alignment, size);
    return *memory == NULL ? ENOMEM : 0;
}

void *aligned_alloc(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

void free(void *memory) {
    note();
    __libc_free(memory);
}

static void touch(uint64_t page) {
    __atomic_store_n(&watching, 1, __ATOMIC_SEQ_CST);
    load(address_of(handle) + page * PAGE);
    __atomic_store_n(&watching, 0, __ATOMIC_SEQ_CST);
}

/* ---- Every system call of this process is looked at ---- */

#ifdef SYS_mmap2
#define SYS_MAP SYS_mmap2
#else
#define SYS_MAP SYS_mmap
#endif

/* The ways in which pages are replaced. */
enum repair {
    IN_PLACE, /* One call to mmap(2). */
    BLOCKS,   /* The same, and memory for a record of the pages that were lost. */
    ASIDE     /* Pages made at no address in particular, and moved. */
};

enum { MOST_RULES = 64 };

static struct sock_filter rules[MOST_RULES];
static unsigned short rule_count;

static void rule(struct sock_filter rule) {
    if (CHECK(rule_count < MOST_RULES))
        rules[rule_count++] = rule;
}

static void allow(int call) {
    rule((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1));
    rule((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

/* Allows mmap(2) over what is there. Anywhere else it is memory that was allocated, but where pages are made aside:
 * then nobody may touch them so far. */
static void allow_to_map(enum repair how) {
    const uint32_t flags = offsetof(struct seccomp_data, args[3]), protection = offsetof(struct seccomp_data, args[2]);
    rule((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_MAP, 0, 6));
    rule((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, flags));
    rule((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_FIXED, 0, 1));
    rule((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, how == ASIDE ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW));
    rule((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, protection));
    rule((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, how == ASIDE ? PROT_NONE : UINT32_MAX, 0, 1));
    rule((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    rule((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
}

/* From here on this process may call what a repair takes, and end; anything else ends it by SIGSYS: a futex that is
 * waited for, more memory, output, and munmap(2), which would leave a gap where others read. */
static void allow_only_a_repair(enum repair how) {
    static const int always[] = {
        SYS_madvise, SYS_fstat, SYS_rt_sigreturn, SYS_exit_group,
#ifdef SYS_newfstatat
        SYS_newfstatat,
#else
        SYS_fstatat64, SYS_statx,
#endif
    };
    static const int aside[] = {SYS_msync, SYS_mprotect, SYS_mremap, SYS_mlock2};
    struct sock_fprog filter;
    size_t i;
    rule_count = 0;
    rule((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    for (i = 0; i < sizeof always / sizeof always[0]; i++)
        allow(always[i]);
    for (i = 0; how == ASIDE && i < sizeof aside / sizeof aside[0]; i++)
        allow(aside[i]);
    if (how == BLOCKS)
        allow(SYS_MAP);
    else
        allow_to_map(how);
    rule((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    filter.len = rule_count;
    filter.filter = rules;
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

/* ---- Every lock of the library is held by the thread that forks, while this is called ---- */

static void (*in_fork)(void);

static void before_fork(void) {
    if (in_fork != NULL)
        in_fork();
}

static void register_before_the_library(void) {
    pthread_atfork(before_fork, NULL, NULL);
}

/* Before the constructors of any library: of such hooks the first that was registered is called last. */
__attribute__((used, section(".preinit_array"))) static void (*register_early)(void) = register_before_the_library;

static void the_counter_counts(void) {
    void *volatile memory;
    handle = guarded(1, NULL);
    watching = 1;
    memory = malloc(1);
    free(memory);
    CHECK_OK(memmap_guard_install());
    watching = 0;
    CHECK_EQUAL(2, allocations);
    watching = 1;
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("file", NULL, &handle));
    memmap_get_system(&(memmap_system){.size = sizeof(memmap_system)});
    watching = 0;
    CHECK(allocations > 2); /* Those of the library come by here too. */
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void nothing_was_allocated(void) {
    CHECK_EQUAL(0, allocations);
    CHECK(fault_of(handle).count > 0);
}

static void repairing_a_truncated_file_allocates_nothing(void) {
    static const uint32_t flags[] = {0, MEMMAP_NO_DUMP};
    size_t i;
    for (i = 0; i < 2; i++) {
        handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE, .flags = flags[i]));
        set_size("file", 0);
        touch(2);
        nothing_was_allocated();
        CHECK_OK(memmap_close(handle));
        unlink("file");
    }
}

static void repairing_page_by_page_allocates_nothing(void) {
    uint64_t page;
    handle = guarded(1000, OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR));
    set_size("file", 0);
    for (page = 0; page < 1000; page++)
        touch(page * 7 % 1000);
    nothing_was_allocated();
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
    allow_only_a_repair(IN_PLACE);
    load(address_of(handle) + 2 * PAGE);
    ends_after();
}

static void touches_page_by_page_with_few_system_calls(void) {
    uint64_t page;
    set_size("file", 0);
    allow_only_a_repair(BLOCKS);
    for (page = 0; page < 1000; page++)
        load(address_of(handle) + page * 7 % 1000 * PAGE);
    ends_after();
}

static void touches_what_is_moved_in_with_few_system_calls(void) {
    set_size("file", PAGE);
    allow_only_a_repair(ASIDE);
    load(address_of(handle) + 2 * PAGE);
    ends_after();
}

static void touches_what_is_moved_in_of_a_locked_process_with_few_system_calls(void) {
    if (mlockall(MCL_FUTURE) != 0)
        skip("the process can't be locked");
    fflush(stdout);
    touches_what_is_moved_in_with_few_system_calls();
}

static void writes_with_few_system_calls(void) {
    allow_only_a_repair(BLOCKS);
    if (write(1, "", 1) == 1)
        _exit(0);
}

static void waits_with_few_system_calls(void) {
    int word = 0;
    const struct timespec moment = {0, 1000};
    allow_only_a_repair(ASIDE);
    syscall(SYS_futex, &word, 0 /* FUTEX_WAIT */, 0, &moment, NULL, 0);
    _exit(0);
}

static void allocates_with_few_system_calls(void) {
    allow_only_a_repair(IN_PLACE);
    if (mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        _exit(0);
}

/* Whether system calls can be watched here. */
static int are_watched(void) {
    if (killed_by(writes_with_few_system_calls) == SIGSYS)
        return 1;
    skip("no seccomp filter can be installed");
    return 0;
}

static void what_a_repair_may_not_call_ends_the_process(void) {
    if (!are_watched())
        return;
    CHECK_EQUAL(SIGSYS, killed_by(waits_with_few_system_calls));
    CHECK_EQUAL(SIGSYS, killed_by(allocates_with_few_system_calls));
}

static void a_repair_takes_no_system_call_but_those_that_it_must(void) {
    if (!are_watched())
        return;
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_EQUAL(0, killed_by(touches_a_truncated_file_with_few_system_calls));
    CHECK_OK(memmap_close(handle));
    handle = guarded(1000, OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR));
    CHECK_EQUAL(0, killed_by(touches_page_by_page_with_few_system_calls));
    CHECK_OK(memmap_close(handle));
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE, .flags = MEMMAP_NO_DUMP | MEMMAP_LOCKED));
    CHECK_EQUAL(0, killed_by(touches_what_is_moved_in_with_few_system_calls));
    CHECK_EQUAL(0, killed_by(touches_what_is_moved_in_of_a_locked_process_with_few_system_calls));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static int failing_call;

/* From here on that call fails. */
static void have_it_fail(void) {
    struct sock_filter failing[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)failing_call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {sizeof failing / sizeof failing[0], failing};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

static void touches_while_a_call_fails(void) {
    set_size("file", PAGE);
    have_it_fail();
    errno = EDOM;
    CHECK_EQUAL(0, load(address_of(handle) + 2 * PAGE));
    CHECK_EQUAL(EDOM, errno);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_check(handle, 2 * PAGE, 1));
}

static void a_repair_succeeds_while_any_call_fails_that_it_can_do_without(void) {
    static const int calls[] = {SYS_msync, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_mlock2, SYS_munlock, SYS_fstat,
#ifdef SYS_newfstatat
                                SYS_newfstatat,
#endif
                                SYS_munmap};
    static const uint32_t flags[] = {0, MEMMAP_NO_DUMP, MEMMAP_NO_DUMP | MEMMAP_LOCKED};
    size_t i, j;
    if (!are_watched())
        return;
    for (j = 0; j < sizeof flags / sizeof flags[0]; j++) {
        handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE, .flags = flags[j]));
        for (i = 0; i < sizeof calls / sizeof calls[0]; i++) {
            failing_call = calls[i];
            CHECK_EQUAL(0, killed_by(touches_while_a_call_fails));
            set_size("file", 4 * PAGE);
        }
        CHECK_OK(memmap_close(handle));
        unlink("file");
    }
}

/* Of a lock that nobody else wants the system hears nothing: so all of them are taken while the page is touched. */
static void forks_and_touches_with(void (*touches)(void)) {
    in_fork = touches;
    fork();
    CHECK(0); /* Not reached. */
}

static void forks_and_touches_a_truncated_file(void) {
    forks_and_touches_with(touches_a_truncated_file_with_few_system_calls);
}

static void forks_and_touches_page_by_page(void) {
    forks_and_touches_with(touches_page_by_page_with_few_system_calls);
}

static void forks_and_touches_what_is_moved_in(void) {
    forks_and_touches_with(touches_what_is_moved_in_with_few_system_calls);
}

static memmap_status resized;

static void resizes_with_few_system_calls(void) {
    allow_only_a_repair(ASIDE);
    resized = memmap_resize(handle, PAGE); /* Which takes a lock. */
    _exit(0);
}

static void forks_and_resizes(void) {
    forks_and_touches_with(resizes_with_few_system_calls);
}

static void a_repair_waits_for_no_lock_of_the_library(void) {
    if (!are_watched())
        return;
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_EQUAL(SIGSYS, killed_by(forks_and_resizes)); /* They are held indeed. */
    CHECK_EQUAL(0, killed_by(forks_and_touches_a_truncated_file));
    CHECK_OK(memmap_close(handle));
    handle = guarded(1000, OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR));
    CHECK_EQUAL(0, killed_by(forks_and_touches_page_by_page));
    CHECK_OK(memmap_close(handle));
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE, .flags = MEMMAP_NO_DUMP));
    CHECK_EQUAL(0, killed_by(forks_and_touches_what_is_moved_in));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(the_counter_counts),
        BEHAVIOUR(repairing_a_truncated_file_allocates_nothing),
        BEHAVIOUR(repairing_page_by_page_allocates_nothing),
        BEHAVIOUR(what_a_repair_may_not_call_ends_the_process),
        BEHAVIOUR(a_repair_takes_no_system_call_but_those_that_it_must),
        BEHAVIOUR(a_repair_succeeds_while_any_call_fails_that_it_can_do_without),
        BEHAVIOUR(a_repair_waits_for_no_lock_of_the_library),
    };
    return RUN(argc, argv, behaviours);
}
