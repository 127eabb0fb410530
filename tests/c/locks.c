/* Range locks: between handles, threads and processes. */

#include <pthread.h>
#include <signal.h>

#include "files.h"

static memmap_handle handle, other;

enum { SHARED = MEMMAP_LOCK_SHARED, EXCLUSIVE = MEMMAP_LOCK_EXCLUSIVE, FOR_EVER = -1 };

#define LOCKS(handle, offset, len, mode) CHECK_OK(memmap_lock(handle, offset, len, mode, FOR_EVER))
#define IS_LOCKED(handle, offset, len, mode) \
    CHECK_STATUS(MEMMAP_ERR_TIMEOUT, memmap_lock(handle, offset, len, mode, 0))
#define UNLOCKS(handle, offset, len) CHECK_OK(memmap_unlock(handle, offset, len))

/* Takes it and gives it back. */
#define IS_FREE(handle, offset, len, mode)                  \
    do {                                                    \
        CHECK_OK(memmap_lock(handle, offset, len, mode, 0)); \
        UNLOCKS(handle, offset, len);                       \
    } while (0)

static memmap_handle opened(void) {
    memmap_handle map = 0;
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE), &map));
    return map;
}

/* The file, and two handles of it. */
static void open_both(void) {
    make_file("file", 100, 'x');
    handle = opened();
    other = opened();
}

static void close_both(void) {
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_close(other));
    unlink("file");
}

static void an_exclusive_lock_excludes_all_and_a_shared_one_only_exclusive_ones(void) {
    open_both();
    LOCKS(handle, 10, 10, EXCLUSIVE);
    IS_LOCKED(other, 10, 10, EXCLUSIVE);
    IS_LOCKED(other, 19, 1, SHARED);
    IS_LOCKED(other, 0, 100, SHARED);
    CHECK_STATUS(MEMMAP_ERR_TIMEOUT, memmap_lock(other, 10, 10, EXCLUSIVE, 5));
    IS_FREE(other, 0, 10, EXCLUSIVE);
    IS_FREE(other, 20, 80, EXCLUSIVE);
    UNLOCKS(handle, 10, 10);
    LOCKS(handle, 10, 10, SHARED);
    IS_LOCKED(other, 10, 10, EXCLUSIVE);
    LOCKS(other, 15, 10, SHARED);
    IS_LOCKED(handle, 20, 1, EXCLUSIVE);
    UNLOCKS(other, 15, 10);
    UNLOCKS(handle, 10, 10);
    IS_FREE(other, 0, 100, EXCLUSIVE);
    close_both();
}

static void a_lock_to_the_end_reaches_what_the_file_grows_by(void) {
    open_both();
    LOCKS(handle, 50, MEMMAP_TO_END, EXCLUSIVE);
    IS_FREE(other, 0, 50, EXCLUSIVE);
    IS_LOCKED(other, 99, 1, SHARED);
    CHECK_OK(memmap_resize(other, 10000));
    IS_LOCKED(other, 9999, 1, SHARED);
    UNLOCKS(handle, 50, MEMMAP_TO_END);
    IS_FREE(other, 0, MEMMAP_TO_END, EXCLUSIVE);
    close_both();
}

static void windows_of_one_file_agree_on_where_a_range_is(void) {
    memmap_handle window;
    open_both();
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE, .offset = 33), &window));
    LOCKS(window, 7, 10, EXCLUSIVE);
    IS_FREE(handle, 39, 1, SHARED);
    IS_LOCKED(handle, 40, 1, SHARED);
    IS_LOCKED(handle, 49, 1, SHARED);
    IS_FREE(handle, 50, 1, SHARED);
    CHECK_OK(memmap_close(window));
    IS_FREE(handle, 40, 10, EXCLUSIVE);
    close_both();
}

