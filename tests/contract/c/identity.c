/* Two files of one inode number, on two devices: neither is ever taken for the other. */

#include <stdarg.h>

#include "faults.h"

enum { PAGES = 3 };

static memmap_handle handle;
static int refused; /* The next fallocate is, and then the path leads to the other file. */

/* In place of the C library's, which the library calls through its symbol. */
int fallocate64(int fd, int mode, off64_t offset, off64_t len);
int fallocate64(int fd, int mode, off64_t offset, off64_t len) {
    if (!refused)
        return (int)syscall(SYS_fallocate, fd, mode, offset, len);
    refused = 0;
    CHECK(unlink("way") == 0 && symlink("two", "way") == 0);
    CHECK(mknod("two/file", S_IFREG | 0600, 0) == 0);
    CHECK_EQUAL(status_of("one/file").st_ino, status_of("two/file").st_ino);
    errno = ENOSPC;
    return -1;
}

/* A file system that has no files without a name. */
int openat64(int folder, const char *path, int flags, ...) {
    va_list list;
    mode_t mode;
    va_start(list, flags);
    mode = va_arg(list, mode_t);
    va_end(list);
    if ((flags & O_TMPFILE) != O_TMPFILE)
        return (int)syscall(SYS_openat, folder, path, flags, mode);
    errno = EOPNOTSUPP;
    return -1;
}

static int broken; /* The device of whatever is flushed. */

int msync(void *data, size_t len, int flags) {
    if (!broken)
        return (int)syscall(SYS_msync, data, len, flags);
    errno = EIO;
    return -1;
}

static int mount_second(const char *folder) {
    return mkdir(folder, 0777) == 0 && mount("none", folder, "tmpfs", 0, "size=1m") == 0;
}

/* Two file systems, "one" and "two", for this process alone. */
static int mount_both(void) {
    if (!mount_tmpfs("one", "size=1m"))
        return 0;
    CHECK(mount_second("two"));
    return 1;
}

static void unmount_both(void) {
    unmount("one");
    unmount("two");
}

/* The file "file" on both, of so many pages; 0 where their numbers differ. */
static int make_both(void) {
    if (!mount_both())
        return 0;
    make_file("one/file", PAGES * PAGE, '1');
    make_file("two/file", PAGES * PAGE, '2');
    CHECK(status_of("one/file").st_dev != status_of("two/file").st_dev);
    if (status_of("one/file").st_ino == status_of("two/file").st_ino)
        return 1;
    skip("file systems of this kernel share their inode numbers");
    unmount_both();
    return 0;
}

/* Puts the second file, at its beginning, in place of a descriptor of the first. */
static void take_the_number_of(int fd) {
    int other = open("two/file", O_RDWR | O_CLOEXEC);
    CHECK(other >= 0 && dup3(other, fd, O_CLOEXEC) == fd);
    close(other);
}

static void opens_the_first(const memmap_options *options) {
    int own;
    CHECK_OK(memmap_open("one/file", options, &handle));
    CHECK_EQUAL(1, descriptors_of("one/file", &own));
    take_the_number_of(own);
}

static void closes_the_first(void) {
    CHECK_EQUAL(PAGES * PAGE, size_of("one/file"));
    CHECK_EQUAL(PAGES * PAGE, size_of("two/file"));
    CHECK_EQUAL('2', byte_of("two/file", 2 * PAGE));
    CHECK_OK(memmap_close(handle));
}

