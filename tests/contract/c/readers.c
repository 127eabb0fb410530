/*
 * Readers: threads that read a mapping often show what they read instead of counting it, and closing, changing and
 * forking look for them.
 */

#include <dlfcn.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "files.h"

#define LEN UINT64_C(16384)

#define LOAD(variable) __atomic_load_n(&(variable), __ATOMIC_SEQ_CST)
#define STORE(variable, value) __atomic_store_n(&(variable), value, __ATOMIC_SEQ_CST)

/* More calls than are counted before a handle is shown. */
#define OFTEN 200

static uint64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void start(pthread_t *thread, void *(*body)(void *), void *argument) {
    if (!CHECK(pthread_create(thread, NULL, body, argument) == 0))
        exit(1);
}

static void end(pthread_t thread) {
    CHECK(pthread_join(thread, NULL) == 0);
}

/* Has the calling thread read the mapping so often that it shows the handle. */
static void read_often(memmap_handle handle) {
    int i;
    for (i = 0; i < OFTEN; i++)
        byte_at(handle, 0);
}

static memmap_handle filled(int byte) {
    memmap_handle handle = 0;
    CHECK_OK(memmap_anonymous(LEN, NULL, &handle));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, (uint8_t)byte));
    read_often(handle);
    return handle;
}

static int is_mapped(const void *address) {
    char permissions[5];
    return mapping_at(address, permissions);
}

/* ---- Many reads beside changes: memory that is unmapped under one ends the program. ---- */

static memmap_handle shared;
static int over;
static uint64_t reads;

/* A handle's bytes are all the same, and not 0; -1 where there is none, -2 where they differ. */
static int read_all(memmap_handle handle, uint64_t len) {
    uint8_t bytes[LEN];
    uint64_t i;
    if (memmap_read(handle, 0, bytes, len) != 0)
        return -1;
    for (i = 1; i < len; i++)
        if (bytes[i] != bytes[0])
            return -2;
    return bytes[0];
}

static void *read_until_over(void *expected) {
    uint64_t count = 0;
    while (!LOAD(over)) {
        int byte = read_all(LOAD(shared), count % 8 == 0 ? LEN : 64);
        if (byte == -2 || byte == 0 || (expected != NULL && byte != *(int *)expected)) {
            CHECK_EQUAL(expected != NULL ? *(int *)expected : 1, byte);
            break;
        }
        count++;
    }
    __atomic_fetch_add(&reads, count, __ATOMIC_SEQ_CST);
    return NULL;
}

enum { READERS = 3 };

static void beside_readers(void (*change)(int round), void *expected) {
    pthread_t readers[READERS];
    uint64_t until = milliseconds() + 700;
    int i, round;
    over = 0;
    reads = 0;
    for (i = 0; i < READERS; i++)
        start(&readers[i], read_until_over, expected);
    for (round = 0; milliseconds() < until; round++)
        change(round);
    STORE(over, 1);
    for (i = 0; i < READERS; i++)
        end(readers[i]);
    CHECK(reads > OFTEN);
}

static void close_and_open(int round) {
    memmap_handle before = shared;
    memmap_handle next = filled(1 + round % 200);
    STORE(shared, next);
    CHECK_OK(memmap_close(before));
}

static void readers_beside_a_close_find_the_bytes_or_no_handle(void) {
    shared = filled(1);
    beside_readers(close_and_open, NULL);
    CHECK_OK(memmap_close(shared));
}

static void resize(int round) {
    /* Within no capacity, so that it moves. */
    CHECK_OK(memmap_resize(shared, round % 2 == 0 ? 64 * LEN : LEN));
}

static void readers_beside_a_resize_find_the_bytes(void) {
    int expected = 'x';
    shared = filled('x');
    beside_readers(resize, &expected);
    CHECK_OK(memmap_close(shared));
}

static void lengthen_and_refresh(int round) {
    uint64_t len;
    CHECK(truncate("file", round % 2 == 0 ? 64 * (off_t)LEN : (off_t)LEN) == 0);
    CHECK_OK(memmap_refresh(shared, &len));
}

static void readers_beside_a_refresh_find_the_bytes(void) {
    int expected = 'x';
    memmap_handle handle;
    make_file("file", LEN, 'x');
    CHECK_OK(memmap_open("file", NULL, &handle));
    shared = handle;
    beside_readers(lengthen_and_refresh, &expected);
    CHECK_OK(memmap_close(shared));
    unlink("file");
}

static void protect(int round) {
    (void)round;
    CHECK_OK(memmap_protect(shared, MEMMAP_READ_ONLY));
    CHECK_OK(memmap_protect(shared, MEMMAP_READ_WRITE));
}

static void readers_beside_a_protect_find_the_bytes(void) {
    int expected = 'x';
    shared = filled('x');
    beside_readers(protect, &expected);
    CHECK_OK(memmap_close(shared));
}

