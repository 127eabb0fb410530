/* The guard in front of handlers that were installed later, hooks that pass losses on, and who is told of them. */

#include <setjmp.h>
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

static void touch_theirs(void) {
    load(theirs + PAGE + 9);
}

static void send_to_oneself(void) {
    CHECK(kill(getpid(), SIGBUS) == 0);
}

/* A page of ours that is lost is survived, and told. */
static void ours_is_survived(void) {
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    set_size("file", PAGE);
    CHECK_EQUAL(0, load(address_of(handle) + 3 * PAGE));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 3 * PAGE, handle);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

/* ---- Handlers of others ---- */

enum { HANDLERS = 8 };

static struct other {
    struct sigaction before; /* What it has found when it was installed last. */
    int calls;
} *others; /* In memory that a child shares: it tells how often each was called before it died. */

static void share_others(void) {
    others = mmap(NULL, HANDLERS * sizeof *others, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(others != MAP_FAILED);
}

static void call_before(struct other *other, int signal, siginfo_t *info, void *context) {
    if (other->before.sa_flags & SA_SIGINFO)
        other->before.sa_sigaction(signal, info, context);
    else if (other->before.sa_handler == SIG_DFL)
        CHECK(sigaction(SIGBUS, &other->before, NULL) == 0);
    else if (other->before.sa_handler != SIG_IGN)
        other->before.sa_handler(signal);
}

static void forward(int number, int signal, siginfo_t *info, void *context) {
    others[number].calls++;
    call_before(&others[number], signal, info, context);
}

/* Puts back what it has found, and lets the instruction run again. */
static void restore(int number) {
    others[number].calls++;
    CHECK(sigaction(SIGBUS, &others[number].before, NULL) == 0);
}

/* As CPython's faulthandler: that, and sends itself the signal. */
static void restore_and_raise(int number, int signal) {
    restore(number);
    raise(signal);
}

#define FORWARDER(name, number)                                     \
    static void name(int signal, siginfo_t *info, void *context) { \
        forward(number, signal, info, context);                     \
    }
#define RESTORER(name, number)                                      \
    static void name(int signal, siginfo_t *info, void *context) { \
        (void)signal, (void)info, (void)context;                    \
        restore(number);                                            \
    }
#define RAISER(name, number)                                        \
    static void name(int signal, siginfo_t *info, void *context) { \
        (void)info, (void)context;                                  \
        restore_and_raise(number, signal);                          \
    }

FORWARDER(forward_0, 0)
FORWARDER(forward_1, 1)
RESTORER(restore_2, 2)
RESTORER(restore_3, 3)
RAISER(raise_4, 4)
RAISER(raise_5, 5)

typedef void (*handler)(int, siginfo_t *, void *);

static const handler kinds[] = {forward_0, forward_1, restore_2, restore_3, raise_4, raise_5};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void install(int number, int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = kinds[number];
    action.sa_flags = SA_SIGINFO | flags;
    CHECK(sigaction(SIGBUS, &action, &others[number].before) == 0);
}

/* ---- Whether the guard is active ---- */

static void the_guard_is_active_from_its_installation_until_another_handler_is(void) {
    struct sigaction guards;
    share_others();
    CHECK_EQUAL(0, memmap_guard_active());
    CHECK_OK(memmap_guard_install());
    CHECK_EQUAL(1, memmap_guard_active());
    CHECK(sigaction(SIGBUS, NULL, &guards) == 0);
    install(0, 0);
    CHECK_EQUAL(0, memmap_guard_active());
    CHECK_OK(memmap_guard_install());
    CHECK_EQUAL(1, memmap_guard_active());
    CHECK(signal(SIGBUS, SIG_DFL) != SIG_ERR);
    CHECK_EQUAL(0, memmap_guard_active());
    CHECK(sigaction(SIGBUS, &guards, NULL) == 0);
    CHECK_EQUAL(1, memmap_guard_active());
    errno = EDOM;
    CHECK_EQUAL(1, memmap_guard_active());
    CHECK_EQUAL(EDOM, errno);
    ours_is_survived();
}

/* ---- The guard in front again ---- */

static void the_guard_repairs_again_when_it_is_back_in_front(void) {
    int number;
    share_others();
    CHECK_OK(memmap_guard_install());
    for (number = 0; number < KINDS; number++) {
        install(number, 0);
        CHECK_OK(memmap_guard_install());
        ours_is_survived();
        CHECK_EQUAL(0, others[number].calls);
    }
}

static void what_was_there_first_still_gets_what_is_not_ours(void) {
    share_others();
    install(0, 0);
    CHECK_OK(memmap_guard_install());
    install(1, 0);
    CHECK_OK(memmap_guard_install());
    map_theirs();
    CHECK_EQUAL(SIGBUS, killed_by(touch_theirs));
    CHECK_EQUAL(1, others[0].calls);
    CHECK_EQUAL(1, others[1].calls);
}

/* What a child does before it dies of a foreign fault. */
static int order[8], places, flags_of_all, with_stack, twice;

static void give_an_alternate_stack(void) {
    stack_t stack;
    memset(&stack, 0, sizeof stack);
    stack.ss_size = 1 << 16;
    stack.ss_sp = malloc(stack.ss_size);
    CHECK(sigaltstack(&stack, NULL) == 0);
}

static void build(void) {
    int place;
    if (with_stack)
        give_an_alternate_stack();
    CHECK_OK(memmap_guard_install());
    for (place = 0; place < places; place++) {
        install(order[place], flags_of_all);
        CHECK_OK(memmap_guard_install());
        if (twice) { /* It has found the guard that is in front of it by now. */
            install(order[place], flags_of_all);
            CHECK_OK(memmap_guard_install());
        }
    }
}

static void build_and_touch(void) {
    build();
    touch_theirs();
}

static void build_and_send(void) {
    build();
    send_to_oneself();
}

static void each_is_called_once(void (*ends)(void)) {
    int place;
    memset(others, 0, HANDLERS * sizeof *others);
    if (!CHECK_EQUAL(SIGBUS, killed_by(ends)))
        printf("order %d %d %d of %d, flags %x, stack %d, twice %d\n", order[0], order[1], order[2], places,
               (unsigned)flags_of_all, with_stack, twice);
    for (place = 0; place < places; place++)
        if (!CHECK_EQUAL(1, others[order[place]].calls))
            printf("order %d %d %d of %d, place %d, flags %x, stack %d, twice %d\n", order[0], order[1], order[2], places,
                   place, (unsigned)flags_of_all, with_stack, twice);
}

static void in_every_order(void (*each)(void)) {
    for (order[0] = 0; order[0] < KINDS; order[0]++) {
        places = 1;
        each();
        for (order[1] = 0; order[1] < KINDS; order[1]++) {
            if (order[1] == order[0])
                continue;
            places = 2;
            each();
        }
    }
}

/* What was sent does not come again by itself, so that a handler which restores and returns has handled it. */
static int handle_what_is_sent(void) {
    int place;
    for (place = 0; place < places; place++)
        if (kinds[order[place]] == restore_2 || kinds[order[place]] == restore_3)
            return 1;
    return 0;
}

static void dies_in_each_way(void) {
    static const int flags[] = {0, SA_NODEFER, SA_ONSTACK, SA_NODEFER | SA_ONSTACK};
    size_t i;
    for (i = 0; i < 4; i++) {
        flags_of_all = flags[i];
        for (with_stack = 0; with_stack < 2; with_stack++)
            for (twice = 0; twice < 2; twice++) {
                each_is_called_once(build_and_touch);
                if (!handle_what_is_sent())
                    each_is_called_once(build_and_send);
            }
    }
}

static void whatever_the_handlers_behind_do_each_runs_once_and_the_process_dies(void) {
    share_others();
    map_theirs();
    in_every_order(dies_in_each_way);
}

static void build_mixed(void) {
    /* Some found each other, and some the guard. */
    CHECK_OK(memmap_guard_install());
    install(0, 0);
    install(2, SA_NODEFER);
    CHECK_OK(memmap_guard_install());
    install(1, 0);
    install(4, SA_NODEFER);
    CHECK_OK(memmap_guard_install());
    touch_theirs();
}

static void handlers_that_found_each_other_run_once_too(void) {
    share_others();
    map_theirs();
    CHECK_EQUAL(SIGBUS, killed_by(build_mixed));
    CHECK_EQUAL(1, others[0].calls);
    CHECK_EQUAL(1, others[1].calls);
    CHECK_EQUAL(1, others[2].calls);
    CHECK_EQUAL(1, others[4].calls);
}

static void take_back(int number) {
    CHECK(sigaction(SIGBUS, &others[number].before, NULL) == 0);
}

/* As a test suite that switches faulthandler on and off does, and as who installs it without looking. */
static void build_often(void) {
    int i;
    CHECK_OK(memmap_guard_install());
    for (i = 0; i < 31; i++) {
        install(4, SA_NODEFER);
        CHECK_OK(memmap_guard_install());
        take_back(4);
        CHECK_EQUAL(1, memmap_guard_active());
        CHECK_OK(memmap_guard_install());
    }
    for (i = 0; i < 32; i++) { /* Each time it has found the guard that is in front of it. */
        install(i % 2, 0);
        CHECK_OK(memmap_guard_install());
    }
    if (failures != 0)
        exit(1);
    touch_theirs();
}

static void a_handler_that_comes_and_goes_is_not_asked_when_it_is_gone(void) {
    share_others();
    map_theirs();
    CHECK_EQUAL(SIGBUS, killed_by(build_often));
    CHECK_EQUAL(0, others[4].calls);
    CHECK_EQUAL(1, others[0].calls);
    CHECK_EQUAL(1, others[1].calls);
}

static void build_too_often(void) {
    int i;
    CHECK_OK(memmap_guard_install());
    for (i = 0; i < 63; i++) {
        install(0, 0);
        CHECK_OK(memmap_guard_install());
    }
    install(1, 0);
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_guard_install());
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_guard_install());
    CHECK_EQUAL(0, memmap_guard_active());
    if (failures != 0)
        exit(1);
    touch_theirs();
}

