/* Paging: advice, prefault, residency, locks, protection, and the flags that ask for them. */

#include "files.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>

enum { PAGES = 8, SIZE = PAGES * 4096 };

static memmap_handle handle;

static void open_file(uint32_t access) {
    make_file("file", SIZE, 'x');
    CHECK_OK(memmap_open("file", OPTIONS(.access = access), &handle));
}

static void close_file(void) {
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static uint64_t resident(uint64_t offset, uint64_t len) {
    uint64_t count = UNTOUCHED;
    CHECK_OK(memmap_residency(handle, offset, len, NULL, 0, &count));
    return count;
}

static void every_advice_for_a_file_is_taken(void) {
    const uint32_t all[] = {MEMMAP_ADVICE_NORMAL,    MEMMAP_ADVICE_SEQUENTIAL, MEMMAP_ADVICE_RANDOM,
                            MEMMAP_ADVICE_WILL_NEED, MEMMAP_ADVICE_DONT_NEED,  MEMMAP_ADVICE_COLD,
                            MEMMAP_ADVICE_PAGE_OUT,  MEMMAP_ADVICE_DONT_FORK,  MEMMAP_ADVICE_DONT_DUMP};
    size_t i;
    open_file(MEMMAP_READ_WRITE);
    CHECK_OK(memmap_write(handle, 5000, "kept", 4));
    for (i = 0; i < sizeof all / sizeof all[0]; i++) {
        CHECK_OK(memmap_advise(handle, 1, SIZE - 1, all[i]));
        CHECK_OK(memmap_advise(handle, SIZE, 0, all[i]));
    }
    CHECK_EQUAL('k', byte_at(handle, 5000));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_advise(handle, 0, 1, 12));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_advise(handle, 0, 1, UINT32_MAX));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_advise(handle, 1, SIZE, MEMMAP_ADVICE_NORMAL));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_advise(handle, 0, 1, MEMMAP_ADVICE_WIPE_ON_FORK));
    close_file();
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_advise(handle, 0, 1, MEMMAP_ADVICE_NORMAL));
}

static void private_bytes_are_not_thrown_away_by_advice(void) {
    open_file(MEMMAP_COPY_ON_WRITE);
    CHECK_OK(memmap_write(handle, 0, "own", 3));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_advise(handle, 0, 1, MEMMAP_ADVICE_DONT_NEED));
    CHECK_OK(memmap_advise(handle, 0, MEMMAP_TO_END, MEMMAP_ADVICE_PAGE_OUT));
    CHECK_EQUAL('o', byte_at(handle, 0));
    close_file();
    CHECK_OK(memmap_anonymous(SIZE, NULL, &handle));
    CHECK_OK(memmap_write(handle, 0, "own", 3));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_advise(handle, 0, 1, MEMMAP_ADVICE_DONT_NEED));
    CHECK_EQUAL('o', byte_at(handle, 0));
    CHECK_OK(memmap_close(handle));
}

static void a_child_finds_what_fork_advice_left(void) {
    pid_t child;
    int status = -1;
    CHECK_OK(memmap_anonymous(SIZE, NULL, &handle));
    CHECK_OK(memmap_fill(handle, 0, SIZE, 7));
    CHECK_OK(memmap_advise(handle, 0, 4096, MEMMAP_ADVICE_WIPE_ON_FORK));
    child = fork();
    if (child == 0)
        _exit(byte_at(handle, 0) == 0 && byte_at(handle, 4096) == 7 ? 0 : 1);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK_EQUAL(7, byte_at(handle, 0));
    CHECK_OK(memmap_close(handle));
}

