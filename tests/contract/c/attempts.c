/* memmap_try: a function is left at the first byte that was lost. */

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "faults.h"

static memmap_handle handle;
static volatile int reached;

/* What f gets. */
struct plan {
    uint64_t offset;
    memmap_handle other;
    int depth;
    memmap_status inner;
};

static void open_and_cut(uint64_t pages, uint64_t left) {
    handle = guarded(pages, OPTIONS(.access = MEMMAP_READ_WRITE));
    set_size("file", left * PAGE);
}

static void close_file(void) {
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static uint32_t pins_of(memmap_handle handle) {
    memmap_info info = {.size = sizeof info};
    CHECK_OK(memmap_get_info(handle, &info));
    return info.pins;
}

static int load_there(const memmap_view *view, void *arg) {
    const struct plan *plan = arg;
    int byte;
    reached = 1;
    byte = load(view->data + plan->offset);
    reached = 2;
    return byte;
}

/* Runs it, and checks that it was left. */
static void is_left(memmap_handle handle, int (*f)(const memmap_view *, void *), struct plan *plan) {
    int result = 4711;
    reached = 0;
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_try(handle, f, plan, &result));
    CHECK_EQUAL(1, reached);
    CHECK_EQUAL(4711, result);
}

static void ends(memmap_handle handle, int (*f)(const memmap_view *, void *), struct plan *plan, int expected) {
    int result = 4711;
    CHECK_OK(memmap_try(handle, f, plan, &result));
    CHECK_EQUAL(expected, result);
}

/* ---- Without a loss ---- */

static int look_at_the_view(const memmap_view *view, void *arg) {
    CHECK(arg == &handle);
    CHECK(view->data == address_of(handle));
    CHECK_EQUAL(4 * PAGE, view->len);
    CHECK_EQUAL(1, pins_of(handle));
    return -7;
}

static int look_at_no_view(const memmap_view *view, void *arg) {
    CHECK(view == NULL && arg == NULL);
    return 8;
}

static void a_function_gets_the_view_and_its_value_comes_back(void) {
    int result = 0;
    handle = guarded(4, NULL);
    CHECK_OK(memmap_try(handle, look_at_the_view, &handle, &result));
    CHECK_EQUAL((uint64_t)-7, (uint64_t)result);
    CHECK_EQUAL(0, pins_of(handle));
    CHECK_OK(memmap_try(handle, look_at_the_view, &handle, NULL));
    CHECK_OK(memmap_try(0, look_at_no_view, NULL, &result));
    CHECK_EQUAL(8, result);
    close_file();
}

static int is_not_called(const memmap_view *view, void *arg) {
    (void)view, (void)arg;
    CHECK(0);
    return 0;
}

static void what_cannot_be_done_is_refused(void) {
    int result = 4711;
    handle = guarded(1, NULL);
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_try(handle, NULL, NULL, &result));
    CHECK_EQUAL(0, pins_of(handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_try(0, NULL, NULL, &result));
    CHECK_OK(memmap_close(handle));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_try(handle, is_not_called, NULL, &result));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_try(4711, is_not_called, NULL, &result));
    CHECK_EQUAL(4711, result);
    unlink("file");
}

/* ---- Leaving ---- */

static void a_function_is_left_at_the_first_lost_byte(void) {
    struct plan plan = {.offset = 3 * PAGE};
    int round;
    open_and_cut(4, 1);
    for (round = 1; round < 100; round++) {
        is_left(handle, load_there, &plan); /* Each time: no zeros stand there. */
        CHECK_EQUAL(0, pins_of(handle));
        CHECK_EQUAL(round, fault_of(handle).count);
    }
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 3 * PAGE, handle);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_check(handle, 3 * PAGE, 1));
    plan.offset = 0;
    ends(handle, load_there, &plan, 'x'); /* What is whole may be read. */
    plan.offset = 3 * PAGE;
    set_size("file", 4 * PAGE);
    ends(handle, load_there, &plan, 0); /* That is what the file has now. */
    CHECK_OK(memmap_recover(handle));
    CHECK_WHOLE(handle);
    close_file();
}

