/* The record that each thread has, and leaving a function in the middle of it.
 *
 * In C, since a function that returns twice can't be called from Rust, and since thread-local memory of the
 * initial-exec model is there for a signal handler without a call of the loader's.
 *
 * A function is left in two steps. The handler of the fault has the kernel go on in `land`, on the stack of the function
 * that is left: so the kernel itself restores the signal mask and the alternate stack, and a handler in front of ours that
 * called it returns as ever. `land` then jumps.
 */

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#define HIDDEN __attribute__((visibility("hidden")))

/* A function that runs, and may be left. It lies in the frame that the function returns to. */
struct attempt {
    struct attempt *outer;
    const struct attempt *self; /* Itself, as long as that frame is there. */
    uint64_t calls;             /* The record's, before it. */
    uint64_t handle;            /* Whose pin is to be given back when the thread unwinds; 0 for none. */
    void (*give_back)(uint64_t handle);
    jmp_buf out;
};

/* What src/threads/thread.rs knows of it; both have the same members. */
struct thread {
    struct attempt *attempt; /* The innermost. */
    uint64_t calls;          /* How many of the library's own are under way, which must not be left. */
    const void *reader;      /* Where the thread shows what it reads: see src/handles/readers.rs. */
};

HIDDEN __thread struct thread memmap_private_thread __attribute__((tls_model("initial-exec")));

HIDDEN struct thread *memmap_private_this_thread(void) {
    return &memmap_private_thread;
}

/* Keeps the compiler from moving what it does to memory over this, since a signal handler looks at it. */
static inline void settle(void) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void end(struct attempt *attempt) {
    settle();
    memmap_private_thread.attempt = attempt->outer;
    memmap_private_thread.calls = attempt->calls;
    attempt->self = NULL;
    settle();
}

/* By an exception of C++, or the end of the thread. */
static void unwind(struct attempt *attempt) {
    if (attempt->self != NULL)
        end(attempt);
    if (attempt->handle != 0)
        attempt->give_back(attempt->handle);
}

/* Runs `function`; 0 with its value when it has returned, 1 when it was left. */
HIDDEN int memmap_private_attempt(int (*function)(const void *view, void *argument), const void *view, void *argument,
                                  uint64_t handle, void (*give_back)(uint64_t handle), int *value) {
    __attribute__((cleanup(unwind))) struct attempt attempt;
    struct attempt *outer = memmap_private_thread.attempt;
    /* One that isn't above this one on the stack is of a frame that somebody has jumped out of. */
    attempt.outer = outer > &attempt ? outer : NULL;
    attempt.calls = memmap_private_thread.calls;
    attempt.handle = handle;
    attempt.give_back = give_back;
    if (_setjmp(attempt.out) != 0) {
        attempt.handle = 0;
        return 1;
    }
    attempt.self = &attempt;
    settle();
    memmap_private_thread.attempt = &attempt;
    memmap_private_thread.calls = 0;
    settle();
    *value = function(view, argument);
    end(&attempt);
    attempt.handle = 0;
    return 0;
}

/* The kernel goes on here when a function is left. */
static void land(void) {
    struct attempt *attempt = memmap_private_thread.attempt;
    end(attempt);
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("emms"); /* The registers of the x87 are to be empty, and the interrupted code may have used them. */
#endif
    _longjmp(attempt->out, 1);
}

/* Bytes below the stack pointer that stay untouched: those that code may use unasked, 128 by the System V ABI for x86-64. */
enum { BELOW = 256 };

/* The instruction and the stack pointer that a thread goes on with, whose stack pointer is `now`, to leave the function that
 * it runs; 0 if there is none that may be left. */
HIDDEN uintptr_t memmap_private_way_out(uintptr_t now, uintptr_t *stack) {
    const struct attempt *attempt = memmap_private_thread.attempt;
    if (attempt == NULL || memmap_private_thread.calls != 0)
        return 0;
    /* Code above it on the stack isn't called by the function, which was left by a jump then. */
    if (now > (uintptr_t)attempt || attempt->self != attempt)
        return 0;
    /* Not further up, where it would overwrite frames that are left: a sanitizer has marked what lies between their variables. */
    *stack = (now - BELOW) & ~(uintptr_t)15;
    return (uintptr_t)land;
}
