/* Sharing memory with other processes: descriptors, names, seals. */

#include <sys/mman.h>
#include <sys/socket.h>

#include "files.h"

static memmap_handle handle, refused;

/* The descriptor that memmap_fd gives; -1 and a failure where it gives none. */
static int descriptor_of(memmap_handle of) {
    int fd = -1;
    CHECK_OK(memmap_fd(of, &fd));
    return fd;
}

static void refuses_a_descriptor(memmap_status expected) {
    int fd = -1;
    CHECK_STATUS(expected, memmap_fd(handle, &fd));
    CHECK(fd == -1);
}

static void a_descriptor_is_the_callers_and_outlives_the_mapping(void) {
    struct stat status;
    memmap_handle again;
    int fd, last;
    make_file("file", 100, 'x');
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_fd(handle, NULL));
    fd = descriptor_of(handle);
    CHECK_EQUAL(2, descriptors_of("file", &last));
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL(1, descriptors_of("file", &last));
    CHECK(fstat(fd, &status) == 0 && status.st_size == 100);
    CHECK_OK(memmap_from_fd(fd, OPTIONS(.access = MEMMAP_READ_WRITE), &again));
    CHECK_OK(memmap_write(again, 0, "y", 1));
    CHECK_EQUAL('y', byte_of("file", 0));
    CHECK_OK(memmap_close(again));
    close(fd);
    unlink("file");
}

static void the_descriptor_of_a_read_only_mapping_cannot_write(void) {
    int fd;
    make_file("file", 100, 'x');
    CHECK_OK(memmap_open("file", NULL, &handle));
    fd = descriptor_of(handle);
    CHECK(pwrite(fd, "y", 1, 0) == -1 && errno == EBADF);
    CHECK_STATUS(EACCES, memmap_from_fd(fd, OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_OK(memmap_close(handle));
    close(fd);
    unlink("file");
}

static void what_has_no_descriptor_gives_none(void) {
    make_file("file", 100, 'x');
    CHECK_OK(memmap_anonymous(100, NULL, &handle));
    refuses_a_descriptor(MEMMAP_ERR_UNSUPPORTED);
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("file", OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR), &handle));
    refuses_a_descriptor(MEMMAP_ERR_UNSUPPORTED);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void another_file_under_the_mappings_number_is_never_handed_out(void) {
    int own, other;
    make_file("file", 100, 'x');
    make_file("other", 100, 'o');
    CHECK_OK(memmap_open("file", NULL, &handle));
    CHECK_EQUAL(1, descriptors_of("file", &own));
    close(own);
    refuses_a_descriptor(EBADF);
    other = open("other", O_RDONLY | O_CLOEXEC);
    CHECK_EQUAL(own, other);
    refuses_a_descriptor(EBADF);
    CHECK_EQUAL(1, descriptors_of("other", &other)); /* The duplicate was closed again. */
    CHECK_OK(memmap_close(handle));
    unlink("file"), unlink("other");
}

static void at_the_limit_of_descriptors_there_is_no_other(void) {
    make_file("file", 100, 'x');
    CHECK_OK(memmap_open("file", NULL, &handle));
    CHECK(limit(RLIMIT_NOFILE, 3));
    refuses_a_descriptor(EMFILE);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

/* A name that no other test has; gone after it, or the folder below says so. */
static const char *a_name(void) {
    static char name[64];
    snprintf(name, sizeof name, "/libmemmap-%d", (int)getpid());
    return name;
}

static const char *path_of(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "/dev/shm%s", name);
    return path;
}

#define SHARED_REFUSED(expected, name, size, options) \
    CHECK_REFUSED(expected, refused, memmap_shared_open(name, size, options, &refused))

static void named_memory_is_made_once_and_found_by_name(void) {
    const char *name = a_name();
    memmap_handle other;
    SHARED_REFUSED(ENOENT, name, 0, NULL);
    CHECK_OK(memmap_shared_open(name, 5000, NULL, &handle));
    CHECK_EQUAL(5000, length_of(handle));
    CHECK_EQUAL(MEMMAP_READ_WRITE, info_of(handle).access);
    CHECK(all_bytes(handle, 0, 5000, 0));
    CHECK_EQUAL(S_IFREG | 0600, status_of(path_of(name)).st_mode);
    CHECK_OK(memmap_write(handle, 4999, "x", 1));
    CHECK_OK(memmap_shared_open(name + 1, 0, NULL, &other)); /* The slash may be left out. */
    CHECK_EQUAL(MEMMAP_READ_ONLY, info_of(other).access);
    CHECK_EQUAL('x', byte_at(other, 4999));
    CHECK_OK(memmap_close(other));
    CHECK_OK(memmap_shared_open(name, 17, NULL, &other)); /* It has its own size. */
    CHECK_EQUAL(5000, length_of(other));
    CHECK_OK(memmap_write(other, 0, "y", 1));
    CHECK_EQUAL('y', byte_at(handle, 0));
    SHARED_REFUSED(EEXIST, name, 5000, OPTIONS(.flags = MEMMAP_EXCLUSIVE));
    CHECK_OK(memmap_shared_unlink(name));
    CHECK_STATUS(ENOENT, memmap_shared_unlink(name));
    CHECK_EQUAL('y', byte_at(handle, 0)); /* Those who have it keep it. */
    CHECK_OK(memmap_close(other)), CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_shared_open(name, 1, OPTIONS(.flags = MEMMAP_EXCLUSIVE, .mode = 0640), &handle));
    CHECK_EQUAL(S_IFREG | 0640, status_of(path_of(name)).st_mode);
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_shared_unlink(name));
}