static int load_any(const memmap_view *view, void *arg) {
    const struct plan *plan = arg;
    int byte;
    CHECK(view == NULL);
    reached = 1;
    byte = load(address_of(plan->other) + plan->offset);
    reached = 2;
    return byte;
}

static void without_a_handle_a_fault_of_any_mapping_leaves(void) {
    struct plan plan = {.offset = 2 * PAGE};
    memmap_handle other;
    open_and_cut(4, 1);
    plan.other = handle;
    is_left(0, load_any, &plan);
    CHECK_OK(memmap_anonymous(PAGE, NULL, &other));
    CHECK_EQUAL(0, pins_of(other));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 3 * PAGE, handle);
    CHECK_OK(memmap_close(other));
    close_file();
}

static int load_another(const memmap_view *view, void *arg) {
    CHECK(view != NULL);
    return load_any(NULL, arg);
}

static void a_fault_of_another_mapping_leaves_too(void) {
    struct plan plan = {.offset = 2 * PAGE};
    memmap_handle other;
    open_and_cut(4, 1);
    plan.other = handle;
    CHECK_OK(memmap_anonymous(PAGE, NULL, &other));
    is_left(other, load_another, &plan);
    CHECK_EQUAL(0, pins_of(other));
    CHECK_WHOLE(other);
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, 3 * PAGE, handle);
    CHECK_OK(memmap_close(other));
    close_file();
}

static int store_there(const memmap_view *view, void *arg) {
    const struct plan *plan = arg;
    reached = 1;
    store(view->data + plan->offset, 'y');
    reached = 2;
    return 0;
}

static void a_store_leaves_too_and_so_do_mappings_of_every_kind(void) {
    struct plan plan = {.offset = 2 * PAGE};
    memmap_handle region;
    uint8_t *foreign_pages;
    open_and_cut(4, 1);
    is_left(handle, store_there, &plan);
    close_file();
    handle = guarded(600, OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR));
    set_size("file", 0);
    for (plan.offset = 0; plan.offset < 600 * PAGE; plan.offset += 2 * PAGE)
        is_left(handle, load_there, &plan);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_check(handle, 598 * PAGE, PAGE));
    CHECK_OK(memmap_check(handle, 597 * PAGE, PAGE)); /* Nobody has touched it. */
    close_file();
    make_file("file", 4 * PAGE, 'x');
    foreign_pages = foreign("file", 4, PROT_READ, MAP_SHARED);
    CHECK_OK(memmap_guard_region(foreign_pages, 4 * PAGE, -1, &region));
    set_size("file", 0);
    plan.offset = PAGE;
    is_left(region, load_there, &plan);
    CHECK_OK(memmap_close(region));
    unlink("file");
}

static int copy_out(const memmap_view *view, void *arg) {
    memcpy(arg, view->data, 4 * PAGE); /* In libc. */
    return 0;
}

static void a_function_of_the_system_is_left_too(void) {
    uint8_t *copy = malloc(4 * PAGE);
    open_and_cut(4, 2);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_try(handle, copy_out, copy, NULL));
    free(copy);
    close_file();
}

/* ---- What is as before ---- */

static void give_an_alternate_stack(void) {
    stack_t stack;
    memset(&stack, 0, sizeof stack);
    stack.ss_size = 1 << 16;
    stack.ss_sp = malloc(stack.ss_size);
    CHECK(sigaltstack(&stack, NULL) == 0);
}

static void mask_and_stack_are_as_before(void) {
    struct plan plan = {.offset = 3 * PAGE};
    sigset_t mask, mask_after;
    stack_t stack, stack_after;
    int signal, round;
    open_and_cut(4, 1);
    sigemptyset(&mask);
    sigaddset(&mask, SIGHUP);
    CHECK(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0);
    CHECK(sigaltstack(NULL, &stack) == 0);
    for (round = 0; round < 20; round++)
        is_left(handle, load_there, &plan);
    CHECK(sigaltstack(NULL, &stack_after) == 0);
    CHECK(stack.ss_sp == stack_after.ss_sp && stack.ss_size == stack_after.ss_size && stack.ss_flags == stack_after.ss_flags);
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &mask_after) == 0);
    for (signal = 1; signal < 65; signal++)
        CHECK_EQUAL(sigismember(&mask, signal), sigismember(&mask_after, signal));
    close_file();
}

