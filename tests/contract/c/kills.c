/*
 * kill -9 at moments that nobody knows: of a lock's holder, of a cell's writer, of its reader.
 *
 * MEMMAP_ROUNDS is how many processes are killed in all; `make kills` kills 500. MEMMAP_SEED chooses the moments.
 */

#include "values.h"

static memmap_handle handle;
static uint64_t offset;

static int rounds(void) {
    const char *set = getenv("MEMMAP_ROUNDS");
    int all = set != NULL ? atoi(set) : 60;
    return (all + 2) / 3;
}

static void open_file(uint64_t size) {
    CHECK_OK(memmap_create("file", size, NULL, &handle));
}

static void close_file(void) {
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void lock_all_the_time(void) {
    for (;;) {
        CHECK_OK(memmap_lock(handle, 0, 8, MEMMAP_LOCK_EXCLUSIVE, -1));
        CHECK_OK(memmap_unlock(handle, 0, 8));
        CHECK_OK(memmap_lock(handle, 0, MEMMAP_TO_END, MEMMAP_LOCK_SHARED, -1));
        CHECK_OK(memmap_unlock(handle, 0, MEMMAP_TO_END));
    }
}

static void a_killed_holder_leaves_nothing_locked(void) {
    int round;
    open_file(100);
    for (round = 0; round < rounds(); round++) {
        pid_t one = start(lock_all_the_time), other = start(lock_all_the_time);
        kill_at_random(one);
        kill_at_random(other); /* It went on without the first. */
        CHECK_OK(memmap_lock(handle, 0, MEMMAP_TO_END, MEMMAP_LOCK_EXCLUSIVE, 0));
        CHECK_OK(memmap_unlock(handle, 0, MEMMAP_TO_END));
    }
    close_file();
}

static void make_cell(void) {
    uint64_t size = 0;
    CHECK_OK(memmap_cell_size(CAPACITY, &size));
    open_file(size);
    CHECK_OK(memmap_cell_create(handle, offset, CAPACITY));
}

/* The number of the newest value, which must be whole. */
static uint64_t newest(void) {
    uint8_t value[CAPACITY];
    uint64_t len = 0, sequence = 0;
    CHECK_OK(memmap_cell_read(handle, offset, value, sizeof value, &len, &sequence));
    CHECK(sequence == 0 || is_whole(value, len));
    return sequence;
}

static void publish_all_the_time(void) {
    uint8_t value[CAPACITY];
    uint64_t number;
    for (number = newest() + 1;; number++) {
        uint64_t len = make_value(number, value);
        CHECK_OK(memmap_cell_publish(handle, offset, value, len));
    }
}

static void a_killed_writer_leaves_the_last_whole_value_and_the_next_goes_on(void) {
    uint64_t last = 0, now, again;
    int round;
    make_cell();
    for (round = 0; round < rounds(); round++) {
        kill_at_random(start(publish_all_the_time));
        now = newest();
        again = newest();
        CHECK(now >= last && now == again);
        last = now;
    }
    CHECK(last > 0);
    close_file();
}

static void read_all_the_time(void) {
    for (;;)
        newest();
}

static void a_killed_reader_harms_nobody(void) {
    uint64_t last = 0, now;
    pid_t writer, bystander;
    int round, status;
    make_cell();
    writer = start(publish_all_the_time);
    bystander = start(read_all_the_time);
    for (round = 0; round < rounds(); round++) {
        kill_at_random(start(read_all_the_time));
        now = newest();
        CHECK(now >= last);
        last = now;
        CHECK(waitpid(writer, &status, WNOHANG) == 0 && waitpid(bystander, &status, WNOHANG) == 0);
    }
    while (newest() == last) /* The writer goes on. */
        sched_yield();
    kill_at_random(writer);
    kill_at_random(bystander);
    close_file();
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(a_killed_holder_leaves_nothing_locked),
        BEHAVIOUR(a_killed_writer_leaves_the_last_whole_value_and_the_next_goes_on),
        BEHAVIOUR(a_killed_reader_harms_nobody),
    };
    const char *set = getenv("MEMMAP_SEED");
    unsigned seed = set != NULL ? (unsigned)strtoul(set, NULL, 10) : (unsigned)time(NULL);
    printf("MEMMAP_SEED=%u\n", seed);
    srand(seed);
    return RUN(argc, argv, behaviours);
}