static void prefault_brings_every_page_in(void) {
    uint8_t pages[PAGES];
    uint64_t count, i;
    CHECK_OK(memmap_anonymous(SIZE, NULL, &handle));
    CHECK_EQUAL(0, resident(0, MEMMAP_TO_END));
    CHECK_OK(memmap_prefault(handle, 4096, 2, MEMMAP_PREFAULT_WRITE));
    CHECK_OK(memmap_residency(handle, 0, MEMMAP_TO_END, pages, sizeof pages, &count));
    CHECK_EQUAL(1, count);
    for (i = 0; i < PAGES; i++)
        CHECK_EQUAL(i == 1, pages[i]);
    CHECK_OK(memmap_prefault(handle, 0, MEMMAP_TO_END, MEMMAP_PREFAULT_WRITE));
    CHECK_EQUAL(PAGES, resident(0, MEMMAP_TO_END));
    CHECK_EQUAL(2, resident(4095, 2));
    CHECK_EQUAL(0, resident(SIZE, 0));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_prefault(handle, 0, 1, 2));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_prefault(handle, 0, SIZE + 1, MEMMAP_PREFAULT_READ));
    CHECK_OK(memmap_close(handle));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_prefault(handle, 0, 1, MEMMAP_PREFAULT_READ));
}

static void prefault_for_writing_takes_access_and_changes_nothing(void) {
    open_file(MEMMAP_READ_ONLY);
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_prefault(handle, 0, 1, MEMMAP_PREFAULT_WRITE));
    CHECK_OK(memmap_prefault(handle, 0, MEMMAP_TO_END, MEMMAP_PREFAULT_READ));
    CHECK_EQUAL(PAGES, resident(0, MEMMAP_TO_END));
    close_file();
    open_file(MEMMAP_READ_WRITE);
    CHECK_OK(memmap_prefault(handle, 0, MEMMAP_TO_END, MEMMAP_PREFAULT_WRITE));
    CHECK(all_bytes(handle, 0, SIZE, 'x'));
    close_file();
}

static void a_lost_page_is_a_fault_and_not_a_signal(void) {
    open_file(MEMMAP_READ_ONLY);
    CHECK(truncate("file", 4096) == 0);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_prefault(handle, 0, MEMMAP_TO_END, MEMMAP_PREFAULT_READ));
    CHECK_OK(memmap_prefault(handle, 0, 4096, MEMMAP_PREFAULT_READ));
    close_file();
}

static void what_is_paged_out_is_not_resident(void) {
    open_file(MEMMAP_READ_WRITE);
    CHECK_OK(memmap_prefault(handle, 0, MEMMAP_TO_END, MEMMAP_PREFAULT_READ));
    CHECK_OK(memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    CHECK_EQUAL(PAGES, resident(0, MEMMAP_TO_END));
    CHECK_OK(memmap_advise(handle, 0, MEMMAP_TO_END, MEMMAP_ADVICE_PAGE_OUT));
    if (resident(0, MEMMAP_TO_END) == PAGES)
        skip("the folder is in memory, which nothing is paged out of");
    CHECK(all_bytes(handle, 0, SIZE, 'x'));
    close_file();
}

static void residency_writes_no_more_than_there_is_room_for(void) {
    uint8_t pages[PAGES + 1];
    uint64_t count;
    open_file(MEMMAP_READ_ONLY);
    memset(pages, 9, sizeof pages);
    CHECK_REFUSED(MEMMAP_ERR_RANGE, count,
                  memmap_residency(handle, 0, MEMMAP_TO_END, pages, PAGES - 1, &count));
    CHECK_EQUAL(9, pages[0]);
    CHECK_OK(memmap_residency(handle, 0, MEMMAP_TO_END, pages, sizeof pages, &count));
    CHECK(pages[PAGES - 1] <= 1);
    CHECK_EQUAL(9, pages[PAGES]);
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_residency(handle, 0, 1, pages, PAGES, NULL));
    CHECK_REFUSED(MEMMAP_ERR_INVALID, count, memmap_residency(handle, 0, 1, NULL, 1, &count));
    CHECK_REFUSED(MEMMAP_ERR_RANGE, count, memmap_residency(handle, SIZE + 1, 0, NULL, 0, &count));
    close_file();
    CHECK_REFUSED(MEMMAP_ERR_HANDLE, count, memmap_residency(handle, 0, 1, NULL, 0, &count));
}