static void signal_mask_and_alternate_stack_are_as_before(void) {
    mask_and_stack_are_as_before();
    give_an_alternate_stack();
    mask_and_stack_are_as_before();
}

#ifdef __x86_64__
static int load_backwards(const memmap_view *view, void *arg) {
    const struct plan *plan = arg;
    uint8_t bytes[64];
    const uint8_t *from = view->data + plan->offset + 63;
    uint8_t *to = bytes + 63;
    uint64_t count = 64;
    int i;
    for (i = 0; i < 8; i++)
        __asm__ volatile("fld1"); /* All registers of the x87 are in use. */
    reached = 1;
    __asm__ volatile("std; rep movsb; cld" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
    reached = 2;
    return 0;
}

static void registers_that_functions_expect_to_be_empty_are(void) {
    struct plan plan = {.offset = 3 * PAGE};
    volatile long double one = 1, seven = 7;
    unsigned long flags;
    open_and_cut(4, 1);
    is_left(handle, load_backwards, &plan);
    __asm__ volatile("pushfq; popq %0" : "=r"(flags));
    CHECK_EQUAL(0, flags & 1 << 10);
    CHECK((one + seven * (one + seven * (one + seven))) / (one + seven * (one + seven * (one + seven))) == one);
    close_file();
}
#else
static void registers_that_functions_expect_to_be_empty_are(void) {
}
#endif

/* The caller's variables stay in registers that f uses, too. */
static __attribute__((noinline)) uint64_t mixed(uint64_t a, uint64_t b, uint64_t c, uint64_t d, double e, double f,
                                                struct plan *plan) {
    uint64_t i, sum = 0;
    for (i = 0; i < 50; i++) {
        sum += a * i + b * (i + 1) + c * (i + 2) + d * (i + 3) + (uint64_t)(e * (double)i) + (uint64_t)(f * (double)i);
        if (plan != NULL)
            is_left(handle, load_there, plan);
    }
    return sum;
}

static void variables_of_the_caller_are_as_before(void) {
    struct plan plan = {.offset = 3 * PAGE};
    open_and_cut(4, 1);
    CHECK_EQUAL(mixed(3, 5, 7, 11, 1.5, 2.5, NULL), mixed(3, 5, 7, 11, 1.5, 2.5, &plan));
    close_file();
}

/* ---- Nested calls, and calls of the library ---- */

static int run_inside(const memmap_view *view, void *arg) {
    struct plan *plan = arg;
    struct plan below = {.offset = plan->offset, .depth = plan->depth - 1};
    int result = 0;
    CHECK_EQUAL((uint32_t)(10 - plan->depth), pins_of(handle));
    if (plan->depth == 1)
        return load(view->data + plan->offset);
    plan->inner = memmap_try(handle, run_inside, &below, &result);
    /* The innermost is left, and all others go on. */
    CHECK_STATUS(plan->depth == 2 ? MEMMAP_ERR_FAULT : 0, plan->inner);
    CHECK_EQUAL((uint32_t)(10 - plan->depth), pins_of(handle));
    return plan->depth;
}

static void of_nested_calls_the_innermost_is_left(void) {
    struct plan plan = {.offset = 3 * PAGE, .depth = 9};
    open_and_cut(4, 1);
    ends(handle, run_inside, &plan, 9);
    CHECK_EQUAL(0, pins_of(handle));
    close_file();
}

static int load_after_an_inner_one(const memmap_view *view, void *arg) {
    struct plan *plan = arg;
    plan->inner = memmap_try(handle, load_there, plan, NULL);
    reached = 1;
    load(view->data + plan->offset);
    reached = 2;
    return 0;
}

static void after_an_inner_one_the_outer_is_left(void) {
    struct plan plan = {.offset = 3 * PAGE};
    open_and_cut(4, 1);
    is_left(handle, load_after_an_inner_one, &plan);
    CHECK_STATUS(MEMMAP_ERR_FAULT, plan.inner);
    CHECK_EQUAL(0, pins_of(handle));
    close_file();
}

static int read_inside(const memmap_view *view, void *arg) {
    struct plan *plan = arg;
    uint8_t bytes[16];
    uint64_t at;
    (void)view;
    plan->inner = memmap_read(plan->other, plan->offset, bytes, sizeof bytes);
    CHECK_STATUS(plan->inner, memmap_find(plan->other, plan->offset, MEMMAP_TO_END, "needle", 6, &at));
    return 3;
}

static void a_call_of_the_library_fails_by_itself(void) {
    struct plan plan = {.offset = PAGE};
    memmap_handle other;
    int result = 4711;
    CHECK_OK(memmap_anonymous(PAGE, NULL, &other));
    open_and_cut(4, 1);
    plan.other = handle;
    ends(other, read_inside, &plan, 3); /* In `other` nothing was lost. */
    CHECK_STATUS(MEMMAP_ERR_FAULT, plan.inner);
    CHECK_EQUAL(0, load(address_of(handle) + PAGE)); /* There are zeros now. */
    CHECK_EQUAL(1, fault_of(handle).count);
    close_file();

    open_and_cut(4, 1);
    plan.other = handle;
    /* There are zeros in what f views; it might have read them. */
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_try(handle, read_inside, &plan, &result));
    CHECK_EQUAL(4711, result);
    CHECK_EQUAL(0, pins_of(handle));
    close_file();

    open_and_cut(4, 1);
    plan.other = handle;
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_try(0, read_inside, &plan, &result));
    close_file();
    CHECK_OK(memmap_close(other)); /* No pin is left. */
}

