/* Cells: a writer's newest value, whole, for readers anywhere. */

#include "values.h"

static memmap_handle handle, reader;

enum { OFFSET = 64 };

/* A file with a cell, a handle that writes it and one that only reads. */
static void open_cell(void) {
    uint64_t size = 0;
    CHECK_OK(memmap_cell_size(CAPACITY, &size));
    CHECK_OK(memmap_create("file", OFFSET + size, NULL, &handle));
    CHECK_OK(memmap_open("file", NULL, &reader));
    CHECK_OK(memmap_cell_create(handle, OFFSET, CAPACITY));
}

static void close_cell(void) {
    CHECK_OK(memmap_close(handle)), CHECK_OK(memmap_close(reader));
    unlink("file");
}

static void publish(uint64_t number) {
    uint8_t value[CAPACITY];
    uint64_t len = make_value(number, value);
    CHECK_OK(memmap_cell_publish(handle, OFFSET, value, len));
}

/* The number of the newest value, which must be whole; 0 for none. */
static uint64_t newest(void) {
    uint8_t value[CAPACITY];
    uint64_t len = 9, sequence = 9, number = 0;
    CHECK_OK(memmap_cell_read(reader, OFFSET, value, sizeof value, &len, &sequence));
    if (sequence == 0)
        return 0;
    CHECK(is_whole(value, len));
    memcpy(&number, value, 8);
    return number;
}

static void the_newest_value_is_read_whole(void) {
    uint64_t capacity, sequence, number;
    open_cell();
    CHECK_EQUAL(0, newest());
    for (number = 1; number < 100; number++) {
        publish(number);
        CHECK_EQUAL(number, newest());
        CHECK_OK(memmap_cell_look(reader, OFFSET, &capacity, &sequence));
        CHECK_EQUAL(CAPACITY, capacity);
        CHECK_EQUAL(number, sequence);
    }
    CHECK_OK(memmap_cell_create(handle, OFFSET, CAPACITY)); /* As a writer that starts again. */
    CHECK_EQUAL(99, newest());
    publish(100);
    CHECK_EQUAL(100, newest());
    close_cell();
}

/* The sums are there for crashes: who may write to the memory may put any value there, also one from before. */
static void a_writer_that_breaks_the_rules_is_not_found_out(void) {
    static uint8_t before[5 * CAPACITY];
    uint64_t size = 0;
    open_cell();
    CHECK_OK(memmap_cell_size(CAPACITY, &size));
    CHECK(size <= sizeof before);
    publish(1);
    CHECK_OK(memmap_read(handle, OFFSET, before, size));
    publish(2);
    CHECK_EQUAL(2, newest());
    CHECK_OK(memmap_write(handle, OFFSET, before, size));
    CHECK_EQUAL(1, newest());
    close_cell();
}

static void values_may_be_empty_and_as_long_as_the_capacity(void) {
    static uint8_t value[CAPACITY + 1], copy[CAPACITY];
    uint64_t len, sequence;
    open_cell();
    CHECK_OK(memmap_cell_publish(handle, OFFSET, NULL, 0));
    CHECK_OK(memmap_cell_read(reader, OFFSET, NULL, 0, &len, &sequence));
    CHECK(len == 0 && sequence == 1);
    memset(value, 'v', sizeof value);
    CHECK_OK(memmap_cell_publish(handle, OFFSET, value, CAPACITY));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_cell_publish(handle, OFFSET, value, CAPACITY + 1));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_cell_publish(handle, OFFSET, value, UINT64_MAX));
    CHECK_REFUSED(MEMMAP_ERR_RANGE, len,
                  memmap_cell_read(reader, OFFSET, copy, CAPACITY - 1, &len, &sequence));
    CHECK_OK(memmap_cell_read(reader, OFFSET, copy, CAPACITY, &len, &sequence));
    CHECK(len == CAPACITY && sequence == 2 && memcmp(value, copy, CAPACITY) == 0);
    close_cell();
}

/* What is read after byte `at` of the mapping changed has to be the value before, which is "before". */
static void notices_a_change(uint64_t at) {
    uint8_t copy[CAPACITY], byte;
    uint64_t len, sequence;
    CHECK_OK(memmap_read(handle, at, &byte, 1));
    byte ^= 0x10;
    CHECK_OK(memmap_write(handle, at, &byte, 1));
    CHECK_OK(memmap_cell_read(reader, OFFSET, copy, CAPACITY, &len, &sequence));
    CHECK(len == 6 && memcmp(copy, "before", 6) == 0);
    byte ^= 0x10;
    CHECK_OK(memmap_write(handle, at, &byte, 1));
}

