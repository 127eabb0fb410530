/* Mappings that others made, under guard. */

#include "faults.h"

enum { SIZE = 8 };

static uint8_t *data;
static memmap_handle handle;

#define REFUSED(expected, data, len, fd) \
    CHECK_REFUSED(expected, handle, memmap_guard_region(data, len, fd, &handle))

/* The file "file" of SIZE pages, mapped by hand. */
static void map_file(int protection, int flags) {
    CHECK_OK(memmap_guard_install());
    make_file("file", SIZE * PAGE, 'x');
    data = foreign("file", SIZE, protection, flags);
}

static int open_file(int flags) {
    int fd = open("file", flags | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

static void unmap_file(void) {
    CHECK(munmap(data, SIZE * PAGE) == 0);
    unlink("file");
}

static void touches_the_third_page(void) {
    load(data + 2 * PAGE);
}

static void outputs_and_arguments_are_checked(void) {
    int fd;
    map_file(PROT_READ, MAP_SHARED);
    fd = open_file(O_RDONLY);
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_guard_region(data, PAGE, fd, NULL));
    REFUSED(MEMMAP_ERR_INVALID, NULL, PAGE, fd);
    REFUSED(MEMMAP_ERR_INVALID, data, 0, fd);
    REFUSED(EBADF, data, PAGE, 1000);
    REFUSED(EBADF, data, PAGE, -2);
    REFUSED(MEMMAP_ERR_LIMIT, data, UINT64_MAX, fd);
    REFUSED(MEMMAP_ERR_RANGE, (void *)(UINTPTR_MAX - 10), 10, fd);
    REFUSED(MEMMAP_ERR_RANGE, (void *)(UINTPTR_MAX - 10), 20, fd);
    CHECK_OK(memmap_guard_region(data, SIZE * PAGE, fd, &handle)); /* None of them has left a trace. */
    CHECK_OK(memmap_close(handle));
    close(fd);
    unmap_file();
}

static void a_shared_region_is_survived_and_recovered(void) {
    int fd;
    char byte;
    map_file(PROT_READ | PROT_WRITE, MAP_SHARED);
    fd = open_file(O_RDWR);
    CHECK_OK(memmap_guard_region(data, SIZE * PAGE, fd, &handle));
    close(fd); /* The guard has one of its own. */
    CHECK(address_of(handle) == data);
    CHECK_EQUAL(SIZE * PAGE, length_of(handle));
    CHECK_EQUAL(MEMMAP_READ_WRITE, info_of(handle).access);
    CHECK_WHOLE(handle);
    set_size("file", PAGE + 10);
    CHECK_EQUAL(0, load(data + 2 * PAGE));
    store(data + 3 * PAGE, 'l');
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE + 10, (SIZE - 1) * PAGE - 10, handle);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 2 * PAGE, &byte, 1));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_recover(handle));
    set_size("file", SIZE * PAGE);
    CHECK_OK(memmap_recover(handle));
    CHECK_WHOLE(handle);
    CHECK_EQUAL(0, load(data + 3 * PAGE));
    store(data + 3 * PAGE, 'n');
    CHECK_EQUAL('n', byte_of("file", 3 * PAGE));
    CHECK_OK(memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL('n', load(data + 3 * PAGE)); /* The mapping is its owner's, as it was. */
    unmap_file();
}

static void a_private_region_keeps_to_itself(void) {
    int fd;
    map_file(PROT_READ | PROT_WRITE, MAP_PRIVATE);
    fd = open_file(O_RDONLY);
    CHECK_OK(memmap_guard_region(data, SIZE * PAGE, fd, &handle));
    CHECK_EQUAL(MEMMAP_COPY_ON_WRITE, info_of(handle).access);
    store(data + 3 * PAGE, 'o');
    set_size("file", PAGE);
    CHECK_EQUAL(0, load(data + 3 * PAGE));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_check(handle, 3 * PAGE, 1));
    set_size("file", SIZE * PAGE);
    CHECK_OK(memmap_recover(handle));
    store(data + 3 * PAGE, 'p');
    CHECK_EQUAL(0, byte_of("file", 3 * PAGE));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_close(handle));
    close(fd);
    unmap_file();
}