static void locked_memory_stays_within_its_limit(void) {
    open_file(MEMMAP_READ_ONLY);
    CHECK_OK(memmap_lock_memory(handle, 0, 4096));
    CHECK(has_vm_flag(address_of(handle), " lo"));
    CHECK_OK(memmap_unlock_memory(handle, 0, MEMMAP_TO_END));
    CHECK(!has_vm_flag(address_of(handle), " lo"));
    CHECK_OK(memmap_lock_memory(handle, SIZE, 0));
    CHECK_OK(memmap_unlock_memory(handle, SIZE, 0));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_lock_memory(handle, SIZE, 1));
    CHECK_STATUS(MEMMAP_ERR_RANGE, memmap_unlock_memory(handle, SIZE, 1));
    become_nobody();
    CHECK(limit(RLIMIT_MEMLOCK, 4096));
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_lock_memory(handle, 0, MEMMAP_TO_END));
    CHECK_OK(memmap_close(handle));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_lock_memory(handle, 0, 1));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_unlock_memory(handle, 0, 1));
}

static void protection_takes_writing_away_and_gives_it_back(void) {
    char permissions[5];
    memmap_view view;
    open_file(MEMMAP_READ_WRITE);
    CHECK_OK(memmap_protect(handle, MEMMAP_READ_ONLY));
    CHECK(mapping_at(address_of(handle), permissions) && strcmp(permissions, "r--s") == 0);
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_write(handle, 0, "a", 1));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_resize(handle, 1));
    CHECK_EQUAL(MEMMAP_READ_ONLY, info_of(handle).access);
    CHECK_OK(memmap_pin(handle, &view));
    CHECK_STATUS(MEMMAP_ERR_BUSY, memmap_protect(handle, MEMMAP_READ_WRITE));
    CHECK_OK(memmap_unpin(handle));
    CHECK_OK(memmap_protect(handle, MEMMAP_ACCESS_DEFAULT));
    CHECK_OK(memmap_write(handle, 0, "a", 1));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_protect(handle, MEMMAP_COPY_ON_WRITE));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_protect(handle, 4));
    close_file();
    open_file(MEMMAP_READ_ONLY);
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_protect(handle, MEMMAP_READ_WRITE));
    CHECK_OK(memmap_protect(handle, MEMMAP_READ_ONLY));
    CHECK_OK(memmap_protect(handle, MEMMAP_ACCESS_DEFAULT));
    CHECK_EQUAL(MEMMAP_READ_ONLY, info_of(handle).access);
    close_file();
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_protect(handle, MEMMAP_READ_ONLY));
}

static void protected_memory_keeps_its_length_and_its_bytes(void) {
    CHECK_OK(memmap_anonymous(SIZE, NULL, &handle));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'x'));
    CHECK_OK(memmap_protect(handle, MEMMAP_READ_ONLY));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_resize(handle, 1));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_resize(handle, SIZE));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_resize(handle, SIZE + 1));
    CHECK_EQUAL(SIZE, length_of(handle));
    CHECK(all_bytes(handle, 0, SIZE, 'x'));
    CHECK_OK(memmap_protect(handle, MEMMAP_READ_WRITE));
    CHECK_OK(memmap_resize(handle, 1));
    CHECK_OK(memmap_close(handle));
}