static void a_value_of_any_length_is_read_whole_and_a_change_of_any_byte_noticed(void) {
    uint8_t value[200], copy[200];
    uint64_t len, sequence, slot, number = 0, value_len, i;
    open_cell();
    slot = (length_of(handle) - OFFSET - 128) / 4;
    for (value_len = 0; value_len <= sizeof value; value_len++) {
        CHECK_OK(memmap_cell_publish(handle, OFFSET, "before", 6));
        for (i = 0; i < value_len; i++)
            value[i] = (uint8_t)(i * 7 + value_len);
        CHECK_OK(memmap_cell_publish(handle, OFFSET, value, value_len));
        number += 2;
        for (i = 0; i < value_len; i++)
            notices_a_change(OFFSET + 128 + number % 4 * slot + 24 + i);
        CHECK_OK(memmap_cell_read(reader, OFFSET, copy, sizeof copy, &len, &sequence));
        CHECK(len == value_len && sequence == number && memcmp(value, copy, value_len) == 0);
    }
    close_cell();
}

static void what_means_nothing_is_refused(void) {
    uint64_t size, len, sequence;
    uint8_t byte;
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_cell_size(1, NULL));
    CHECK_REFUSED(MEMMAP_ERR_INVALID, size, memmap_cell_size(0, &size));
    CHECK_REFUSED(MEMMAP_ERR_LIMIT, size, memmap_cell_size((UINT64_C(1) << 40) + 1, &size));
    CHECK_REFUSED(MEMMAP_ERR_LIMIT, size, memmap_cell_size(UINT64_MAX, &size));
    CHECK_OK(memmap_cell_size(UINT64_C(1) << 40, &size));
    open_cell();
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_cell_create(handle, OFFSET, 0));
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_cell_create(handle, OFFSET, UINT64_MAX));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_cell_create(handle, 4, 1));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_cell_create(handle, OFFSET + 8, CAPACITY));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_cell_create(handle, UINT64_MAX - 7, CAPACITY));
    CHECK_STATUS(MEMMAP_ERR_CORRUPT, memmap_cell_create(handle, OFFSET, CAPACITY + 1));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_cell_create(reader, OFFSET, CAPACITY));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_cell_publish(reader, OFFSET, &byte, 1));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_cell_publish(handle, OFFSET, NULL, 1));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_cell_publish(handle, 1, &byte, 1));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_cell_publish(handle, UINT64_MAX, &byte, 1));
    CHECK_STATUS(MEMMAP_ERR_CORRUPT, memmap_cell_publish(handle, 0, &byte, 1));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_cell_read(handle, OFFSET, NULL, 1, &len, &sequence));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_cell_read(handle, OFFSET, &byte, 1, NULL, &sequence));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_cell_read(handle, OFFSET, &byte, 1, &len, NULL));
    CHECK_REFUSED(MEMMAP_ERR_CORRUPT, len,
                  memmap_cell_read(handle, 0, &byte, 1, &len, &sequence));
    CHECK_REFUSED(MEMMAP_ERR_INVALID, len,
                  memmap_cell_read(handle, 1, &byte, 1, &len, &sequence));
    CHECK_REFUSED(MEMMAP_ERR_RANGE, len,
                  memmap_cell_read(handle, UINT64_MAX, &byte, 1, &len, &sequence));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_cell_look(handle, OFFSET, NULL, &sequence));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_cell_look(handle, OFFSET, &size, NULL));
    CHECK_REFUSED(MEMMAP_ERR_CORRUPT, size, memmap_cell_look(handle, 0, &size, &sequence));
    CHECK_REFUSED(MEMMAP_ERR_RANGE, size, memmap_cell_look(handle, 1 << 30, &size, &sequence));
    CHECK_EQUAL(0, newest());
    close_cell();
}

static void a_cell_that_says_more_than_there_is_is_an_error(void) {
    uint64_t i, len, sequence, random = 88172645463325252u;
    static uint8_t copy[CAPACITY];
    uint64_t total;
    open_cell();
    publish(1);
    total = length_of(handle);
    for (i = 0; i < 20000; i++) { /* Whatever the bytes are, nothing is read or written outside. */
        uint64_t word;
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        word = OFFSET + 8 + random % (i % 2 != 0 ? 200 : total - OFFSET - 16);
        CHECK_OK(memmap_write(handle, word, &random, i % 3 != 0 ? 8 : 1));
        memmap_cell_read(reader, OFFSET, copy, sizeof copy, &len, &sequence);
        memmap_cell_publish(handle, OFFSET, copy, 100);
    }
    i = UINT64_MAX;
    CHECK_OK(memmap_write(handle, OFFSET + 8, &i, 8)); /* Its capacity. */
    CHECK_REFUSED(MEMMAP_ERR_CORRUPT, len,
                  memmap_cell_read(reader, OFFSET, copy, sizeof copy, &len, &sequence));
    i = CAPACITY * 2;
    CHECK_OK(memmap_write(handle, OFFSET + 8, &i, 8));
    CHECK_REFUSED(MEMMAP_ERR_RANGE, len,
                  memmap_cell_read(reader, OFFSET, copy, sizeof copy, &len, &sequence));
    close_cell();
}