static void a_read_only_region_stays_read_only(void) {
    char permissions[5] = "";
    int fd;
    map_file(PROT_READ, MAP_SHARED);
    fd = open_file(O_RDONLY);
    CHECK_OK(memmap_guard_region(data, SIZE * PAGE, fd, &handle));
    CHECK_EQUAL(MEMMAP_READ_ONLY, info_of(handle).access);
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_write(handle, 0, "y", 1));
    set_size("file", 0);
    CHECK_EQUAL(0, load(data));
    CHECK(mapping_at(data, permissions) && strcmp(permissions, "r--p") == 0);
    set_size("file", SIZE * PAGE);
    CHECK_OK(memmap_recover(handle));
    CHECK(mapping_at(data, permissions) && strcmp(permissions, "r--s") == 0);
    CHECK_OK(memmap_close(handle));
    close(fd);
    unmap_file();
}

static void an_odd_range_inside_a_mapping_is_guarded_in_whole_pages(void) {
    int fd;
    map_file(PROT_READ | PROT_WRITE, MAP_SHARED);
    fd = open_file(O_RDWR);
    CHECK_OK(memmap_guard_region(data + 2 * PAGE + 11, 2 * PAGE, fd, &handle));
    CHECK_EQUAL(2 * PAGE + 11, info_of(handle).offset);
    set_size("file", 3 * PAGE + 20);
    CHECK_EQUAL(0, load(data + 4 * PAGE));
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE + 9, PAGE - 9, handle);
    CHECK_EQUAL('x', load(data + 3 * PAGE + 19));
    CHECK_EQUAL('x', load(data));
    set_size("file", 4 * PAGE + 10);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_recover(handle));
    set_size("file", 4 * PAGE + 11);
    CHECK_OK(memmap_recover(handle));
    store(data + 4 * PAGE, 'b');
    CHECK_EQUAL('b', byte_of("file", 4 * PAGE));
    CHECK_OK(memmap_close(handle));
    close(fd);
    unmap_file();
}

static uint8_t *untouched;

static void touches_an_unguarded_page(void) {
    load(untouched);
}

static void what_is_not_in_the_range_is_not_guarded(void) {
    map_file(PROT_READ, MAP_SHARED);
    CHECK_OK(memmap_guard_region(data + 2 * PAGE, 2 * PAGE, -1, &handle));
    set_size("file", 0);
    untouched = data + PAGE;
    CHECK_EQUAL(SIGBUS, killed_by(touches_an_unguarded_page));
    untouched = data + 4 * PAGE;
    CHECK_EQUAL(SIGBUS, killed_by(touches_an_unguarded_page));
    CHECK_EQUAL(0, killed_by(touches_the_third_page));
    CHECK_OK(memmap_close(handle));
    unmap_file();
}

static void without_a_descriptor_it_is_survived_and_not_recovered(void) {
    map_file(PROT_READ, MAP_SHARED);
    CHECK_OK(memmap_guard_region(data, SIZE * PAGE, -1, &handle));
    set_size("file", 0);
    CHECK_EQUAL(0, load(data + PAGE));
    CHECK_LOST(MEMMAP_FAULT_UNKNOWN, PAGE, PAGE, handle);
    set_size("file", SIZE * PAGE);
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_recover(handle));
    CHECK_OK(memmap_close(handle));
    unmap_file();
}

static void a_descriptor_of_another_file_is_invalid(void) {
    int fd;
    map_file(PROT_READ, MAP_SHARED);
    make_file("other", SIZE * PAGE, 'o');
    fd = open("other", O_RDONLY | O_CLOEXEC);
    REFUSED(MEMMAP_ERR_INVALID, data, PAGE, fd);
    close(fd);
    unlink("other");
    unmap_file();
}