static void flags_and_advice_at_opening_are_heeded(void) {
    CHECK_OK(memmap_create("file", SIZE, OPTIONS(.flags = MEMMAP_PREFAULT | MEMMAP_NO_DUMP), &handle));
    CHECK_EQUAL(PAGES, resident(0, MEMMAP_TO_END));
    CHECK(has_vm_flag(address_of(handle), " dd"));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("file", OPTIONS(.flags = MEMMAP_LOCKED, .advice = MEMMAP_ADVICE_RANDOM), &handle));
    CHECK(has_vm_flag(address_of(handle), " lo"));
    CHECK(has_vm_flag(address_of(handle), " rr"));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("file", OPTIONS(.flags = MEMMAP_NO_RESERVE), &handle));
    CHECK(has_vm_flag(address_of(handle), " nr"));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_anonymous(4 << 20, OPTIONS(.flags = MEMMAP_HUGE_PAGES), &handle));
    CHECK(has_vm_flag(address_of(handle), " hg"));
    CHECK_OK(memmap_close(handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_open("file", OPTIONS(.advice = 12), &handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_open("file", OPTIONS(.reserved = 1), &handle));
    unlink("file");
}

/* The pages kept for growing have what the options ask for too, and are one area with the others: mremap(2) moves no
 * more than one. */
static void flags_and_advice_hold_for_the_pages_kept_for_growing(void) {
    const uint32_t flags = MEMMAP_NO_DUMP | MEMMAP_HUGE_PAGES;
    uint64_t len;
    uint8_t *data;
    make_file("file", SIZE, 'x');
    CHECK_OK(memmap_open("file", OPTIONS(.flags = flags, .capacity = 8 * SIZE, .advice = MEMMAP_ADVICE_RANDOM), &handle));
    data = address_of(handle);
    CHECK(has_vm_flag(data, " dd") && has_vm_flag(data, " rr"));
    CHECK(has_vm_flag(data + 2 * SIZE, " dd") && has_vm_flag(data + 2 * SIZE, " rr"));
    CHECK_EQUAL(area_at(data).start, area_at(data + 8 * SIZE - 1).start);
    make_file("file", 4 * SIZE, 'x');
    CHECK_OK(memmap_refresh(handle, &len));
    CHECK(has_vm_flag(data + 4 * SIZE - 1, " dd") && has_vm_flag(data + 4 * SIZE - 1, " rr"));
    make_file("file", 16 * SIZE, 'x');
    CHECK_OK(memmap_refresh(handle, &len));
    data = address_of(handle);
    CHECK(has_vm_flag(data + 16 * SIZE - 1, " dd") && has_vm_flag(data + 16 * SIZE - 1, " rr"));
    close_file();
    CHECK_OK(memmap_anonymous(SIZE, OPTIONS(.flags = flags, .capacity = 4 << 20, .advice = MEMMAP_ADVICE_SEQUENTIAL), &handle));
    data = address_of(handle);
    CHECK(has_vm_flag(data + SIZE, " dd") && has_vm_flag(data + SIZE, " hg") && has_vm_flag(data + SIZE, " sr"));
    CHECK_EQUAL(0, resident(0, MEMMAP_TO_END));
    CHECK_OK(memmap_close(handle));
}

/* What takes memory is for the length only. */
static void locking_and_prefaulting_leave_the_pages_kept_for_growing_alone(void) {
    uint8_t *data;
    CHECK_OK(memmap_anonymous(SIZE, OPTIONS(.flags = MEMMAP_LOCKED | MEMMAP_PREFAULT, .capacity = 4 * SIZE), &handle));
    data = address_of(handle);
    CHECK(has_vm_flag(data, " lo") && !has_vm_flag(data + SIZE, " lo"));
    CHECK_EQUAL(SIZE, area_at(data).end - area_at(data).start);
    CHECK_OK(memmap_close(handle));
}

static void more_memory_than_there_is_is_refused_before_it_is_touched(void) {
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_anonymous(UINT64_C(1) << 42, OPTIONS(.flags = MEMMAP_PREFAULT), &handle));
    if (memmap_create("file", UINT64_C(1) << 42, OPTIONS(.flags = MEMMAP_SPARSE), &handle) != 0) {
        skip("no sparse file of 4 TiB");
    } else {
        CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_prefault(handle, 0, MEMMAP_TO_END, MEMMAP_PREFAULT_READ));
        CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_lock_memory(handle, 0, MEMMAP_TO_END));
        CHECK_OK(memmap_close(handle));
        CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_open("file", OPTIONS(.flags = MEMMAP_LOCKED), &handle));
    }
    unlink("file");
}