static void in_front_of_too_many_is_a_limit_and_changes_nothing(void) {
    share_others();
    map_theirs();
    CHECK_EQUAL(SIGBUS, killed_by(build_too_often));
    CHECK_EQUAL(1, others[0].calls);
    CHECK_EQUAL(1, others[1].calls);
}

static sigset_t mask_seen;

static void note_mask(int signal) {
    (void)signal;
    pthread_sigmask(SIG_BLOCK, NULL, &mask_seen);
    CHECK(mmap(theirs, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == theirs);
}

static void blocked_signals_of_a_handler_behind_are_its_own(void) {
    struct sigaction action;
    CHECK_OK(memmap_guard_install());
    memset(&action, 0, sizeof action);
    action.sa_handler = note_mask;
    sigaddset(&action.sa_mask, SIGUSR1);
    CHECK(sigaction(SIGBUS, &action, NULL) == 0);
    CHECK_OK(memmap_guard_install());
    map_theirs();
    touch_theirs();
    CHECK(sigismember(&mask_seen, SIGUSR1) && sigismember(&mask_seen, SIGBUS) && !sigismember(&mask_seen, SIGUSR2));
}

/* What it finds is as the kernel told it, and where it sends the interrupted code is where that goes on. Meanwhile
 * another signal uses the alternate stack. */
static void use_stack(int signal) {
    volatile char bytes[8192];
    size_t i;
    (void)signal;
    for (i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)0xa5;
}

static volatile sig_atomic_t redirected;
static sigjmp_buf back;

static void go_back(void) {
    redirected++;
    siglongjmp(back, 1);
}

static void redirect(int signal, siginfo_t *info, void *context) {
    ucontext_t *interrupted = context;
    (void)signal;
    raise(SIGUSR1); /* On the alternate stack, from its top on. */
    CHECK(info->si_addr == theirs + PAGE + 9);
#if defined(__x86_64__)
    CHECK(interrupted->uc_mcontext.fpregs != NULL && interrupted->uc_mcontext.fpregs->mxcsr == 0x1f80);
    interrupted->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)go_back;
    interrupted->uc_mcontext.gregs[REG_RSP] = (interrupted->uc_mcontext.gregs[REG_RSP] - 1024) / 16 * 16 - 8;
#elif defined(__i386__)
    interrupted->uc_mcontext.gregs[REG_EIP] = (greg_t)(uintptr_t)go_back;
    interrupted->uc_mcontext.gregs[REG_ESP] = (interrupted->uc_mcontext.gregs[REG_ESP] - 1024) / 16 * 16 - 4;
#elif defined(__aarch64__)
    interrupted->uc_mcontext.pc = (uintptr_t)go_back;
#else
    (void)interrupted;
    go_back();
#endif
}