static void a_file_of_the_same_number_in_another_file_system_is_another_file(void) {
    struct twins twins = twin_files(PAGE);
    int theirs;
    uint8_t *region;
    if (twins.other < 0)
        return;
    region = foreign("one/file", 1, PROT_READ, MAP_SHARED);
    REFUSED(MEMMAP_ERR_INVALID, region, PAGE, twins.other);
    theirs = open("one/file", O_RDONLY | O_CLOEXEC);
    CHECK_OK(memmap_guard_region(region, PAGE, theirs, &handle));
    CHECK_OK(memmap_close(handle));
    close(theirs);
    CHECK(munmap(region, PAGE) == 0);
    forget_twins(&twins);
}

static void a_descriptor_that_cannot_map_it_back_is_refused_at_once(void) {
    int fd;
    map_file(PROT_READ | PROT_WRITE, MAP_SHARED);
    fd = open_file(O_RDONLY);
    REFUSED(EACCES, data, PAGE, fd);
    close(fd);
    fd = open_file(O_WRONLY);
    REFUSED(EACCES, data, PAGE, fd);
    close(fd);
    unmap_file();
}

static void a_range_that_is_not_mapped_everywhere_is_outside(void) {
    map_file(PROT_READ, MAP_SHARED);
    CHECK(munmap(data + 3 * PAGE, PAGE) == 0);
    REFUSED(MEMMAP_ERR_RANGE, data, SIZE * PAGE, -1);
    REFUSED(MEMMAP_ERR_RANGE, data + 3 * PAGE, 1, -1);
    REFUSED(MEMMAP_ERR_RANGE, data + 3 * PAGE - 1, 2, -1);
    CHECK_OK(memmap_guard_region(data, 3 * PAGE, -1, &handle));
    CHECK_OK(memmap_close(handle));
    unmap_file();
}

