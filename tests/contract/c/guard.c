/* The guard's handler among others': whom a SIGBUS goes to, and what that one finds. */

#include <dlfcn.h>
#include <setjmp.h>
#include <sys/ptrace.h>
#include <ucontext.h>

#include "faults.h"

static memmap_handle handle;
static uint8_t *theirs; /* Pages of a file that was cut, mapped by nobody that libmemmap knows. */

static void map_theirs(void) {
    make_file("theirs", 2 * PAGE, 't');
    theirs = foreign("theirs", 2, PROT_READ | PROT_WRITE, MAP_SHARED);
    set_size("theirs", 0);
    unlink("theirs");
}

/* A mapping of ours whose last page is lost. */
static void map_ours(void) {
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    set_size("file", PAGE);
}

static void close_ours(void) {
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

/* Touches a page of ours that is lost, which must be survived and told. */
static void ours_is_survived(void) {
    map_ours();
    CHECK_EQUAL(0, load(address_of(handle) + 3 * PAGE));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 3 * PAGE, handle);
    close_ours();
}

static void touch_theirs(void) {
    load(theirs + PAGE + 9);
}

static void send_to_oneself(void) {
    CHECK(kill(getpid(), SIGBUS) == 0);
}

/* ---- Handlers as others have them ---- */

static volatile sig_atomic_t calls, errno_seen;
static siginfo_t info_seen;
static uintptr_t instruction_seen, frame_seen;
static sigset_t mask_seen, interrupted_seen;
static sigjmp_buf out;

static void repair_theirs(void) {
    CHECK(mmap(theirs, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
               0) == theirs);
}

static void note(int signal, siginfo_t *info, void *context) {
    const ucontext_t *interrupted = context;
    calls++;
    errno_seen = errno;
    info_seen = *info;
    frame_seen = (uintptr_t)__builtin_frame_address(0);
    interrupted_seen = interrupted->uc_sigmask;
#ifdef __x86_64__
    instruction_seen = (uintptr_t)interrupted->uc_mcontext.gregs[REG_RIP];
#else
    instruction_seen = 1;
#endif
    pthread_sigmask(SIG_BLOCK, NULL, &mask_seen);
    CHECK_EQUAL(SIGBUS, signal);
}

static void note_and_repair(int signal, siginfo_t *info, void *context) {
    note(signal, info, context);
    if (info->si_code > 0)
        repair_theirs();
    errno = EXDEV;
}

static void note_and_jump(int signal) {
    (void)signal;
    calls++;
    siglongjmp(out, 1);
}

static void handle_with(void (*handler)(int, siginfo_t *, void *), int flags, int also_blocked) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    if (also_blocked != 0)
        sigaddset(&action.sa_mask, also_blocked);
    CHECK(sigaction(SIGBUS, &action, NULL) == 0);
}

static void handle_plainly_with(void (*handler)(int), int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    CHECK(sigaction(SIGBUS, &action, NULL) == 0);
}

/* ---- No handler before ---- */

static void without_a_handler_before_a_foreign_fault_ends_the_process(void) {
    CHECK_OK(memmap_guard_install());
    map_theirs();
    CHECK_EQUAL(SIGBUS, killed_by(touch_theirs));
    ours_is_survived();
}

static void without_a_handler_before_a_signal_that_was_sent_ends_the_process(void) {
    CHECK_OK(memmap_guard_install());
    CHECK_EQUAL(SIGBUS, killed_by(send_to_oneself));
}

/* Traces a child that runs `body` until it dies; what it was told of the SIGBUS that killed it. */
static siginfo_t last_word(void (*body)(void), pid_t *child) {
    siginfo_t info;
    int status = 0;
    memset(&info, 0, sizeof info);
    fflush(NULL);
    *child = fork();
    if (*child == 0) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        body();
        _exit(0);
    }
    while (waitpid(*child, &status, 0) == *child && WIFSTOPPED(status)) {
        CHECK(ptrace(PTRACE_GETSIGINFO, *child, NULL, &info) == 0);
        CHECK(ptrace(PTRACE_CONT, *child, NULL, (void *)(uintptr_t)WSTOPSIG(status)) == 0);
    }
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    return info;
}