static void the_newest_whole_value_survives_what_a_crash_tore(void) {
    uint64_t number, slot;
    uint8_t damage[64];
    memset(damage, 0xee, sizeof damage);
    open_cell();
    for (number = 1; number <= 6; number++)
        publish(number);
    /* A block in the middle of the newest value, as if its page had never been written back. */
    slot = (length_of(handle) - OFFSET - 128) / 4;
    CHECK_OK(memmap_write(handle, OFFSET + 128 + 6 % 4 * slot + 64, damage, sizeof damage));
    CHECK_EQUAL(5, newest());
    publish(7);
    CHECK_EQUAL(7, newest());
    close_cell();
}

/* As if the page in the middle of the value of that number had never been written back. */
static void tear(uint64_t number) {
    uint64_t slot = (length_of(reader) - OFFSET - 128) / 4;
    uint8_t damage[64];
    memset(damage, 0xee, sizeof damage);
    CHECK_OK(memmap_write(handle, OFFSET + 128 + number % 4 * slot + 24 + 32, damage, sizeof damage));
}

static uint64_t looked_at(void) {
    uint64_t capacity = 0, sequence = UNTOUCHED;
    CHECK_OK(memmap_cell_look(reader, OFFSET, &capacity, &sequence));
    return sequence;
}

/* A cell of that capacity, with 8 values as long as that. */
static void looking_tells_of_the_value_that_is_read(uint64_t capacity) {
    static uint8_t value[1 << 16];
    uint64_t size = 0, len, sequence, number;
    CHECK_OK(memmap_cell_size(capacity, &size));
    CHECK_OK(memmap_create("file", OFFSET + size, NULL, &handle));
    CHECK_OK(memmap_open("file", NULL, &reader));
    CHECK_OK(memmap_cell_create(handle, OFFSET, capacity));
    CHECK_EQUAL(0, looked_at());
    for (number = 1; number <= 8; number++) {
        memset(value, (int)number, capacity);
        CHECK_OK(memmap_cell_publish(handle, OFFSET, value, capacity));
    }
    tear(8), tear(7);
    CHECK_EQUAL(6, looked_at());
    CHECK_EQUAL(6, looked_at()); /* Also who asks again. */
    CHECK_OK(memmap_cell_read(reader, OFFSET, value, sizeof value, &len, &sequence));
    CHECK(sequence == 6 && len == capacity && value[capacity / 2] == 6);
    CHECK_OK(memmap_cell_publish(handle, OFFSET, value, capacity));
    CHECK_EQUAL(9, looked_at());
    CHECK_EQUAL(9, looked_at());
    tear(5), tear(6), tear(7), tear(9); /* Now nothing is whole: there is none to tell of but the newest. */
    CHECK_STATUS(MEMMAP_ERR_CORRUPT,
                 memmap_cell_read(reader, OFFSET, value, sizeof value, &len, &sequence));
    CHECK_EQUAL(9, looked_at());
    CHECK_OK(memmap_cell_publish(handle, OFFSET, value, capacity));
    CHECK_EQUAL(10, looked_at());
    close_cell();
}

static void after_a_crash_looking_tells_of_the_value_that_is_read(void) {
    looking_tells_of_the_value_that_is_read(CAPACITY);
    looking_tells_of_the_value_that_is_read(1 << 16);
}

/* Kibibytes that a mapping's file takes. */
static uint64_t taken(memmap_handle of) {
    struct stat status = {0};
    int fd = -1;
    CHECK_OK(memmap_fd(of, &fd));
    CHECK(fstat(fd, &status) == 0);
    close(fd);
    return (uint64_t)status.st_blocks / 2;
}

/* Has the cell say that its newest value is the first, and so long. */
static void claim(uint64_t capacity, uint64_t len) {
    uint64_t slot = OFFSET + 128 + (24 + capacity + 63) / 64 * 64, one = 1;
    CHECK_OK(memmap_write(handle, slot, &one, 8));
    CHECK_OK(memmap_write(handle, slot + 8, &len, 8));
    CHECK_OK(memmap_write(handle, OFFSET + 64, &one, 8));
}

