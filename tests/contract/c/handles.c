/* Handles: closing them, many of them, and what threads and forks do with them. */

#include <pthread.h>

#include "files.h"

static memmap_handle handle;

/* Every function that takes a handle says the same of one that is none, and writes no output. */
static void is_no_handle(memmap_handle none) {
    char buf[4] = "abc";
    uint8_t *data = NULL;
    uint64_t len;
    int fd = -1;
    uint32_t number = 7;
    memmap_view view = {NULL, UNTOUCHED};
    memmap_info info = {0};
    info.size = sizeof info;
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_close(none));
    CHECK_REFUSED(MEMMAP_ERR_HANDLE, len, memmap_len(none, &len));
    CHECK_REFUSED(MEMMAP_ERR_HANDLE, len, memmap_data(none, &data, &len));
    CHECK_REFUSED(MEMMAP_ERR_HANDLE, len, memmap_refresh(none, &len));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_get_info(none, &info));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_pin(none, &view));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_unpin(none));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_read(none, 0, buf, 3));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_read(none, 0, NULL, 0));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_write(none, 0, buf, 3));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_fill(none, 0, MEMMAP_TO_END, 1));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_move(none, 0, 0, 0));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_flush(none, 0, 0, MEMMAP_FLUSH_SYNC));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_resize(none, 0));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_resize(none, UINT64_MAX));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_fd(none, &fd));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_read_only_fd(none, &fd));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_seal(none, 0));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_get_seals(none, &number));
    CHECK(fd == -1 && number == 7);
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_lock(none, 0, 1, MEMMAP_LOCK_SHARED, -1));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_unlock(none, 0, 1));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_atomic_load32(none, 0, &number));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_atomic_store32(none, 0, 1));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_atomic_add32(none, 0, 1, &number));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_atomic_compare_swap32(none, 0, 1, 2, &number));
    CHECK_REFUSED(MEMMAP_ERR_HANDLE, len, memmap_atomic_load64(none, 0, &len));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_atomic_store64(none, 0, 1));
    CHECK_REFUSED(MEMMAP_ERR_HANDLE, len, memmap_atomic_add64(none, 0, 1, &len));
    CHECK_REFUSED(MEMMAP_ERR_HANDLE, len, memmap_atomic_compare_swap64(none, 0, 1, 2, &len));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_wait(none, 0, 0, -1));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_wake(none, 0, 1));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_cell_create(none, 0, 1));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_cell_publish(none, 0, buf, 1));
    CHECK_REFUSED(MEMMAP_ERR_HANDLE, len, memmap_cell_read(none, 0, buf, 1, &len, &len));
    CHECK_REFUSED(MEMMAP_ERR_HANDLE, len, memmap_cell_look(none, 0, &len, &len));
    CHECK(number == 7);
    CHECK(data == NULL && view.data == NULL && view.len == UNTOUCHED);
    CHECK(info.length == 0 && info.access == 0 && strcmp(buf, "abc") == 0);
}

static void numbers_that_were_never_issued_are_no_handles(void) {
    uint64_t random = 88172645463325252u; /* Marsaglia's xorshift64, from his own seed. */
    int i;
    CHECK_OK(memmap_anonymous(1, NULL, &handle));
    is_no_handle(0);
    is_no_handle(1);
    is_no_handle(UINT64_MAX);
    is_no_handle(handle | UINT64_C(1) << 63);
    is_no_handle(handle | UINT64_C(1) << 48);
    is_no_handle(handle + 1);
    for (i = 0; i < 1000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        is_no_handle(random);
        is_no_handle(random & 0xffffffffffff);
        is_no_handle(random & 0x3000fff);
    }
    CHECK_OK(memmap_close(handle));
}

static void a_closed_handle_is_none_also_when_its_place_is_taken_again(void) {
    memmap_handle next;
    int i;
    CHECK_OK(memmap_anonymous(1, NULL, &handle));
    CHECK_OK(memmap_close(handle));
    is_no_handle(handle);
    for (i = 0; i < 1000; i++) {
        CHECK_OK(memmap_anonymous(1, NULL, &next));
        CHECK(next != handle);
        is_no_handle(handle);
        CHECK_OK(memmap_fill(next, 0, 1, 1));
        CHECK_OK(memmap_close(next));
    }
}