/* How many huge pages the system keeps, and a new number if that is wished. */
static long huge_pages(long wished) {
    char text[32] = "0";
    FILE *file = fopen("/proc/sys/vm/nr_hugepages", "r");
    if (file != NULL) {
        if (fgets(text, sizeof text, file) == NULL)
            text[0] = '\0';
        fclose(file);
    }
    if (wished >= 0) {
        char new_text[32];
        snprintf(new_text, sizeof new_text, "%ld", wished);
        write_text("/proc/sys/vm/nr_hugepages", new_text);
    }
    return atol(text);
}

enum { HUGE = 2 << 20 };

static void *shared_from(const char *name, size_t len) {
    int fd = open(name, O_RDWR | O_CLOEXEC);
    void *data = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    CHECK(data != MAP_FAILED);
    return data;
}

/* The file "huge/file" of two huge pages, full of 'x'. */
static void make_huge_file(void) {
    void *data;
    int fd = open("huge/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, 2 * HUGE) == 0);
    close(fd);
    data = shared_from("huge/file", 2 * HUGE);
    memset(data, 'x', 2 * HUGE);
    CHECK(munmap(data, 2 * HUGE) == 0);
}

static void use_hugetlbfs(void) {
    char permissions[5];
    void *data;
    CHECK_OK(memmap_guard_install());
    CHECK_OK(memmap_create("huge/file", 2 * HUGE, NULL, &handle));
    data = address_of(handle);
    CHECK_EQUAL(HUGE, area_at(data).page);
    CHECK_OK(memmap_write(handle, 2 * HUGE - 4, "last", 4));
    CHECK_EQUAL('t', byte_at(handle, 2 * HUGE - 1));
    CHECK(truncate("huge/file", HUGE) == 0);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_write(handle, 2 * HUGE - 4, "lost", 4));
    CHECK_OK(memmap_write(handle, 0, "kept", 4));
    CHECK(truncate("huge/file", 2 * HUGE) == 0);
    CHECK_OK(memmap_recover(handle));
    CHECK_EQUAL(0, byte_at(handle, 2 * HUGE - 1));
    CHECK_EQUAL('k', byte_at(handle, 0));
    CHECK_OK(memmap_resize(handle, HUGE));
    CHECK_EQUAL(HUGE, size_of("huge/file"));
    CHECK_OK(memmap_close(handle));
    CHECK(!mapping_at(data, permissions));
}

/* Loses the second of two huge pages, of which the mapping has `part` bytes. */
static void lose_the_second_page(uint64_t part, uint32_t cause) {
    memmap_fault fault = {0};
    uint64_t before = length_of(handle) - part;
    uint8_t *data = address_of(handle);
    CHECK(truncate("huge/file", HUGE) == 0);
    CHECK_EQUAL(0, *(volatile uint8_t *)(data + before));
    CHECK_EQUAL('x', *(volatile uint8_t *)(data + before - 1));
    fault.size = sizeof fault;
    CHECK_OK(memmap_get_fault(handle, &fault));
    CHECK_EQUAL(cause, fault.causes);
    CHECK_EQUAL(before, fault.offset);
    CHECK_EQUAL(part, fault.length);
    CHECK_OK(memmap_check(handle, 0, before));
}

