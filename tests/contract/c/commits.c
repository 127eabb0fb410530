/* Commits. */

#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <time.h>

#include "files.h"

enum { PAGE = 4096, SIZE = 40 * PAGE };

#define ATOMIC OPTIONS(.access = MEMMAP_READ_WRITE, .flags = MEMMAP_ATOMIC)

static memmap_handle handle;

static void begin(uint64_t size) {
    CHECK_OK(memmap_create("file", size, OPTIONS(.flags = MEMMAP_ATOMIC), &handle));
}

static void end(void) {
    CHECK_OK(memmap_close(handle));
    unlink("file");
    unlink("file.commit");
}

static void put(uint64_t offset, int byte) {
    uint8_t value = (uint8_t)byte;
    CHECK_OK(memmap_write(handle, offset, &value, 1));
}

static void a_store_reaches_the_file_with_the_commit(void) {
    memmap_view view;
    begin(SIZE);
    CHECK_OK(memmap_pin(handle, &view));
    view.data[5] = 1;
    put(3 * PAGE + 7, 2);
    CHECK_OK(memmap_fill(handle, SIZE - 10, 10, 3));
    CHECK_EQUAL(0, byte_of("file", 5));
    CHECK_EQUAL(0, byte_of("file", 3 * PAGE + 7));
    CHECK_OK(memmap_commit(handle));
    CHECK_EQUAL(1, byte_of("file", 5));
    CHECK_EQUAL(2, byte_of("file", 3 * PAGE + 7));
    CHECK_EQUAL(3, byte_of("file", SIZE - 1));
    view.data[5] = 4; /* The same page again. */
    CHECK_EQUAL(1, byte_of("file", 5));
    CHECK_OK(memmap_commit(handle));
    CHECK_OK(memmap_commit(handle)); /* Nothing changed. */
    CHECK_EQUAL(4, byte_of("file", 5));
    CHECK_OK(memmap_unpin(handle));
    CHECK_OK(memmap_checkpoint(handle));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("file", ATOMIC, &handle));
    CHECK_EQUAL(4, byte_at(handle, 5));
    CHECK_EQUAL(3, byte_at(handle, SIZE - 1));
    end();
}

static void what_was_not_committed_goes_with_the_handle(void) {
    begin(SIZE);
    put(9, 1);
    CHECK_OK(memmap_commit(handle));
    put(9, 2);
    CHECK_OK(memmap_resize(handle, SIZE * 2));
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL(1, byte_of("file", 9));
    CHECK_EQUAL(SIZE, size_of("file"));
    unlink("file");
    unlink("file.commit");
}

static void a_rollback_takes_changes_and_length_back(void) {
    memmap_view view;
    begin(SIZE);
    put(1, 1);
    put(SIZE - 1, 1);
    CHECK_OK(memmap_commit(handle));
    put(1, 2);
    put(5 * PAGE, 2);
    CHECK_OK(memmap_pin(handle, &view));
    CHECK_OK(memmap_rollback(handle));
    CHECK_EQUAL(1, view.data[1]);
    CHECK_EQUAL(0, view.data[5 * PAGE]);
    CHECK_OK(memmap_unpin(handle));
    /* Longer, and shorter. */
    CHECK_OK(memmap_resize(handle, SIZE + 3 * PAGE + 1));
    put(SIZE + 3 * PAGE, 2);
    CHECK_OK(memmap_rollback(handle));
    CHECK_EQUAL(SIZE, length_of(handle));
    CHECK_OK(memmap_resize(handle, 10));
    CHECK_OK(memmap_resize(handle, SIZE));
    CHECK_EQUAL(0, byte_at(handle, SIZE - 1));
    CHECK_OK(memmap_rollback(handle));
    CHECK_EQUAL(SIZE, length_of(handle));
    CHECK_EQUAL(1, byte_at(handle, SIZE - 1));
    CHECK_OK(memmap_commit(handle));
    CHECK_EQUAL(1, byte_of("file", SIZE - 1));
    end();
}