static void a_name_that_is_none_is_refused(void) {
    static const char *const names[] = {"", "/", "//", "a/b", "/a/", "../a", ".", "..", "/.."};
    char long_name[300];
    size_t i;
    memset(long_name, 'n', sizeof long_name);
    long_name[256] = 0;
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        SHARED_REFUSED(MEMMAP_ERR_INVALID, names[i], 1, NULL);
        CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_shared_unlink(names[i]));
    }
    SHARED_REFUSED(ENAMETOOLONG, long_name, 1, NULL);
    SHARED_REFUSED(MEMMAP_ERR_INVALID, NULL, 1, NULL);
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_shared_unlink(NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_shared_open("name", 1, NULL, NULL));
}

static void options_of_shared_memory_are_checked_before_it_is_made(void) {
    const char *name = a_name();
    SHARED_REFUSED(MEMMAP_ERR_INVALID, name, 1, OPTIONS(.flags = MEMMAP_DURABLE));
    SHARED_REFUSED(MEMMAP_ERR_INVALID, name, 1, OPTIONS(.flags = MEMMAP_SEALED));
    SHARED_REFUSED(MEMMAP_ERR_INVALID, name, 0, OPTIONS(.flags = MEMMAP_EXCLUSIVE));
    SHARED_REFUSED(MEMMAP_ERR_INVALID, name, 0, OPTIONS(.mode = 0600));
    SHARED_REFUSED(MEMMAP_ERR_INVALID, name, 1, OPTIONS(.access = 9));
    SHARED_REFUSED(MEMMAP_ERR_RANGE, name, 10, OPTIONS(.offset = 11));
    SHARED_REFUSED(MEMMAP_ERR_RANGE, name, 10, OPTIONS(.offset = 5, .length = 6));
    SHARED_REFUSED(MEMMAP_ERR_LIMIT, name, UINT64_C(1) << 60, NULL);
    SHARED_REFUSED(MEMMAP_ERR_LIMIT, name, UINT64_MAX, NULL);
    SHARED_REFUSED(ENOENT, name, 0, NULL);
}

static void a_link_or_folder_among_the_names_is_refused(void) {
    const char *name = a_name();
    make_file("file", 10, 'x');
    CHECK(symlink("/etc/passwd", path_of(name)) == 0);
    SHARED_REFUSED(ELOOP, name, 0, NULL);
    SHARED_REFUSED(ELOOP, name, 1, NULL);
    SHARED_REFUSED(EEXIST, name, 1, OPTIONS(.flags = MEMMAP_EXCLUSIVE));
    CHECK_OK(memmap_shared_unlink(name));
    CHECK(mkdir(path_of(name), 0700) == 0);
    SHARED_REFUSED(MEMMAP_ERR_NOT_REGULAR, name, 0, NULL);
    CHECK(memmap_shared_unlink(name) != 0);
    CHECK(rmdir(path_of(name)) == 0);
    unlink("file");
}