static void what_means_nothing_is_refused(void) {
    open_both();
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_lock(handle, 0, 1, 2, 0));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_lock(handle, 0, 1, UINT32_MAX, 0));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_lock(handle, 0, 1, SHARED, -2));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_lock(handle, 0, 1, SHARED, INT64_MIN));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_lock(handle, 0, 101, SHARED, 0));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_lock(handle, 101, 0, SHARED, 0));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_lock(handle, 101, MEMMAP_TO_END, SHARED, 0));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_lock(handle, UINT64_MAX, 2, SHARED, 0));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_unlock(handle, UINT64_MAX, 2));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_unlock(handle, 0, 1)); /* Nothing is locked. */
    CHECK_OK(memmap_lock(handle, 50, 0, EXCLUSIVE, 0));             /* Nothing is asked for. */
    CHECK_OK(memmap_unlock(handle, 50, 0));
    CHECK_OK(memmap_lock(handle, 0, 10, EXCLUSIVE, INT64_MAX));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_unlock(handle, 0, 9));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_unlock(handle, 1, 9));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_unlock(handle, 0, MEMMAP_TO_END));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_unlock(other, 0, 10));
    UNLOCKS(handle, 0, 10);
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_unlock(handle, 0, 10));
    close_both();
}

static void what_cannot_be_locked_says_so(void) {
    int own;
    make_file("file", 100, 'x');
    CHECK_OK(memmap_open("file", NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_lock(handle, 0, 1, EXCLUSIVE, 0));
    CHECK_OK(memmap_lock(handle, 0, 1, SHARED, 0));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("file", OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR), &handle));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_lock(handle, 0, 1, SHARED, 0));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_lock(handle, 0, 0, SHARED, 0));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_unlock(handle, 0, 1));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_anonymous(100, NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_lock(handle, 0, 1, SHARED, 0));
    CHECK_OK(memmap_close(handle));
    handle = opened();
    CHECK_EQUAL(1, descriptors_of("file", &own));
    close(own);
    CHECK(memmap_lock(handle, 0, 1, SHARED, 0) > 0); /* The descriptor to open it by is gone. */
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void another_file_under_the_number_of_ours_is_never_locked(void) {
    int first, second, wrong;
    make_file("wrong", 100, 'w');
    open_both();
    CHECK_EQUAL(2, descriptors_of("file", &first));
    LOCKS(handle, 0, 1, SHARED);
    CHECK_EQUAL(3, descriptors_of("file", &second)); /* The last is that of the locks. */
    close(second);
    CHECK_STATUS(EBADF, memmap_lock(handle, 0, 1, SHARED, 0));
    wrong = open("wrong", O_RDWR | O_CLOEXEC);
    CHECK_EQUAL(second, wrong);
    CHECK_STATUS(EBADF, memmap_lock(handle, 50, 1, EXCLUSIVE, 0));
    IS_FREE(other, 50, 1, EXCLUSIVE); /* And nothing of the attempt is left. */
    close_both();
    unlink("wrong");
}

static void a_closed_handle_has_locked_nothing(void) {
    open_both();
    LOCKS(handle, 0, 10, EXCLUSIVE);
    LOCKS(handle, 20, 10, SHARED);
    CHECK_OK(memmap_close(handle));
    IS_FREE(other, 0, 100, EXCLUSIVE);
    CHECK_OK(memmap_close(other));
    unlink("file");
}

static void a_descriptor_that_was_handed_on_excludes_where_it_came_from(void) {
    memmap_handle received;
    int fd = -1;
    CHECK_OK(memmap_memfd("m", 100, NULL, &handle));
    CHECK_OK(memmap_fd(handle, &fd));
    CHECK_OK(memmap_from_fd(fd, OPTIONS(.access = MEMMAP_READ_WRITE), &received));
    close(fd);
    LOCKS(handle, 0, 10, EXCLUSIVE);
    IS_LOCKED(received, 0, 10, EXCLUSIVE);
    CHECK_OK(memmap_close(handle));
    IS_FREE(received, 0, 10, EXCLUSIVE);
    CHECK_OK(memmap_close(received));
}

static void of_shared_locks_of_one_handle_each_counts(void) {
    open_both();
    LOCKS(handle, 0, 20, SHARED);
    LOCKS(handle, 10, 20, SHARED);
    LOCKS(handle, 10, 20, SHARED);
    UNLOCKS(handle, 10, 20);
    IS_LOCKED(other, 29, 1, EXCLUSIVE);
    UNLOCKS(handle, 0, 20);
    IS_FREE(other, 0, 10, EXCLUSIVE);
    IS_LOCKED(other, 10, 1, EXCLUSIVE);
    UNLOCKS(handle, 10, 20);
    IS_FREE(other, 0, 100, EXCLUSIVE);
    close_both();
}