static void a_handler_behind_may_use_the_alternate_stack_and_change_what_was_interrupted(void) {
    struct sigaction action;
    sigset_t mask;
    int round;
    map_theirs();
    give_an_alternate_stack();
    memset(&action, 0, sizeof action);
    action.sa_handler = use_stack;
    action.sa_flags = SA_ONSTACK;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    action.sa_sigaction = redirect;
    action.sa_flags = SA_SIGINFO;
    CHECK(sigaction(SIGBUS, &action, NULL) == 0);
    CHECK_OK(memmap_guard_install());
    for (round = 1; round < 4; round++) {
        if (sigsetjmp(back, 0) == 0)
            touch_theirs();
        CHECK_EQUAL(round, redirected);
        pthread_sigmask(SIG_BLOCK, NULL, &mask);
        CHECK(!sigismember(&mask, SIGBUS) && !sigismember(&mask, SIGUSR2)); /* The kernel has restored it. */
    }
    ours_is_survived();
}

/* ---- The same of SIGSEGV ---- */

static uint8_t *stale;

static void restore_segv_and_raise(int signal, siginfo_t *info, void *context) {
    (void)info, (void)context;
    others[6].calls++;
    CHECK(sigaction(SIGSEGV, &others[6].before, NULL) == 0);
    raise(signal);
}