static void the_length_is_part_of_the_commit(void) {
    const uint64_t lengths[] = {SIZE + 1, SIZE + PAGE, 3 * SIZE, 100, 0, 5, 5 * PAGE, 2 * PAGE};
    uint64_t before = SIZE;
    size_t i;
    begin(SIZE);
    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        CHECK_OK(memmap_resize(handle, lengths[i]));
        CHECK_EQUAL(before, size_of("file"));
        if (lengths[i] > before)
            CHECK_EQUAL(0, byte_at(handle, lengths[i] - 1));
        if (lengths[i] > 0)
            put(lengths[i] - 1, 7);
        CHECK_OK(memmap_commit(handle));
        CHECK_EQUAL(lengths[i], size_of("file"));
        if (lengths[i] > 0)
            CHECK_EQUAL(7, byte_of("file", lengths[i] - 1));
        before = lengths[i];
    }
    end();
}

static void what_is_cut_comes_back_as_zeros(void) {
    int cut;
    begin(SIZE);
    for (cut = 0; cut < 2; cut++) {
        CHECK_OK(memmap_fill(handle, 0, SIZE, 9));
        CHECK_OK(memmap_commit(handle));
        CHECK_OK(memmap_resize(handle, PAGE + 100));
        if (cut)
            CHECK_OK(memmap_commit(handle));
        CHECK_OK(memmap_resize(handle, SIZE));
        CHECK_EQUAL(9, byte_at(handle, PAGE + 99));
        CHECK_EQUAL(0, byte_at(handle, PAGE + 100));
        CHECK_EQUAL(0, byte_at(handle, 5 * PAGE));
        CHECK_OK(memmap_commit(handle));
        CHECK_EQUAL(9, byte_of("file", PAGE + 99));
        CHECK_EQUAL(0, byte_of("file", PAGE + 100));
        CHECK_EQUAL(0, byte_of("file", 5 * PAGE));
        CHECK_EQUAL(0, byte_of("file", SIZE - 1));
    }
    end();
}

static void growing_beyond_the_capacity_keeps_what_was_changed(void) {
    memmap_view view;
    uint64_t len = SIZE;
    int i;
    begin(SIZE);
    put(7, 1);
    for (i = 0; i < 6; i++) {
        len = len * 2 + 5;
        CHECK_OK(memmap_pin(handle, &view));
        CHECK_STATUS(MEMMAP_ERR_BUSY, memmap_resize(handle, len));
        CHECK_STATUS(MEMMAP_ERR_BUSY, memmap_resize(handle, 5));
        CHECK_OK(memmap_unpin(handle));
        CHECK_OK(memmap_resize(handle, len));
        put(len - 1, i + 1);
        CHECK_EQUAL(1, byte_at(handle, 7));
        if (i % 2)
            CHECK_OK(memmap_commit(handle));
    }
    CHECK_EQUAL(1, byte_of("file", 7));
    CHECK_EQUAL(6, byte_of("file", len - 1));
    put(len - 1, 9);
    CHECK_OK(memmap_rollback(handle));
    CHECK_EQUAL(6, byte_at(handle, len - 1));
    end();
    CHECK_OK(memmap_create("file", PAGE, OPTIONS(.flags = MEMMAP_ATOMIC, .capacity = SIZE), &handle));
    CHECK_OK(memmap_pin(handle, &view));
    CHECK_OK(memmap_resize(handle, SIZE));
    view.data[SIZE - 1] = 8;
    CHECK_OK(memmap_commit(handle));
    CHECK_EQUAL(8, byte_of("file", SIZE - 1));
    CHECK_OK(memmap_unpin(handle));
    end();
}

static void changes_are_what_differs(void) {
    memmap_range ranges[4];
    uint64_t count;
    begin(SIZE);
    CHECK_OK(memmap_changes(handle, NULL, 0, &count));
    CHECK_EQUAL(0, count);
    put(0, 1);
    CHECK_OK(memmap_fill(handle, 65536 - 10, 20, 2)); /* Where one piece ends. */
    put(SIZE - 1, 3);
    put(SIZE - 100, 0); /* As it was. */
    CHECK_OK(memmap_changes(handle, ranges, 4, &count));
    CHECK_EQUAL(3, count);
    CHECK_EQUAL(0, ranges[0].offset);
    CHECK_EQUAL(1, ranges[0].length);
    CHECK_EQUAL(65536 - 10, ranges[1].offset);
    CHECK_EQUAL(20, ranges[1].length);
    CHECK_EQUAL(SIZE - 1, ranges[2].offset);
    ranges[1].offset = 5;
    CHECK_OK(memmap_changes(handle, ranges, 1, &count));
    CHECK_EQUAL(3, count);
    CHECK_EQUAL(5, ranges[1].offset);
    CHECK_OK(memmap_commit(handle));
    CHECK_OK(memmap_changes(handle, ranges, 4, &count));
    CHECK_EQUAL(0, count);
    CHECK_REFUSED(MEMMAP_ERR_INVALID, count, memmap_changes(handle, NULL, 1, &count));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_changes(handle, ranges, 1, NULL));
    end();
}