/* ---- A read that goes on until it is told to end: the page that it copies to can't be written to. ---- */

static struct {
    uint8_t *page;
    memmap_handle handle;
    memmap_status status;
    void (*inside)(void); /* Called in the middle of the read, in a signal handler. */
    sem_t reached, go_on;
    sigjmp_buf *leave; /* Where the handler goes, if it isn't back. */
} stopped;

static void on_stop(int signal, siginfo_t *info, void *context) {
    uint8_t *address = info->si_addr;
    (void)signal;
    (void)context;
    if (address < stopped.page || address >= stopped.page + 4096)
        _exit(3);
    if (stopped.inside != NULL)
        stopped.inside();
    sem_post(&stopped.reached);
    while (sem_wait(&stopped.go_on) != 0)
        ;
    mprotect(stopped.page, 4096, PROT_READ | PROT_WRITE);
    if (stopped.leave != NULL)
        siglongjmp(*stopped.leave, 1);
}

static void *read_and_stop(void *argument) {
    (void)argument;
    read_often(stopped.handle);
    CHECK(mprotect(stopped.page, 4096, PROT_NONE) == 0);
    stopped.status = memmap_read(stopped.handle, 0, stopped.page, 4096);
    if (stopped.status == 0)
        CHECK_EQUAL('x', stopped.page[4095]);
    return NULL;
}

static void prepare_to_stop(memmap_handle handle, void (*inside)(void)) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_stop;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    stopped.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stopped.handle = handle;
    stopped.inside = inside;
    sem_init(&stopped.reached, 0, 0);
    sem_init(&stopped.go_on, 0, 0);
}

/* Has a thread stop in the middle of a read. */
static pthread_t stop_in_a_read(memmap_handle handle, void (*inside)(void)) {
    pthread_t reader;
    prepare_to_stop(handle, inside);
    start(&reader, read_and_stop, NULL);
    while (sem_wait(&stopped.reached) != 0)
        ;
    return reader;
}

static void a_close_does_not_wait_for_a_read_and_the_read_keeps_the_memory(void) {
    memmap_handle handle = filled('x');
    uint8_t *data = address_of(handle);
    pthread_t reader = stop_in_a_read(handle, NULL);
    CHECK_OK(memmap_close(handle));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_close(handle));
    CHECK_EQUAL(-1, byte_at(handle, 0));
    CHECK(is_mapped(data));
    sem_post(&stopped.go_on);
    end(reader);
    CHECK_OK(stopped.status);
    CHECK(!is_mapped(data));
}

static void *resize_it(void *argument) {
    CHECK_OK(memmap_resize(stopped.handle, 64 * LEN));
    STORE(*(int *)argument, 1);
    return NULL;
}

static void a_resize_waits_for_a_read(void) {
    int done = 0;
    memmap_handle handle = filled('x');
    pthread_t reader = stop_in_a_read(handle, NULL), other;
    start(&other, resize_it, &done);
    usleep(300 * 1000);
    CHECK(!LOAD(done));
    CHECK_EQUAL('x', byte_at(handle, 0)); /* Who has no business with it gets in meanwhile. */
    sem_post(&stopped.go_on);
    end(reader);
    end(other);
    CHECK_OK(stopped.status);
    CHECK_OK(memmap_close(handle));
}

static memmap_handle another;

static void read_inside(void) {
    int i;
    for (i = 0; i < OFTEN; i++) {
        CHECK_EQUAL('y', byte_at(another, 0));
        CHECK_EQUAL('x', byte_at(stopped.handle, 0));
    }
}

static void a_signal_handler_that_reads_leaves_the_read_that_it_interrupted_alone(void) {
    memmap_handle handle = filled('x');
    uint8_t *data = address_of(handle);
    pthread_t reader;
    another = filled('y');
    reader = stop_in_a_read(handle, read_inside);
    CHECK_OK(memmap_close(another));
    CHECK_OK(memmap_close(handle));
    CHECK(is_mapped(data));
    sem_post(&stopped.go_on);
    end(reader);
    CHECK_OK(stopped.status);
    CHECK(!is_mapped(data));
}

static void close_inside(void) {
    CHECK_OK(memmap_close(stopped.handle));
    sem_post(&stopped.go_on);
}

static void a_signal_handler_closes_what_it_has_interrupted_the_read_of(void) {
    memmap_handle handle = filled('x');
    uint8_t *data = address_of(handle);
    end(stop_in_a_read(handle, close_inside));
    CHECK_OK(stopped.status);
    CHECK(!is_mapped(data));
}

static void change_in_a_child(void) {
    uint64_t before = milliseconds();
    CHECK_OK(memmap_resize(stopped.handle, 64 * LEN));
    CHECK(milliseconds() - before < 5000);
}