static void touch_stale_with_a_handler_behind(void) {
    struct sigaction action;
    CHECK(freopen("/dev/null", "w", stderr) != NULL);
    CHECK_OK(memmap_poison_closed(1 << 20));
    memset(&action, 0, sizeof action);
    action.sa_sigaction = restore_segv_and_raise;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    CHECK(sigaction(SIGSEGV, &action, &others[6].before) == 0);
    CHECK_OK(memmap_poison_closed(1 << 20));
    CHECK_OK(memmap_anonymous(PAGE, NULL, &handle));
    stale = address_of(handle);
    CHECK_OK(memmap_close(handle));
    load(stale);
}

static void a_stale_pointer_ends_the_process_with_a_handler_behind_too(void) {
    share_others();
    CHECK_EQUAL(SIGSEGV, killed_by(touch_stale_with_a_handler_behind));
    CHECK_EQUAL(1, others[6].calls);
}

/* ---- Hooks ---- */

static volatile sig_atomic_t hook_calls, jumps;
static const void *address_seen;
static uintptr_t pointer_seen;
static sigjmp_buf out;

static void jump(int signal) {
    (void)signal;
    jumps++;
    siglongjmp(out, 1);
}

static void handle_with(void (*handler)(int)) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    CHECK(sigaction(SIGBUS, &action, NULL) == 0);
}

static int pass_on(const void *address, void *context) {
    const ucontext_t *interrupted = context;
    hook_calls++;
    address_seen = address;
#ifdef __x86_64__
    pointer_seen = (uintptr_t)interrupted->uc_mcontext.gregs[REG_RIP];
#else
    pointer_seen = interrupted != NULL;
#endif
    errno = EXDEV;
    return MEMMAP_FAULT_PASS_ON;
}

static int stand_in(const void *address, void *context) {
    (void)address, (void)context;
    hook_calls++;
    return MEMMAP_FAULT_STAND_IN;
}

/* Loads, or is left by a jump of the handler before. */
static int load_or_leave(const void *address) {
    if (sigsetjmp(out, 1) == 0)
        return load(address);
    return -1;
}