static void there_is_one_writer_at_a_time(void) {
    memmap_handle other;
    int ready[2], status;
    char byte;
    pid_t child;
    begin(SIZE);
    CHECK_REFUSED(MEMMAP_ERR_BUSY, other, memmap_open("file", ATOMIC, &other));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(pipe(ready));
    child = fork();
    if (child == 0) {
        memmap_open("file", ATOMIC, &handle);
        write(ready[1], "x", 1);
        pause();
        _exit(0);
    }
    CHECK_EQUAL(1, read(ready[0], &byte, 1));
    CHECK_REFUSED(MEMMAP_ERR_BUSY, other, memmap_open("file", ATOMIC, &other));
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    close(ready[0]);
    close(ready[1]);
    CHECK_OK(memmap_open("file", ATOMIC, &handle));
    /* Who renames another file over it has the log of the first one's writer. */
    make_file("next", SIZE, 0);
    CHECK_OK(rename("next", "file"));
    CHECK_REFUSED(MEMMAP_ERR_BUSY, other, memmap_open("file", ATOMIC, &other));
    end();
}

static void a_child_of_fork_cannot_commit_nor_keep_the_file(void) {
    uint64_t count;
    int status, go[2];
    char byte;
    pid_t child;
    begin(SIZE);
    put(5, 1);
    CHECK_OK(pipe(go));
    child = fork();
    if (child == 0) {
        put(5, 2);
        CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_commit(handle));
        CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_rollback(handle));
        CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_checkpoint(handle));
        CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_resize(handle, 5));
        CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_recover(handle));
        CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_changes(handle, NULL, 0, &count));
        close(go[1]);
        read(go[0], &byte, 1);
        CHECK_OK(memmap_close(handle));
        CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_close(handle));
        fflush(stdout);
        _exit(failures != 0);
    }
    CHECK_OK(memmap_commit(handle));
    CHECK_EQUAL(1, byte_of("file", 5));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("file", ATOMIC, &handle)); /* While the child has its copy. */
    close(go[1]);
    close(go[0]);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    put(5, 3);
    CHECK_OK(memmap_commit(handle));
    CHECK_EQUAL(3, byte_of("file", 5));
    end();
}

static void what_cannot_be_committed_is_refused(void) {
    const memmap_options refused[] = {
        {.access = MEMMAP_COPY_ON_WRITE},
        {.access = MEMMAP_READ_WRITE, .offset = 1},
        {.access = MEMMAP_READ_WRITE, .length = 1},
        {.access = MEMMAP_READ_WRITE, .flags = MEMMAP_SPARSE},
        {.access = MEMMAP_READ_WRITE, .flags = MEMMAP_NO_DESCRIPTOR},
        {.access = MEMMAP_READ_WRITE, .flags = MEMMAP_LOCKED},
    };
    memmap_options options;
    memmap_handle other;
    uint64_t count;
    size_t i;
    int fd;
    make_file("file", SIZE, 'x');
    for (i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        options = refused[i];
        options.size = sizeof options;
        options.flags |= MEMMAP_ATOMIC;
        CHECK_REFUSED(MEMMAP_ERR_INVALID, other, memmap_open("file", &options, &other));
    }
    CHECK_REFUSED(MEMMAP_ERR_UNSUPPORTED, other,
                  memmap_open("file", OPTIONS(.flags = MEMMAP_ATOMIC), &other));
    fd = open("file", O_RDWR);
    CHECK_REFUSED(MEMMAP_ERR_INVALID, other, memmap_from_fd(fd, ATOMIC, &other));
    close(fd);
    CHECK_REFUSED(MEMMAP_ERR_INVALID, other, memmap_anonymous(5, ATOMIC, &other));
    CHECK_REFUSED(MEMMAP_ERR_INVALID, other, memmap_memfd("m", 5, ATOMIC, &other));
    CHECK_REFUSED(MEMMAP_ERR_NOT_REGULAR, other, memmap_open("/dev/null", ATOMIC, &other));
    CHECK_REFUSED(MEMMAP_ERR_NOT_REGULAR, other, memmap_open(".", ATOMIC, &other));
    CHECK_OK(symlink("file", "link"));
    CHECK_REFUSED(ELOOP, other, memmap_open("link", ATOMIC, &other));
    unlink("link");
    CHECK_OK(link("file", "name"));
    CHECK_REFUSED(MEMMAP_ERR_UNSUPPORTED, other, memmap_open("name", ATOMIC, &other));
    unlink("name");
    CHECK_REFUSED(EEXIST, other, memmap_create("file", 5, OPTIONS(.flags = MEMMAP_ATOMIC), &other));
    CHECK(!exists("file.commit"));
    /* Another mapping has nothing to commit. */
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_commit(handle));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_rollback(handle));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_checkpoint(handle));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_changes(handle, NULL, 0, &count));
    CHECK_OK(memmap_close(handle));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_commit(handle));
    unlink("file");
}