static void what_a_core_dump_tells_is_what_it_would_have_told(void) {
    siginfo_t info;
    pid_t child;
    CHECK_OK(memmap_guard_install());
    map_theirs();
    info = last_word(touch_theirs, &child);
    CHECK_EQUAL(BUS_ADRERR, info.si_code);
    CHECK(info.si_addr == theirs + PAGE + 9);
    info = last_word(send_to_oneself, &child);
    CHECK_EQUAL(SI_USER, info.si_code);
    CHECK_EQUAL(child, info.si_pid);
}

static void ignored_before_a_foreign_fault_still_ends_the_process(void) {
    CHECK(signal(SIGBUS, SIG_IGN) != SIG_ERR);
    CHECK_OK(memmap_guard_install());
    map_theirs();
    CHECK_EQUAL(SIGBUS, killed_by(touch_theirs));
}

static void ignored_before_a_signal_that_was_sent_stays_ignored(void) {
    CHECK(signal(SIGBUS, SIG_IGN) != SIG_ERR);
    CHECK_OK(memmap_guard_install());
    CHECK_EQUAL(0, killed_by(send_to_oneself));
    ours_is_survived();
}

/* ---- A handler before ---- */

static void a_handler_before_gets_the_fault_as_the_kernel_told_it(void) {
    uintptr_t instruction;
    handle_with(note_and_repair, 0, 0);
    map_theirs();
    CHECK_EQUAL(0, load(theirs + PAGE + 9)); /* Without the guard: what it is to look like. */
    instruction = instruction_seen;
    CHECK(munmap(theirs, 2 * PAGE) == 0);
    memset(&info_seen, 0, sizeof info_seen);
    instruction_seen = 0;
    CHECK_OK(memmap_guard_install());
    map_theirs();
    CHECK_EQUAL(0, load(theirs + PAGE + 9));
    CHECK_EQUAL(2, calls);
    CHECK_EQUAL(BUS_ADRERR, info_seen.si_code);
    CHECK(info_seen.si_addr == theirs + PAGE + 9);
    CHECK(instruction != 0 && instruction_seen != 0);
    ours_is_survived();
    CHECK_EQUAL(2, calls);
}

static void a_handler_before_may_jump_out(void) {
    handle_plainly_with(note_and_jump, 0);
    CHECK_OK(memmap_guard_install());
    map_theirs();
    if (sigsetjmp(out, 1) == 0) {
        touch_theirs();
        CHECK(0); /* Not reached. */
    }
    if (sigsetjmp(out, 1) == 0) {
        touch_theirs();
        CHECK(0); /* Not reached. */
    }
    CHECK_EQUAL(2, calls);
    ours_is_survived();
    CHECK_EQUAL(2, calls);
}

static void a_handler_before_finds_the_errno_of_the_interrupted_code(void) {
    handle_with(note_and_repair, 0, 0);
    CHECK_OK(memmap_guard_install());
    map_theirs();
    errno = EDOM;
    touch_theirs();
    CHECK_EQUAL(EDOM, errno_seen);
}

static void a_handler_before_gets_what_was_sent_with_its_value(void) {
    union sigval value;
    value.sival_int = 4711;
    handle_with(note_and_repair, 0, 0);
    CHECK_OK(memmap_guard_install());
    CHECK(sigqueue(getpid(), SIGBUS, value) == 0);
    CHECK_EQUAL(1, calls);
    CHECK_EQUAL(SI_QUEUE, info_seen.si_code);
    CHECK_EQUAL(4711, info_seen.si_value.sival_int);
    CHECK_EQUAL(getpid(), info_seen.si_pid);
    send_to_oneself();
    CHECK_EQUAL(2, calls);
    CHECK_EQUAL(SI_USER, info_seen.si_code);
}