static void open_as_nobody(void) {
    become_nobody();
    SHARED_REFUSED(EACCES, getenv("NAME"), 0, NULL);
    SHARED_REFUSED(EACCES, getenv("NAME"), 1, NULL);
}

static void named_memory_is_the_users_own_unless_the_mode_says_more(void) {
    const char *name = a_name();
    if (geteuid() != 0) {
        skip("takes another user");
        return;
    }
    setenv("NAME", name, 1);
    CHECK_OK(memmap_shared_open(name, 1, NULL, &handle));
    in_child(open_as_nobody);
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_shared_unlink(name));
}

enum { RACERS = 8 };

/* All make it at the same time, and each finds it whole: never one that has no size yet. */
static void make_and_leave(void) {
    CHECK_OK(memmap_shared_open(getenv("NAME"), 4096, NULL, &handle));
    CHECK_EQUAL(4096, length_of(handle));
    CHECK_OK(memmap_close(handle));
}

static void of_those_who_make_it_at_once_all_find_it_whole(void) {
    int round, i, status;
    setenv("NAME", a_name(), 1);
    for (round = 0; round < 20; round++) {
        for (i = 0; i < RACERS; i++) {
            if (fork() == 0) {
                failures = 0;
                make_and_leave();
                _exit(failures == 0 ? 0 : 1);
            }
        }
        for (i = 0; i < RACERS; i++)
            CHECK(wait(&status) > 0 && status == 0);
        CHECK_OK(memmap_shared_unlink(getenv("NAME")));
    }
}

static void a_memfd_is_shared_by_its_descriptor(void) {
    memmap_handle other;
    int fd;
    CHECK_REFUSED(MEMMAP_ERR_INVALID, handle, memmap_memfd(NULL, 1, NULL, &handle));
    CHECK_REFUSED(MEMMAP_ERR_INVALID, handle,
                  memmap_memfd("m", 1, OPTIONS(.flags = MEMMAP_EXCLUSIVE), &handle));
    CHECK_REFUSED(MEMMAP_ERR_LIMIT, handle, memmap_memfd("m", UINT64_MAX, NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_memfd("m", 1, NULL, NULL));
    CHECK_OK(memmap_memfd("m", 0, NULL, &handle));
    CHECK_EQUAL(0, length_of(handle));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_memfd("m", 5000, NULL, &handle));
    CHECK(all_bytes(handle, 0, 5000, 0));
    fd = descriptor_of(handle);
    CHECK_OK(memmap_from_fd(fd, OPTIONS(.access = MEMMAP_READ_WRITE), &other));
    close(fd);
    CHECK_EQUAL(5000, length_of(other));
    CHECK_OK(memmap_write(other, 4999, "x", 1));
    CHECK_EQUAL('x', byte_at(handle, 4999));
    CHECK_OK(memmap_resize(handle, 10000)); /* Unsealed it has no fixed size. */
    CHECK_OK(memmap_close(other)), CHECK_OK(memmap_close(handle));
}

static int reader_fd;

static void cannot_upgrade(void) {
    char link[64];
    memmap_handle own;
    become_nobody();
    snprintf(link, sizeof link, "/proc/self/fd/%d", reader_fd);
    CHECK_OK(memmap_from_fd(reader_fd, NULL, &own));
    CHECK_EQUAL('x', byte_at(own, 0));
    CHECK_OK(memmap_close(own));
    CHECK_STATUS(EACCES, memmap_from_fd(reader_fd, OPTIONS(.access = MEMMAP_READ_WRITE), &own));
    CHECK(open(link, O_RDWR) == -1 && errno == EACCES);
    CHECK(fchmod(reader_fd, 0777) == -1);
}