static void what_a_commit_is_not_is_refused_and_the_rest_works(void) {
    memmap_info info = {.size = sizeof info};
    uint64_t len;
    begin(SIZE);
    CHECK_OK(memmap_get_info(handle, &info));
    CHECK(info.flags & MEMMAP_ATOMIC);
    CHECK_EQUAL(MEMMAP_READ_WRITE, info.access);
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_REFUSED(MEMMAP_ERR_UNSUPPORTED, len, memmap_refresh(handle, &len));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_lock_memory(handle, 0, 1));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_advise(handle, 0, 1, MEMMAP_ADVICE_DONT_NEED));
    put(1, 1);
    CHECK_OK(memmap_protect(handle, MEMMAP_READ_ONLY));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_resize(handle, 2 * SIZE));
    CHECK_OK(memmap_commit(handle));
    CHECK_EQUAL(1, byte_of("file", 1));
    CHECK_OK(memmap_protect(handle, MEMMAP_ACCESS_DEFAULT));
    CHECK_OK(memmap_prefault(handle, 0, MEMMAP_TO_END, MEMMAP_PREFAULT_WRITE));
    CHECK_OK(memmap_advise(handle, 0, MEMMAP_TO_END, MEMMAP_ADVICE_PAGE_OUT));
    put(2, 2);
    CHECK_OK(memmap_lock(handle, 0, MEMMAP_TO_END, MEMMAP_LOCK_EXCLUSIVE, 0));
    CHECK_OK(memmap_commit(handle));
    CHECK_OK(memmap_unlock(handle, 0, MEMMAP_TO_END));
    CHECK_OK(memmap_recover(handle));
    CHECK_EQUAL(2, byte_of("file", 2));
    end();
}

static void a_file_that_others_cut_is_not_committed_to(void) {
    CHECK_OK(memmap_guard_install());
    begin(SIZE);
    put(SIZE - 1, 1);
    CHECK_OK(memmap_commit(handle));
    put(0, 1);
    CHECK_OK(truncate("file", 100));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_commit(handle));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_rollback(handle));
    CHECK_EQUAL(100, size_of("file"));
    CHECK_EQUAL(-1, byte_at(handle, SIZE / 2)); /* It is lost, and counted. */
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_recover(handle));
    CHECK_OK(truncate("file", SIZE));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_commit(handle));
    CHECK_OK(memmap_recover(handle));
    CHECK_EQUAL(0, byte_at(handle, SIZE / 2));
    put(1, 1);
    CHECK_OK(memmap_commit(handle));
    CHECK_EQUAL(1, byte_of("file", 1));
    end();
}