static void a_handler_before_runs_with_its_own_mask(void) {
    sigset_t interrupted;
    sigemptyset(&interrupted);
    sigaddset(&interrupted, SIGHUP);
    CHECK(pthread_sigmask(SIG_SETMASK, &interrupted, NULL) == 0);
    handle_with(note_and_repair, 0, SIGUSR1);
    CHECK_OK(memmap_guard_install());
    map_theirs();
    touch_theirs();
    CHECK(sigismember(&mask_seen, SIGUSR1) && sigismember(&mask_seen, SIGHUP));
    CHECK(sigismember(&mask_seen, SIGBUS));
    CHECK(!sigismember(&mask_seen, SIGUSR2) && !sigismember(&mask_seen, SIGTERM));
    CHECK(sigismember(&interrupted_seen, SIGHUP) && !sigismember(&interrupted_seen, SIGUSR1));
    pthread_sigmask(SIG_BLOCK, NULL, &mask_seen);
    CHECK(sigismember(&mask_seen, SIGHUP) && !sigismember(&mask_seen, SIGUSR1));
    CHECK(!sigismember(&mask_seen, SIGBUS));
}

static void a_handler_before_that_asked_not_to_be_blocked_is_not(void) {
    handle_with(note_and_repair, SA_NODEFER, SIGUSR1);
    CHECK_OK(memmap_guard_install());
    map_theirs();
    touch_theirs();
    CHECK(sigismember(&mask_seen, SIGUSR1) && !sigismember(&mask_seen, SIGBUS));
}

static int *shared_calls;

static void count_in_shared_memory(int signal) {
    (void)signal;
    (*shared_calls)++;
}

static void send_twice(void) {
    send_to_oneself();
    CHECK_EQUAL(1, *shared_calls);
    send_to_oneself();
}

static void touches_what_nobody_repairs(void) {
    touch_theirs();
}

static void a_handler_before_that_asked_to_be_called_once_is(void) {
    shared_calls = mmap(NULL, sizeof *shared_calls, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared_calls != MAP_FAILED);
    handle_plainly_with(count_in_shared_memory, (int)SA_RESETHAND);
    CHECK_OK(memmap_guard_install());
    map_theirs();
    CHECK_EQUAL(SIGBUS, killed_by(send_twice));
    CHECK_EQUAL(1, *shared_calls);
    *shared_calls = 0;
    CHECK_EQUAL(SIGBUS, killed_by(touches_what_nobody_repairs));
    CHECK_EQUAL(1, *shared_calls);
    ours_is_survived();
}

/* ---- System calls that a signal interrupts ---- */

static int pipe_ends[2], stop;
static pthread_t reader;

static void *send_until_told(void *unused) {
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        pthread_kill(reader, SIGBUS);
        sched_yield();
    }
    return unused;
}

static void a_handler_before_still_ends_a_system_call(void) {
    pthread_t sender;
    char byte;
    handle_with(note, 0, 0);
    CHECK_OK(memmap_guard_install());
    CHECK(pipe(pipe_ends) == 0);
    reader = pthread_self();
    CHECK(pthread_create(&sender, NULL, send_until_told, NULL) == 0);
    CHECK(read(pipe_ends[0], &byte, 1) == -1 && errno == EINTR);
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    CHECK(pthread_join(sender, NULL) == 0);
    CHECK(calls > 0);
}

static void count_and_answer(int signal) {
    (void)signal;
    if (calls++ == 5)
        CHECK(write(pipe_ends[1], "a", 1) == 1);
}