static void a_loss_that_is_passed_on_is_recorded_and_leaves_no_zeros(void) {
    int round;
    handle_with(jump);
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_OK(memmap_guard_hook(pass_on));
    set_size("file", PAGE);
    for (round = 1; round < 4; round++) {
        CHECK_EQUAL(-1, load_or_leave(address_of(handle) + 2 * PAGE + 5));
        CHECK_EQUAL(round, hook_calls);
        CHECK_EQUAL(round, jumps);
        CHECK(address_seen == address_of(handle) + 2 * PAGE + 5 && pointer_seen != 0);
        CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 3 * PAGE, handle);
        CHECK_EQUAL(round, fault_of(handle).count);
    }
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_check(handle, 2 * PAGE, 1));
    CHECK_OK(memmap_check(handle, 0, PAGE));
    CHECK_EQUAL('x', load_or_leave(address_of(handle)));
    set_size("file", 4 * PAGE);
    CHECK_OK(memmap_recover(handle));
    CHECK_WHOLE(handle);
    CHECK_EQUAL('x', load_or_leave(address_of(handle)));
    CHECK_OK(memmap_close(handle)); /* No pin was left behind by the jumps. */
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_check(handle, 0, 1));
    unlink("file");
}

static void arrive(void) { siglongjmp(out, 1); }

/* Has the thread go on in another function. */
static int resume(const void *address, void *context) {
    ucontext_t *interrupted = context;
    (void)address;
    hook_calls++;
#if defined(__x86_64__)
    interrupted->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)arrive;
    /* Below the red zone, and as aligned as a call leaves it. */
    interrupted->uc_mcontext.gregs[REG_RSP] = ((interrupted->uc_mcontext.gregs[REG_RSP] - 128) & ~(greg_t)15) - 8;
#elif defined(__aarch64__)
    interrupted->uc_mcontext.pc = (uintptr_t)arrive;
#else
    (void)interrupted, (void)arrive;
    return MEMMAP_FAULT_PASS_ON;
#endif
    return MEMMAP_FAULT_RESUME;
}

static void a_loss_after_which_the_thread_resumes_elsewhere_is_recorded_and_leaves_no_zeros(void) {
    int round;
    handle_with(jump);
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_OK(memmap_guard_hook(resume));
    set_size("file", PAGE);
    for (round = 1; round < 4; round++) {
        CHECK_EQUAL(-1, load_or_leave(address_of(handle) + 2 * PAGE));
        CHECK_EQUAL(round, hook_calls);
#if defined(__x86_64__) || defined(__aarch64__)
        CHECK_EQUAL(0, jumps); /* The handler before was not asked. */
#endif
        CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 3 * PAGE, handle);
    }
    set_size("file", 4 * PAGE);
    CHECK_OK(memmap_recover(handle));
    CHECK_EQUAL(0, load_or_leave(address_of(handle) + 2 * PAGE)); /* The file's. */
    CHECK_EQUAL(3, hook_calls);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void a_page_that_is_passed_on_takes_no_others_with_it(void) {
    uint64_t page;
    handle_with(jump);
    handle = guarded(600, OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR));
    CHECK_OK(memmap_guard_hook(pass_on));
    set_size("file", 0);
    for (page = 0; page < 600; page += 2)
        CHECK_EQUAL(-1, load_or_leave(address_of(handle) + page * PAGE));
    for (page = 0; page < 600; page++)
        CHECK_STATUS(page % 2 == 0 ? MEMMAP_ERR_FAULT : 0, memmap_check(handle, page * PAGE, PAGE));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void what_is_no_loss_is_no_hooks_affair(void) {
    handle_with(jump);
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_OK(memmap_guard_hook(pass_on));
    pretend_a_fault(BUS_ADRERR, address_of(handle) + PAGE); /* The page is there. */
    CHECK_EQUAL(0, hook_calls);
    map_theirs();
    CHECK_EQUAL(-1, load_or_leave(theirs));
    CHECK_EQUAL(0, hook_calls);
    CHECK_EQUAL(1, jumps);
    CHECK_WHOLE(handle);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void a_hook_may_have_zeros_put_there(void) {
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_OK(memmap_guard_hook(stand_in));
    CHECK_OK(memmap_guard_hook(stand_in)); /* As once. */
    set_size("file", PAGE);
    errno = EDOM;
    CHECK_EQUAL(0, load(address_of(handle) + 3 * PAGE));
    CHECK_EQUAL(EDOM, errno);
    CHECK_EQUAL(1, hook_calls);
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 3 * PAGE, handle);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

#define OTHER_HOOK(number)                                      \
    static int hook_##number(const void *address, void *context) { \
        return stand_in(address, context);                      \
    }