static void another_user_who_gets_a_read_only_descriptor_stays_a_reader(void) {
    CHECK_OK(memmap_memfd("m", 100, NULL, &handle));
    CHECK_OK(memmap_write(handle, 0, "x", 1));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_read_only_fd(handle, NULL));
    CHECK_OK(memmap_read_only_fd(handle, &reader_fd));
    CHECK((fcntl(reader_fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(pwrite(reader_fd, "y", 1, 0) == -1 && errno == EBADF);
    if (geteuid() == 0)
        in_child(cannot_upgrade);
    else
        skip("takes another user");
    close(reader_fd);
    CHECK_OK(memmap_close(handle));
}

static void what_is_sealed_for_future_writing_the_same_user_cannot_write_either(void) {
    char link[64];
    CHECK_OK(memmap_memfd("m", 100, NULL, &handle));
    CHECK_OK(memmap_seal(handle, MEMMAP_SEAL_FUTURE_WRITE | MEMMAP_SEAL_SHRINK));
    CHECK_OK(memmap_read_only_fd(handle, &reader_fd));
    snprintf(link, sizeof link, "/proc/self/fd/%d", reader_fd);
    close(reader_fd);
    reader_fd = open(link, O_RDWR | O_CLOEXEC);
    if (reader_fd < 0)
        reader_fd = descriptor_of(handle);
    CHECK(pwrite(reader_fd, "y", 1, 0) == -1 && errno == EPERM);
    CHECK_REFUSED(EPERM, handle,
                  memmap_from_fd(reader_fd, OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    close(reader_fd);
}

static void the_writers_mapping_goes_on_after_the_future_is_sealed(void) {
    CHECK_OK(memmap_memfd("m", 100, NULL, &handle));
    CHECK_OK(memmap_seal(handle, MEMMAP_SEAL_FUTURE_WRITE));
    CHECK_OK(memmap_write(handle, 0, "x", 1));
    CHECK_EQUAL('x', byte_at(handle, 0));
    CHECK_OK(memmap_close(handle));
}

static void seals_are_kept_and_told(void) {
    uint32_t seals = 99;
    int fd;
    CHECK_OK(memmap_memfd("m", 4096, NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_get_seals(handle, NULL));
    CHECK_OK(memmap_get_seals(handle, &seals));
    CHECK_EQUAL(0, seals);
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_seal(handle, 1u << 5));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_seal(handle, UINT32_MAX));
    CHECK_OK(memmap_seal(handle, 0));
    CHECK_STATUS(EBUSY, memmap_seal(handle, MEMMAP_SEAL_WRITE)); /* It is mapped for writing. */
    CHECK_OK(memmap_seal(handle, MEMMAP_SEAL_SHRINK | MEMMAP_SEAL_GROW));
    CHECK_OK(memmap_get_seals(handle, &seals));
    CHECK_EQUAL(MEMMAP_SEAL_SHRINK | MEMMAP_SEAL_GROW, seals);
    CHECK_STATUS(EPERM, memmap_resize(handle, 1));
    CHECK_STATUS(EPERM, memmap_resize(handle, 8192));
    CHECK_EQUAL(4096, length_of(handle));
    /* As the header says to seal against all writing. */
    fd = descriptor_of(handle);
    CHECK_OK(memmap_close(handle));
    CHECK_STATUS(0, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    CHECK_OK(memmap_from_fd(fd, OPTIONS(.flags = MEMMAP_SEALED), &handle));
    CHECK_OK(memmap_seal(handle, MEMMAP_SEAL_SEAL));
    CHECK_STATUS(EPERM, memmap_seal(handle, MEMMAP_SEAL_FUTURE_WRITE));
    CHECK_OK(memmap_get_seals(handle, &seals));
    CHECK_EQUAL(15, seals);
    CHECK_OK(memmap_close(handle));
    close(fd);
}

static void what_cannot_be_sealed_says_so(void) {
    uint32_t seals = 99;
    make_file("file", 100, 'x');
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_OK(memmap_get_seals(handle, &seals));
    CHECK(seals == 0 || seals == MEMMAP_SEAL_SEAL); /* tmpfs has seals, and files of it are sealed. */
    CHECK(memmap_seal(handle, MEMMAP_SEAL_SHRINK) != 0);
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_anonymous(100, NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_seal(handle, MEMMAP_SEAL_SHRINK));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_get_seals(handle, &seals));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_read_only_fd(handle, &reader_fd));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void who_asks_for_a_sealed_file_gets_no_other(void) {
    memmap_handle other;
    int fd, pipes[2], folder = open(".", O_RDONLY | O_CLOEXEC);
    CHECK_OK(memmap_memfd("m", 4096, NULL, &handle));
    fd = descriptor_of(handle);
#define SEALED_REFUSED(expected, fd) \
    CHECK_REFUSED(expected, other, memmap_from_fd(fd, OPTIONS(.flags = MEMMAP_SEALED), &other))
    SEALED_REFUSED(MEMMAP_ERR_UNSEALED, fd);
    CHECK_OK(memmap_seal(handle, MEMMAP_SEAL_GROW));
    SEALED_REFUSED(MEMMAP_ERR_UNSEALED, fd);
    CHECK_OK(memmap_seal(handle, MEMMAP_SEAL_SHRINK));
    CHECK_OK(memmap_from_fd(fd, OPTIONS(.flags = MEMMAP_SEALED), &other));
    CHECK_EQUAL(MEMMAP_SEALED, info_of(other).flags);
    CHECK(ftruncate(fd, 0) == -1 && errno == EPERM); /* So no peer can. */
    CHECK_EQUAL(0, byte_at(other, 4095));
    CHECK_OK(memmap_close(other));
    close(fd);
    make_file("file", 100, 'x');
    fd = open("file", O_RDWR | O_CLOEXEC);
    SEALED_REFUSED(MEMMAP_ERR_UNSEALED, fd);
    close(fd);
    CHECK(pipe(pipes) == 0);
    SEALED_REFUSED(MEMMAP_ERR_UNSEALED, pipes[0]);
    SEALED_REFUSED(MEMMAP_ERR_UNSEALED, folder);
    SEALED_REFUSED(EBADF, -1);
    close(pipes[0]), close(pipes[1]), close(folder);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

/* A peer that has the descriptor, in a process of its own. */
static int peer_fd;
static int peer_truncates;

static void peer(void) {
    CHECK_EQUAL(peer_truncates, ftruncate(peer_fd, 0) == 0);
}

static void a_peer_that_truncates_an_unsealed_file_is_an_error_and_no_death(void) {
    char byte;
    CHECK_OK(memmap_guard_install());
    CHECK_OK(memmap_memfd("m", 8192, NULL, &handle));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'x'));
    peer_fd = descriptor_of(handle);
    peer_truncates = 1;
    in_child(peer);
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_read(handle, 4096, &byte, 1));
    CHECK_STATUS(MEMMAP_ERR_FAULT, memmap_write(handle, 0, "y", 1));
    close(peer_fd);
    CHECK_OK(memmap_close(handle));
}

static void a_peer_cannot_truncate_a_sealed_file(void) {
    CHECK_OK(memmap_memfd("m", 8192, NULL, &handle));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'x'));
    CHECK_OK(memmap_seal(handle, MEMMAP_SEAL_SHRINK));
    peer_fd = descriptor_of(handle);
    peer_truncates = 0;
    in_child(peer);
    CHECK(all_bytes(handle, 0, 8192, 'x'));
    close(peer_fd);
    CHECK_OK(memmap_close(handle));
}