static void closing_unmaps_at_once_and_flushes_nothing_away(void) {
    char permissions[5];
    uint8_t *data;
    CHECK_OK(memmap_create("file", 10, NULL, &handle));
    data = address_of(handle);
    CHECK_OK(memmap_write(handle, 0, "kept", 4));
    CHECK(mapping_at(data, permissions));
    CHECK_OK(memmap_close(handle));
    CHECK(!mapping_at(data, permissions));
    CHECK_EQUAL('k', byte_of("file", 0));
    unlink("file");
}

static void a_pin_keeps_the_memory_after_the_close(void) {
    char permissions[5];
    memmap_view view;
    make_file("file", 5000, 'x');
    CHECK_OK(memmap_open("file", NULL, &handle));
    CHECK_OK(memmap_pin(handle, &view));
    CHECK_OK(memmap_pin(handle, &view));
    CHECK_OK(memmap_close(handle));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_close(handle));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_read(handle, 0, NULL, 0));
    CHECK(view.data[0] == 'x' && view.data[4999] == 'x');
    CHECK_OK(memmap_unpin(handle));
    CHECK_EQUAL('x', view.data[4999]);
    CHECK_OK(memmap_unpin(handle));
    CHECK(!mapping_at(view.data, permissions));
    is_no_handle(handle);
    unlink("file");
}

enum { THREADS = 8, ROUNDS = 300 };

static pthread_barrier_t line;
static int closed_by[THREADS];

static void *close_each(void *number) {
    int *closed = number, round;
    for (round = 0; round < ROUNDS; round++) {
        memmap_status status;
        pthread_barrier_wait(&line); /* The handle is there. */
        status = memmap_close(handle);
        if (status == 0)
            (*closed)++;
        else
            CHECK_STATUS(MEMMAP_ERR_HANDLE, status);
        pthread_barrier_wait(&line); /* Everyone has tried. */
    }
    return NULL;
}

static void of_threads_that_close_the_same_handle_one_succeeds(void) {
    pthread_t threads[THREADS];
    int i, round, total = 0;
    CHECK(pthread_barrier_init(&line, NULL, THREADS + 1) == 0);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, close_each, &closed_by[i]) == 0);
    for (round = 0; round < ROUNDS; round++) {
        CHECK_OK(memmap_anonymous(1, NULL, &handle));
        pthread_barrier_wait(&line);
        pthread_barrier_wait(&line);
    }
    for (i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        total += closed_by[i];
    }
    CHECK_EQUAL(ROUNDS, total);
}

static void uses_and_closes(void) {
    memmap_handle own;
    CHECK(all_bytes(handle, 0, 100, 'x'));
    CHECK_OK(memmap_write(handle, 0, "child", 5));
    CHECK_OK(memmap_flush(handle, 0, 5, MEMMAP_FLUSH_ASYNC));
    CHECK_OK(memmap_unpin(handle)); /* The pin was inherited, and is the child's own now. */
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_unpin(handle));
    CHECK_OK(memmap_resize(handle, 200));
    CHECK_OK(memmap_close(handle));
    is_no_handle(handle);
    CHECK_OK(memmap_open("file", NULL, &own));
    CHECK_OK(memmap_close(own));
}