static uint8_t *closed_at;

static void look_and_close_in_a_child(void) {
    uint8_t *data = address_of(stopped.handle);
    CHECK(!is_mapped(closed_at)); /* Only a thread that is not here was reading it. */
    CHECK_OK(memmap_close(stopped.handle));
    CHECK(!is_mapped(data));
}

static void a_child_of_fork_waits_for_no_read_of_a_thread_that_it_does_not_have(void) {
    memmap_handle handle = filled('x');
    pthread_t reader = stop_in_a_read(handle, NULL);
    in_child(change_in_a_child);
    closed_at = NULL;
    in_child(look_and_close_in_a_child);
    sem_post(&stopped.go_on);
    end(reader);
    CHECK_OK(stopped.status);
    CHECK_OK(memmap_close(handle));
}

static void look_in_a_child(void) {
    CHECK(!is_mapped(closed_at));
}

static void a_child_of_fork_unmaps_what_was_closed_under_a_read_of_another_thread(void) {
    memmap_handle handle = filled('x');
    pthread_t reader;
    closed_at = address_of(handle);
    reader = stop_in_a_read(handle, NULL);
    CHECK_OK(memmap_close(handle));
    in_child(look_in_a_child);
    CHECK(is_mapped(closed_at));
    sem_post(&stopped.go_on);
    end(reader);
    CHECK(!is_mapped(closed_at));
}

static pid_t child;

static void fork_inside(void) {
    child = fork();
    if (child == 0)
        CHECK_OK(memmap_close(stopped.handle)); /* The read goes on all the same. */
    sem_post(&stopped.go_on);
}

static void the_thread_that_forks_in_the_middle_of_a_read_goes_on_in_the_child(void) {
    memmap_handle handle = filled('x');
    uint8_t *data = address_of(handle);
    int status = -1;
    fflush(NULL);
    prepare_to_stop(handle, fork_inside);
    read_and_stop(NULL);
    CHECK_OK(stopped.status);
    if (child == 0) {
        CHECK(!is_mapped(data));
        _exit(failures != 0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(is_mapped(data));
    CHECK_OK(memmap_close(handle));
    CHECK(!is_mapped(data));
}

/* ---- Threads that end. ---- */

static void *leave_a_read(void *argument) {
    sigjmp_buf leave;
    stopped.leave = &leave;
    if (sigsetjmp(leave, 1) == 0)
        read_and_stop(NULL);
    CHECK_EQUAL('y', byte_at(another, 0)); /* It still can read. */
    CHECK_EQUAL('x', byte_at(stopped.handle, 0));
    return argument;
}

static void what_a_thread_left_by_a_jump_goes_with_the_thread(void) {
    memmap_handle handle = filled('x');
    uint8_t *data = address_of(handle);
    pthread_t reader;
    another = filled('y');
    prepare_to_stop(handle, NULL);
    start(&reader, leave_a_read, NULL);
    sem_post(&stopped.go_on);
    end(reader);
    stopped.leave = NULL;
    CHECK_OK(memmap_close(handle));
    CHECK(!is_mapped(data));
    CHECK_OK(memmap_close(another));
}

static void *read_and_end(void *argument) {
    read_often(shared);
    return argument;
}

static void *read_and_be_cancelled(void *argument) {
    read_often(shared);
    sem_post(argument);
    while (1)
        pause();
    return NULL;
}

static pthread_key_t late;

static void read_late(void *argument) {
    static __thread int times;
    CHECK_EQUAL('x', byte_at(shared, 0));
    if (++times < 3) /* After the library's own destructor, too. */
        pthread_setspecific(late, argument);
}

static void *read_while_ending(void *argument) {
    read_often(shared);
    pthread_setspecific(late, argument);
    return NULL;
}

static void threads_that_end_keep_nothing(void) {
    pthread_t thread;
    uint8_t *data;
    sem_t reading;
    int i;
    shared = filled('x');
    data = address_of(shared);
    CHECK(sem_init(&reading, 0, 0) == 0 && pthread_key_create(&late, read_late) == 0);
    for (i = 0; i < 100; i++) {
        start(&thread, read_and_end, NULL);
        end(thread);
        start(&thread, read_and_be_cancelled, &reading);
        while (sem_wait(&reading) != 0)
            ;
        CHECK(pthread_cancel(thread) == 0);
        end(thread);
        start(&thread, read_while_ending, &reading);
        end(thread);
    }
    CHECK_OK(memmap_resize(shared, 64 * LEN));
    data = address_of(shared);
    CHECK_OK(memmap_close(shared));
    CHECK(!is_mapped(data));
}

/* ---- Systems that have no membarrier(2), and libraries that are loaded late. ---- */

static int refuse_membarrier(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        skip("no seccomp filter can be installed");
        return 0;
    }
    return CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) == -1);
}

