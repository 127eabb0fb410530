/* Atomic numbers in a mapping, and waiting for them. */

#include <pthread.h>
#include <signal.h>

#include "files.h"

static memmap_handle handle, other;

static uint32_t load32(memmap_handle map, uint64_t offset) {
    uint32_t value = 0xdead;
    CHECK_OK(memmap_atomic_load32(map, offset, &value));
    return value;
}

static uint64_t load64(memmap_handle map, uint64_t offset) {
    uint64_t value = 0xdead;
    CHECK_OK(memmap_atomic_load64(map, offset, &value));
    return value;
}

static void numbers_of_32_bits_are_loaded_stored_added_and_swapped(void) {
    uint32_t before;
    CHECK_OK(memmap_anonymous(16, NULL, &handle));
    CHECK_OK(memmap_atomic_store32(handle, 12, 0xfffffffe));
    CHECK_OK(memmap_atomic_add32(handle, 12, 3, &before));
    CHECK_EQUAL(0xfffffffe, before);
    CHECK_EQUAL(1, load32(handle, 12)); /* Modulo 2^32, and the neighbours are left alone. */
    CHECK_EQUAL(0, load32(handle, 8));
    CHECK_OK(memmap_atomic_compare_swap32(handle, 12, 2, 9, &before));
    CHECK_EQUAL(1, before);
    CHECK_EQUAL(1, load32(handle, 12));
    CHECK_OK(memmap_atomic_compare_swap32(handle, 12, 1, 9, &before));
    CHECK_EQUAL(1, before);
    CHECK_EQUAL(9, load32(handle, 12));
    CHECK_OK(memmap_close(handle));
}

static void numbers_of_64_bits_are_loaded_stored_added_and_swapped(void) {
    uint64_t before;
    CHECK_OK(memmap_anonymous(24, NULL, &handle));
    CHECK_OK(memmap_atomic_store64(handle, 16, UINT64_MAX - 1));
    CHECK_OK(memmap_atomic_add64(handle, 16, 3, &before));
    CHECK_EQUAL(UINT64_MAX - 1, before);
    CHECK_EQUAL(1, load64(handle, 16));
    CHECK_EQUAL(0, load64(handle, 8));
    CHECK_OK(memmap_atomic_compare_swap64(handle, 16, 2, 9, &before));
    CHECK_EQUAL(1, before);
    CHECK_OK(memmap_atomic_compare_swap64(handle, 16, 1, UINT64_C(1) << 40, &before));
    CHECK_EQUAL(1, before);
    CHECK_EQUAL(UINT64_C(1) << 40, load64(handle, 16));
    CHECK_OK(memmap_close(handle));
}

/* What every one of the functions says of an offset. */
static void refused_at(uint64_t offset, memmap_status for32, memmap_status for64) {
    uint64_t out;
    uint32_t out32 = 7;
    CHECK_STATUS(for32, memmap_atomic_load32(handle, offset, &out32));
    CHECK_STATUS(for32, memmap_atomic_store32(handle, offset, 1));
    CHECK_STATUS(for32, memmap_atomic_add32(handle, offset, 1, &out32));
    CHECK_STATUS(for32, memmap_atomic_compare_swap32(handle, offset, 1, 2, &out32));
    CHECK_STATUS(for32, memmap_wait(handle, offset, 0, 0));
    CHECK_STATUS(for32, memmap_wake(handle, offset, 1));
    CHECK_REFUSED(for64, out, memmap_atomic_load64(handle, offset, &out));
    CHECK_STATUS(for64, memmap_atomic_store64(handle, offset, 1));
    CHECK_REFUSED(for64, out, memmap_atomic_add64(handle, offset, 1, &out));
    CHECK_REFUSED(for64, out, memmap_atomic_compare_swap64(handle, offset, 1, 2, &out));
    CHECK_EQUAL(7, out32);
}