static void what_is_no_log_is_left_alone(void) {
    memmap_handle other;
    make_file("file", SIZE, 'x');
    make_file("file.commit", 100, 'l');
    CHECK_REFUSED(MEMMAP_ERR_CORRUPT, other, memmap_open("file", ATOMIC, &other));
    CHECK_EQUAL('l', byte_of("file.commit", 99));
    unlink("file.commit");
    CHECK_OK(symlink("file", "file.commit"));
    CHECK_REFUSED(ELOOP, other, memmap_open("file", ATOMIC, &other));
    CHECK_EQUAL('x', byte_of("file", 0));
    unlink("file.commit");
    CHECK_OK(memmap_open("file", ATOMIC, &handle));
    CHECK_EQUAL(status_of("file").st_mode & 0666, status_of("file.commit").st_mode & 0777);
    end();
}

/* Commits in a child that ends without closing: the log is as a crash leaves it. */
static void commit_and_die(int commits) {
    int i, status;
    pid_t child = fork();
    if (child == 0) {
        memmap_open("file", ATOMIC, &handle);
        for (i = 1; i <= commits; i++) {
            memmap_fill(handle, 0, SIZE, (uint8_t)i);
            if (memmap_commit(handle) != 0)
                _exit(1);
        }
        kill(getpid(), SIGKILL);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

static void a_log_of_another_file_is_not_applied(void) {
    memmap_handle other;
    begin(SIZE);
    CHECK_OK(memmap_close(handle));
    commit_and_die(3);
    make_file("next", SIZE, 'n');
    CHECK_OK(rename("next", "file"));
    CHECK_REFUSED(MEMMAP_ERR_CORRUPT, other, memmap_open("file", ATOMIC, &other));
    CHECK_EQUAL('n', byte_of("file", 0));
    unlink("file");
    /* To a new file it is nothing. */
    begin(SIZE);
    CHECK_EQUAL(0, byte_at(handle, 0));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("file", ATOMIC, &handle));
    CHECK_EQUAL(0, byte_at(handle, 0));
    end();
}

/* The file as it was before the commits, as after a power cut, and the log with one byte changed. */
static void a_damaged_log_is_read_up_to_the_damage(void) {
    enum { COMMITS = 5 };
    unsigned seed = 1, round, first, i;
    for (round = 0; round < 60; round++) {
        uint64_t at = 4 * PAGE + (uint64_t)rand_r(&seed) % (COMMITS * (SIZE + PAGE));
        uint8_t byte;
        int fd;
        begin(SIZE);
        CHECK_OK(memmap_close(handle));
        commit_and_die(COMMITS);
        fd = open("file", O_RDWR);
        for (i = 0; i < SIZE; i += PAGE) { /* Some pages never came to the disk. */
            static const uint8_t zeros[PAGE];
            if (rand_r(&seed) % 2)
                CHECK_EQUAL(PAGE, pwrite(fd, zeros, PAGE, i));
        }
        close(fd);
        fd = open("file.commit", O_RDWR);
        if (round > 0) { /* Not the first time: the log is whole. */
            CHECK_EQUAL(1, pread(fd, &byte, 1, (off_t)at));
            byte = (uint8_t)(byte + 1 + rand_r(&seed) % 255);
            CHECK_EQUAL(1, pwrite(fd, &byte, 1, (off_t)at));
        }
        close(fd);
        CHECK_OK(memmap_open("file", ATOMIC, &handle));
        /* With records missing, what the file had of them may be a mix: so only the whole log is certain. */
        first = (unsigned)byte_at(handle, 0);
        CHECK(first <= COMMITS);
        if (round == 0)
            for (i = 0; i < SIZE; i++)
                if (byte_at(handle, i) != COMMITS) {
                    CHECK_EQUAL(COMMITS, byte_at(handle, i));
                    break;
                }
        end();
    }
}

/* Accounts, of which the sum never changes; how many transfers there were is in the first number. */
enum { ACCOUNTS = 20000 };

static void transfer(uint64_t *numbers, unsigned *seed) {
    int i, from, to;
    for (i = 0; i < 50; i++) {
        from = 1 + rand_r(seed) % ACCOUNTS;
        to = 1 + rand_r(seed) % ACCOUNTS;
        numbers[from] -= 5;
        numbers[to] += 5;
    }
    numbers[0]++;
}

static void whoever_kills_the_writer_the_sum_stays(void) {
    unsigned seed = 7;
    uint64_t acknowledged, last = 0, sum, i;
    int round, told[2], status, fd;
    begin((ACCOUNTS + 1) * 8);
    CHECK_OK(memmap_close(handle));
    for (round = 0; round < 40; round++) {
        pid_t child;
        struct timespec time = {0, 1000000 + rand_r(&seed) % 30000000};
        CHECK_OK(pipe(told));
        child = fork();
        if (child == 0) {
            memmap_view view;
            if (round % 2)
                setenv("MEMMAP_PAGEMAP", "numbers", 1);
            if (memmap_open("file", ATOMIC, &handle) != 0 || memmap_pin(handle, &view) != 0)
                _exit(1);
            for (;;) {
                uint64_t *numbers = (uint64_t *)(void *)view.data;
                transfer(numbers, &seed);
                if (memmap_commit(handle) != 0 || write(told[1], numbers, 8) != 8)
                    _exit(1);
            }
        }
        close(told[1]);
        nanosleep(&time, NULL);
        kill(child, SIGKILL);
        CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
        acknowledged = last;
        while (read(told[0], &acknowledged, 8) == 8)
            continue;
        close(told[0]);
        CHECK_OK(memmap_open("file", ATOMIC, &handle));
        sum = 0;
        for (i = 0; i <= ACCOUNTS; i++) {
            uint64_t number;
            CHECK_OK(memmap_read(handle, i * 8, &number, 8));
            if (i == 0)
                last = number;
            else
                sum += number;
        }
        CHECK_EQUAL(0, sum);
        CHECK(last == acknowledged || last == acknowledged + 1);
        CHECK_OK(memmap_close(handle));
        fd = open("file", O_RDONLY); /* The file is the same without the library. */
        CHECK(pread(fd, &i, 8, 0) == 8 && i == last);
        close(fd);
    }
    CHECK(last > 0);
    unlink("file");
    unlink("file.commit");
}

/* Random calls, and the same in plain memory. */
static void a_model_of_plain_memory_agrees(void) {
    enum { MOST = 30 * PAGE };
    static uint8_t now[MOST], committed[MOST], got[MOST];
    uint64_t len = 3 * PAGE + 5, committed_len = len;
    unsigned seed = 3;
    int step;
    CHECK_OK(memmap_create("file", len, OPTIONS(.flags = MEMMAP_ATOMIC), &handle));
    for (step = 0; step < 4000 && failures == 0; step++) {
        uint64_t at, many;
        switch (rand_r(&seed) % 12) {
        case 0:
            CHECK_OK(memmap_commit(handle));
            memcpy(committed, now, len);
            committed_len = len;
            break;
        case 1:
            CHECK_OK(memmap_rollback(handle));
            memcpy(now, committed, committed_len);
            len = committed_len;
            break;
        case 2:
            many = (uint64_t)rand_r(&seed) % (rand_r(&seed) % 2 ? MOST : 3 * PAGE);
            CHECK_OK(memmap_resize(handle, many));
            if (many > len)
                memset(now + len, 0, many - len);
            len = many;
            break;
        case 3:
            if (rand_r(&seed) % 8)
                break;
            CHECK_OK(memmap_close(handle));
            setenv("MEMMAP_PAGEMAP", rand_r(&seed) % 2 ? "numbers" : "", 1);
            CHECK_OK(memmap_open("file", ATOMIC, &handle));
            memcpy(now, committed, committed_len);
            len = committed_len;
            break;
        case 4:
            if (rand_r(&seed) % 8 == 0)
                CHECK_OK(memmap_checkpoint(handle));
            break;
        default:
            if (len == 0)
                break;
            at = (uint64_t)rand_r(&seed) % len;
            many = 1 + (uint64_t)rand_r(&seed) % (rand_r(&seed) % 2 ? 8 : 3 * PAGE);
            many = at + many > len ? len - at : many;
            CHECK_OK(memmap_fill(handle, at, many, (uint8_t)step));
            memset(now + at, step, many);
        }
        CHECK_EQUAL(len, length_of(handle));
        CHECK_OK(memmap_read(handle, 0, got, len));
        CHECK(memcmp(got, now, len) == 0);
        CHECK_EQUAL(committed_len, size_of("file"));
        if (step % 5 == 0) {
            FILE *file = fopen("file", "r");
            CHECK_EQUAL(committed_len, fread(got, 1, MOST, file));
            CHECK(memcmp(got, committed, committed_len) == 0);
            fclose(file);
        }
    }
    unsetenv("MEMMAP_PAGEMAP");
    end();
}

/* Each of its own numbers, in its own pages, and in one page with all others. */
static uint64_t *shared_numbers;
static volatile int over;

static void *count_up(void *of) {
    uint64_t *mine = shared_numbers + (uintptr_t)of, *apart = mine + 512 * (1 + (uintptr_t)of);
    uint64_t i;
    for (i = 1; !over; i++) {
        __atomic_store_n(mine, i, __ATOMIC_RELAXED);
        __atomic_store_n(apart, i, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void no_store_beside_a_commit_is_lost(void) {
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    memmap_view view;
    uint64_t last[THREADS] = {0};
    uintptr_t i;
    int round, fd;
    begin(SIZE);
    CHECK_OK(memmap_pin(handle, &view));
    shared_numbers = (uint64_t *)(void *)view.data;
    for (i = 0; i < THREADS; i++)
        CHECK_OK(pthread_create(&threads[i], NULL, count_up, (void *)i));
    fd = open("file", O_RDONLY);
    for (round = 0; round < 60; round++) {
        CHECK_OK(memmap_commit(handle));
        for (i = 0; i < THREADS; i++) {
            uint64_t number;
            CHECK_EQUAL(8, pread(fd, &number, 8, (off_t)(8 * i)));
            CHECK(number >= last[i]); /* Whole numbers here, since a page is copied word by word. */
            last[i] = number;
        }
    }
    over = 1;
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_OK(memmap_commit(handle));
    for (i = 0; i < SIZE / 8; i++) {
        uint64_t number;
        CHECK_EQUAL(8, pread(fd, &number, 8, (off_t)(8 * i)));
        if (number != shared_numbers[i])
            CHECK_EQUAL(shared_numbers[i], number);
    }
    close(fd);
    CHECK_OK(memmap_unpin(handle));
    end();
}

/* More than the log keeps: it begins anew, and is no longer than it should be. */
static void a_full_log_begins_anew(void) {
    enum { LARGE = 20 << 20 };
    int i;
    begin(LARGE);
    for (i = 1; i < 9; i++) {
        CHECK_OK(memmap_fill(handle, 0, LARGE, (uint8_t)i));
        CHECK_OK(memmap_commit(handle));
        CHECK_EQUAL(i, byte_of("file", LARGE - 1));
        CHECK(size_of("file.commit") <= 64 << 20);
    }
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("file", ATOMIC, &handle));
    CHECK_EQUAL(8, byte_at(handle, LARGE - 1));
    end();
}

int main(int argc, char **argv) {
    const struct behaviour behaviours[] = {
        BEHAVIOUR(a_store_reaches_the_file_with_the_commit),
        BEHAVIOUR(what_was_not_committed_goes_with_the_handle),
        BEHAVIOUR(a_rollback_takes_changes_and_length_back),
        BEHAVIOUR(the_length_is_part_of_the_commit),
        BEHAVIOUR(what_is_cut_comes_back_as_zeros),
        BEHAVIOUR(growing_beyond_the_capacity_keeps_what_was_changed),
        BEHAVIOUR(changes_are_what_differs),
        BEHAVIOUR(there_is_one_writer_at_a_time),
        BEHAVIOUR(a_child_of_fork_cannot_commit_nor_keep_the_file),
        BEHAVIOUR(what_cannot_be_committed_is_refused),
        BEHAVIOUR(what_a_commit_is_not_is_refused_and_the_rest_works),
        BEHAVIOUR(a_file_that_others_cut_is_not_committed_to),
        BEHAVIOUR(what_is_no_log_is_left_alone),
        BEHAVIOUR(a_log_of_another_file_is_not_applied),
        BEHAVIOUR(a_damaged_log_is_read_up_to_the_damage),
        BEHAVIOUR(whoever_kills_the_writer_the_sum_stays),
        BEHAVIOUR(a_model_of_plain_memory_agrees),
        BEHAVIOUR(no_store_beside_a_commit_is_lost),
        BEHAVIOUR(a_full_log_begins_anew),
    };
    return RUN(argc, argv, behaviours);
}