/* The system is asked when the library is loaded, so this program is begun again. */
static void readers_pass_fences_where_there_is_no_membarrier(void) {
    char folder[4096];
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) != -1) {
        if (CHECK(getcwd(folder, sizeof folder) != NULL) && refuse_membarrier())
            execl("/proc/self/exe", "readers", folder, current, (char *)NULL);
        return;
    }
    readers_beside_a_close_find_the_bytes_or_no_handle();
    readers_beside_a_resize_find_the_bytes();
    a_close_does_not_wait_for_a_read_and_the_read_keeps_the_memory();
}

static void readers_are_looked_for_also_where_membarrier_is_forbidden_later(void) {
    shared = filled('x');
    another = filled('y');
    if (refuse_membarrier()) {
        beside_readers(close_and_open, NULL);
        CHECK_OK(memmap_resize(another, 64 * LEN));
        CHECK_EQUAL('y', byte_at(another, 0));
        a_close_does_not_wait_for_a_read_and_the_read_keeps_the_memory();
    }
    CHECK_OK(memmap_close(another));
    CHECK_OK(memmap_close(shared));
}

static void a_process_may_have_registered_for_membarrier_already(void) {
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0) {
        skip("no membarrier");
        return;
    }
    readers_beside_a_close_find_the_bytes_or_no_handle();
}

static struct {
    memmap_status (*anonymous)(uint64_t, const memmap_options *, memmap_handle *);
    memmap_status (*read)(memmap_handle, uint64_t, void *, uint64_t);
    memmap_status (*close)(memmap_handle);
} copy;

static void *read_by_the_copy(void *handle) {
    uint8_t byte = 1;
    int i;
    for (i = 0; i < OFTEN; i++) {
        CHECK_OK(copy.read(*(memmap_handle *)handle, 7, &byte, 1));
        CHECK_EQUAL(0, byte);
    }
    return NULL;
}

/* Threads that were there before it have room for its variables. */
static void a_library_that_is_loaded_late_has_readers_too(void) {
    memmap_handle handle;
    pthread_t threads[2];
    char command[4096];
    void *library;
    shared = filled('x');
    start(&threads[0], read_and_end, NULL);
    snprintf(command, sizeof command, "cp '%s' ./late.so", getenv("MEMMAP_SHARED_LIBRARY"));
    CHECK(system(command) == 0);
    library = dlopen("./late.so", RTLD_NOW | RTLD_LOCAL);
    unlink("late.so");
    if (!CHECK(library != NULL))
        return;
    *(void **)&copy.anonymous = dlsym(library, "memmap_anonymous");
    *(void **)&copy.read = dlsym(library, "memmap_read");
    *(void **)&copy.close = dlsym(library, "memmap_close");
    CHECK_OK(copy.anonymous(LEN, NULL, &handle));
    start(&threads[1], read_by_the_copy, &handle);
    read_by_the_copy(&handle);
    end(threads[0]);
    end(threads[1]);
    CHECK_OK(copy.close(handle));
    CHECK_EQUAL('x', byte_at(shared, 0));
    CHECK_OK(memmap_close(shared));
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(readers_beside_a_close_find_the_bytes_or_no_handle),
        BEHAVIOUR(readers_beside_a_resize_find_the_bytes),
        BEHAVIOUR(readers_beside_a_refresh_find_the_bytes),
        BEHAVIOUR(readers_beside_a_protect_find_the_bytes),
        BEHAVIOUR(a_close_does_not_wait_for_a_read_and_the_read_keeps_the_memory),
        BEHAVIOUR(a_resize_waits_for_a_read),
        BEHAVIOUR(a_signal_handler_that_reads_leaves_the_read_that_it_interrupted_alone),
        BEHAVIOUR(a_signal_handler_closes_what_it_has_interrupted_the_read_of),
        BEHAVIOUR(a_child_of_fork_waits_for_no_read_of_a_thread_that_it_does_not_have),
        BEHAVIOUR(a_child_of_fork_unmaps_what_was_closed_under_a_read_of_another_thread),
        BEHAVIOUR(the_thread_that_forks_in_the_middle_of_a_read_goes_on_in_the_child),
        BEHAVIOUR(what_a_thread_left_by_a_jump_goes_with_the_thread),
        BEHAVIOUR(threads_that_end_keep_nothing),
        BEHAVIOUR(readers_pass_fences_where_there_is_no_membarrier),
        BEHAVIOUR(readers_are_looked_for_also_where_membarrier_is_forbidden_later),
        BEHAVIOUR(a_process_may_have_registered_for_membarrier_already),
        BEHAVIOUR(a_library_that_is_loaded_late_has_readers_too),
    };
    return RUN(argc, argv, behaviours);
}