static void what_changes_or_locks_a_file_refuses_the_other(void) {
    uint64_t len = UNTOUCHED;
    int fd = -1;
    if (!make_both())
        return;
    opens_the_first(OPTIONS(.access = MEMMAP_READ_WRITE));
    CHECK_STATUS(EBADF, memmap_resize(handle, PAGE));
    CHECK_STATUS(EBADF, memmap_resize(handle, 5 * PAGE));
    CHECK_STATUS(EBADF, memmap_refresh(handle, &len));
    CHECK_EQUAL(UNTOUCHED, len);
    CHECK_STATUS(EBADF, memmap_lock(handle, 0, 1, MEMMAP_LOCK_EXCLUSIVE, 0));
    CHECK_STATUS(EBADF, memmap_seal(handle, MEMMAP_SEAL_SHRINK));
    CHECK_STATUS(EBADF, memmap_fd(handle, &fd));
    CHECK_EQUAL(PAGES * PAGE, length_of(handle));
    closes_the_first();
    opens_the_first(NULL);
    CHECK_STATUS(EBADF, memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    closes_the_first();
    unmount_both();
}

static void what_was_lost_of_one_is_not_got_back_from_the_other(void) {
    if (!make_both())
        return;
    CHECK_OK(memmap_guard_install());
    opens_the_first(OPTIONS(.access = MEMMAP_READ_WRITE));
    set_size("one/file", PAGE);
    CHECK_EQUAL(-1, byte_at(handle, 2 * PAGE));
    CHECK_EQUAL(MEMMAP_FAULT_UNKNOWN, fault_of(handle).causes); /* The other isn't asked how long it is. */
    CHECK_STATUS(EBADF, memmap_recover(handle));
    CHECK_EQUAL(-1, byte_at(handle, 2 * PAGE));
    set_size("one/file", PAGES * PAGE);
    closes_the_first();
    unmount_both();
}

static void a_lock_is_not_taken_from_the_other_nor_its_descriptor_closed(void) {
    int first, locks;
    if (!make_both())
        return;
    CHECK_OK(memmap_open("one/file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_OK(memmap_lock(handle, 0, 1, MEMMAP_LOCK_EXCLUSIVE, 0));
    CHECK_EQUAL(2, descriptors_of("one/file", &locks));
    take_the_number_of(locks);
    CHECK_STATUS(EBADF, memmap_lock(handle, 10, 1, MEMMAP_LOCK_EXCLUSIVE, 0));
    CHECK_STATUS(EBADF, memmap_unlock(handle, 0, 1));
    closes_the_first();
    CHECK_EQUAL(1, descriptors_of("two/file", &first));
    CHECK_EQUAL(locks, first);
    close(locks);
    unmount_both();
}

static void a_region_of_one_is_not_guarded_by_the_other(void) {
    uint8_t *data;
    int fd;
    if (!make_both())
        return;
    data = foreign("one/file", PAGES, PROT_READ, MAP_SHARED);
    fd = open("two/file", O_RDWR | O_CLOEXEC);
    CHECK_REFUSED(MEMMAP_ERR_INVALID, handle, memmap_guard_region(data, PAGE, fd, &handle));
    /* Nor is a piece of the one that is followed by a piece of the other a region. */
    CHECK(mmap(data + PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, (off_t)PAGE) == data + PAGE);
    CHECK_REFUSED(MEMMAP_ERR_INVALID, handle, memmap_guard_region(data, 2 * PAGE, -1, &handle));
    CHECK_OK(memmap_guard_region(data + PAGE, PAGE, fd, &handle));
    CHECK_OK(memmap_close(handle));
    close(fd);
    CHECK(munmap(data, PAGES * PAGE) == 0);
    unmount_both();
}

static void a_flush_that_failed_of_one_has_not_failed_of_the_other(void) {
    memmap_handle other;
    if (!make_both())
        return;
    CHECK_OK(memmap_open("one/file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_OK(memmap_open("two/file", OPTIONS(.access = MEMMAP_READ_WRITE), &other));
    broken = 1;
    CHECK_STATUS(EIO, memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    broken = 0;
    CHECK_STATUS(EIO, memmap_flush(handle, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_flush(other, 0, MEMMAP_TO_END, MEMMAP_FLUSH_SYNC));
    CHECK_OK(memmap_close(other));
    closes_the_first();
    unmount_both();
}

static void a_creation_that_fails_does_not_remove_the_other(void) {
    if (!mount_both())
        return;
    CHECK(symlink("one", "way") == 0);
    refused = 1;
    CHECK_REFUSED(ENOSPC, handle, memmap_create("way/file", PAGE, NULL, &handle));
    CHECK(!refused);
    CHECK(exists("two/file"));
    unlink("way");
    unmount_both();
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(what_changes_or_locks_a_file_refuses_the_other),
        BEHAVIOUR(what_was_lost_of_one_is_not_got_back_from_the_other),
        BEHAVIOUR(a_lock_is_not_taken_from_the_other_nor_its_descriptor_closed),
        BEHAVIOUR(a_region_of_one_is_not_guarded_by_the_other),
        BEHAVIOUR(a_flush_that_failed_of_one_has_not_failed_of_the_other),
        BEHAVIOUR(a_creation_that_fails_does_not_remove_the_other),
    };
    return RUN(argc, argv, behaviours);
}