/* What MEMMAP_SEAL_SHRINK doesn't forbid, and the seals that do. */
static void punches_a_hole(void) {
    const int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    CHECK_EQUAL(peer_truncates, fallocate(peer_fd, hole, 4096, 4096) == 0);
    if (!peer_truncates)
        CHECK(errno == EPERM);
}

static void a_peer_may_punch_a_hole_under_the_seal_which_is_zeros_and_no_fault(void) {
    memmap_fault fault = {0};
    CHECK_OK(memmap_guard_install());
    CHECK_OK(memmap_memfd("m", 3 * 4096, NULL, &handle));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'x'));
    CHECK_OK(memmap_seal(handle, MEMMAP_SEAL_SHRINK | MEMMAP_SEAL_GROW));
    peer_fd = descriptor_of(handle);
    peer_truncates = 1;
    in_child(punches_a_hole);
    CHECK(all_bytes(handle, 0, 4096, 'x') && all_bytes(handle, 4096, 4096, 0) && all_bytes(handle, 8192, 4096, 'x'));
    CHECK_OK(memmap_check(handle, 0, MEMMAP_TO_END));
    fault.size = sizeof fault;
    CHECK_OK(memmap_get_fault(handle, &fault));
    CHECK_EQUAL(0, fault.count);
    close(peer_fd);
    CHECK_OK(memmap_close(handle));
}