OTHER_HOOK(1) OTHER_HOOK(2) OTHER_HOOK(3) OTHER_HOOK(4) OTHER_HOOK(5) OTHER_HOOK(6) OTHER_HOOK(7) OTHER_HOOK(8)

static void there_are_eight_hooks_and_the_first_that_passes_on_is_the_last_asked(void) {
    static const memmap_fault_hook hooks[] = {hook_1, hook_2, hook_3, hook_4, hook_5, hook_6};
    size_t i;
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_guard_hook(NULL));
    handle_with(jump);
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    for (i = 0; i < 6; i++)
        CHECK_OK(memmap_guard_hook(hooks[i]));
    CHECK_OK(memmap_guard_hook(pass_on));
    CHECK_OK(memmap_guard_hook(hook_7));
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_guard_hook(hook_8));
    CHECK_OK(memmap_guard_hook(hook_3)); /* It is there. */
    set_size("file", PAGE);
    CHECK_EQUAL(-1, load_or_leave(address_of(handle) + 2 * PAGE));
    CHECK_EQUAL(7, hook_calls);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

/* ---- Who is told ---- */

static volatile sig_atomic_t told, argument_seen, in_order;
static const uint32_t *faults;
static int to_nowhere;

/* Whether the lost page can be read, by a system call that fails with EFAULT where it can't. */
static int is_repaired(void) {
    return write(to_nowhere, (const char *)address_of(handle) + 3 * PAGE, 1) == 1;
}

static int be_told(int argument) {
    told++;
    argument_seen = argument;
    in_order += is_repaired() == (told % 2 == 0) && __atomic_load_n(faults, __ATOMIC_ACQUIRE) == 1;
    errno = EXDEV;
    return 0;
}

static int be_told_too(int argument) {
    told += 100;
    argument_seen = argument;
    return 0;
}

static void lose_and_touch(void) {
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_OK(memmap_fault_counter(handle, &faults));
    set_size("file", PAGE);
    errno = EDOM;
    CHECK_EQUAL(0, load(address_of(handle) + 3 * PAGE));
    CHECK_EQUAL(EDOM, errno);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void a_loss_is_told_when_it_is_recorded_and_when_it_is_repaired(void) {
    int ends[2];
    char byte;
    CHECK(pipe(ends) == 0); /* A write to /dev/null would not read the page. */
    to_nowhere = ends[1];
    CHECK_OK(memmap_guard_notify(be_told, 7));
    lose_and_touch();
    CHECK_EQUAL(2, told);
    CHECK_EQUAL(7, argument_seen);
    CHECK_EQUAL(2, in_order);
    handle = guarded(4, NULL);
    CHECK_OK(memmap_fault_counter(handle, &faults));
    pretend_a_fault(BUS_ADRERR, address_of(handle)); /* Nothing is lost. */
    CHECK_EQUAL(2, told);
    set_size("file", 0);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 0, &byte, 1)); /* Others may read its zeros by a pointer. */
    CHECK_EQUAL(4, told);
    CHECK_EQUAL(4, in_order);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static uint64_t notifier_losses(void) {
    memmap_stats stats = {.size = sizeof stats};
    CHECK_OK(memmap_get_stats(&stats));
    return stats.notifier_losses;
}

static void *lose_elsewhere(void *unused) {
    lose_and_touch();
    return unused;
}

static void *ask_and_lose(void *unused) {
    CHECK_OK(memmap_guard_notify(be_told_too, 8));
    lose_and_touch();
    return unused;
}