static void what_is_not_aligned_or_lies_outside_is_refused(void) {
    uint64_t out;
    uint32_t before = 0;
    CHECK_OK(memmap_anonymous(24, NULL, &handle));
    refused_at(1, MEMMAP_ERR_INVALID, MEMMAP_ERR_INVALID);
    refused_at(6, MEMMAP_ERR_INVALID, MEMMAP_ERR_INVALID);
    refused_at(21, MEMMAP_ERR_RANGE, MEMMAP_ERR_RANGE);
    refused_at(24, MEMMAP_ERR_RANGE, MEMMAP_ERR_RANGE);
    refused_at(UINT64_MAX, MEMMAP_ERR_RANGE, MEMMAP_ERR_RANGE);
    refused_at(UINT64_MAX - 3, MEMMAP_ERR_RANGE, MEMMAP_ERR_RANGE);
    CHECK_REFUSED(MEMMAP_ERR_RANGE, out, memmap_atomic_load64(handle, 20, &out));
    CHECK_REFUSED(MEMMAP_ERR_INVALID, out, memmap_atomic_load64(handle, 4, &out));
    CHECK_OK(memmap_atomic_load32(handle, 20, &before));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_atomic_load32(handle, 0, NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_atomic_load64(handle, 0, NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_atomic_add32(handle, 0, 1, NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_atomic_add64(handle, 0, 1, NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_atomic_compare_swap32(handle, 0, 0, 1, NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_atomic_compare_swap64(handle, 0, 0, 1, NULL));
    CHECK_EQUAL(0, load64(handle, 0));
    CHECK_OK(memmap_close(handle));
    /* It is the address that counts, and so the place in the file. */
    make_file("file", 100, 0);
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE, .offset = 3), &handle));
    refused_at(4, MEMMAP_ERR_INVALID, MEMMAP_ERR_INVALID);
    CHECK_OK(memmap_atomic_store64(handle, 5, 7));
    CHECK_EQUAL(7, byte_of("file", 8));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void a_read_only_mapping_is_loaded_from_and_waited_at_only(void) {
    uint64_t out;
    uint32_t before = 7;
    make_file("file", 100, 0);
    CHECK_OK(memmap_open("file", NULL, &handle));
    CHECK_EQUAL(0, load64(handle, 0));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_atomic_store32(handle, 0, 1));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_atomic_store64(handle, 0, 1));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_atomic_add32(handle, 0, 1, &before));
    CHECK_REFUSED(MEMMAP_ERR_ACCESS, out, memmap_atomic_add64(handle, 0, 1, &out));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_atomic_compare_swap32(handle, 0, 0, 1, &before));
    CHECK_REFUSED(MEMMAP_ERR_ACCESS, out, memmap_atomic_compare_swap64(handle, 0, 0, 1, &out));
    CHECK_STATUS(MEMMAP_ERR_TIMEOUT, memmap_wait(handle, 0, 0, 0));
    CHECK_OK(memmap_wake(handle, 0, 1));
    CHECK_EQUAL(7, before);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void waiting_for_what_has_changed_already_ends_at_once(void) {
    CHECK_OK(memmap_anonymous(8, NULL, &handle));
    CHECK_OK(memmap_wait(handle, 0, 1, -1));
    CHECK_STATUS(MEMMAP_ERR_TIMEOUT, memmap_wait(handle, 0, 0, 0));
    CHECK_STATUS(MEMMAP_ERR_TIMEOUT, memmap_wait(handle, 0, 0, 5));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_wait(handle, 0, 0, -2));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_wait(handle, 0, 0, INT64_MIN));
    CHECK_OK(memmap_wake(handle, 0, 0));
    CHECK_OK(memmap_wake(handle, 0, UINT32_MAX));
    CHECK_OK(memmap_close(handle));
}

static void open_both(void) {
    make_file("file", 8192, 0);
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE, .offset = 4096), &other));
}

static void close_both(void) {
    CHECK_OK(memmap_close(handle)), CHECK_OK(memmap_close(other));
    unlink("file");
}

enum { TURNS = 2000 };

/* Takes its turn when the number is `own`, by the mapping and the offset given. */
static void play(memmap_handle map, uint64_t offset, uint32_t own) {
    uint32_t turn, now, before;
    for (turn = 0; turn < TURNS; turn++) {
        while ((now = load32(map, offset)) % 2 != own)
            CHECK_OK(memmap_wait(map, offset, now, -1));
        CHECK_OK(memmap_atomic_add32(map, offset, 1, &before));
        CHECK_EQUAL(now, before);
        CHECK_OK(memmap_wake(map, offset, 1));
    }
}

static void play_second(void) {
    play(other, 4, 1);
}

static void two_processes_take_turns_and_miss_no_wake(void) {
    pid_t child;
    int status = -1;
    open_both();
    child = fork();
    if (child == 0) {
        failures = 0;
        alarm(60);
        play_second(); /* By another address. */
        _exit(failures == 0 ? 0 : 1);
    }
    play(handle, 4100, 0);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK_EQUAL(2 * TURNS, load32(handle, 4100));
    close_both();
}

static memmap_status waited;

static void *wait_there(void *unused) {
    uint32_t before;
    CHECK_OK(memmap_atomic_add32(handle, 8, 1, &before));
    waited = memmap_wait(handle, 0, 0, -1);
    return unused;
}

static void *wait_only(void *unused) {
    __atomic_store_n(&waited, memmap_wait(handle, 0, 0, -1), __ATOMIC_RELEASE);
    return unused;
}

static void who_waits_keeps_the_mapping_where_it_is(void) {
    pthread_t thread;
    open_both();
    CHECK(pthread_create(&thread, NULL, wait_there, NULL) == 0);
    while (info_of(handle).pins == 0)
        sched_yield();
    CHECK_STATUS(MEMMAP_ERR_BUSY, memmap_resize(handle, 1));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_OK(memmap_atomic_store32(handle, 0, 1)); /* In case it doesn't wait yet. */
    CHECK_OK(memmap_wake(handle, 0, UINT32_MAX));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_STATUS(0, waited);
    close_both();
}

static int stop, wakes;

static void *wake_all_the_time(void *unused) {
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        CHECK_OK(memmap_wake(handle, 0, 1));
        __atomic_fetch_add(&wakes, 1, __ATOMIC_RELAXED);
    }
    return unused;
}