static void a_handler_before_that_wants_it_restarted_has_it_restarted(void) {
    pthread_t sender;
    char byte = 0;
    handle_plainly_with(count_and_answer, SA_RESTART);
    CHECK_OK(memmap_guard_install());
    CHECK(pipe(pipe_ends) == 0);
    reader = pthread_self();
    CHECK(pthread_create(&sender, NULL, send_until_told, NULL) == 0);
    CHECK(read(pipe_ends[0], &byte, 1) == 1 && byte == 'a');
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    CHECK(pthread_join(sender, NULL) == 0);
}

/* ---- A handler after ours ---- */

/* The same where the guard was installed before another handler, and is left behind it. */
static void ours_behind_is_survived(void) {
    make_file("file", 4 * PAGE, 'x');
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    set_size("file", PAGE);
    CHECK_EQUAL(0, load(address_of(handle) + 3 * PAGE));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 3 * PAGE, handle);
    close_ours();
}

static struct sigaction ours;

static void chain(int signal, siginfo_t *info, void *context) {
    calls++;
    if ((uint8_t *)info->si_addr >= theirs && (uint8_t *)info->si_addr < theirs + 2 * PAGE)
        repair_theirs();
    else
        ours.sa_sigaction(signal, info, context);
}

static void a_handler_after_ours_that_passes_on_leaves_both_working(void) {
    CHECK_OK(memmap_guard_install());
    CHECK(sigaction(SIGBUS, NULL, &ours) == 0);
    CHECK(ours.sa_flags & SA_SIGINFO && ours.sa_flags & SA_ONSTACK);
    handle_with(chain, 0, 0);
    map_theirs();
    touch_theirs();
    CHECK_EQUAL(1, calls);
    ours_behind_is_survived();
    CHECK_EQUAL(2, calls);
    CHECK_EQUAL(SIGBUS, killed_by(send_to_oneself));
}

static void installing_twice_is_installing_once(void) {
    struct sigaction first, second;
    handle_with(note_and_repair, 0, 0);
    CHECK_OK(memmap_guard_install());
    CHECK(sigaction(SIGBUS, NULL, &first) == 0);
    CHECK_OK(memmap_guard_install());
    CHECK(sigaction(SIGBUS, NULL, &second) == 0);
    CHECK(first.sa_sigaction == second.sa_sigaction && first.sa_sigaction != note_and_repair);
    map_theirs();
    touch_theirs();
    CHECK_EQUAL(1, calls);
    ours_is_survived();
}

/* ---- What the interrupted code notices ---- */

static void errno_survives_a_repair(void) {
    uint8_t *data;
    int fd = -1;
    map_ours();
    data = address_of(handle);
    errno = EDOM;
    load(data + 3 * PAGE);
    CHECK_EQUAL(EDOM, errno);
    close_ours();
    /* Without the descriptor, which somebody has closed, the handler's own fstat fails. */
    map_ours();
    CHECK_EQUAL(1, descriptors_of("file", &fd));
    close(fd);
    data = address_of(handle);
    errno = EDOM;
    load(data + 3 * PAGE);
    CHECK_EQUAL(EDOM, errno);
    CHECK_LOST(MEMMAP_FAULT_UNKNOWN, 3 * PAGE, PAGE, handle);
    unlink("file"); /* The handle goes with the process: its descriptor is closed already. */
}

static const uint32_t *fault_count;
static uint32_t faults_at_the_other_signal;

static void look_at_the_count(int signal) {
    (void)signal;
    faults_at_the_other_signal = *fault_count;
}

/* Both come at once: the kernel enters the handler of the fault first, and the other one's before it has done anything,
 * unless that has to wait. */