static void use_an_odd_window_of_hugetlbfs(void) {
    const uint32_t flags = MEMMAP_NO_DUMP;
    char permissions[5];
    uint64_t count;
    uint8_t *data;
    CHECK_OK(memmap_guard_install());
    make_huge_file();
    CHECK_OK(memmap_open("huge/file",
                         OPTIONS(.access = MEMMAP_READ_WRITE, .offset = 4097, .flags = flags), &handle));
    data = address_of(handle);
    CHECK_EQUAL(4097, (uintptr_t)data % HUGE);
    CHECK_OK(memmap_write(handle, 0, "first", 5));
    CHECK_OK(memmap_write(handle, HUGE - 1, "l", 1));
    CHECK_OK(memmap_advise(handle, 10, 20, MEMMAP_ADVICE_RANDOM));
    CHECK_OK(memmap_residency(handle, 0, 4096, NULL, 0, &count));
    CHECK_EQUAL(2, count); /* Pages of the system's, as everywhere. */
    CHECK_OK(memmap_lock_memory(handle, 5000, 1));
    CHECK_OK(memmap_unlock_memory(handle, 5000, 1));
    CHECK_OK(memmap_protect(handle, MEMMAP_READ_ONLY));
    CHECK_OK(memmap_protect(handle, MEMMAP_READ_WRITE));
    CHECK_OK(memmap_flush(handle, 7, 1, MEMMAP_FLUSH_SYNC));
    lose_the_second_page(HUGE, MEMMAP_FAULT_TRUNCATED);
    CHECK(has_vm_flag(data + HUGE - 1, " dd"));
    CHECK(truncate("huge/file", 2 * HUGE) == 0);
    CHECK_OK(memmap_recover(handle));
    CHECK(has_vm_flag(data + HUGE - 1, " dd"));
    CHECK_EQUAL(0, byte_at(handle, HUGE - 1));
    CHECK_EQUAL('f', byte_at(handle, 0));
    CHECK_OK(memmap_resize(handle, HUGE - 4097));
    CHECK_EQUAL(HUGE, size_of("huge/file"));
    CHECK_OK(memmap_close(handle));
    CHECK(!mapping_at(data, permissions) && !mapping_at(data - 4097, permissions));
    data = shared_from("huge/file", HUGE);
    CHECK_EQUAL('f', data[4097]);
    CHECK(munmap(data, HUGE) == 0);
}

static void lose_hugetlbfs_without_a_descriptor(void) {
    CHECK_OK(memmap_guard_install());
    make_huge_file();
    CHECK_OK(memmap_open("huge/file", OPTIONS(.offset = 4096, .flags = MEMMAP_NO_DESCRIPTOR), &handle));
    lose_the_second_page(HUGE, MEMMAP_FAULT_UNKNOWN);
    CHECK_OK(memmap_close(handle));
}

static memmap_status adopt_from(uint8_t *data, uint64_t len, int fd, uint64_t offset) {
    memmap_mapped mapped = {0};
    mapped.size = sizeof mapped;
    mapped.data = data;
    mapped.length = len;
    mapped.protection = PROT_READ | PROT_WRITE;
    mapped.flags = MAP_SHARED;
    mapped.offset = offset;
    return memmap_adopt(&mapped, fd, NULL, &handle);
}

static void lose_hugetlbfs_that_was_mapped_by_others(void) {
    uint64_t from;
    uint8_t *data;
    int fd;
    CHECK_OK(memmap_guard_install());
    for (from = 0; from <= HUGE - 4096; from += (HUGE - 4096) / 3 / 4096 * 4096) {
        make_huge_file();
        data = shared_from("huge/file", 2 * HUGE);
        CHECK_OK(adopt_from(data + from, HUGE - from + 8192, -1, from));
        lose_the_second_page(8192, MEMMAP_FAULT_UNKNOWN);
        CHECK_OK(memmap_close(handle));
        CHECK(munmap(data, 2 * HUGE) == 0);
        make_huge_file();
        data = shared_from("huge/file", 2 * HUGE);
        CHECK_OK(memmap_guard_region(data + from + 5, HUGE - from, -1, &handle));
        lose_the_second_page(5, MEMMAP_FAULT_UNKNOWN);
        CHECK_OK(memmap_close(handle));
        CHECK(munmap(data, 2 * HUGE) == 0);
    }
    data = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    CHECK(data != MAP_FAILED);
    CHECK_OK(memmap_guard_region(data + 5000, 5000, -1, &handle));
    CHECK_OK(memmap_protect(handle, MEMMAP_READ_ONLY)); /* All of the huge page: of a part the kernel won't. */
    CHECK_OK(memmap_close(handle));
    CHECK(munmap(data, HUGE) == 0);
    make_huge_file();
    data = shared_from("huge/file", 2 * HUGE);
    fd = open("huge/file", O_RDWR | O_CLOEXEC);
    CHECK_STATUS(MEMMAP_ERR_INVALID, adopt_from(data + 4096, HUGE, fd, 0));
    CHECK_OK(adopt_from(data + 4096, HUGE, fd, 4096));
    close(fd);
    lose_the_second_page(4096, MEMMAP_FAULT_TRUNCATED);
    CHECK(truncate("huge/file", 2 * HUGE) == 0);
    CHECK_OK(memmap_recover(handle));
    CHECK_EQUAL(0, byte_at(handle, HUGE - 1));
    CHECK_OK(memmap_close(handle));
    CHECK(munmap(data, 2 * HUGE) == 0);
}