/* Waits until they have got on. */
static void let_them_wake(void) {
    int before = __atomic_load_n(&wakes, __ATOMIC_RELAXED);
    while (__atomic_load_n(&wakes, __ATOMIC_RELAXED) < before + 5)
        sched_yield();
}

static void who_wakes_is_in_nobodys_way(void) {
    enum { WAKERS = 2, CHANGES = 300 };
    pthread_t threads[WAKERS];
    int i;
    open_both();
    for (i = 0; i < WAKERS; i++)
        CHECK(pthread_create(&threads[i], NULL, wake_all_the_time, NULL) == 0);
    for (i = 0; i < CHANGES; i++) {
        let_them_wake();
        CHECK_OK(memmap_protect(handle, i % 2 != 0 ? MEMMAP_READ_WRITE : MEMMAP_READ_ONLY));
    }
    CHECK_OK(memmap_resize(handle, 20000));
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (i = 0; i < WAKERS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    close_both();
}

/* A thread waits at the number, which is 0, and is woken. */
static void is_waited_at(memmap_handle map) {
    pthread_t thread;
    memmap_handle before = handle;
    handle = map;
    waited = 1;
    CHECK_STATUS(MEMMAP_ERR_TIMEOUT, memmap_wait(map, 0, 0, 0));
    CHECK_OK(memmap_wait(map, 0, 1, -1));
    CHECK(pthread_create(&thread, NULL, wait_only, NULL) == 0);
    while (__atomic_load_n(&waited, __ATOMIC_ACQUIRE) == 1) {
        CHECK_OK(memmap_wake(map, 0, 1));
        sched_yield();
    }
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_STATUS(0, waited);
    handle = before;
}

static void private_memory_is_waited_at_also_where_it_is_read_only(void) {
    memmap_handle map;
    alarm(10);
    CHECK_OK(memmap_anonymous(8192, NULL, &map));
    is_waited_at(map);
    CHECK_OK(memmap_protect(map, MEMMAP_READ_ONLY)); /* Nothing has ever been written there. */
    is_waited_at(map);
    CHECK_OK(memmap_close(map));
    open_both();
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_COPY_ON_WRITE), &map));
    is_waited_at(map);
    CHECK_OK(memmap_atomic_store32(map, 0, 0)); /* Now it has a page of its own. */
    CHECK_OK(memmap_protect(map, MEMMAP_READ_ONLY));
    is_waited_at(map);
    CHECK_OK(memmap_close(map));
    close_both();
}

enum { PROCESSES = 8, THREADS = 4, COUNTS = 5000 };

static void *count(void *unused) {
    uint64_t before;
    uint32_t expected, before32;
    int i;
    for (i = 0; i < COUNTS; i++) {
        CHECK_OK(memmap_atomic_add64(handle, 0, 1, &before));
        do {
            expected = load32(other, 8);
            CHECK_OK(memmap_atomic_compare_swap32(other, 8, expected, expected + 1, &before32));
        } while (before32 != expected);
    }
    return unused;
}

static void count_in_threads(void) {
    pthread_t threads[THREADS];
    int i;
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, count, NULL) == 0);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static void eight_processes_of_four_threads_lose_no_count(void) {
    int i, status;
    open_both();
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
    CHECK_EQUAL(PROCESSES * THREADS * COUNTS, load64(handle, 0));
    CHECK_EQUAL(PROCESSES * THREADS * COUNTS, load32(handle, 4104));
    close_both();
}

static void a_number_whose_page_is_gone_is_a_fault(void) {
    uint64_t out;
    CHECK_OK(memmap_guard_install());
    open_both();
    CHECK(truncate("file", 4096) == 0);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_wait(handle, 4096, 0, -1));
    CHECK_REFUSED(MEMMAP_ERR_FAULT, out, memmap_atomic_load64(handle, 4096, &out));
    CHECK_REFUSED(MEMMAP_ERR_FAULT, out, memmap_atomic_add64(other, 0, 1, &out));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_atomic_store32(other, 0, 1));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_wait(other, 0, 0, -1));
    CHECK_EQUAL(0, load64(handle, 0)); /* What is there is there. */
    close_both();
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(numbers_of_32_bits_are_loaded_stored_added_and_swapped),
        BEHAVIOUR(numbers_of_64_bits_are_loaded_stored_added_and_swapped),
        BEHAVIOUR(what_is_not_aligned_or_lies_outside_is_refused),
        BEHAVIOUR(a_read_only_mapping_is_loaded_from_and_waited_at_only),
        BEHAVIOUR(waiting_for_what_has_changed_already_ends_at_once),
        BEHAVIOUR(two_processes_take_turns_and_miss_no_wake),
        BEHAVIOUR(who_waits_keeps_the_mapping_where_it_is),
        BEHAVIOUR(who_wakes_is_in_nobodys_way),
        BEHAVIOUR(private_memory_is_waited_at_also_where_it_is_read_only),
        BEHAVIOUR(eight_processes_of_four_threads_lose_no_count),
        BEHAVIOUR(a_number_whose_page_is_gone_is_a_fault),
    };
    return RUN(argc, argv, behaviours);
}