static void other_signals_wait_until_a_repair_is_done(void) {
    struct sigaction action;
    sigset_t both;
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_OK(memmap_fault_counter(handle, &fault_count));
    memset(&action, 0, sizeof action);
    action.sa_handler = look_at_the_count;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    sigemptyset(&both);
    sigaddset(&both, SIGBUS);
    sigaddset(&both, SIGUSR1);
    CHECK(pthread_sigmask(SIG_BLOCK, &both, NULL) == 0);
    CHECK(pthread_kill(pthread_self(), SIGUSR1) == 0);
    pretend_a_fault(BUS_MCEERR_AR, address_of(handle) + PAGE);
    CHECK_EQUAL(0, *fault_count);
    CHECK(pthread_sigmask(SIG_UNBLOCK, &both, NULL) == 0);
    CHECK_EQUAL(1, *fault_count);
    CHECK_EQUAL(1, faults_at_the_other_signal);
    close_ours();
}

static void give_an_alternate_stack(void);

static void is_as_before_a_repair(uint32_t flags) {
    sigset_t mask, mask_after;
    stack_t stack, stack_after;
    int signal;
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE, .flags = flags));
    set_size("file", PAGE);
    sigemptyset(&mask);
    sigaddset(&mask, SIGHUP);
    CHECK(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0);
    CHECK(sigaltstack(NULL, &stack) == 0);
    errno = EDOM;
    load(address_of(handle) + 3 * PAGE);
    CHECK_EQUAL(EDOM, errno);
    CHECK(sigaltstack(NULL, &stack_after) == 0);
    CHECK(stack.ss_sp == stack_after.ss_sp && stack.ss_size == stack_after.ss_size && stack.ss_flags == stack_after.ss_flags);
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &mask_after) == 0);
    for (signal = 1; signal < 65; signal++)
        CHECK_EQUAL(sigismember(&mask, signal), sigismember(&mask_after, signal));
    CHECK(fault_of(handle).count > 0);
    close_ours();
}

static void a_repair_leaves_errno_mask_and_alternate_stack_as_they_were(void) {
    is_as_before_a_repair(0);
    is_as_before_a_repair(MEMMAP_NO_DUMP | MEMMAP_LOCKED);
    give_an_alternate_stack();
    is_as_before_a_repair(0);
    is_as_before_a_repair(MEMMAP_NO_DUMP | MEMMAP_LOCKED);
}

static void a_misaligned_access_to_ours_is_not_for_the_guard(void) {
    handle_with(note, 0, 0);
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    pretend_a_fault(BUS_ADRALN, address_of(handle) + 1);
    CHECK_EQUAL(1, calls);
    CHECK_EQUAL(BUS_ADRALN, info_seen.si_code);
    CHECK(info_seen.si_addr == address_of(handle) + 1);
    CHECK_WHOLE(handle);
    CHECK(all_bytes(handle, 0, 4 * PAGE, 'x'));
    close_ours();
}

static void memory_that_broke_where_nobody_was_is_not_for_the_guard(void) {
    handle_with(note, 0, 0);
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    pretend_a_fault(BUS_MCEERR_AO, address_of(handle));
    CHECK_EQUAL(1, calls);
    CHECK_WHOLE(handle);
    close_ours();
}

static void memory_that_broke_under_an_access_is_replaced_and_comes_back(void) {
    handle_with(note, 0, 0);
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    pretend_a_fault(BUS_MCEERR_AR, address_of(handle) + PAGE + 5);
    CHECK_EQUAL(0, calls);
    CHECK_LOST(MEMMAP_FAULT_IO, PAGE, PAGE, handle);
    CHECK_EQUAL(0, load(address_of(handle) + PAGE));
    CHECK_OK(memmap_recover(handle));
    CHECK(all_bytes(handle, 0, 4 * PAGE, 'x'));
    close_ours();
}

static void a_page_that_is_there_after_all_is_no_loss(void) {
    static const uint32_t accesses[] = {MEMMAP_READ_WRITE, MEMMAP_READ_ONLY};
    size_t i;
    for (i = 0; i < 2; i++) {
        handle = guarded(4, OPTIONS(.access = accesses[i]));
        pretend_a_fault(BUS_ADRERR, address_of(handle) + PAGE);
        CHECK_WHOLE(handle);
        CHECK(all_bytes(handle, 0, 4 * PAGE, 'x'));
        close_ours();
    }
}