static void losses_of_the_thread_that_asked_last_are_counted(void) {
    pthread_t thread;
    lose_and_touch();
    CHECK_EQUAL(0, notifier_losses());
    CHECK_OK(memmap_guard_notify(be_told_too, 8));
    lose_and_touch();
    CHECK_EQUAL(1, notifier_losses());
    CHECK(pthread_create(&thread, NULL, lose_elsewhere, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQUAL(1, notifier_losses());
    CHECK(pthread_create(&thread, NULL, ask_and_lose, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQUAL(2, notifier_losses());
}

static void the_last_to_ask_is_told_and_null_ends_it(void) {
    CHECK_OK(memmap_guard_notify(be_told, 7));
    CHECK_OK(memmap_guard_notify(be_told_too, 8));
    lose_and_touch();
    CHECK_EQUAL(200, told);
    CHECK_EQUAL(8, argument_seen);
    CHECK_OK(memmap_guard_notify(be_told_too, 9));
    lose_and_touch();
    CHECK_EQUAL(400, told);
    CHECK_EQUAL(9, argument_seen);
    CHECK_OK(memmap_guard_notify(NULL, 0));
    lose_and_touch();
    CHECK_EQUAL(400, told);
}

static void a_loss_that_is_passed_on_is_not_told(void) {
    handle_with(jump);
    handle = guarded(4, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_OK(memmap_guard_hook(pass_on));
    CHECK_OK(memmap_guard_notify(be_told, 7));
    set_size("file", PAGE);
    CHECK_EQUAL(-1, load_or_leave(address_of(handle) + 2 * PAGE));
    CHECK_EQUAL(0, told);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

/* Two that differ are set in turn while another thread meets losses: it finds one of the pairs. */
static int mixed, settings_end;

static int expect_7(int argument) {
    mixed += argument != 7;
    told++;
    return 0;
}

static int expect_8(int argument) {
    mixed += argument != 8;
    told++;
    return 0;
}

static void *set_in_turn(void *unused) {
    while (!__atomic_load_n(&settings_end, __ATOMIC_SEQ_CST)) {
        CHECK_OK(memmap_guard_notify(expect_7, 7));
        CHECK_OK(memmap_guard_notify(expect_8, 8));
    }
    return unused;
}

static void function_and_argument_are_always_a_pair(void) {
    enum { PAGES = 2000 };
    pthread_t thread;
    uint64_t page;
    CHECK_OK(memmap_guard_notify(expect_7, 7));
    handle = guarded(PAGES, OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR));
    set_size("file", 0);
    CHECK(pthread_create(&thread, NULL, set_in_turn, NULL) == 0);
    for (page = 0; page < PAGES; page++)
        load(address_of(handle) + page * PAGE);
    __atomic_store_n(&settings_end, 1, __ATOMIC_SEQ_CST);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQUAL(0, mixed);
    CHECK(told > 256);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(the_guard_is_active_from_its_installation_until_another_handler_is),
        BEHAVIOUR(the_guard_repairs_again_when_it_is_back_in_front),
        BEHAVIOUR(what_was_there_first_still_gets_what_is_not_ours),
        BEHAVIOUR(whatever_the_handlers_behind_do_each_runs_once_and_the_process_dies),
        BEHAVIOUR(handlers_that_found_each_other_run_once_too),
        BEHAVIOUR(a_handler_that_comes_and_goes_is_not_asked_when_it_is_gone),
        BEHAVIOUR(in_front_of_too_many_is_a_limit_and_changes_nothing),
        BEHAVIOUR(blocked_signals_of_a_handler_behind_are_its_own),
        BEHAVIOUR(a_handler_behind_may_use_the_alternate_stack_and_change_what_was_interrupted),
        BEHAVIOUR(a_stale_pointer_ends_the_process_with_a_handler_behind_too),
        BEHAVIOUR(a_loss_that_is_passed_on_is_recorded_and_leaves_no_zeros),
        BEHAVIOUR(a_loss_after_which_the_thread_resumes_elsewhere_is_recorded_and_leaves_no_zeros),
        BEHAVIOUR(a_page_that_is_passed_on_takes_no_others_with_it),
        BEHAVIOUR(what_is_no_loss_is_no_hooks_affair),
        BEHAVIOUR(a_hook_may_have_zeros_put_there),
        BEHAVIOUR(there_are_eight_hooks_and_the_first_that_passes_on_is_the_last_asked),
        BEHAVIOUR(a_loss_is_told_when_it_is_recorded_and_when_it_is_repaired),
        BEHAVIOUR(losses_of_the_thread_that_asked_last_are_counted),
        BEHAVIOUR(the_last_to_ask_is_told_and_null_ends_it),
        BEHAVIOUR(a_loss_that_is_passed_on_is_not_told),
        BEHAVIOUR(function_and_argument_are_always_a_pair),
    };
    return RUN(argc, argv, behaviours);
}
