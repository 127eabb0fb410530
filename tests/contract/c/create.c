/* Creating a file. */

#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>

#include "files.h"

static memmap_handle handle;

#define REFUSED(expected, path, size, options)                                             \
    do {                                                                                   \
        CHECK_REFUSED(expected, handle, memmap_create(path, size, options, &handle));      \
        CHECK(!exists(path));                                                              \
    } while (0)

/* An existing file of 100 bytes that a call which fails must leave as it was. */
#define REFUSED_AND_KEPT(expected, path, size, options)                                    \
    do {                                                                                   \
        CHECK_REFUSED(expected, handle, memmap_create(path, size, options, &handle));      \
        CHECK_EQUAL(100, size_of(path));                                                   \
        CHECK_EQUAL('x', byte_of(path, 99));                                               \
    } while (0)

static void a_new_file_is_zero_read_write_and_its_owners_alone(void) {
    umask(0);
    CHECK_OK(memmap_create("file", 10000, NULL, &handle));
    CHECK_EQUAL(10000, length_of(handle));
    CHECK_EQUAL(10000, size_of("file"));
    CHECK(all_bytes(handle, 0, 10000, 0));
    CHECK_EQUAL(MEMMAP_READ_WRITE, info_of(handle).access);
    CHECK_EQUAL(0600, status_of("file").st_mode & 07777);
    CHECK_OK(memmap_write(handle, 9999, "z", 1));
    CHECK_EQUAL('z', byte_of("file", 9999));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void the_mode_is_what_was_asked_for_less_the_umask(void) {
    umask(027);
    CHECK_OK(memmap_create("file", 1, OPTIONS(.mode = 0666), &handle));
    CHECK_EQUAL(0640, status_of("file").st_mode & 07777);
    CHECK_OK(memmap_close(handle));
    unlink("file");
    umask(0200);
    CHECK_OK(memmap_create("file", 1, NULL, &handle));
    CHECK_EQUAL(0400, status_of("file").st_mode & 07777);
    CHECK_OK(memmap_write(handle, 0, "y", 1));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void null_where_a_pointer_is_needed_is_invalid_and_makes_nothing(void) {
    CHECK_REFUSED(MEMMAP_ERR_INVALID, handle, memmap_create(NULL, 1, NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_create("file", 1, NULL, NULL));
    CHECK(!exists("file"));
}

static void options_that_mean_nothing_are_invalid_and_make_nothing(void) {
    REFUSED(MEMMAP_ERR_INVALID, "file", 1, OPTIONS(.mode = 01000));
    REFUSED(MEMMAP_ERR_INVALID, "file", 1, OPTIONS(.mode = 04755));
    REFUSED(MEMMAP_ERR_INVALID, "file", 1, OPTIONS(.mode = UINT32_MAX));
    REFUSED(MEMMAP_ERR_INVALID, "file", 1, OPTIONS(.access = 4));
    REFUSED(MEMMAP_ERR_INVALID, "file", 1, OPTIONS(.flags = 1u << 31));
    REFUSED(MEMMAP_ERR_INVALID, "file", 1, OPTIONS(.flags = UINT32_MAX));
    REFUSED(MEMMAP_ERR_INVALID, "file", 1, OPTIONS(.flags = MEMMAP_EXECUTABLE));
    REFUSED(MEMMAP_ERR_INVALID, "file", 1, &(memmap_options){.size = 0});
    REFUSED(MEMMAP_ERR_INVALID, "file", 1,
            &(memmap_options){.size = sizeof(memmap_options) + 1});
}

static void blocks_are_reserved_unless_sparse_was_asked_for(void) {
    CHECK_OK(memmap_create("file", 1 << 20, NULL, &handle));
    CHECK(status_of("file").st_blocks * 512 >= 1 << 20);
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_create("file", 1 << 20, OPTIONS(.flags = MEMMAP_SPARSE), &handle));
    CHECK_EQUAL(0, status_of("file").st_blocks);
    CHECK_EQUAL(1 << 20, size_of("file"));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void an_existing_file_is_emptied_and_keeps_inode_and_permissions(void) {
    const uint64_t sizes[] = {100, 4096, 50, 0, 70000};
    const uint32_t flags[] = {0, MEMMAP_SPARSE};
    size_t i;
    for (i = 0; i < 10; i++) {
        struct stat before;
        uint64_t size = sizes[i % 5];
        make_file("file", 10000, 'x');
        CHECK(chmod("file", 0640) == 0);
        before = status_of("file");
        CHECK_OK(memmap_create("file", size, OPTIONS(.flags = flags[i / 5]), &handle));
        CHECK_EQUAL(size, size_of("file"));
        CHECK(all_bytes(handle, 0, size, 0));
        CHECK_EQUAL(before.st_ino, status_of("file").st_ino);
        CHECK_EQUAL(before.st_mode, status_of("file").st_mode);
        CHECK_OK(memmap_close(handle));
    }
    unlink("file");
}

static void exclusive_refuses_what_exists(void) {
    make_file("file", 100, 'x');
    CHECK(symlink("nothing", "link") == 0);
    REFUSED_AND_KEPT(EEXIST, "file", 1, OPTIONS(.flags = MEMMAP_EXCLUSIVE));
    CHECK_REFUSED(EEXIST, handle,
                  memmap_create("link", 1, OPTIONS(.flags = MEMMAP_EXCLUSIVE), &handle));
    CHECK_REFUSED(EEXIST, handle,
                  memmap_create(".", 1, OPTIONS(.flags = MEMMAP_EXCLUSIVE), &handle));
    CHECK(!exists("nothing"));
    CHECK_OK(memmap_create("new", 1, OPTIONS(.flags = MEMMAP_EXCLUSIVE), &handle));
    CHECK_OK(memmap_close(handle));
    CHECK(unlink("file") == 0 && unlink("link") == 0 && unlink("new") == 0);
}

static void a_symbolic_link_is_followed_unless_no_follow_refuses_it(void) {
    CHECK(symlink("target", "link") == 0);
    CHECK_REFUSED(ELOOP, handle,
                  memmap_create("link", 7, OPTIONS(.flags = MEMMAP_NO_FOLLOW), &handle));
    CHECK(!exists("target"));
    CHECK_OK(memmap_create("link", 7, NULL, &handle)); /* The link leads to nothing so far. */
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL(7, size_of("target"));
    CHECK_OK(memmap_create("link", 9, NULL, &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL(9, size_of("target"));
    CHECK_REFUSED(ELOOP, handle,
                  memmap_create("link", 7, OPTIONS(.flags = MEMMAP_NO_FOLLOW), &handle));
    CHECK_EQUAL(9, size_of("target"));
    CHECK(unlink("link") == 0 && unlink("target") == 0);
}

static void a_symbolic_link_anywhere_in_the_path_is_refused_where_that_is_asked_for(void) {
    const memmap_options *none = OPTIONS(.flags = MEMMAP_NO_SYMLINKS);
    CHECK(mkdir("folder", 0700) == 0 && symlink("folder", "way") == 0);
    CHECK(symlink("new", "folder/link") == 0);
    CHECK_REFUSED(ELOOP, handle, memmap_create("way/new", 7, none, &handle));
    CHECK_REFUSED(ELOOP, handle, memmap_create("folder/link", 7, none, &handle));
    CHECK(!exists("folder/new"));
    CHECK_OK(memmap_create("folder/new", 7, none, &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_REFUSED(ELOOP, handle, memmap_create("way/new", 9, none, &handle));
    CHECK_EQUAL(7, size_of("folder/new"));
    CHECK(unlink("folder/link") == 0 && unlink("folder/new") == 0 && unlink("way") == 0);
    CHECK(rmdir("folder") == 0);
}

static void a_failure_leaves_no_new_file_behind_a_symbolic_link_either(void) {
    CHECK(symlink("target", "link") == 0);
    CHECK_REFUSED(MEMMAP_ERR_LIMIT, handle, memmap_create("link", UINT64_MAX, NULL, &handle));
    CHECK(exists("link"));
    CHECK(!exists("target"));
    unlink("target");
    unlink("link");
}

static void durable_works_with_and_without_a_folder_in_the_path(void) {
    CHECK(mkdir("folder", 0700) == 0);
    CHECK_OK(memmap_create("file", 5, OPTIONS(.flags = MEMMAP_DURABLE), &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_create("folder/file", 5, OPTIONS(.flags = MEMMAP_DURABLE), &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL(5, size_of("folder/file"));
    CHECK(unlink("file") == 0 && unlink("folder/file") == 0 && rmdir("folder") == 0);
}

static void a_full_disk_is_enospc_now_and_leaves_no_new_file(void) {
    struct stat before;
    uint64_t size = 1 << 20;
    if (!mount_tmpfs("small", "size=64k"))
        return;
    REFUSED(ENOSPC, "small/file", size, NULL);
    REFUSED(ENOSPC, "small/file", size, OPTIONS(.flags = MEMMAP_DURABLE));
    make_file("small/file", 100, 'x');
    before = status_of("small/file");
    CHECK_REFUSED(ENOSPC, handle, memmap_create("small/file", size, NULL, &handle));
    CHECK_EQUAL(before.st_ino, status_of("small/file").st_ino);
    CHECK(size_of("small/file") <= 100); /* tmpfs may have lost the contents, the header says. */
    CHECK_OK(memmap_create("small/file", size, OPTIONS(.flags = MEMMAP_SPARSE), &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_create("small/file", 60000, NULL, &handle)); /* All the space is free again. */
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 1));
    CHECK_OK(memmap_close(handle));
    unmount("small");
}

static void past_the_file_size_limit_it_is_a_status_and_no_signal(void) {
    make_file("old", 100, 'x');
    CHECK(limit(RLIMIT_FSIZE, 8192));
    REFUSED(MEMMAP_ERR_LIMIT, "new", 8193, NULL);
    REFUSED(MEMMAP_ERR_LIMIT, "new", 8193, OPTIONS(.flags = MEMMAP_SPARSE));
    REFUSED_AND_KEPT(MEMMAP_ERR_LIMIT, "old", 8193, NULL);
    REFUSED_AND_KEPT(MEMMAP_ERR_LIMIT, "old", 8193, OPTIONS(.flags = MEMMAP_SPARSE));
    CHECK_OK(memmap_create("new", 8192, NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_resize(handle, 8193));
    CHECK_EQUAL(8192, length_of(handle));
    CHECK_EQUAL(8192, size_of("new"));
    CHECK_OK(memmap_close(handle));
    CHECK(unlink("old") == 0 && unlink("new") == 0);
}

static void more_than_the_address_space_holds_is_a_limit(void) {
    const uint64_t sizes[] = {UINT64_MAX, INT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 56};
    size_t i;
    make_file("old", 100, 'x');
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        REFUSED(MEMMAP_ERR_LIMIT, "new", sizes[i], NULL);
        REFUSED(MEMMAP_ERR_LIMIT, "new", sizes[i], OPTIONS(.flags = MEMMAP_SPARSE));
        REFUSED(MEMMAP_ERR_LIMIT, "new", 1, OPTIONS(.capacity = sizes[i]));
        REFUSED_AND_KEPT(MEMMAP_ERR_LIMIT, "old", sizes[i], NULL);
        REFUSED_AND_KEPT(MEMMAP_ERR_LIMIT, "old", 1, OPTIONS(.capacity = sizes[i]));
    }
    /* The window would fit, the file has no number for its size. */
    REFUSED(MEMMAP_ERR_LIMIT, "new", UINT64_MAX, OPTIONS(.length = 4096));
    REFUSED_AND_KEPT(MEMMAP_ERR_LIMIT, "old", UINT64_MAX, OPTIONS(.length = 4096));
    REFUSED_AND_KEPT(MEMMAP_ERR_LIMIT, "old", UINT64_MAX,
                     OPTIONS(.length = 50, .flags = MEMMAP_SPARSE));
    /* So has the window no number for where it begins. */
    REFUSED(MEMMAP_ERR_LIMIT, "new", UINT64_MAX - 15, OPTIONS(.offset = UINT64_MAX - 4096));
    REFUSED_AND_KEPT(MEMMAP_ERR_LIMIT, "old", UINT64_MAX - 15, OPTIONS(.offset = UINT64_MAX - 18));
    unlink("old");
}

static void no_space_leaves_what_the_file_held(void) {
    struct statvfs before, after;
    if (!mount_ext4("ext4", 8 << 20))
        return;
    make_file("ext4/old", 100, 'x');
    CHECK(statvfs("ext4", &before) == 0);
    REFUSED_AND_KEPT(ENOSPC, "ext4/old", 16 << 20, NULL);
    REFUSED(ENOSPC, "ext4/new", 16 << 20, NULL);
    CHECK(statvfs("ext4", &after) == 0);
    CHECK(after.f_bfree + 8 >= before.f_bfree); /* But for some that ext4 takes for itself. */
    CHECK_OK(memmap_create("ext4/old", 4 << 20, NULL, &handle));
    CHECK(all_bytes(handle, 0, 4 << 20, 0));
    CHECK_STATUS(ENOSPC, memmap_resize(handle, 16 << 20));
    CHECK_EQUAL(4 << 20, length_of(handle));
    CHECK_EQUAL(4 << 20, size_of("ext4/old"));
    CHECK_OK(memmap_close(handle));
    unmount("ext4");
}

static void a_path_that_leads_nowhere_is_the_systems_error(void) {
    char path[5000];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    CHECK_REFUSED(ENOENT, handle, memmap_create("missing/file", 1, NULL, &handle));
    CHECK_REFUSED(ENOENT, handle, memmap_create("", 1, NULL, &handle));
    CHECK_REFUSED(ENAMETOOLONG, handle, memmap_create(path, 1, NULL, &handle));
    path[256] = '\0';
    CHECK_REFUSED(ENAMETOOLONG, handle, memmap_create(path, 1, NULL, &handle));
}

static void a_directory_fifo_socket_or_device_is_refused_at_once(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    const char *paths[] = {"folder", ".", "fifo", "socket", "/dev/null"};
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    size_t i;
    CHECK(bind(listening, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(mkdir("folder", 0700) == 0 && mkfifo("fifo", 0600) == 0);
    for (i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        CHECK_REFUSED(MEMMAP_ERR_NOT_REGULAR, handle, memmap_create(paths[i], 1, NULL, &handle));
        CHECK(exists(paths[i]));
    }
    close(listening);
    CHECK(rmdir("folder") == 0 && unlink("fifo") == 0 && unlink("socket") == 0);
}

static void a_window_lies_in_the_new_size(void) {
    make_file("old", 100, 'x');
    REFUSED(MEMMAP_ERR_RANGE, "new", 100, OPTIONS(.offset = 101));
    REFUSED(MEMMAP_ERR_RANGE, "new", 100, OPTIONS(.offset = 100, .length = 1));
    REFUSED(MEMMAP_ERR_RANGE, "new", 100, OPTIONS(.offset = 1, .length = UINT64_MAX));
    REFUSED_AND_KEPT(MEMMAP_ERR_RANGE, "old", 50, OPTIONS(.offset = 51));
    CHECK_OK(memmap_create("new", 9000, OPTIONS(.offset = 5000, .length = 4), &handle));
    CHECK_OK(memmap_write(handle, 0, "here", 4));
    CHECK_EQUAL(4, length_of(handle));
    CHECK_EQUAL(9000, size_of("new"));
    CHECK_EQUAL('h', byte_of("new", 5000));
    CHECK_EQUAL(0, byte_of("new", 4999));
    CHECK_OK(memmap_close(handle));
    CHECK(unlink("old") == 0 && unlink("new") == 0);
}

static void size_0_and_other_accesses_work(void) {
    CHECK_OK(memmap_create("file", 0, NULL, &handle));
    CHECK_EQUAL(0, length_of(handle));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_create("file", 10, OPTIONS(.access = MEMMAP_READ_ONLY), &handle));
    CHECK_STATUS(MEMMAP_ERR_ACCESS, memmap_fill(handle, 0, 1, 1));
    CHECK(all_bytes(handle, 0, 10, 0));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_create("file", 10, OPTIONS(.access = MEMMAP_COPY_ON_WRITE), &handle));
    CHECK_OK(memmap_fill(handle, 0, 10, 1));
    CHECK_EQUAL(0, byte_of("file", 0));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void as_nobody(void) {
    become_nobody();
    REFUSED(EACCES, "closed/new", 1, NULL);
    REFUSED_AND_KEPT(EACCES, "old", 1, NULL);
}

static void without_permission_it_is_eacces_and_nothing_changes(void) {
    make_file("old", 100, 'x');
    CHECK(chmod("old", 0444) == 0 && mkdir("closed", 0755) == 0 && chmod("closed", 0555) == 0);
    in_child(as_nobody);
    CHECK(unlink("old") == 0 && rmdir("closed") == 0);
}

static void on_a_read_only_file_system_it_is_erofs(void) {
    if (!mount_tmpfs("readonly", "size=64k"))
        return;
    make_file("readonly/old", 100, 'x');
    CHECK(mount("none", "readonly", "none", MS_REMOUNT | MS_RDONLY, NULL) == 0);
    REFUSED(EROFS, "readonly/new", 1, NULL);
    REFUSED_AND_KEPT(EROFS, "readonly/old", 1, NULL);
    unmount("readonly");
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(a_new_file_is_zero_read_write_and_its_owners_alone),
        BEHAVIOUR(the_mode_is_what_was_asked_for_less_the_umask),
        BEHAVIOUR(null_where_a_pointer_is_needed_is_invalid_and_makes_nothing),
        BEHAVIOUR(options_that_mean_nothing_are_invalid_and_make_nothing),
        BEHAVIOUR(blocks_are_reserved_unless_sparse_was_asked_for),
        BEHAVIOUR(an_existing_file_is_emptied_and_keeps_inode_and_permissions),
        BEHAVIOUR(exclusive_refuses_what_exists),
        BEHAVIOUR(a_symbolic_link_is_followed_unless_no_follow_refuses_it),
        BEHAVIOUR(a_symbolic_link_anywhere_in_the_path_is_refused_where_that_is_asked_for),
        BEHAVIOUR(a_failure_leaves_no_new_file_behind_a_symbolic_link_either),
        BEHAVIOUR(durable_works_with_and_without_a_folder_in_the_path),
        BEHAVIOUR(a_full_disk_is_enospc_now_and_leaves_no_new_file),
        BEHAVIOUR(past_the_file_size_limit_it_is_a_status_and_no_signal),
        BEHAVIOUR(more_than_the_address_space_holds_is_a_limit),
        BEHAVIOUR(no_space_leaves_what_the_file_held),
        BEHAVIOUR(a_path_that_leads_nowhere_is_the_systems_error),
        BEHAVIOUR(a_directory_fifo_socket_or_device_is_refused_at_once),
        BEHAVIOUR(a_window_lies_in_the_new_size),
        BEHAVIOUR(size_0_and_other_accesses_work),
        BEHAVIOUR(without_permission_it_is_eacces_and_nothing_changes),
        BEHAVIOUR(on_a_read_only_file_system_it_is_erofs),
    };
    return RUN(argc, argv, behaviours);
}