/* Every call that touches mapped memory. */

typedef memmap_status (*toucher)(void);

static memmap_status touch_read(void) {
    uint8_t bytes[16];
    return memmap_read(handle, 2 * PAGE, bytes, 16);
}

static memmap_status touch_write(void) {
    return memmap_write(handle, 2 * PAGE, "abc", 3);
}

static memmap_status touch_fill(void) {
    return memmap_fill(handle, 2 * PAGE, PAGE, 'f');
}

static memmap_status touch_move(void) {
    return memmap_move(handle, 2 * PAGE, 0, 100);
}

static memmap_status touch_find(void) {
    uint64_t at;
    return memmap_find(handle, 2 * PAGE, MEMMAP_TO_END, "needle", 6, &at);
}

static memmap_status touch_rfind(void) {
    uint64_t at;
    return memmap_rfind(handle, 2 * PAGE, MEMMAP_TO_END, "needle", 6, &at);
}

static memmap_status touch_load32(void) {
    uint32_t value;
    return memmap_atomic_load32(handle, 2 * PAGE, &value);
}

static memmap_status touch_store64(void) {
    return memmap_atomic_store64(handle, 2 * PAGE, 5);
}

static memmap_status touch_add32(void) {
    uint32_t before;
    return memmap_atomic_add32(handle, 2 * PAGE, 5, &before);
}

static memmap_status touch_swap64(void) {
    uint64_t before;
    return memmap_atomic_compare_swap64(handle, 2 * PAGE, 0, 5, &before);
}

static memmap_status touch_cell_create(void) {
    return memmap_cell_create(handle, 2 * PAGE, 100);
}

static memmap_status touch_cell_publish(void) {
    return memmap_cell_publish(handle, 2 * PAGE, "abc", 3);
}

static memmap_status touch_cell_read(void) {
    uint64_t len, sequence;
    uint8_t bytes[100];
    return memmap_cell_read(handle, 2 * PAGE, bytes, 100, &len, &sequence);
}

static memmap_status touch_cell_look(void) {
    uint64_t capacity, sequence;
    return memmap_cell_look(handle, 2 * PAGE, &capacity, &sequence);
}