static void nobody_punches_a_hole_into_what_is_sealed_for_future_writing(void) {
    CHECK_OK(memmap_memfd("m", 3 * 4096, NULL, &handle));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 'x'));
    CHECK_OK(memmap_seal(handle, MEMMAP_SEAL_SHRINK | MEMMAP_SEAL_FUTURE_WRITE));
    peer_fd = descriptor_of(handle);
    peer_truncates = 0;
    in_child(punches_a_hole);
    CHECK(madvise(address_of(handle) + 4096, 4096, MADV_REMOVE) == -1 && errno == EPERM); /* Not even the writer. */
    CHECK(all_bytes(handle, 0, 3 * 4096, 'x'));
    close(peer_fd);
    CHECK_OK(memmap_close(handle));
}

/* A file in memory has no page for a hole until somebody reads it through a mapping, which makes one. */
static void what_cannot_grow_takes_memory_where_holes_are_read(void) {
    enum { LENGTH = 8 << 20 };
    struct stat status;
    uint64_t found;
    int fd = memfd_create("m", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(fd >= 0 && ftruncate(fd, LENGTH) == 0);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
    CHECK_OK(memmap_from_fd(fd, OPTIONS(.flags = MEMMAP_SEALED), &handle));
    CHECK(fstat(fd, &status) == 0 && status.st_blocks == 0);
    CHECK_OK(memmap_find(handle, 0, MEMMAP_TO_END, "x", 1, &found));
    CHECK_EQUAL(MEMMAP_NPOS, found);
    CHECK(fstat(fd, &status) == 0);
    CHECK_EQUAL(LENGTH, (uint64_t)status.st_blocks * 512);
    close(fd);
    CHECK_OK(memmap_close(handle));
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(a_descriptor_is_the_callers_and_outlives_the_mapping),
        BEHAVIOUR(the_descriptor_of_a_read_only_mapping_cannot_write),
        BEHAVIOUR(what_has_no_descriptor_gives_none),
        BEHAVIOUR(another_file_under_the_mappings_number_is_never_handed_out),
        BEHAVIOUR(at_the_limit_of_descriptors_there_is_no_other),
        BEHAVIOUR(named_memory_is_made_once_and_found_by_name),
        BEHAVIOUR(a_name_that_is_none_is_refused),
        BEHAVIOUR(options_of_shared_memory_are_checked_before_it_is_made),
        BEHAVIOUR(a_link_or_folder_among_the_names_is_refused),
        BEHAVIOUR(named_memory_is_the_users_own_unless_the_mode_says_more),
        BEHAVIOUR(of_those_who_make_it_at_once_all_find_it_whole),
        BEHAVIOUR(a_memfd_is_shared_by_its_descriptor),
        BEHAVIOUR(another_user_who_gets_a_read_only_descriptor_stays_a_reader),
        BEHAVIOUR(what_is_sealed_for_future_writing_the_same_user_cannot_write_either),
        BEHAVIOUR(the_writers_mapping_goes_on_after_the_future_is_sealed),
        BEHAVIOUR(seals_are_kept_and_told),
        BEHAVIOUR(what_cannot_be_sealed_says_so),
        BEHAVIOUR(who_asks_for_a_sealed_file_gets_no_other),
        BEHAVIOUR(a_peer_that_truncates_an_unsealed_file_is_an_error_and_no_death),
        BEHAVIOUR(a_peer_cannot_truncate_a_sealed_file),
        BEHAVIOUR(a_peer_may_punch_a_hole_under_the_seal_which_is_zeros_and_no_fault),
        BEHAVIOUR(nobody_punches_a_hole_into_what_is_sealed_for_future_writing),
        BEHAVIOUR(what_cannot_grow_takes_memory_where_holes_are_read),
    };
    return RUN(argc, argv, behaviours);
}
