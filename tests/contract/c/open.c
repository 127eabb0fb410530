/* Opening a file that exists. */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "files.h"

static memmap_handle handle;

static void a_file_maps_read_only_and_whole_by_default(void) {
    memmap_info info;
    make_file("file", 5000, 'x');
    CHECK_OK(memmap_open("file", NULL, &handle));
    CHECK(handle != 0 && handle < UINT64_C(1) << 48);
    CHECK_EQUAL(5000, length_of(handle));
    CHECK(all_bytes(handle, 0, 5000, 'x'));
    info = info_of(handle);
    CHECK_EQUAL(MEMMAP_READ_ONLY, info.access);
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_write(handle, 0, "y", 1));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void null_where_a_pointer_is_needed_is_invalid(void) {
    make_file("file", 1, 'x');
    CHECK_REFUSED(MEMMAP_ERR_INVALID, handle, memmap_open(NULL, NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_open("file", NULL, NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_open(NULL, NULL, NULL));
    unlink("file");
}

static void options_that_mean_nothing_are_invalid(void) {
    make_file("file", 1, 'x');
#define REFUSED(...) \
    CHECK_REFUSED(MEMMAP_ERR_INVALID, handle, memmap_open("file", OPTIONS(__VA_ARGS__), &handle))
    REFUSED(.access = MEMMAP_COPY_ON_WRITE + 1);
    REFUSED(.access = UINT32_MAX);
    REFUSED(.flags = 1u << 31);
    REFUSED(.flags = 1u << 31);
    REFUSED(.flags = UINT32_MAX);
    REFUSED(.flags = MEMMAP_EXCLUSIVE);
    REFUSED(.flags = MEMMAP_DURABLE);
    REFUSED(.flags = MEMMAP_WRITE_AND_EXECUTE);
    REFUSED(.flags = MEMMAP_EXECUTABLE | MEMMAP_WRITE_AND_EXECUTE);
    REFUSED(.flags = MEMMAP_EXECUTABLE, .access = MEMMAP_READ_WRITE);
    REFUSED(.flags = MEMMAP_EXECUTABLE, .access = MEMMAP_COPY_ON_WRITE);
    REFUSED(.mode = 0600);
#undef REFUSED
    unlink("file");
}

static void options_of_another_size_are_invalid_and_not_read_further(void) {
    const uint32_t sizes[] = {0, 1, offsetof(memmap_options, advice) - 1,
                              sizeof(memmap_options) + 1, UINT32_MAX};
    uint32_t *only_size = malloc(sizeof *only_size); /* valgrind sees who reads on. */
    size_t i;
    make_file("file", 1, 'x');
    for (i = 0; CHECK(only_size != NULL) && i < sizeof sizes / sizeof sizes[0]; i++) {
        *only_size = sizes[i];
        CHECK_REFUSED(MEMMAP_ERR_INVALID, handle,
                      memmap_open("file", (memmap_options *)(void *)only_size, &handle));
    }
    free(only_size);
    unlink("file");
}

static void options_of_the_first_version_work_and_are_not_read_further(void) {
    const uint32_t first = offsetof(memmap_options, advice);
    memmap_options *options = malloc(first); /* valgrind sees who goes on. */
    memmap_options longer = {.size = first, .access = MEMMAP_READ_WRITE, .advice = 4711, .reserved = 1};
    memmap_info info = {.size = sizeof info};
    make_file("file", 10000, 'x');
    if (!CHECK(options != NULL))
        return;
    memcpy(options, &longer, first);
    CHECK_OK(memmap_open("file", options, &handle));
    CHECK_OK(memmap_get_info(handle, &info));
    CHECK_EQUAL(MEMMAP_READ_WRITE, info.access);
    CHECK_OK(memmap_close(handle));
    free(options);
    CHECK_OK(memmap_open("file", &longer, &handle)); /* What stands behind is somebody else's. */
    CHECK_OK(memmap_close(handle));
    longer.size = first - 1;
    CHECK_REFUSED(MEMMAP_ERR_INVALID, handle, memmap_open("file", &longer, &handle));
    unlink("file");
}

static void a_window_needs_no_alignment_and_lies_in_the_file(void) {
    int fd;
    make_file("file", 9000, 'x');
    fd = open("file", O_WRONLY);
    CHECK(pwrite(fd, "window", 6, 5001) == 6);
    close(fd);

    CHECK_OK(memmap_open("file", OPTIONS(.offset = 5001, .length = 6), &handle));
    CHECK_EQUAL(6, length_of(handle));
    CHECK(memcmp(address_of(handle), "window", 6) == 0);
    CHECK_EQUAL(5001, info_of(handle).offset);
    CHECK_OK(memmap_close(handle));

    CHECK_OK(memmap_open("file", OPTIONS(.offset = 5001), &handle));
    CHECK_EQUAL(3999, length_of(handle));
    CHECK_EQUAL('x', byte_at(handle, 3998));
    CHECK_OK(memmap_close(handle));

    CHECK_OK(memmap_open("file", OPTIONS(.offset = 9000), &handle));
    CHECK_EQUAL(0, length_of(handle));
    CHECK_OK(memmap_close(handle));

#define OUTSIDE(...) \
    CHECK_REFUSED(MEMMAP_ERR_RANGE, handle, memmap_open("file", OPTIONS(__VA_ARGS__), &handle))
    OUTSIDE(.offset = 9001);
    OUTSIDE(.offset = UINT64_MAX);
    OUTSIDE(.length = 9001);
    OUTSIDE(.length = UINT64_MAX);
    OUTSIDE(.offset = 9000, .length = 1);
    OUTSIDE(.offset = 5001, .length = 4000);
    OUTSIDE(.offset = 5001, .length = UINT64_MAX - 5000);
    OUTSIDE(.offset = 5001, .length = UINT64_MAX);
    OUTSIDE(.offset = UINT64_MAX, .length = UINT64_MAX);
#undef OUTSIDE
    unlink("file");
}

static void a_path_that_leads_nowhere_is_the_systems_error(void) {
    char path[5000];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    make_file("file", 1, 'x');
    CHECK_REFUSED(ENOENT, handle, memmap_open("missing", NULL, &handle));
    CHECK_REFUSED(ENOENT, handle, memmap_open("missing/file", NULL, &handle));
    CHECK_REFUSED(ENOENT, handle, memmap_open("", NULL, &handle));
    CHECK_REFUSED(ENOTDIR, handle, memmap_open("file/file", NULL, &handle));
    CHECK_REFUSED(ENAMETOOLONG, handle, memmap_open(path, NULL, &handle));
    path[256] = '\0';
    CHECK_REFUSED(ENAMETOOLONG, handle, memmap_open(path, NULL, &handle));
    unlink("file");
}

static void refuses_as_not_regular(const char *path) {
    CHECK_REFUSED(MEMMAP_ERR_NOT_REGULAR, handle, memmap_open(path, NULL, &handle));
    CHECK_REFUSED(MEMMAP_ERR_NOT_REGULAR, handle,
                  memmap_open(path, OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_REFUSED(MEMMAP_ERR_NOT_REGULAR, handle,
                  memmap_open(path, OPTIONS(.access = MEMMAP_COPY_ON_WRITE, .length = 1), &handle));
}

static void a_directory_fifo_socket_or_character_device_is_refused_at_once(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(listening, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(mkdir("folder", 0700) == 0 && mkfifo("fifo", 0600) == 0);
    refuses_as_not_regular("folder");
    refuses_as_not_regular(".");
    refuses_as_not_regular("fifo");
    refuses_as_not_regular("socket");
    refuses_as_not_regular("/dev/null");
    refuses_as_not_regular("/dev/zero");
    close(listening);
    CHECK(rmdir("folder") == 0 && unlink("fifo") == 0 && unlink("socket") == 0);
}

static void a_symbolic_link_is_followed_unless_no_follow_refuses_it(void) {
    make_file("file", 3, 'x');
    CHECK(symlink("file", "link") == 0 && symlink("loop", "loop") == 0);
    CHECK_OK(memmap_open("link", NULL, &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_REFUSED(ELOOP, handle,
                  memmap_open("link", OPTIONS(.flags = MEMMAP_NO_FOLLOW), &handle));
    CHECK_REFUSED(ELOOP, handle, memmap_open("loop", NULL, &handle));
    CHECK_OK(memmap_open("file", OPTIONS(.flags = MEMMAP_NO_FOLLOW), &handle));
    CHECK_OK(memmap_close(handle));
    CHECK(unlink("link") == 0 && unlink("loop") == 0 && unlink("file") == 0);
}

static void a_symbolic_link_anywhere_in_the_path_is_refused_where_that_is_asked_for(void) {
    const memmap_options *none = OPTIONS(.flags = MEMMAP_NO_SYMLINKS);
    char path[4096];
    CHECK(mkdir("folder", 0700) == 0 && symlink("folder", "way") == 0);
    CHECK(symlink("file", "folder/link") == 0);
    make_file("folder/file", 3, 'x');
    CHECK_OK(memmap_open("way/file", OPTIONS(.flags = MEMMAP_NO_FOLLOW), &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("folder/file", none, &handle));
    CHECK_EQUAL(3, length_of(handle));
    CHECK_OK(memmap_close(handle));
    CHECK(realpath("folder/file", path) != NULL);
    CHECK_OK(memmap_open(path, none, &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_REFUSED(ELOOP, handle, memmap_open("way/file", none, &handle));
    CHECK_REFUSED(ELOOP, handle, memmap_open("folder/../way/file", none, &handle));
    CHECK_REFUSED(ELOOP, handle, memmap_open("folder/link", none, &handle));
    CHECK_REFUSED(ENOENT, handle, memmap_open("folder/none", none, &handle));
    CHECK(unlink("folder/link") == 0 && unlink("folder/file") == 0 && unlink("way") == 0);
    CHECK(rmdir("folder") == 0);
}

/* A filter of system calls that answers this errno to openat2(2); 0 where there can't be one. */
static int forbids_openat2(int with) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)with),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static void who_may_not_ask_for_it(int with) {
    if (!forbids_openat2(with)) {
        skip("no filter of system calls can be had");
        return;
    }
    CHECK_REFUSED(MEMMAP_ERR_UNSUPPORTED, handle,
                  memmap_open("file", OPTIONS(.flags = MEMMAP_NO_SYMLINKS), &handle));
    CHECK_OK(memmap_open("file", OPTIONS(.flags = MEMMAP_NO_FOLLOW), &handle));
    CHECK_OK(memmap_close(handle));
}

static void on_an_older_kernel(void) { who_may_not_ask_for_it(ENOSYS); }

static void in_an_older_container(void) { who_may_not_ask_for_it(EPERM); }

static void where_the_system_cannot_say_what_is_a_link_it_is_unsupported(void) {
    make_file("file", 3, 'x');
    in_child(on_an_older_kernel);
    in_child(in_an_older_container);
    unlink("file");
}

static void an_empty_file_maps_with_length_0(void) {
    uint32_t access;
    make_file("file", 0, 0);
    for (access = MEMMAP_ACCESS_DEFAULT; access <= MEMMAP_COPY_ON_WRITE; access++) {
        CHECK_OK(memmap_open("file", OPTIONS(.access = access), &handle));
        CHECK_EQUAL(0, length_of(handle));
        CHECK(address_of(handle) != NULL);
        CHECK_OK(memmap_read(handle, 0, NULL, 0));
        CHECK_EQUAL(-1, byte_at(handle, 0));
        CHECK_OK(memmap_close(handle));
    }
    CHECK_EQUAL(0, size_of("file"));
    unlink("file");
}

/* Addresses of 32 bits have no room for it, and its length modulo 4 GiB is not what is mapped then. */
static void a_tebibyte_is_a_limit(uint64_t size) {
    const memmap_options *one_less = OPTIONS(.length = size - 1);
    CHECK_REFUSED(MEMMAP_ERR_LIMIT, handle, memmap_open("file", NULL, &handle));
    CHECK_REFUSED(MEMMAP_ERR_LIMIT, handle, memmap_open("file", one_less, &handle));
    CHECK_REFUSED(MEMMAP_ERR_LIMIT, handle, memmap_anonymous((UINT64_C(1) << 32) + 1, NULL, &handle));
    CHECK_OK(memmap_open("file", OPTIONS(.offset = size - 4), &handle));
    CHECK_EQUAL('t', byte_at(handle, 3));
    CHECK_EQUAL(-1, byte_at(handle, UINT64_C(1) << 32));
    CHECK_OK(memmap_close(handle));
}

static void a_sparse_file_of_1_tebibyte_maps_and_has_both_ends(void) {
    const uint64_t size = UINT64_C(1) << 40;
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    if (ftruncate(fd, (off_t)size) != 0) {
        skip("no file of 1 TiB");
    } else if (sizeof(void *) == 4) {
        CHECK(pwrite(fd, "last", 4, (off_t)size - 4) == 4);
        a_tebibyte_is_a_limit(size);
    } else {
        CHECK(pwrite(fd, "first", 5, 0) == 5);
        CHECK(pwrite(fd, "last", 4, (off_t)size - 4) == 4);
        CHECK_OK(memmap_open("file", NULL, &handle));
        CHECK_EQUAL(size, length_of(handle));
        CHECK_EQUAL('f', byte_at(handle, 0));
        CHECK_EQUAL('t', byte_at(handle, size - 1));
        CHECK_EQUAL(0, byte_at(handle, size / 2));
        CHECK_EQUAL(-1, byte_at(handle, size));
        CHECK_OK(memmap_close(handle));
    }
    close(fd);
    unlink("file");
}

static void as_nobody(void) {
    become_nobody();
    CHECK_OK(memmap_open("readable", NULL, &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("readable", OPTIONS(.access = MEMMAP_COPY_ON_WRITE), &handle));
    CHECK_OK(memmap_write(handle, 0, "y", 1));
    CHECK_OK(memmap_close(handle));
    CHECK_REFUSED(EACCES, handle,
                  memmap_open("readable", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_REFUSED(EACCES, handle, memmap_open("secret", NULL, &handle));
}

static void without_permission_it_is_eacces(void) {
    make_file("readable", 1, 'x');
    make_file("secret", 1, 'x');
    CHECK(chmod("readable", 0444) == 0 && chmod("secret", 0) == 0);
    in_child(as_nobody);
    CHECK(unlink("readable") == 0 && unlink("secret") == 0);
}

static void on_a_read_only_file_system_writing_is_erofs(void) {
    if (!mount_tmpfs("readonly", "size=64k"))
        return;
    make_file("readonly/file", 1, 'x');
    CHECK(mount("none", "readonly", "none", MS_REMOUNT | MS_RDONLY, NULL) == 0);
    CHECK_OK(memmap_open("readonly/file", NULL, &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_REFUSED(EROFS, handle,
                  memmap_open("readonly/file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    unmount("readonly");
}

static void the_descriptor_that_is_kept_does_not_outlive_exec(void) {
    int kept = -1;
    make_file("file", 1, 'x');
    CHECK_OK(memmap_open("file", NULL, &handle));
    CHECK_EQUAL(1, descriptors_of("file", &kept));
    CHECK((fcntl(kept, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL(0, descriptors_of("file", &kept));
    unlink("file");
}

static void no_descriptor_keeps_none(void) {
    uint64_t len;
    int kept;
    make_file("file", 1, 'x');
    CHECK_OK(memmap_open(
        "file", OPTIONS(.access = MEMMAP_READ_WRITE, .flags = MEMMAP_NO_DESCRIPTOR), &handle));
    CHECK_EQUAL(0, descriptors_of("file", &kept));
    CHECK_EQUAL('x', byte_at(handle, 0));
    CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_resize(handle, 2));
    CHECK_REFUSED(MEMMAP_ERR_UNSUPPORTED, len, memmap_refresh(handle, &len));
    CHECK_EQUAL(1, length_of(handle));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void a_call_that_fails_keeps_no_descriptor(void) {
    int kept;
    make_file("file", 1, 'x');
    CHECK_REFUSED(MEMMAP_ERR_RANGE, handle, memmap_open("file", OPTIONS(.offset = 2), &handle));
    CHECK_REFUSED(MEMMAP_ERR_LIMIT, handle,
                  memmap_open("file", OPTIONS(.capacity = UINT64_MAX), &handle));
    CHECK_EQUAL(0, descriptors_of("file", &kept));
    unlink("file");
}

/* Whether the mapping of `file` with these options has these permissions in the eyes of the system. */
static void maps_with(const char *wanted, const memmap_options *options) {
    char permissions[5] = "";
    CHECK_OK(memmap_open("file", options, &handle));
    CHECK(mapping_at(address_of(handle), permissions));
    if (!CHECK(strcmp(permissions, wanted) == 0))
        printf("  expected %s, got %s\n", wanted, permissions);
    CHECK_OK(memmap_close(handle));
}

static void the_pages_allow_what_was_asked_for_and_no_more(void) {
    const uint32_t code = MEMMAP_EXECUTABLE, both = code | MEMMAP_WRITE_AND_EXECUTE;
    make_file("file", 1, 'x');
    maps_with("r--s", NULL);
    maps_with("rw-s", OPTIONS(.access = MEMMAP_READ_WRITE));
    maps_with("rw-p", OPTIONS(.access = MEMMAP_COPY_ON_WRITE));
    maps_with("r-xs", OPTIONS(.flags = code));
    maps_with("rwxs", OPTIONS(.access = MEMMAP_READ_WRITE, .flags = both));
    maps_with("rwxp", OPTIONS(.access = MEMMAP_COPY_ON_WRITE, .flags = both));
    unlink("file");
}

static void code_from_a_noexec_file_system_is_eacces(void) {
    if (!mount_tmpfs("noexec", "size=64k"))
        return;
    CHECK(mount("none", "noexec", "none", MS_REMOUNT | MS_NOEXEC, NULL) == 0);
    make_file("noexec/file", 1, 'x');
    CHECK_REFUSED(EACCES, handle,
                  memmap_open("noexec/file", OPTIONS(.flags = MEMMAP_EXECUTABLE), &handle));
    unmount("noexec");
}

static void a_block_device_maps_with_its_size_and_keeps_it(void) {
    char name[32];
    uint64_t len;
    int file, device;
    make_file("disk", 65536, 'x');
    file = open("disk", O_RDWR | O_CLOEXEC);
    device = loop_device(file, name);
    if (device < 0) {
        skip("no loop device can be had");
    } else {
        CHECK_OK(memmap_open(name, OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
        CHECK_EQUAL(65536, length_of(handle));
        CHECK(all_bytes(handle, 0, 65536, 'x'));
        CHECK_OK(memmap_write(handle, 65535, "y", 1));
        CHECK_OK(memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
        CHECK_EQUAL('y', byte_of("disk", 65535));
        CHECK_STATUS(MEMMAP_ERR_UNSUPPORTED, memmap_resize(handle, 4096));
        CHECK_OK(memmap_refresh(handle, &len));
        CHECK_EQUAL(65536, len);
        CHECK_OK(memmap_close(handle));
        CHECK_REFUSED(MEMMAP_ERR_RANGE, handle,
                      memmap_open(name, OPTIONS(.length = 65537), &handle));
        CHECK_REFUSED(MEMMAP_ERR_NOT_REGULAR, handle, memmap_create(name, 4096, NULL, &handle));
        close(device);
    }
    close(file);
    unlink("disk");
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(a_file_maps_read_only_and_whole_by_default),
        BEHAVIOUR(null_where_a_pointer_is_needed_is_invalid),
        BEHAVIOUR(options_that_mean_nothing_are_invalid),
        BEHAVIOUR(options_of_another_size_are_invalid_and_not_read_further),
        BEHAVIOUR(options_of_the_first_version_work_and_are_not_read_further),
        BEHAVIOUR(a_window_needs_no_alignment_and_lies_in_the_file),
        BEHAVIOUR(a_path_that_leads_nowhere_is_the_systems_error),
        BEHAVIOUR(a_directory_fifo_socket_or_character_device_is_refused_at_once),
        BEHAVIOUR(a_symbolic_link_is_followed_unless_no_follow_refuses_it),
        BEHAVIOUR(a_symbolic_link_anywhere_in_the_path_is_refused_where_that_is_asked_for),
        BEHAVIOUR(where_the_system_cannot_say_what_is_a_link_it_is_unsupported),
        BEHAVIOUR(an_empty_file_maps_with_length_0),
        BEHAVIOUR(a_sparse_file_of_1_tebibyte_maps_and_has_both_ends),
        BEHAVIOUR(without_permission_it_is_eacces),
        BEHAVIOUR(on_a_read_only_file_system_writing_is_erofs),
        BEHAVIOUR(the_descriptor_that_is_kept_does_not_outlive_exec),
        BEHAVIOUR(no_descriptor_keeps_none),
        BEHAVIOUR(a_call_that_fails_keeps_no_descriptor),
        BEHAVIOUR(the_pages_allow_what_was_asked_for_and_no_more),
        BEHAVIOUR(code_from_a_noexec_file_system_is_eacces),
        BEHAVIOUR(a_block_device_maps_with_its_size_and_keeps_it),
    };
    return RUN(argc, argv, behaviours);
}