static void a_range_over_two_files_or_two_kinds_of_mapping_is_invalid(void) {
    int fd;
    map_file(PROT_READ, MAP_SHARED);
    make_file("other", SIZE * PAGE, 'o');
    fd = open("other", O_RDONLY | O_CLOEXEC);
    CHECK(mmap(data + 4 * PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, (off_t)(4 * PAGE)) !=
          MAP_FAILED);
    REFUSED(MEMMAP_ERR_INVALID, data, SIZE * PAGE, -1);
    close(fd);
    fd = open_file(O_RDWR); /* The same file again, elsewhere in it. */
    CHECK(mmap(data + 4 * PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
    REFUSED(MEMMAP_ERR_INVALID, data, SIZE * PAGE, -1);
    CHECK(mmap(data + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
               (off_t)(4 * PAGE)) != MAP_FAILED);
    REFUSED(MEMMAP_ERR_INVALID, data, SIZE * PAGE, -1);
    CHECK(mmap(data + 4 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, (off_t)(4 * PAGE)) !=
          MAP_FAILED);
    REFUSED(MEMMAP_ERR_INVALID, data, SIZE * PAGE, -1);
    /* In two areas, but one file mapped in one way. */
    CHECK(mmap(data + 4 * PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, (off_t)(4 * PAGE)) !=
          MAP_FAILED);
    CHECK_OK(memmap_guard_region(data, SIZE * PAGE, fd, &handle));
    CHECK_OK(memmap_close(handle));
    close(fd);
    unlink("other");
    unmap_file();
}

static void memory_that_cannot_be_read_is_refused(void) {
    map_file(PROT_NONE, MAP_SHARED);
    REFUSED(MEMMAP_ERR_ACCESS, data, SIZE * PAGE, -1);
    unmap_file();
}

static void a_page_is_guarded_once(void) {
    memmap_handle own;
    map_file(PROT_READ, MAP_SHARED);
    CHECK_OK(memmap_guard_region(data + PAGE, 2 * PAGE, -1, &own));
    REFUSED(MEMMAP_ERR_BUSY, data + PAGE, 2 * PAGE, -1);
    REFUSED(MEMMAP_ERR_BUSY, data, SIZE * PAGE, -1);
    REFUSED(MEMMAP_ERR_BUSY, data + 2 * PAGE + 5, 1, -1);
    CHECK_OK(memmap_guard_region(data + 3 * PAGE, PAGE, -1, &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_close(own));
    CHECK_OK(memmap_guard_region(data, SIZE * PAGE, -1, &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("file", NULL, &own));
    REFUSED(MEMMAP_ERR_BUSY, address_of(own), PAGE, -1);
    CHECK_OK(memmap_close(own));
    unmap_file();
}

enum { THREADS = 8, ROUNDS = 200 };

static pthread_barrier_t line;
static unsigned winners;

static void *guard_the_same(void *unused) {
    int round;
    for (round = 0; round < ROUNDS; round++) {
        memmap_handle own;
        memmap_status status;
        pthread_barrier_wait(&line);
        status = memmap_guard_region(data, PAGE, -1, &own);
        CHECK(status == 0 || status == MEMMAP_ERR_BUSY);
        if (status == 0)
            __atomic_fetch_add(&winners, 1, __ATOMIC_SEQ_CST);
        pthread_barrier_wait(&line);
        if (status == 0)
            CHECK_OK(memmap_close(own));
    }
    return unused;
}

static void of_threads_that_guard_the_same_page_one_succeeds(void) {
    pthread_t threads[THREADS];
    int i;
    map_file(PROT_READ, MAP_SHARED);
    CHECK(pthread_barrier_init(&line, NULL, THREADS) == 0);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, guard_the_same, NULL) == 0);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK_EQUAL(ROUNDS, winners);
    unmap_file();
}

static void closing_ends_the_guarding_and_leaves_the_mapping_alone(void) {
    memmap_stats stats = {0};
    char permissions[5];
    map_file(PROT_READ, MAP_SHARED);
    CHECK_OK(memmap_poison_closed(UINT64_MAX)); /* Which is for mappings of our own. */
    CHECK_OK(memmap_guard_region(data, SIZE * PAGE, -1, &handle));
    CHECK_OK(memmap_close(handle));
    CHECK(mapping_at(data, permissions) && strcmp(permissions, "r--s") == 0);
    CHECK_EQUAL('x', load(data + 2 * PAGE));
    set_size("file", 0);
    CHECK_EQUAL(SIGBUS, killed_by(touches_the_third_page));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_check(handle, 0, 1));
    stats.size = sizeof stats;
    CHECK_OK(memmap_get_stats(&stats));
    CHECK_EQUAL(0, stats.mappings);
    unmap_file();
}

static void its_size_is_its_owners(void) {
    uint64_t len;
    int fd;
    uint8_t *memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    map_file(PROT_READ | PROT_WRITE, MAP_SHARED);
    fd = open_file(O_RDWR);
    CHECK_OK(memmap_guard_region(data, SIZE * PAGE, fd, &handle));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_resize(handle, PAGE));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_resize(handle, 100 * PAGE));
    CHECK_REFUSED(MEMMAP_ERR_UNSUPPORTED, len, memmap_refresh(handle, &len));
    CHECK_EQUAL(SIZE * PAGE, size_of("file"));
    CHECK_OK(memmap_close(handle));
    close(fd);
    unmap_file();

    memset(memory, 'm', 2 * PAGE);
    CHECK_OK(memmap_guard_region(memory, 2 * PAGE, -1, &handle));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_resize(handle, 10));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_resize(handle, 2 * PAGE));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_resize(handle, 3 * PAGE));
    CHECK(all_bytes(handle, 0, 2 * PAGE, 'm'));
    CHECK_OK(memmap_close(handle));
    CHECK(munmap(memory, 2 * PAGE) == 0);
}

static void a_mapping_of_ours_at_the_address_of_a_stale_guard_gets_the_fault(void) {
    memmap_handle stale, own = 0;
    map_file(PROT_READ, MAP_SHARED);
    CHECK_OK(memmap_guard_region(data, SIZE * PAGE, -1, &stale));
    CHECK(munmap(data, SIZE * PAGE) == 0); /* Without a word. */
    CHECK_OK(memmap_open("file", NULL, &own));
    if (address_of(own) != data) {
        errno = 0;
        skip("the address was not taken again");
    } else {
        set_size("file", PAGE);
        CHECK_EQUAL(0, load(data + 2 * PAGE));
        CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE, (SIZE - 1) * PAGE, own);
        CHECK_EQUAL(0, fault_of(stale).count);
    }
    CHECK_OK(memmap_close(own));
    CHECK_OK(memmap_close(stale));
    unlink("file");
}

