/* Sharing memory with other processes: descriptors, names, seals. */

#include <sys/mman.h>
#include <sys/socket.h>

#include "files.h"

static memmap_handle handle;

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

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(a_descriptor_is_the_callers_and_outlives_the_mapping),
        BEHAVIOUR(the_descriptor_of_a_read_only_mapping_cannot_write),
        BEHAVIOUR(what_has_no_descriptor_gives_none),
        BEHAVIOUR(another_file_under_the_mappings_number_is_never_handed_out),
        BEHAVIOUR(at_the_limit_of_descriptors_there_is_no_other),
    };
    return RUN(argc, argv, behaviours);
}