static memmap_status touch_wait(void) {
    return memmap_wait(handle, 2 * PAGE, 0, 0);
}

static int touch_by(const memmap_view *view, void *arg) {
    toucher touch = *(toucher *)arg;
    (void)view;
    reached = 1;
    CHECK_STATUS(MEMMAP_ERR_FAULT, touch());
    reached = 2;
    return 0;
}

static void no_call_of_the_library_is_left(void) {
    static const toucher touchers[] = {
        touch_read, touch_write, touch_fill, touch_move, touch_find, touch_rfind, touch_load32, touch_store64, touch_add32,
        touch_swap64, touch_cell_create, touch_cell_publish, touch_cell_read, touch_cell_look, touch_wait,
    };
    size_t i;
    for (i = 0; i < sizeof touchers / sizeof touchers[0]; i++) {
        toucher touch = touchers[i];
        open_and_cut(4, 1);
        memmap_try(0, touch_by, &touch, NULL);
        if (!CHECK_EQUAL(2, reached))
            printf("call %zu was left\n", i);
        CHECK_OK(memmap_close(handle)); /* And nothing is pinned. */
        CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_check(handle, 0, 0));
        unlink("file");
    }
}

/* ---- Zeros that are there ---- */

static void where_zeros_stand_a_function_is_not_called(void) {
    struct plan plan = {.offset = 3 * PAGE};
    open_and_cut(4, 1);
    CHECK_EQUAL(0, load(address_of(handle) + 2 * PAGE));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_try(handle, is_not_called, &plan, NULL));
    CHECK_EQUAL(0, pins_of(handle));
    set_size("file", 4 * PAGE);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_try(handle, is_not_called, &plan, NULL));
    CHECK_OK(memmap_recover(handle));
    plan.offset = 0;
    ends(handle, load_there, &plan, 'x');
    close_file();
}

static void *load_beside(void *offset) {
    load(address_of(handle) + *(uint64_t *)offset);
    return NULL;
}

static void *load_beside_and_recover(void *offset) {
    load_beside(offset);
    set_size("file", 4 * PAGE);
    CHECK_OK(memmap_recover(handle));
    return NULL;
}

static void *(*beside)(void *);

static int wait_for_another(const memmap_view *view, void *arg) {
    struct plan *plan = arg;
    pthread_t thread;
    (void)view;
    CHECK(pthread_create(&thread, NULL, beside, &plan->offset) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    return 5;
}

static void zeros_that_another_thread_gets_meanwhile_are_told(void) {
    struct plan plan = {.offset = 3 * PAGE};
    int result = 4711;
    beside = load_beside;
    open_and_cut(4, 1);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_try(handle, wait_for_another, &plan, &result));
    close_file();
    open_and_cut(4, 1);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_try(0, wait_for_another, &plan, &result));
    close_file();
    beside = load_beside_and_recover; /* They came and went. */
    open_and_cut(4, 1);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_try(handle, wait_for_another, &plan, &result));
    CHECK_WHOLE(handle);
    close_file();
    CHECK_EQUAL(4711, result);
}

static void *be_left_beside(void *arg) {
    struct plan plan = {.offset = *(uint64_t *)arg};
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_try(handle, load_there, &plan, NULL));
    return NULL;
}

static void a_loss_that_leaves_another_thread_is_not_told(void) {
    struct plan plan = {.offset = 3 * PAGE};
    beside = be_left_beside;
    open_and_cut(4, 1);
    ends(handle, wait_for_another, &plan, 5);
    ends(0, wait_for_another, &plan, 5);
    close_file();
}

static int close_inside(const memmap_view *view, void *arg) {
    (void)arg;
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL('x', load(view->data));
    reached = 1;
    load(view->data + 3 * PAGE);
    reached = 2;
    return 0;
}

static void a_mapping_that_is_closed_inside_stays_until_the_end(void) {
    memmap_stats stats = {.size = sizeof stats};
    open_and_cut(4, 1);
    is_left(handle, close_inside, NULL);
    CHECK_OK(memmap_get_stats(&stats));
    CHECK_EQUAL(0, stats.mappings);
    unlink("file");
}