static void looking_goes_through_no_more_than_64_mib_whatever_a_cell_claims(void) {
    const uint64_t capacity = 128 << 20;
    uint64_t size, len, sequence;
    uint8_t room[100];
    CHECK_OK(memmap_cell_size(capacity, &size));
    CHECK_OK(memmap_memfd("cell", OFFSET + size, OPTIONS(.flags = MEMMAP_SPARSE), &handle));
    CHECK_OK(memmap_cell_create(handle, OFFSET, capacity));
    claim(capacity, capacity);
    CHECK_OK(memmap_cell_look(handle, OFFSET, &len, &sequence));
    CHECK(len == capacity && sequence == 1);
    CHECK_REFUSED(MEMMAP_ERR_RANGE, len,
                  memmap_cell_read(handle, OFFSET, room, sizeof room, &len, &sequence));
    CHECK(taken(handle) < 100); /* Holes of memory become pages when they are read. */
    CHECK_OK(memmap_close(handle));
}

static void a_cell_whose_pages_are_gone_is_a_fault(void) {
    uint64_t len, sequence;
    static uint8_t copy[CAPACITY];
    CHECK_OK(memmap_guard_install());
    open_cell();
    publish(1);
    CHECK(truncate("file", 4096) == 0);
    memmap_cell_publish(handle, OFFSET, copy, CAPACITY);
    memmap_cell_publish(handle, OFFSET, copy, CAPACITY);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_cell_publish(handle, OFFSET, copy, CAPACITY));
    memmap_cell_read(reader, OFFSET, copy, sizeof copy, &len, &sequence);
    CHECK_REFUSED(MEMMAP_ERR_FAULT, len,
                  memmap_cell_read(reader, OFFSET, copy, sizeof copy, &len, &sequence));
    close_cell();
}

static void what_is_lost_elsewhere_leaves_a_cell_alone(void) {
    uint64_t size, len, sequence, end;
    char byte, value[8];
    CHECK_OK(memmap_guard_install());
    CHECK_OK(memmap_cell_size(8, &size));
    end = memmap_page_size();
    CHECK_OK(memmap_create("file", 2 * end, NULL, &handle));
    CHECK_OK(memmap_cell_create(handle, 0, 8));
    CHECK(truncate("file", (off_t)end) == 0);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, end, &byte, 1));
    CHECK_OK(memmap_cell_publish(handle, 0, "whole", 6));
    CHECK_OK(memmap_cell_read(handle, 0, value, sizeof value, &len, &sequence));
    CHECK(len == 6 && sequence == 1 && strcmp(value, "whole") == 0);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_cell_look(handle, end, &len, &sequence));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

enum { VALUES = 20000 };

static void read_until_the_last(void) {
    uint64_t last = 0, now;
    while (last < VALUES) {
        now = newest();
        CHECK(now >= last);
        last = now;
    }
}

static void readers_beside_the_writer_get_whole_values_that_never_go_back(void) {
    pid_t readers[3];
    uint64_t number;
    int i, status;
    open_cell();
    for (i = 0; i < 3; i++)
        readers[i] = start(read_until_the_last);
    for (number = 1; number <= VALUES; number++)
        publish(number);
    for (i = 0; i < 3; i++)
        CHECK(waitpid(readers[i], &status, 0) == readers[i] && status == 0);
    close_cell();
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(the_newest_value_is_read_whole),
        BEHAVIOUR(a_writer_that_breaks_the_rules_is_not_found_out),
        BEHAVIOUR(values_may_be_empty_and_as_long_as_the_capacity),
        BEHAVIOUR(a_value_of_any_length_is_read_whole_and_a_change_of_any_byte_noticed),
        BEHAVIOUR(what_means_nothing_is_refused),
        BEHAVIOUR(a_cell_that_says_more_than_there_is_is_an_error),
        BEHAVIOUR(the_newest_whole_value_survives_what_a_crash_tore),
        BEHAVIOUR(after_a_crash_looking_tells_of_the_value_that_is_read),
        BEHAVIOUR(looking_goes_through_no_more_than_64_mib_whatever_a_cell_claims),
        BEHAVIOUR(a_cell_whose_pages_are_gone_is_a_fault),
        BEHAVIOUR(what_is_lost_elsewhere_leaves_a_cell_alone),
        BEHAVIOUR(readers_beside_the_writer_get_whole_values_that_never_go_back),
    };
    return RUN(argc, argv, behaviours);
}