static void names_of_files_need_not_be_text(void) {
    memmap_system system = {0};
    const char *name = "\xff\xfe name";
    uint8_t *region;
    make_file(name, PAGE, 'n');
    region = foreign(name, 1, PROT_READ, MAP_SHARED);
    CHECK_OK(memmap_guard_region(region, PAGE, -1, &handle));
    CHECK_OK(memmap_close(handle));
    system.size = sizeof system;
    CHECK_OK(memmap_get_system(&system));
    CHECK(munmap(region, PAGE) == 0);
    unlink(name);
}

static const uint32_t *counter;

static memmap_mapped mapped(void *data, uint64_t len, int protection, int flags, uint64_t offset) {
    memmap_mapped mapped = {0};
    mapped.size = sizeof mapped;
    mapped.data = data;
    mapped.length = len;
    mapped.protection = protection;
    mapped.flags = flags;
    mapped.offset = offset;
    return mapped;
}

static memmap_status adopted(memmap_mapped mapped, int fd) {
    return memmap_adopt(&mapped, fd, &counter, &handle);
}

#define ADOPTED(data, len, protection, flags, fd, offset) \
    adopted(mapped(data, len, protection, flags, offset), fd)

static void what_one_has_mapped_oneself_is_adopted_on_ones_word(void) {
    int fd;
    map_file(PROT_READ | PROT_WRITE, MAP_SHARED);
    fd = open_file(O_RDWR);
    CHECK_OK(ADOPTED(data, SIZE * PAGE - 7, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    close(fd); /* The guard has one of its own. */
    CHECK(address_of(handle) == data);
    CHECK_EQUAL(SIZE * PAGE - 7, length_of(handle));
    CHECK_EQUAL(MEMMAP_READ_WRITE, info_of(handle).access);
    set_size("file", PAGE + 10);
    CHECK_EQUAL(0, *counter);
    CHECK_EQUAL(0, load(data + 2 * PAGE));
    CHECK_EQUAL(1, *counter);
    CHECK_LOST(MEMMAP_FAULT_TRUNCATED, PAGE + 10, (SIZE - 1) * PAGE - 17, handle);
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_resize(handle, PAGE));
    set_size("file", SIZE * PAGE);
    CHECK_OK(memmap_recover(handle));
    store(data + 3 * PAGE, 'n');
    CHECK_EQUAL('n', byte_of("file", 3 * PAGE));
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL('n', load(data + 3 * PAGE)); /* The mapping is its owner's, as it was. */
    unmap_file();
}

#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif

/* The types of mmap(2) are numbers: this one has the bit of MAP_PRIVATE. */
static void what_is_shared_with_validation_reaches_the_file_also_after_recovery(void) {
    int fd;
    CHECK_OK(memmap_guard_install());
    make_file("file", SIZE * PAGE, 'x');
    fd = open_file(O_RDWR);
    data = mmap(NULL, SIZE * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE, fd, 0);
    CHECK(data != MAP_FAILED);
    CHECK_OK(ADOPTED(data, SIZE * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE, fd, 0));
    CHECK_EQUAL(MEMMAP_READ_WRITE, info_of(handle).access);
    CHECK_OK(memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    set_size("file", 0);
    CHECK_EQUAL(0, load(data + 2 * PAGE));
    set_size("file", SIZE * PAGE);
    CHECK_OK(memmap_recover(handle));
    CHECK_OK(memmap_write(handle, 3 * PAGE, "n", 1));
    CHECK_EQUAL('n', byte_of("file", 3 * PAGE));
    CHECK_OK(memmap_close(handle));
    close(fd);
    unmap_file();
}

#ifndef MAP_SYNC
#define MAP_SYNC 0x80000
#endif

static void what_is_mapped_back_is_as_locked_and_as_durable_as_it_was(void) {
    int fd;
    map_file(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_LOCKED);
    fd = open_file(O_RDWR);
    CHECK_OK(ADOPTED(data, SIZE * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_LOCKED, fd, 0));
    set_size("file", 0);
    load(data + PAGE);
    CHECK(has_vm_flag(data + PAGE, " lo"));
    set_size("file", SIZE * PAGE);
    CHECK_OK(memmap_recover(handle));
    CHECK(has_vm_flag(data + PAGE, " lo"));
    CHECK_OK(memmap_close(handle));
    /* No file here takes MAP_SYNC, so the kernel says that it was asked for it. */
    CHECK_OK(ADOPTED(data, SIZE * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0));
    CHECK_EQUAL(MEMMAP_READ_WRITE, info_of(handle).access);
    set_size("file", 0);
    load(data + PAGE);
    set_size("file", SIZE * PAGE);
    CHECK_STATUS(EOPNOTSUPP, memmap_recover(handle));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_check(handle, PAGE, 1));
    CHECK_OK(memmap_close(handle));
    close(fd);
    unmap_file();
}

static void what_is_adopted_at_an_offset_comes_back_from_there(void) {
    int fd;
    uint8_t *window;
    map_file(PROT_READ, MAP_SHARED);
    fd = open_file(O_RDWR);
    CHECK(pwrite(fd, "o", 1, (off_t)(3 * PAGE)) == 1);
    window = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, (off_t)(3 * PAGE));
    CHECK(window != MAP_FAILED);
    CHECK_OK(ADOPTED(window, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 3 * PAGE));
    CHECK_EQUAL(MEMMAP_COPY_ON_WRITE, info_of(handle).access);
    CHECK_EQUAL(3 * PAGE, info_of(handle).offset);
    set_size("file", PAGE);
    CHECK_EQUAL(0, load(window));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_check(handle, 0, 1));
    set_size("file", SIZE * PAGE);
    CHECK(pwrite(fd, "p", 1, (off_t)(3 * PAGE)) == 1);
    CHECK_OK(memmap_recover(handle));
    CHECK_EQUAL('p', load(window));
    CHECK_OK(memmap_close(handle));
    CHECK(munmap(window, 2 * PAGE) == 0);
    close(fd);
    unmap_file();
}