static void a_page_that_faults_for_ever_counts_as_lost_in_the_end(void) {
    int faults = 0;
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    while (fault_of(handle).count == 0 && faults < 10000) {
        pretend_a_fault(BUS_ADRERR, address_of(handle) + PAGE);
        faults++;
    }
    CHECK(faults > 1 && faults < 10000);
    CHECK_LOST(MEMMAP_FAULT_IO, PAGE, PAGE, handle);
    CHECK_OK(memmap_recover(handle));
    pretend_a_fault(BUS_ADRERR, address_of(handle) + PAGE);
    CHECK_WHOLE(handle); /* Recovering forgives. */
    close_ours();
}

static uint8_t *stack_of_signals;

enum { STACK = 1 << 16 };

static int stack_was_used(void) {
    size_t i;
    for (i = 0; i < STACK; i++)
        if (stack_of_signals[i] != 0xa5)
            return 1;
    return 0;
}

static void give_an_alternate_stack(void) {
    stack_t stack;
    stack_of_signals = malloc(STACK);
    memset(stack_of_signals, 0xa5, STACK);
    memset(&stack, 0, sizeof stack);
    stack.ss_sp = stack_of_signals;
    stack.ss_size = STACK;
    CHECK(sigaltstack(&stack, NULL) == 0);
}

static int is_on_the_alternate_stack(uintptr_t address) {
    return address > (uintptr_t)stack_of_signals && address < (uintptr_t)stack_of_signals + STACK;
}

static void the_alternate_stack_is_used_where_there_is_one(void) {
    handle_with(note_and_repair, SA_ONSTACK, 0);
    map_theirs();
    map_ours();
    give_an_alternate_stack();
    CHECK(!stack_was_used());
    load(address_of(handle) + 3 * PAGE);
    CHECK(stack_was_used());
    touch_theirs();
    CHECK(is_on_the_alternate_stack(frame_seen));
    close_ours();
}

static uintptr_t top_seen;

/* As the kernel has it, and .NET's handler for one needs more stack than an alternate one has. */
static void note_with_much_stack(int signal, siginfo_t *info, void *context) {
    volatile char much[4 * STACK];
    much[0] = much[sizeof much - 1] = 1;
    top_seen = (uintptr_t)&much[sizeof much - 1];
    note_and_repair(signal, info, context);
}

static void a_handler_that_did_not_ask_for_the_alternate_stack_is_not_run_there(void) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    handle_with(note_with_much_stack, SA_RESTART, SIGUSR1);
    map_theirs();
    CHECK_OK(memmap_guard_install());
    give_an_alternate_stack();
    errno = EDOM;
    touch_theirs();
    CHECK_EQUAL(1, calls);
    CHECK(frame_seen < here && here - frame_seen < 5 * STACK);
    /* The kernel's frame would lie between, and Mono writes there. */
    CHECK(here - top_seen > 2048 && here - top_seen > sizeof(ucontext_t) + sizeof(siginfo_t));
    CHECK(info_seen.si_addr == theirs + PAGE + 9);
    CHECK(sigismember(&mask_seen, SIGUSR1) && sigismember(&mask_seen, SIGBUS));
    CHECK(!sigismember(&mask_seen, SIGUSR2));
    pthread_sigmask(SIG_BLOCK, NULL, &mask_seen);
    CHECK(!sigismember(&mask_seen, SIGUSR1) && !sigismember(&mask_seen, SIGBUS));
}

static void a_handler_may_jump_out_of_the_stack_that_it_was_run_on(void) {
    int round;
    handle_plainly_with(note_and_jump, 0);
    map_theirs();
    CHECK_OK(memmap_guard_install());
    give_an_alternate_stack();
    for (round = 0; round < 3; round++) {
        if (sigsetjmp(out, 1) == 0)
            touch_theirs();
        CHECK_EQUAL(round + 1, calls);
    }
    ours_is_survived();
}

