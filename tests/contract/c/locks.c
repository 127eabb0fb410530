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

/* Whether anybody has locked bytes of the file. */
static int has_locks(const char *name) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(name, O_RDWR | O_CLOEXEC);
    CHECK(fcntl(fd, F_OFD_GETLK, &lock) == 0);
    close(fd);
    return lock.l_type != F_UNLCK;
}

static void another_file_under_the_number_of_ours_is_never_locked(void) {
    struct flock theirs = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
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
    CHECK(fcntl(wrong, F_OFD_SETLK, &theirs) == 0);
    CHECK_STATUS(EBADF, memmap_unlock(handle, 0, 1)); /* Nor unlocked, */
    CHECK(has_locks("wrong"));
    close_both();
    CHECK(has_locks("wrong")); /* nor closed. */
    close(wrong);
    CHECK(!has_locks("wrong"));
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
    alarm(10);
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
    alarm(10);
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

/* What a thread locks, until when it waits, and what came of it. */
struct waiter {
    pthread_t thread;
    uint64_t offset, len;
    uint32_t mode;
    int64_t timeout;
    memmap_status status;
};

static void *wait_as_told(void *argument) {
    struct waiter *own = argument;
    own->status = memmap_lock(handle, own->offset, own->len, own->mode, own->timeout);
    return argument;
}

/* Starts it, and waits until it stands in the queue: until then byte `at` of what it asks for is free. */
static void starts_to_wait(struct waiter *waiter, uint64_t at) {
    CHECK(pthread_create(&waiter->thread, NULL, wait_as_told, waiter) == 0);
    while (memmap_lock(handle, at, 1, EXCLUSIVE, 0) == 0) {
        UNLOCKS(handle, at, 1);
        sched_yield();
    }
}

static void ends_with(memmap_status expected, struct waiter *waiter) {
    CHECK(pthread_join(waiter->thread, NULL) == 0);
    CHECK_STATUS(expected, waiter->status);
}

static void what_is_unlocked_is_free_although_a_thread_waits_for_a_part_of_it(void) {
    struct waiter waiter = {.offset = 5, .len = 20, .mode = SHARED, .timeout = FOR_EVER};
    open_both();
    LOCKS(other, 10, 10, EXCLUSIVE); /* As another process does. */
    LOCKS(handle, 0, 10, SHARED);
    starts_to_wait(&waiter, 20);
    IS_LOCKED(other, 5, 1, EXCLUSIVE);
    UNLOCKS(handle, 0, 10);
    IS_FREE(other, 0, 10, EXCLUSIVE); /* Of what it waits for, it has nothing. */
    UNLOCKS(other, 10, 10);
    ends_with(0, &waiter);
    IS_LOCKED(other, 5, 1, EXCLUSIVE);
    IS_LOCKED(other, 24, 1, EXCLUSIVE);
    IS_FREE(other, 0, 5, EXCLUSIVE);
    UNLOCKS(handle, 5, 20);
    IS_FREE(other, 0, 100, EXCLUSIVE);
    close_both();
}

enum { ROUNDS = 300 };

/* Whoever has just got a shared range has it, whatever others give back that overlaps. */
static void *lock_and_look(void *from) {
    const uint64_t offset = *(uint64_t *)from;
    int i;
    for (i = 0; i < ROUNDS; i++) {
        LOCKS(handle, offset, 10, SHARED);
        IS_LOCKED(other, offset, 10, EXCLUSIVE);
        UNLOCKS(handle, offset, 10);
    }
    return NULL;
}

static void what_was_just_got_is_not_given_back_by_who_had_a_part_of_it(void) {
    pthread_t threads[3];
    uint64_t from[3] = {0, 5, 9};
    int i;
    open_both();
    for (i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, lock_and_look, &from[i]) == 0);
    for (i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    IS_FREE(other, 0, 100, EXCLUSIVE);
    close_both();
}

static void who_waits_for_another_process_when_the_handle_is_closed_is_told(void) {
    struct waiter for_ever = {.len = 20, .mode = EXCLUSIVE, .timeout = FOR_EVER};
    struct waiter for_long = {.offset = 30, .len = 20, .mode = SHARED, .timeout = 3600000};
    struct waiter behind = {.offset = 15, .len = 10, .mode = EXCLUSIVE, .timeout = FOR_EVER};
    alarm(10);
    open_both();
    LOCKS(other, 0, 10, EXCLUSIVE);
    LOCKS(other, 40, 10, EXCLUSIVE);
    starts_to_wait(&for_ever, 12);
    starts_to_wait(&for_long, 30);
    starts_to_wait(&behind, 20);
    CHECK_OK(memmap_close(handle));
    ends_with(MEMMAP_ERR_HANDLE, &for_ever);
    ends_with(MEMMAP_ERR_HANDLE, &for_long);
    ends_with(MEMMAP_ERR_HANDLE, &behind);
    IS_FREE(other, 15, 20, EXCLUSIVE);
    CHECK_OK(memmap_close(other));
    unlink("file");
}

static void who_waits_behind_one_that_gives_up_is_let_in(void) {
    struct waiter asks = {.len = 20, .mode = EXCLUSIVE, .timeout = 200};
    struct waiter behind = {.offset = 10, .len = 20, .mode = SHARED, .timeout = FOR_EVER};
    struct waiter queues = {.offset = 25, .len = 10, .mode = EXCLUSIVE, .timeout = 200};
    struct waiter last = {.offset = 30, .len = 20, .mode = SHARED, .timeout = FOR_EVER};
    alarm(10);
    open_both();
    LOCKS(other, 0, 10, EXCLUSIVE);
    starts_to_wait(&asks, 10);   /* The system says no, */
    starts_to_wait(&behind, 20); /* and this one's turn comes when that one gives up. */
    ends_with(MEMMAP_ERR_TIMEOUT, &asks);
    ends_with(0, &behind);
    starts_to_wait(&queues, 32); /* The same behind one that hasn't asked the system yet. */
    starts_to_wait(&last, 40);
    ends_with(MEMMAP_ERR_TIMEOUT, &queues);
    ends_with(0, &last);
    CHECK_OK(memmap_close(handle));
    IS_FREE(other, 10, 90, EXCLUSIVE);
    CHECK_OK(memmap_close(other));
    unlink("file");
}

/* The descriptor of the locks is closed by others while they wait: each is told, one after the other. */
static void who_waits_behind_one_that_fails_comes_next(void) {
    struct waiter fails = {.len = 20, .mode = EXCLUSIVE, .timeout = FOR_EVER};
    struct waiter behind = {.offset = 15, .len = 20, .mode = SHARED, .timeout = FOR_EVER};
    int locks;
    alarm(10);
    open_both();
    LOCKS(other, 0, 10, EXCLUSIVE);
    IS_FREE(handle, 50, 1, EXCLUSIVE);
    CHECK_EQUAL(4, descriptors_of("file", &locks)); /* The last is that of the handle's locks. */
    starts_to_wait(&fails, 12);
    starts_to_wait(&behind, 25);
    close(locks);
    ends_with(EBADF, &fails);
    ends_with(EBADF, &behind);
    close_both();
}

static void has_its_own_queue(void) {
    LOCKS(handle, 50, 1, EXCLUSIVE);
    UNLOCKS(handle, 50, 1);
    IS_LOCKED(handle, 0, 1, SHARED); /* By the parent's other handle; */
    IS_FREE(handle, 12, 1, EXCLUSIVE); /* and the parent's waiter isn't the child's. */
    CHECK_OK(memmap_close(handle));
}

static void a_child_has_nobody_who_waits_in_its_parent(void) {
    struct waiter waiter = {.len = 20, .mode = EXCLUSIVE, .timeout = FOR_EVER};
    alarm(10);
    open_both();
    LOCKS(other, 0, 10, EXCLUSIVE);
    starts_to_wait(&waiter, 12);
    in_child(has_its_own_queue);
    UNLOCKS(other, 0, 10);
    ends_with(0, &waiter);
    IS_LOCKED(other, 0, 1, SHARED);
    close_both();
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
            alarm(20);
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
        BEHAVIOUR(what_is_unlocked_is_free_although_a_thread_waits_for_a_part_of_it),
        BEHAVIOUR(what_was_just_got_is_not_given_back_by_who_had_a_part_of_it),
        BEHAVIOUR(who_waits_for_another_process_when_the_handle_is_closed_is_told),
        BEHAVIOUR(who_waits_behind_one_that_gives_up_is_let_in),
        BEHAVIOUR(who_waits_behind_one_that_fails_comes_next),
        BEHAVIOUR(a_child_has_nobody_who_waits_in_its_parent),
        BEHAVIOUR(eight_processes_of_four_threads_lose_no_count),
        BEHAVIOUR(a_fork_while_another_thread_locks_finds_nothing_locked),
    };
    return RUN(argc, argv, behaviours);
}