static void adopted_without_a_descriptor_it_is_survived_and_not_recovered(void) {
    memmap_mapped how;
    map_file(PROT_READ, MAP_SHARED);
    how = mapped(data, SIZE * PAGE, PROT_READ, MAP_SHARED, 0);
    CHECK_OK(memmap_adopt(&how, -1, NULL, &handle));
    set_size("file", 0);
    CHECK_EQUAL(0, load(data + PAGE));
    CHECK_LOST(MEMMAP_FAULT_UNKNOWN, PAGE, PAGE, handle);
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_recover(handle));
    CHECK_OK(memmap_close(handle));
    unmap_file();
}

static void memory_without_a_file_is_adopted_too(void) {
    uint64_t found;
    uint8_t *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    memory[100] = 'm';
    CHECK_OK(ADOPTED(memory, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    CHECK_OK(memmap_find(handle, 0, MEMMAP_TO_END, "m", 1, &found));
    CHECK_EQUAL(100, found);
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_flush(handle, 0, 1, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_close(handle));
    CHECK(munmap(memory, PAGE) == 0);
}

#define NOT_ADOPTED(expected, data, len, protection, flags, fd, offset) \
    CHECK_REFUSED(expected, handle, ADOPTED(data, len, protection, flags, fd, offset))

static void what_cannot_have_been_mapped_is_not_adopted(void) {
    int fd, ends[2];
    uint8_t *last = (uint8_t *)(UINTPTR_MAX - (uintptr_t)PAGE + 1);
    memmap_mapped how;
    map_file(PROT_READ, MAP_SHARED);
    fd = open_file(O_RDONLY);
    CHECK(pipe(ends) == 0);
    how = mapped(data, PAGE, PROT_READ, MAP_SHARED, 0);
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_adopt(NULL, fd, &counter, &handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_adopt(&how, fd, &counter, NULL));
    how.reserved = 1;
    CHECK_STATUS(MEMMAP_ERR_INVALID, adopted(how, fd));
    how.reserved = 0;
    how.size--;
    CHECK_STATUS(MEMMAP_ERR_INVALID, adopted(how, fd));
    NOT_ADOPTED(MEMMAP_ERR_INVALID, NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    NOT_ADOPTED(MEMMAP_ERR_INVALID, data + 1, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    NOT_ADOPTED(MEMMAP_ERR_INVALID, data, PAGE, PROT_READ, MAP_SHARED, fd, 1);
    NOT_ADOPTED(MEMMAP_ERR_INVALID, data, 0, PROT_READ, MAP_SHARED, fd, 0);
    NOT_ADOPTED(MEMMAP_ERR_INVALID, data, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, fd, 0);
    NOT_ADOPTED(MEMMAP_ERR_INVALID, data, PAGE, PROT_READ, 0, fd, 0);
    NOT_ADOPTED(MEMMAP_ERR_INVALID, data, PAGE, PROT_READ, 4, fd, 0);
    NOT_ADOPTED(MEMMAP_ERR_INVALID, data, PAGE, PROT_READ, MAP_PRIVATE | 8, fd, 0);
    NOT_ADOPTED(MEMMAP_ERR_INVALID, data, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0);
    NOT_ADOPTED(MEMMAP_ERR_RANGE, last, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    NOT_ADOPTED(MEMMAP_ERR_LIMIT, data, UINT64_MAX, PROT_READ, MAP_SHARED, fd, 0);
    NOT_ADOPTED(MEMMAP_ERR_ACCESS, data, PAGE, PROT_NONE, MAP_SHARED, fd, 0);
    NOT_ADOPTED(MEMMAP_ERR_NOT_REGULAR, data, PAGE, PROT_READ, MAP_SHARED, ends[0], 0);
    NOT_ADOPTED(EBADF, data, PAGE, PROT_READ, MAP_SHARED, 1000, 0);
    NOT_ADOPTED(EBADF, data, PAGE, PROT_READ, MAP_SHARED, -2, 0);
    close(ends[0]);
    close(ends[1]);
    close(fd);
    unmap_file();
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(outputs_and_arguments_are_checked),
        BEHAVIOUR(a_shared_region_is_survived_and_recovered),
        BEHAVIOUR(a_private_region_keeps_to_itself),
        BEHAVIOUR(a_read_only_region_stays_read_only),
        BEHAVIOUR(an_odd_range_inside_a_mapping_is_guarded_in_whole_pages),
        BEHAVIOUR(what_is_not_in_the_range_is_not_guarded),
        BEHAVIOUR(without_a_descriptor_it_is_survived_and_not_recovered),
        BEHAVIOUR(a_descriptor_of_another_file_is_invalid),
        BEHAVIOUR(a_file_of_the_same_number_in_another_file_system_is_another_file),
        BEHAVIOUR(a_descriptor_that_cannot_map_it_back_is_refused_at_once),
        BEHAVIOUR(a_range_that_is_not_mapped_everywhere_is_outside),
        BEHAVIOUR(a_range_over_two_files_or_two_kinds_of_mapping_is_invalid),
        BEHAVIOUR(memory_that_cannot_be_read_is_refused),
        BEHAVIOUR(a_page_is_guarded_once),
        BEHAVIOUR(of_threads_that_guard_the_same_page_one_succeeds),
        BEHAVIOUR(closing_ends_the_guarding_and_leaves_the_mapping_alone),
        BEHAVIOUR(its_size_is_its_owners),
        BEHAVIOUR(a_mapping_of_ours_at_the_address_of_a_stale_guard_gets_the_fault),
        BEHAVIOUR(names_of_files_need_not_be_text),
        BEHAVIOUR(what_one_has_mapped_oneself_is_adopted_on_ones_word),
        BEHAVIOUR(what_is_shared_with_validation_reaches_the_file_also_after_recovery),
        BEHAVIOUR(what_is_mapped_back_is_as_locked_and_as_durable_as_it_was),
        BEHAVIOUR(what_is_adopted_at_an_offset_comes_back_from_there),
        BEHAVIOUR(adopted_without_a_descriptor_it_is_survived_and_not_recovered),
        BEHAVIOUR(memory_without_a_file_is_adopted_too),
        BEHAVIOUR(what_cannot_have_been_mapped_is_not_adopted),
    };
    return RUN(argc, argv, behaviours);
}