/* ---- Threads, forks, and other ways out ---- */

enum { THREADS = 8, ROUNDS = 300 };

static void *be_left_often(void *arg) {
    memmap_handle own;
    struct plan plan = {.offset = 3 * PAGE};
    stack_t before;
    char name[32];
    int round;
    CHECK(sigaltstack(NULL, &before) == 0);
    snprintf(name, sizeof name, "file%d", *(int *)arg);
    if (*(int *)arg % 2 == 0)
        give_an_alternate_stack();
    make_file(name, 4 * PAGE, 'x');
    CHECK_OK(memmap_open(name, NULL, &own));
    set_size(name, PAGE);
    for (round = 0; round < ROUNDS; round++) {
        int result = 4711;
        plan.offset = round % 3 == 0 ? 0 : 3 * PAGE;
        CHECK_STATUS(round % 3 == 0 ? 0 : MEMMAP_ERR_FAULT, memmap_try(own, load_there, &plan, &result));
        CHECK_EQUAL(round % 3 == 0 ? 'x' : 4711, result);
        CHECK_EQUAL(0, pins_of(own));
    }
    CHECK(sigaltstack(&before, NULL) == 0);
    CHECK_OK(memmap_close(own));
    unlink(name);
    return NULL;
}

static void each_thread_leaves_its_own(void) {
    pthread_t threads[THREADS];
    int numbers[THREADS], i;
    CHECK_OK(memmap_guard_install());
    for (i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, be_left_often, &numbers[i]) == 0);
    }
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static int fork_inside(const memmap_view *view, void *arg) {
    struct plan *plan = arg;
    plan->depth = (int)fork();
    if (plan->depth == 0)
        load(view->data + 3 * PAGE);
    return 6;
}

static void a_child_of_fork_goes_on_inside_and_is_left_by_itself(void) {
    struct plan plan = {.depth = -1};
    int status, result = 0;
    memmap_status got;
    open_and_cut(4, 1);
    got = memmap_try(handle, fork_inside, &plan, &result);
    if (plan.depth == 0)
        _exit(got == MEMMAP_ERR_FAULT && result == 0 && pins_of(handle) == 0 && memmap_close(handle) == 0 ? 0 : 1);
    CHECK_OK(got);
    CHECK_EQUAL(6, result);
    CHECK(waitpid((pid_t)plan.depth, &status, 0) == (pid_t)plan.depth);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_WHOLE(handle); /* The child's loss is the child's. */
    CHECK_EQUAL(0, pins_of(handle));
    close_file();
}

static int exit_inside(const memmap_view *view, void *arg) {
    (void)view;
    pthread_exit(arg);
}

static int wait_inside(const memmap_view *view, void *arg) {
    (void)view, (void)arg;
    for (;;)
        pause();
    return 0;
}

static void *end_inside(void *arg) {
    CHECK_OK(memmap_try(handle, arg == NULL ? exit_inside : wait_inside, NULL, NULL));
    CHECK(0); /* Not reached. */
    return NULL;
}

