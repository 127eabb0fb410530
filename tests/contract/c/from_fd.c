/* Mapping what a descriptor names. */

#include <sys/mman.h>
#include <sys/socket.h>

#include "files.h"

static memmap_handle handle;

#define REFUSED(expected, fd, options) \
    CHECK_REFUSED(expected, handle, memmap_from_fd(fd, options, &handle))

static void the_callers_descriptor_stays_its_own(void) {
    int fd, last = -1;
    make_file("file", 100, 'x');
    fd = open("file", O_RDWR | O_CLOEXEC);
    CHECK(lseek(fd, 7, SEEK_SET) == 7);
    CHECK_OK(memmap_from_fd(fd, NULL, &handle));
    CHECK_EQUAL(2, descriptors_of("file", &last));
    CHECK_EQUAL(MEMMAP_READ_ONLY, info_of(handle).access);
    CHECK_EQUAL(7, lseek(fd, 0, SEEK_CUR));
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL(1, descriptors_of("file", &last));
    CHECK_EQUAL(fd, last);
    CHECK_OK(memmap_from_fd(fd, OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    close(fd);
    CHECK_EQUAL(1, descriptors_of("file", &last));
    CHECK((fcntl(last, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK_OK(memmap_resize(handle, 200)); /* It does not need the caller's any more. */
    CHECK_EQUAL(200, size_of("file"));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void options_mean_what_they_do_for_open(void) {
    int fd, last;
    make_file("file", 100, 'x');
    fd = open("file", O_RDWR | O_CLOEXEC);
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_from_fd(fd, NULL, NULL));
    REFUSED(MEMMAP_ERR_INVALID, fd, OPTIONS(.access = 4));
    REFUSED(MEMMAP_ERR_INVALID, fd, OPTIONS(.flags = MEMMAP_NO_FOLLOW));
    REFUSED(MEMMAP_ERR_INVALID, fd, OPTIONS(.flags = MEMMAP_EXCLUSIVE));
    REFUSED(MEMMAP_ERR_INVALID, fd, OPTIONS(.flags = MEMMAP_DURABLE));
    REFUSED(MEMMAP_ERR_INVALID, fd, OPTIONS(.flags = 1u << 31));
    REFUSED(MEMMAP_ERR_INVALID, fd, OPTIONS(.mode = 0600));
    REFUSED(MEMMAP_ERR_INVALID, fd, &(memmap_options){.size = 4});
    REFUSED(MEMMAP_ERR_RANGE, fd, OPTIONS(.offset = 101));
    REFUSED(MEMMAP_ERR_RANGE, fd, OPTIONS(.offset = 1, .length = UINT64_MAX));
    REFUSED(MEMMAP_ERR_LIMIT, fd, OPTIONS(.capacity = UINT64_MAX));
    CHECK_OK(memmap_from_fd(fd, OPTIONS(.offset = 90, .length = 10), &handle));
    CHECK(all_bytes(handle, 0, 10, 'x'));
    CHECK_OK(memmap_close(handle));
    /* It works with the descriptor of the caller, which stays open also where it fails. */
    REFUSED(MEMMAP_ERR_RANGE, fd, OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR, .offset = 101));
    CHECK_OK(memmap_from_fd(fd, OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR), &handle));
    CHECK_EQUAL(1, descriptors_of("file", &last));
    CHECK_OK(memmap_close(handle));
    close(fd);
    unlink("file");
}

static void what_is_no_descriptor_is_ebadf(void) {
    int closed = open("/dev/null", O_RDONLY);
    close(closed);
    REFUSED(EBADF, closed, NULL);
    REFUSED(EBADF, -1, NULL);
    REFUSED(EBADF, INT32_MIN, NULL);
    REFUSED(EBADF, INT32_MAX, NULL);
}

static void a_descriptor_for_the_path_alone_is_ebadf(void) {
    int fd;
    make_file("file", 1, 'x');
    fd = open("file", O_PATH);
    REFUSED(EBADF, fd, NULL);
    close(fd);
    unlink("file");
}

static void a_pipe_socket_or_directory_is_refused(void) {
    int pipes[2], folder = open(".", O_RDONLY), sock = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(pipe(pipes) == 0);
    REFUSED(MEMMAP_ERR_NOT_REGULAR, pipes[0], NULL);
    REFUSED(MEMMAP_ERR_NOT_REGULAR, pipes[1], OPTIONS(.length = 1));
    REFUSED(MEMMAP_ERR_NOT_REGULAR, folder, NULL);
    REFUSED(MEMMAP_ERR_NOT_REGULAR, sock, NULL);
    CHECK(write(pipes[1], "x", 1) == 1);
    close(pipes[0]), close(pipes[1]), close(folder), close(sock);
}

static void access_beyond_what_the_descriptor_was_opened_for_is_eacces(void) {
    int reading, writing;
    make_file("file", 1, 'x');
    reading = open("file", O_RDONLY);
    writing = open("file", O_WRONLY);
    REFUSED(EACCES, reading, OPTIONS(.access = MEMMAP_READ_WRITE));
    REFUSED(EACCES, writing, NULL);
    REFUSED(EACCES, writing, OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_OK(memmap_from_fd(reading, OPTIONS(.access = MEMMAP_COPY_ON_WRITE), &handle));
    CHECK_OK(memmap_write(handle, 0, "y", 1));
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL('x', byte_of("file", 0));
    close(reading), close(writing);
    unlink("file");
}

static void a_character_device_needs_a_length_and_keeps_it(void) {
    int zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR);
    uint64_t len;
    REFUSED(MEMMAP_ERR_NOT_REGULAR, zero, NULL);
    REFUSED(ENODEV, null, OPTIONS(.length = 4096)); /* The kernel cannot map this one. */
    CHECK_OK(memmap_from_fd(zero, OPTIONS(.length = 5000, .access = MEMMAP_READ_WRITE), &handle));
    CHECK_EQUAL(5000, length_of(handle));
    CHECK(all_bytes(handle, 0, 5000, 0));
    CHECK_OK(memmap_write(handle, 4999, "z", 1));
    CHECK_EQUAL('z', byte_at(handle, 4999));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_resize(handle, 100));
    CHECK_REFUSED(MEMMAP_ERR_UNSUPPORTED, len, memmap_refresh(handle, &len));
    CHECK_OK(memmap_close(handle));
    close(zero), close(null);
}

static void a_file_without_a_name_maps(void) {
    int fd;
    make_file("file", 10, 'x');
    fd = open("file", O_RDONLY);
    unlink("file");
    CHECK_OK(memmap_from_fd(fd, NULL, &handle));
    close(fd);
    CHECK(all_bytes(handle, 0, 10, 'x'));
    CHECK_OK(memmap_close(handle));
}

static void seals_of_a_memfd_are_the_systems_error(void) {
    int fd = memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    CHECK(ftruncate(fd, 4096) == 0);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == 0);
    CHECK_OK(memmap_from_fd(fd, OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_STATUS(EPERM, memmap_resize(handle, 8192));
    CHECK_STATUS(EPERM, memmap_resize(handle, 100));
    CHECK_EQUAL(4096, length_of(handle));
    CHECK_OK(memmap_write(handle, 4095, "y", 1));
    CHECK_OK(memmap_close(handle));
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0);
    REFUSED(EPERM, fd, OPTIONS(.access = MEMMAP_READ_WRITE));
    close(fd);
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(the_callers_descriptor_stays_its_own),
        BEHAVIOUR(options_mean_what_they_do_for_open),
        BEHAVIOUR(what_is_no_descriptor_is_ebadf),
        BEHAVIOUR(a_descriptor_for_the_path_alone_is_ebadf),
        BEHAVIOUR(a_pipe_socket_or_directory_is_refused),
        BEHAVIOUR(access_beyond_what_the_descriptor_was_opened_for_is_eacces),
        BEHAVIOUR(a_character_device_needs_a_length_and_keeps_it),
        BEHAVIOUR(a_file_without_a_name_maps),
        BEHAVIOUR(seals_of_a_memfd_are_the_systems_error),
    };
    return RUN(argc, argv, behaviours);
}