static void there_is_no_upgrade(void) {
    open_both();
    LOCKS(handle, 0, 10, SHARED);
    IS_LOCKED(handle, 0, 10, EXCLUSIVE);
    IS_LOCKED(other, 0, 10, EXCLUSIVE); /* The shared one is still had. */
    UNLOCKS(handle, 0, 10);
    IS_FREE(handle, 0, 10, EXCLUSIVE);
    close_both();
}

static int told[2]; /* A pipe by which one says that it has come so far. */

static void tell(void) {
    CHECK(write(told[1], "!", 1) == 1);
}

static void hear(void) {
    char byte;
    CHECK(read(told[0], &byte, 1) == 1);
}

static memmap_status waited;

static void *wait_exclusive(void *unused) {
    tell();
    waited = memmap_lock(handle, 0, 10, EXCLUSIVE, FOR_EVER);
    tell();
    return unused;
}

/* Until the thread stands in the queue: then even readers who come later wait. */
static void until_a_thread_waits(void) {
    hear();
    while (memmap_lock(handle, 0, 1, SHARED, 0) == 0) {
        UNLOCKS(handle, 0, 1);
        sched_yield();
    }
}

static void threads_of_one_handle_exclude_each_other_first_come_first_served(void) {
    pthread_t thread;
    CHECK(pipe(told) == 0);
    open_both();
    LOCKS(handle, 0, 10, SHARED);
    CHECK(pthread_create(&thread, NULL, wait_exclusive, NULL) == 0);
    until_a_thread_waits();
    IS_LOCKED(handle, 5, 1, SHARED); /* It came before. */
    IS_FREE(handle, 10, 1, SHARED);
    UNLOCKS(handle, 0, 10);
    hear();
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_STATUS(0, waited);
    IS_LOCKED(handle, 0, 10, SHARED);
    IS_LOCKED(other, 0, 10, SHARED);
    UNLOCKS(handle, 0, 10); /* It is the handle's: this thread may give it back. */
    IS_FREE(other, 0, 10, EXCLUSIVE);
    close_both();
}

static void who_waits_when_the_handle_is_closed_is_told(void) {
    pthread_t thread;
    CHECK(pipe(told) == 0);
    open_both();
    LOCKS(handle, 0, 10, SHARED);
    CHECK(pthread_create(&thread, NULL, wait_exclusive, NULL) == 0);
    until_a_thread_waits();
    CHECK_OK(memmap_resize(handle, 20000)); /* Who waits doesn't keep the mapping in its place. */
    CHECK_OK(memmap_close(handle));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_STATUS(MEMMAP_ERR_HANDLE, waited);
    IS_FREE(other, 0, 100, EXCLUSIVE);
    CHECK_OK(memmap_close(other));
    unlink("file");
}

static void waits_for_the_parent(void) {
    IS_LOCKED(other, 0, 10, SHARED);
    tell();
    LOCKS(other, 0, 10, SHARED);
}

static void a_process_waits_until_another_lets_go(void) {
    pid_t child;
    int status = -1;
    CHECK(pipe(told) == 0);
    open_both();
    LOCKS(handle, 0, 10, EXCLUSIVE);
    child = fork();
    if (child == 0) {
        failures = 0;
        alarm(60);
        waits_for_the_parent();
        _exit(failures == 0 ? 0 : 1);
    }
    hear();
    UNLOCKS(handle, 0, 10);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    IS_FREE(handle, 0, 10, EXCLUSIVE);
    close_both();
}

static void has_nothing_of_its_parents(void) {
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_unlock(handle, 0, 10));
    IS_LOCKED(handle, 0, 10, EXCLUSIVE);
    IS_FREE(handle, 10, 10, EXCLUSIVE);
    LOCKS(handle, 20, 10, EXCLUSIVE); /* Goes when it ends. */
}

static void a_child_has_no_locks_and_is_excluded_as_anybody(void) {
    open_both();
    LOCKS(handle, 0, 10, EXCLUSIVE);
    in_child(has_nothing_of_its_parents);
    IS_LOCKED(other, 0, 10, EXCLUSIVE);
    IS_FREE(handle, 20, 10, EXCLUSIVE);
    close_both();
}

static int left[2]; /* A pipe whose end comes when a test is through. */