static void a_thread_that_ends_inside_gives_the_pin_back(void) {
    pthread_t thread;
    handle = guarded(1, NULL);
    CHECK(pthread_create(&thread, NULL, end_inside, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQUAL(0, pins_of(handle));
    CHECK(pthread_create(&thread, NULL, end_inside, &handle) == 0);
    while (pins_of(handle) == 0)
        sched_yield();
    CHECK(pthread_cancel(thread) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQUAL(0, pins_of(handle));
    close_file();
}

static jmp_buf away;

static int jump_away(const memmap_view *view, void *arg) {
    (void)view, (void)arg;
    longjmp(away, 1);
}

static __attribute__((noinline)) void be_jumped_out_of(void) {
    volatile char much[20000];
    much[0] = much[sizeof much - 1] = 1;
    memmap_try(0, jump_away, NULL, NULL);
}

/* It mustn't, and what comes of it is no more than zeros, as without memmap_try. */
static void who_jumps_out_of_it_is_not_gone_back_to(void) {
    struct plan plan = {.offset = 3 * PAGE};
    open_and_cut(4, 1);
    if (setjmp(away) == 0)
        be_jumped_out_of();
    is_left(handle, load_there, &plan);
    CHECK_EQUAL(0, load(address_of(handle) + 3 * PAGE));
    close_file();
}

static void *touch_on_little_stack(void *arg) {
    is_left(handle, load_there, arg);
    return NULL;
}

static void a_thread_with_little_stack_is_left_too(void) {
    struct plan plan = {.offset = 3 * PAGE};
    pthread_attr_t small;
    pthread_t thread;
    open_and_cut(4, 1);
    CHECK(pthread_attr_init(&small) == 0);
    CHECK(pthread_attr_setstacksize(&small, (size_t)sysconf(_SC_THREAD_STACK_MIN)) == 0);
    CHECK(pthread_create(&thread, &small, touch_on_little_stack, &plan) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    close_file();
}

/* ---- Other signal handlers ---- */

static struct plan of_the_handler;
static memmap_status in_the_handler;
static volatile sig_atomic_t begun, ended;

static void try_in_a_handler(int signal) {
    (void)signal;
    in_the_handler = memmap_try(handle, load_there, &of_the_handler, NULL);
    ended++;
}

static int be_interrupted(const memmap_view *view, void *arg) {
    (void)arg;
    raise(SIGUSR1);
    reached = 3;
    return load(view->data);
}

static void a_signal_handler_has_its_own(void) {
    struct sigaction action;
    of_the_handler.offset = 3 * PAGE;
    open_and_cut(4, 1);
    memset(&action, 0, sizeof action);
    action.sa_handler = try_in_a_handler;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    ends(handle, be_interrupted, NULL, 'x');
    CHECK_STATUS(MEMMAP_ERR_FAULT, in_the_handler);
    CHECK_EQUAL(1, ended);
    CHECK_EQUAL(3, reached);
    close_file();
}

static struct sigaction guards;

static void forward(int signal, siginfo_t *info, void *context) {
    begun++;
    guards.sa_sigaction(signal, info, context);
    ended++;
}

static void a_handler_in_front_that_calls_the_guard_returns(void) {
    struct plan plan = {.offset = 3 * PAGE};
    struct sigaction action;
    sigset_t mask;
    int round;
    open_and_cut(4, 1);
    memset(&action, 0, sizeof action);
    action.sa_sigaction = forward;
    action.sa_flags = SA_SIGINFO;
    CHECK(sigaction(SIGBUS, &action, &guards) == 0);
    for (round = 1; round < 10; round++) {
        is_left(handle, load_there, &plan);
        CHECK_EQUAL(round, begun);
        CHECK_EQUAL(round, ended); /* It is not jumped over. */
    }
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    CHECK(!sigismember(&mask, SIGBUS));
    close_file();
}

static int told;

static int be_told(int argument) {
    told += argument;
    return 0;
}

static int asked;

static int ask(const void *address, void *context) {
    asked += address != NULL && context != NULL;
    return MEMMAP_FAULT_STAND_IN;
}

static int pass_on(const void *address, void *context) {
    return ask(address, context), MEMMAP_FAULT_PASS_ON;
}

static sigjmp_buf to_the_handler_before;

static void jump_from_the_handler_before(int signal) {
    (void)signal;
    siglongjmp(to_the_handler_before, 1);
}

static void hooks_are_asked_first_and_nobody_is_told_of_what_is_left(void) {
    struct plan plan = {.offset = 3 * PAGE};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = jump_from_the_handler_before;
    CHECK(sigaction(SIGBUS, &action, NULL) == 0);
    open_and_cut(4, 1);
    CHECK_OK(memmap_guard_notify(be_told, 1));
    CHECK_OK(memmap_guard_hook(ask));
    is_left(handle, load_there, &plan);
    CHECK_EQUAL(1, asked);
    CHECK_EQUAL(0, told);
    CHECK_OK(memmap_guard_hook(pass_on));
    if (sigsetjmp(to_the_handler_before, 1) == 0)
        is_left(handle, load_there, &plan); /* The runtime that passes it on knows better. */
    CHECK_EQUAL(3, asked);
    close_file();
}

static void a_hook_is_not_asked_inside_a_call_of_the_library(void) {
    uint8_t byte;
    open_and_cut(4, 1);
    CHECK_OK(memmap_guard_hook(pass_on));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 3 * PAGE, &byte, 1));
    CHECK_EQUAL(0, asked);
    close_file();
}

static void touch_without_the_guard(void) {
    struct plan plan = {.offset = 3 * PAGE};
    make_file("file", 4 * PAGE, 'x');
    CHECK_OK(memmap_open("file", NULL, &handle));
    set_size("file", PAGE);
    memmap_try(handle, load_there, &plan, NULL);
}

static int load_foreign(const memmap_view *view, void *arg) {
    (void)view;
    return load(arg);
}

static void touch_what_is_foreign_inside(void) {
    uint8_t *pages;
    CHECK_OK(memmap_guard_install());
    make_file("file", 4 * PAGE, 'x');
    pages = foreign("file", 4, PROT_READ, MAP_SHARED);
    set_size("file", 0);
    memmap_try(0, load_foreign, pages, NULL);
}

static void without_the_guard_or_its_mappings_the_process_ends(void) {
    CHECK_EQUAL(SIGBUS, killed_by(touch_without_the_guard));
    CHECK_EQUAL(SIGBUS, killed_by(touch_what_is_foreign_inside));
    unlink("file");
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(a_function_gets_the_view_and_its_value_comes_back),
        BEHAVIOUR(what_cannot_be_done_is_refused),
        BEHAVIOUR(a_function_is_left_at_the_first_lost_byte),
        BEHAVIOUR(without_a_handle_a_fault_of_any_mapping_leaves),
        BEHAVIOUR(a_fault_of_another_mapping_leaves_too),
        BEHAVIOUR(a_store_leaves_too_and_so_do_mappings_of_every_kind),
        BEHAVIOUR(a_function_of_the_system_is_left_too),
        BEHAVIOUR(signal_mask_and_alternate_stack_are_as_before),
        BEHAVIOUR(registers_that_functions_expect_to_be_empty_are),
        BEHAVIOUR(variables_of_the_caller_are_as_before),
        BEHAVIOUR(of_nested_calls_the_innermost_is_left),
        BEHAVIOUR(after_an_inner_one_the_outer_is_left),
        BEHAVIOUR(a_call_of_the_library_fails_by_itself),
        BEHAVIOUR(no_call_of_the_library_is_left),
        BEHAVIOUR(where_zeros_stand_a_function_is_not_called),
        BEHAVIOUR(zeros_that_another_thread_gets_meanwhile_are_told),
        BEHAVIOUR(a_loss_that_leaves_another_thread_is_not_told),
        BEHAVIOUR(a_mapping_that_is_closed_inside_stays_until_the_end),
        BEHAVIOUR(each_thread_leaves_its_own),
        BEHAVIOUR(a_child_of_fork_goes_on_inside_and_is_left_by_itself),
        BEHAVIOUR(a_thread_that_ends_inside_gives_the_pin_back),
        BEHAVIOUR(who_jumps_out_of_it_is_not_gone_back_to),
        BEHAVIOUR(a_thread_with_little_stack_is_left_too),
        BEHAVIOUR(a_signal_handler_has_its_own),
        BEHAVIOUR(a_handler_in_front_that_calls_the_guard_returns),
        BEHAVIOUR(hooks_are_asked_first_and_nobody_is_told_of_what_is_left),
        BEHAVIOUR(a_hook_is_not_asked_inside_a_call_of_the_library),
        BEHAVIOUR(without_the_guard_or_its_mappings_the_process_ends),
    };
    return RUN(argc, argv, behaviours);
}