static void a_fork_uses_and_closes_what_the_parent_keeps(void) {
    memmap_view view;
    uint64_t len;
    make_file("file", 100, 'x');
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_OK(memmap_pin(handle, &view));
    in_child(uses_and_closes);
    CHECK_EQUAL('c', byte_at(handle, 0)); /* A shared mapping stays shared. */
    CHECK_EQUAL(100, length_of(handle));
    CHECK_OK(memmap_unpin(handle));
    CHECK_OK(memmap_refresh(handle, &len));
    CHECK_EQUAL(200, len);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static int stop;

static void *resize_all_the_time(void *unused) {
    uint64_t len;
    for (len = 0; !__atomic_load_n(&stop, __ATOMIC_SEQ_CST); len = (len + 999) % 50000)
        CHECK_OK(memmap_resize(handle, len));
    return unused;
}

static void resizes(void) {
    CHECK_OK(memmap_resize(handle, 100));
    CHECK_OK(memmap_resize(handle, 100000));
    CHECK_EQUAL(100000, length_of(handle));
}

static void fork_while_another_thread_resizes(void) {
    pthread_t thread;
    int i;
    CHECK_OK(memmap_anonymous(1, NULL, &handle));
    CHECK(pthread_create(&thread, NULL, resize_all_the_time, NULL) == 0);
    for (i = 0; i < 10; i++)
        in_child(resizes);
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_OK(memmap_close(handle));
}

static void a_fork_while_another_thread_resizes_finds_nothing_locked(void) {
    int i;
    for (i = 0; i < 20; i++) /* Each time the first fork may meet the first resize of the process. */
        in_child(fork_while_another_thread_resizes);
}

static void at_the_systems_limit_of_mappings_the_earlier_ones_are_still_good(void) {
    enum { MOST = 65530 + 1 };
    memmap_handle *handles = malloc(MOST * sizeof *handles);
    memmap_status status = 0;
    long i, count = 0, most = 0;
    FILE *setting = fopen("/proc/sys/vm/max_map_count", "r");
    if (setting == NULL || fscanf(setting, "%ld", &most) != 1 || most >= MOST || handles == NULL) {
        skip("vm.max_map_count is not 65530 or less");
    } else {
        /* Of a file, since the kernel would merge anonymous ones. */
        make_file("file", 10, 'x');
        while (count < MOST && status == 0) {
            status = memmap_open("file", OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR), &handles[count]);
            count += status == 0;
        }
        CHECK_STATUS(MEMMAP_ERR_LIMIT, status);
        CHECK(count > most - 1000);
        CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_anonymous(1 << 20, NULL, &handle));
        CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_create("new", 1, NULL, &handle));
        CHECK(!exists("new"));
        for (i = 0; i < count; i++)
            CHECK_EQUAL('x', byte_at(handles[i], 9));
        for (i = 0; i < count; i++)
            CHECK_OK(memmap_close(handles[i]));
        CHECK_OK(memmap_open("file", NULL, &handle));
        CHECK_OK(memmap_close(handle));
        unlink("file");
    }
    if (setting != NULL)
        fclose(setting);
    free(handles);
}

static void at_the_limit_of_descriptors_opening_is_emfile(void) {
    memmap_handle handles[64];
    memmap_status status = 0;
    int count = 0;
    make_file("file", 10, 'x');
    CHECK(limit(RLIMIT_NOFILE, 40));
    while (status == 0 && count < 64) {
        status = memmap_open("file", NULL, &handles[count]);
        count += status == 0;
    }
    CHECK_STATUS(EMFILE, status);
    CHECK_STATUS(EMFILE, memmap_create("new", 1, NULL, &handle));
    CHECK_STATUS(EMFILE, memmap_from_fd(0, NULL, &handle));
    CHECK(!exists("new"));
    while (count-- > 0) {
        CHECK_EQUAL('x', byte_at(handles[count], 0));
        CHECK_OK(memmap_close(handles[count]));
    }
    unlink("file");
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(numbers_that_were_never_issued_are_no_handles),
        BEHAVIOUR(a_closed_handle_is_none_also_when_its_place_is_taken_again),
        BEHAVIOUR(closing_unmaps_at_once_and_flushes_nothing_away),
        BEHAVIOUR(a_pin_keeps_the_memory_after_the_close),
        BEHAVIOUR(of_threads_that_close_the_same_handle_one_succeeds),
        BEHAVIOUR(a_fork_uses_and_closes_what_the_parent_keeps),
        BEHAVIOUR(a_fork_while_another_thread_resizes_finds_nothing_locked),
        BEHAVIOUR(at_the_systems_limit_of_mappings_the_earlier_ones_are_still_good),
        BEHAVIOUR(at_the_limit_of_descriptors_opening_is_emfile),
    };
    return RUN(argc, argv, behaviours);
}