/* Locks, has a child that goes on, and is killed. */
static void lock_and_leave_a_child(void) {
    char byte;
    LOCKS(handle, 0, 10, EXCLUSIVE);
    if (fork() == 0) {
        close(left[1]);
        tell();
        _exit((int)read(left[0], &byte, 1));
    }
    raise(SIGKILL);
}

static void the_locks_of_a_dead_process_are_free_although_its_child_lives(void) {
    CHECK(pipe(told) == 0 && pipe(left) == 0);
    open_both();
    CHECK_EQUAL(SIGKILL, killed_by(lock_and_leave_a_child));
    hear();
    IS_FREE(other, 0, 10, EXCLUSIVE);
    close_both();
    close(left[1]);
}

enum { PROCESSES = 8, THREADS = 4, COUNTS = 100 };

/* Adds one, as slowly as can be: what is read is written back after everyone else had a chance. */
static void *count(void *map) {
    memmap_handle own = *(memmap_handle *)map;
    uint64_t number;
    int i;
    for (i = 0; i < COUNTS; i++) {
        LOCKS(own, 0, 8, EXCLUSIVE);
        CHECK_OK(memmap_read(own, 0, &number, 8));
        sched_yield();
        number++;
        CHECK_OK(memmap_write(own, 0, &number, 8));
        UNLOCKS(own, 0, 8);
    }
    return NULL;
}

static void count_in_threads(void) {
    pthread_t threads[THREADS];
    memmap_handle own = opened();
    int i;
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, count, &own) == 0);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK_OK(memmap_close(own));
}

static void eight_processes_of_four_threads_lose_no_count(void) {
    uint64_t number = 0;
    int i, status;
    open_both();
    CHECK_OK(memmap_write(handle, 0, &number, 8));
    for (i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            failures = 0;
            alarm(60);
            count_in_threads();
            _exit(failures == 0 ? 0 : 1);
        }
    }
    for (i = 0; i < PROCESSES; i++)
        CHECK(wait(&status) > 0 && status == 0);
    CHECK_OK(memmap_read(handle, 0, &number, 8));
    CHECK_EQUAL(PROCESSES * THREADS * COUNTS, number);
    close_both();
}

static int stop;

static void *lock_all_the_time(void *unused) {
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        LOCKS(handle, 0, 1, SHARED);
        UNLOCKS(handle, 0, 1);
    }
    return unused;
}

static void locks_by_the_same_handle(void) {
    LOCKS(handle, 50, 1, EXCLUSIVE);
    UNLOCKS(handle, 50, 1);
}

static void a_fork_while_another_thread_locks_finds_nothing_locked(void) {
    pthread_t thread;
    int i;
    open_both();
    CHECK(pthread_create(&thread, NULL, lock_all_the_time, NULL) == 0);
    for (i = 0; i < 50; i++)
        in_child(locks_by_the_same_handle);
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    CHECK(pthread_join(thread, NULL) == 0);
    close_both();
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(an_exclusive_lock_excludes_all_and_a_shared_one_only_exclusive_ones),
        BEHAVIOUR(a_lock_to_the_end_reaches_what_the_file_grows_by),
        BEHAVIOUR(windows_of_one_file_agree_on_where_a_range_is),
        BEHAVIOUR(what_means_nothing_is_refused),
        BEHAVIOUR(what_cannot_be_locked_says_so),
        BEHAVIOUR(another_file_under_the_number_of_ours_is_never_locked),
        BEHAVIOUR(a_closed_handle_has_locked_nothing),
        BEHAVIOUR(a_descriptor_that_was_handed_on_excludes_where_it_came_from),
        BEHAVIOUR(of_shared_locks_of_one_handle_each_counts),
        BEHAVIOUR(there_is_no_upgrade),
        BEHAVIOUR(threads_of_one_handle_exclude_each_other_first_come_first_served),
        BEHAVIOUR(who_waits_when_the_handle_is_closed_is_told),
        BEHAVIOUR(a_process_waits_until_another_lets_go),
        BEHAVIOUR(a_child_has_no_locks_and_is_excluded_as_anybody),
        BEHAVIOUR(the_locks_of_a_dead_process_are_free_although_its_child_lives),
        BEHAVIOUR(eight_processes_of_four_threads_lose_no_count),
        BEHAVIOUR(a_fork_while_another_thread_locks_finds_nothing_locked),
    };
    return RUN(argc, argv, behaviours);
}