static void *touch_without_an_alternate_stack(void *unused) {
    stack_t stack;
    CHECK(sigaltstack(NULL, &stack) == 0 && stack.ss_flags == SS_DISABLE);
    load(address_of(handle) + 3 * PAGE);
    return unused;
}

static void a_thread_without_an_alternate_stack_and_with_little_stack_is_saved(void) {
    pthread_attr_t small;
    pthread_t thread;
    map_ours();
    CHECK(pthread_attr_init(&small) == 0);
    CHECK(pthread_attr_setstacksize(&small, (size_t)sysconf(_SC_THREAD_STACK_MIN)) == 0);
    CHECK(pthread_create(&thread, &small, touch_without_an_alternate_stack, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 3 * PAGE, handle);
    close_ours();
}

static void at_the_limit_of_areas_the_handler_before_is_asked(void) {
    memmap_handle other;
    long count = 0;
    handle_plainly_with(note_and_jump, 0);
    handle = guarded(4, NULL);
    while (memmap_open("file", OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR), &other) == 0 && count < 70000)
        count++;
    if (count == 70000) {
        skip("vm.max_map_count is higher than 65530");
    } else {
        set_size("file", 0);
        if (sigsetjmp(out, 1) == 0) {
            load(address_of(handle));
            CHECK(0); /* Not reached. */
        }
        CHECK_EQUAL(1, calls);
        CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_check(handle, 0, 1));
    }
    unlink("file"); /* The mappings go with the process. */
}

/* ---- Two copies of the library ---- */

struct copy {
    void *library;
    memmap_status (*install)(void);
    memmap_status (*open)(const char *, const memmap_options *, memmap_handle *);
    memmap_status (*data)(memmap_handle, uint8_t **, uint64_t *);
    memmap_status (*check)(memmap_handle, uint64_t, uint64_t);
    memmap_status (*close)(memmap_handle);
};

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    CHECK(found != NULL);
    return found;
}

/* A second copy: of another name, so that the loader doesn't take it for the first. */
static struct copy second_copy(void) {
    struct copy copy;
    char command[4096];
    snprintf(command, sizeof command, "cp '%s' ./second.so", getenv("MEMMAP_SHARED_LIBRARY"));
    CHECK(system(command) == 0);
    memset(&copy, 0, sizeof copy);
    copy.library = dlopen("./second.so", RTLD_NOW | RTLD_LOCAL);
    unlink("second.so");
    if (!CHECK(copy.library != NULL))
        exit(1);
    *(void **)&copy.install = symbol(copy.library, "memmap_guard_install");
    *(void **)&copy.open = symbol(copy.library, "memmap_open");
    *(void **)&copy.data = symbol(copy.library, "memmap_data");
    *(void **)&copy.check = symbol(copy.library, "memmap_check");
    *(void **)&copy.close = symbol(copy.library, "memmap_close");
    CHECK(copy.install != memmap_guard_install);
    return copy;
}

static void both_own_their_mappings(const struct copy *copy) {
    memmap_handle second;
    uint8_t *data;
    uint64_t len;
    handle = guarded(4, NULL);
    CHECK_OK(copy->open("file", NULL, &second));
    CHECK_OK(copy->data(second, &data, &len));
    set_size("file", PAGE);
    CHECK_EQUAL(0, load(data + 2 * PAGE));
    CHECK_STATUS(MEMMAP_ERR_FAULT, copy->check(second, 2 * PAGE, 1));
    CHECK_WHOLE(handle);
    CHECK_EQUAL(0, load(address_of(handle) + 2 * PAGE));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 3 * PAGE, handle);
    CHECK_OK(copy->close(second));
    close_ours();
    map_theirs();
    CHECK_EQUAL(SIGBUS, killed_by(touch_theirs));
    CHECK_EQUAL(SIGBUS, killed_by(send_to_oneself));
}