static void with_hugetlbfs(void (*body)(void)) {
    /* One at a time: the number is the system's. */
    int one = open("/proc/sys/vm/nr_hugepages", O_RDONLY | O_CLOEXEC);
    long before = flock(one, LOCK_EX) == 0 ? huge_pages(-1) : -1;
    huge_pages(before + 4);
    if (huge_pages(-1) < before + 4 || !own_mounts() || mkdir("huge", 0700) != 0 ||
        mount("none", "huge", "hugetlbfs", 0, "pagesize=2M") != 0) {
        skip("no huge pages");
    } else {
        in_child(body);
        unmount("huge");
    }
    rmdir("huge");
    huge_pages(before);
    close(one);
}

static void a_file_on_hugetlbfs_is_mapped_in_huge_pages(void) {
    with_hugetlbfs(use_hugetlbfs);
}

static void a_window_of_hugetlbfs_may_begin_anywhere(void) {
    with_hugetlbfs(use_an_odd_window_of_hugetlbfs);
}

static void huge_pages_are_guarded_without_a_descriptor(void) {
    with_hugetlbfs(lose_hugetlbfs_without_a_descriptor);
}

static void huge_pages_are_guarded_that_others_have_mapped(void) {
    with_hugetlbfs(lose_hugetlbfs_that_was_mapped_by_others);
}

int main(int argc, char **argv) {
    const struct behaviour behaviours[] = {
        BEHAVIOUR(every_advice_for_a_file_is_taken),
        BEHAVIOUR(private_bytes_are_not_thrown_away_by_advice),
        BEHAVIOUR(a_child_finds_what_fork_advice_left),
        BEHAVIOUR(prefault_brings_every_page_in),
        BEHAVIOUR(prefault_for_writing_takes_access_and_changes_nothing),
        BEHAVIOUR(a_lost_page_is_a_fault_and_not_a_signal),
        BEHAVIOUR(what_is_paged_out_is_not_resident),
        BEHAVIOUR(residency_writes_no_more_than_there_is_room_for),
        BEHAVIOUR(locked_memory_stays_within_its_limit),
        BEHAVIOUR(protection_takes_writing_away_and_gives_it_back),
        BEHAVIOUR(protected_memory_keeps_its_length_and_its_bytes),
        BEHAVIOUR(flags_and_advice_at_opening_are_heeded),
        BEHAVIOUR(flags_and_advice_hold_for_the_pages_kept_for_growing),
        BEHAVIOUR(locking_and_prefaulting_leave_the_pages_kept_for_growing_alone),
        BEHAVIOUR(a_file_on_hugetlbfs_is_mapped_in_huge_pages),
        BEHAVIOUR(a_window_of_hugetlbfs_may_begin_anywhere),
        BEHAVIOUR(huge_pages_are_guarded_without_a_descriptor),
        BEHAVIOUR(huge_pages_are_guarded_that_others_have_mapped),
        BEHAVIOUR(more_memory_than_there_is_is_refused_before_it_is_touched),
    };
    return RUN(argc, argv, behaviours);
}