static void of_two_copies_the_first_to_install_and_the_second_both_work(void) {
    struct copy copy = second_copy();
    CHECK_OK(memmap_guard_install());
    CHECK_OK(copy.install());
    both_own_their_mappings(&copy);
}

static void of_two_copies_the_order_of_installing_does_not_matter(void) {
    struct copy copy = second_copy();
    CHECK_OK(copy.install());
    CHECK_OK(memmap_guard_install());
    both_own_their_mappings(&copy);
}

static void a_copy_that_was_unloaded_still_passes_on(void) {
    struct copy copy = second_copy();
    CHECK_OK(memmap_guard_install());
    CHECK_OK(copy.install());
    CHECK(dlclose(copy.library) == 0);
    ours_is_survived();
    map_theirs();
    CHECK_EQUAL(SIGBUS, killed_by(touch_theirs));
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(without_a_handler_before_a_foreign_fault_ends_the_process),
        BEHAVIOUR(without_a_handler_before_a_signal_that_was_sent_ends_the_process),
        BEHAVIOUR(what_a_core_dump_tells_is_what_it_would_have_told),
        BEHAVIOUR(ignored_before_a_foreign_fault_still_ends_the_process),
        BEHAVIOUR(ignored_before_a_signal_that_was_sent_stays_ignored),
        BEHAVIOUR(a_handler_before_gets_the_fault_as_the_kernel_told_it),
        BEHAVIOUR(a_handler_before_may_jump_out),
        BEHAVIOUR(a_handler_before_finds_the_errno_of_the_interrupted_code),
        BEHAVIOUR(a_handler_before_gets_what_was_sent_with_its_value),
        BEHAVIOUR(a_handler_before_runs_with_its_own_mask),
        BEHAVIOUR(a_handler_before_that_asked_not_to_be_blocked_is_not),
        BEHAVIOUR(a_handler_before_that_asked_to_be_called_once_is),
        BEHAVIOUR(a_handler_before_still_ends_a_system_call),
        BEHAVIOUR(a_handler_before_that_wants_it_restarted_has_it_restarted),
        BEHAVIOUR(a_handler_after_ours_that_passes_on_leaves_both_working),
        BEHAVIOUR(installing_twice_is_installing_once),
        BEHAVIOUR(errno_survives_a_repair),
        BEHAVIOUR(other_signals_wait_until_a_repair_is_done),
        BEHAVIOUR(a_repair_leaves_errno_mask_and_alternate_stack_as_they_were),
        BEHAVIOUR(a_misaligned_access_to_ours_is_not_for_the_guard),
        BEHAVIOUR(memory_that_broke_where_nobody_was_is_not_for_the_guard),
        BEHAVIOUR(memory_that_broke_under_an_access_is_replaced_and_comes_back),
        BEHAVIOUR(a_page_that_is_there_after_all_is_no_loss),
        BEHAVIOUR(a_page_that_faults_for_ever_counts_as_lost_in_the_end),
        BEHAVIOUR(the_alternate_stack_is_used_where_there_is_one),
        BEHAVIOUR(a_handler_that_did_not_ask_for_the_alternate_stack_is_not_run_there),
        BEHAVIOUR(a_handler_may_jump_out_of_the_stack_that_it_was_run_on),
        BEHAVIOUR(a_thread_without_an_alternate_stack_and_with_little_stack_is_saved),
        BEHAVIOUR(at_the_limit_of_areas_the_handler_before_is_asked),
        BEHAVIOUR(of_two_copies_the_first_to_install_and_the_second_both_work),
        BEHAVIOUR(of_two_copies_the_order_of_installing_does_not_matter),
        BEHAVIOUR(a_copy_that_was_unloaded_still_passes_on),
    };
    return RUN(argc, argv, behaviours);
}
