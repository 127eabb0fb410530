/* A neighbour beside the functions that take a name: what it does to the folder between two system calls of the
 * library, of which the calls below stand in for the C library's. */

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "files.h"

static memmap_handle handle;

static int armed;           /* The neighbour acts. */
static int step;            /* How many calls it has seen. */
static void (*acts)(void);  /* What it does before each. */
static int no_tmpfile;      /* The file system has no files without a name. */
static int no_space;        /* The next reservation is refused. */
static void (*reserving)(void);
static void (*pausing)(void);
static int pauses;
static ino_t synced[8];
static int syncs;

static void neighbour(void) {
    if (!armed || acts == NULL)
        return;
    armed = 0; /* Its own calls are no steps. */
    step++;
    acts();
    armed = 1;
}

int openat64(int folder, const char *path, int flags, ...) {
    va_list list;
    mode_t mode;
    va_start(list, flags);
    mode = va_arg(list, mode_t);
    va_end(list);
    neighbour();
    if (no_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list list;
    mode_t mode;
    va_start(list, flags);
    mode = va_arg(list, mode_t);
    va_end(list);
    return openat64(AT_FDCWD, path, flags, mode);
}

#ifndef SYS_newfstatat /* With addresses of 32 bits. */
#define SYS_newfstatat SYS_fstatat64
#endif

int fstatat64(int folder, const char *path, struct stat64 *status, int flags) {
    neighbour();
    return (int)syscall(SYS_newfstatat, folder, path, status, flags);
}

int lstat64(const char *path, struct stat64 *status) {
    return fstatat64(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

int linkat(int from, const char *path, int folder, const char *name, int flags) {
    neighbour();
    return (int)syscall(SYS_linkat, from, path, folder, name, flags);
}

int unlinkat(int folder, const char *name, int flags) {
    neighbour();
    return (int)syscall(SYS_unlinkat, folder, name, flags);
}

int unlink(const char *name) {
    neighbour();
    return (int)syscall(SYS_unlinkat, AT_FDCWD, name, 0);
}

ssize_t readlink(const char *path, char *text, size_t len) {
    neighbour();
    return syscall(SYS_readlinkat, AT_FDCWD, path, text, len);
}

int fsync(int fd) {
    struct stat status;
    neighbour();
    if (fstat(fd, &status) == 0 && syncs < 8)
        synced[syncs++] = status.st_ino;
    return (int)syscall(SYS_fsync, fd);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t len) {
    neighbour();
    if (reserving != NULL)
        reserving();
    if (!no_space)
        return (int)syscall(SYS_fallocate, fd, mode, offset, len);
    errno = ENOSPC;
    return -1;
}

int nanosleep(const struct timespec *time, struct timespec *left) {
    pauses++;
    (void)left;
    if (pausing != NULL)
        pausing();
    return time->tv_sec == 0 ? 0 : -1;
}

/* What is at "folder/file" before each call of the library: one of these, by the digits of `schedule`. */
enum { NOTHING, LINK, LINK_TO_NOTHING, STATES };
static int schedule;

static void puts_what_is_next(void) {
    int state = schedule % STATES;
    schedule /= STATES;
    unlink("folder/file");
    if (state == LINK)
        CHECK(symlink("../closed/secret", "folder/file") == 0);
    if (state == LINK_TO_NOTHING)
        CHECK(symlink("../closed/new", "folder/file") == 0);
}

static void no_follow_follows_no_link_that_comes_and_goes(void) {
    const uint32_t flags[] = {MEMMAP_NO_FOLLOW, MEMMAP_NO_FOLLOW | MEMMAP_EXCLUSIVE};
    int which, first, opening;
    CHECK(mkdir("folder", 0700) == 0 && mkdir("closed", 0700) == 0);
    make_file("closed/secret", 100, 's');
    for (which = 0; which < 4; which++) {
        no_tmpfile = which / 2;
        for (first = 0; first < 3 * 3 * 3 * 3 * 3; first++) {
            schedule = first;
            acts = puts_what_is_next;
            armed = 1;
            if (memmap_create("folder/file", 1, OPTIONS(.flags = flags[which % 2]), &handle) == 0)
                CHECK_OK(memmap_close(handle));
            schedule = first;
            opening = memmap_open("folder/file", OPTIONS(.flags = MEMMAP_NO_FOLLOW), &handle);
            armed = 0;
            if (opening == 0) {
                CHECK_EQUAL(1, length_of(handle));
                CHECK_OK(memmap_close(handle));
            }
            if (!CHECK(!exists("closed/new")) || !CHECK(size_of("closed/secret") == 100)) {
                printf("  schedule %d, flags %#x\n", first, flags[which % 2]);
                first = STATES * STATES * STATES * STATES * STATES;
            }
        }
    }
    CHECK_EQUAL('s', byte_of("closed/secret", 99));
    unlink("folder/file");
    unlink("closed/new");
    unlink("closed/secret");
    CHECK(rmdir("folder") == 0 && rmdir("closed") == 0);
}

static int turn; /* Before which call "way" leads to the other folder. */

static void swaps_the_folder(void) {
    if (step != turn)
        return;
    unlink("way");
    CHECK(symlink("other", "way") == 0);
}

static void makes_folders(void) {
    CHECK(mkdir("one", 0700) == 0 && mkdir("other", 0700) == 0);
    make_file("other/file", 100, 'o');
}

static void removes_folders(void) {
    unlink("one/file");
    unlink("way");
    unlink("other/file");
    CHECK(rmdir("one") == 0 && rmdir("other") == 0);
}

static void a_failed_creation_removes_nothing_from_a_folder_that_was_swapped_in(void) {
    const uint32_t all = MEMMAP_EXCLUSIVE | MEMMAP_NO_FOLLOW | MEMMAP_DURABLE;
    for (no_tmpfile = 0; no_tmpfile < 2; no_tmpfile++) {
        makes_folders();
        for (turn = 2; turn < 20; turn++) {
            unlink("way");
            CHECK(symlink("one", "way") == 0);
            step = 0;
            acts = swaps_the_folder;
            no_space = armed = 1;
            CHECK_REFUSED(ENOSPC, handle, memmap_create("way/file", 1, OPTIONS(.flags = all), &handle));
            no_space = armed = 0;
            CHECK(!exists("one/file"));
            CHECK_EQUAL(100, size_of("other/file"));
        }
        removes_folders();
    }
}

static void durable_syncs_the_folder_that_the_file_is_in(void) {
    int found, i;
    makes_folders();
    for (turn = 2; turn < 20; turn++) {
        unlink("way");
        CHECK(symlink("one", "way") == 0);
        step = syncs = 0;
        acts = swaps_the_folder;
        armed = 1;
        CHECK_OK(memmap_create("way/file", 1, OPTIONS(.flags = MEMMAP_DURABLE), &handle));
        armed = 0;
        CHECK_OK(memmap_close(handle));
        for (i = found = 0; i < syncs; i++)
            found += synced[i] == status_of("one").st_ino;
        CHECK_EQUAL(1, found);
        CHECK(exists("one/file") && size_of("other/file") == 100);
        unlink("one/file");
    }
    /* By a link: where the file itself is. */
    CHECK(unlink("way") == 0 && symlink("one/file", "way") == 0);
    syncs = 0;
    CHECK_OK(memmap_create("way", 1, OPTIONS(.flags = MEMMAP_DURABLE), &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL(2, syncs);
    CHECK_EQUAL(status_of("one").st_ino, synced[1]);
    removes_folders();
}

static void puts_a_fifo(void) {
    if (step != turn)
        return;
    CHECK(rename("folder", "aside") == 0 && mkfifo("folder", 0600) == 0);
}

static void durable_waits_for_no_fifo_in_place_of_the_folder(void) {
    alarm(5);
    for (turn = 2; turn < 16; turn++) {
        CHECK(mkdir("folder", 0700) == 0);
        step = 0;
        acts = puts_a_fifo;
        armed = 1;
        CHECK_OK(memmap_create("folder/file", 1, OPTIONS(.flags = MEMMAP_DURABLE), &handle));
        armed = 0;
        CHECK_OK(memmap_close(handle));
        if (exists("aside"))
            CHECK(unlink("folder") == 0 && rename("aside", "folder") == 0);
        CHECK(unlink("folder/file") == 0 && rmdir("folder") == 0);
    }
}

static int lease = -1;

/* The file "file", of which this process has a lease that it keeps. */
static void leased(void) {
    struct sigaction ignored;
    memset(&ignored, 0, sizeof ignored);
    ignored.sa_handler = SIG_IGN;
    CHECK(sigaction(SIGIO, &ignored, NULL) == 0);
    make_file("file", 100, 'x');
    lease = open("file", O_RDWR | O_CLOEXEC);
    CHECK(lease >= 0 && fcntl(lease, F_SETLEASE, F_WRLCK) == 0);
    pauses = 0;
    alarm(5); /* The system would wait for 45 seconds. */
}

static void given_up(void) {
    CHECK(fcntl(lease, F_SETLEASE, F_UNLCK) == 0);
    pausing = NULL;
}

static void a_lease_that_is_kept_is_told(void) {
    leased();
    CHECK_REFUSED(EWOULDBLOCK, handle, memmap_open("file", NULL, &handle));
    CHECK_EQUAL(10, pauses);
    CHECK_REFUSED(EWOULDBLOCK, handle, memmap_create("file", 1, NULL, &handle));
    CHECK_EQUAL(20, pauses);
    CHECK_EQUAL(100, size_of("file"));
    close(lease);
    unlink("file");
}

static void a_lease_that_is_given_up_is_waited_for(void) {
    leased();
    pausing = given_up;
    CHECK_OK(memmap_open("file", NULL, &handle));
    CHECK_EQUAL(1, pauses);
    CHECK_OK(memmap_close(handle));
    close(lease);
    unlink("file");
}

static void puts_a_fifo_in_place_of_the_file(void) {
    if (step == 2)
        CHECK(unlink("file") == 0 && mkfifo("file", 0600) == 0);
}

static void a_fifo_in_place_of_a_leased_file_is_refused_at_once(void) {
    leased();
    step = 0;
    acts = puts_a_fifo_in_place_of_the_file;
    armed = 1;
    CHECK_REFUSED(MEMMAP_ERR_NOT_REGULAR, handle, memmap_open("file", NULL, &handle));
    armed = 0;
    close(lease);
    unlink("file");
}

static void has_no_name_yet(void) {
    CHECK(!exists("file"));
}

static void is_faster(void) {
    if (!exists("file"))
        make_file("file", 50, 'f');
}

/* Whether the system calls what is mapped there by that name, in /proc/self/maps. */
static int is_called(const void *address, const char *name) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096], start[32];
    int called = 0;
    snprintf(start, sizeof start, "%" PRIxPTR "-", (uintptr_t)address);
    while (CHECK(maps != NULL) && fgets(line, sizeof line, maps) != NULL)
        if (strncmp(line, start, strlen(start)) == 0)
            called = strcmp(strrchr(line, '/') == NULL ? "" : strrchr(line, '/') + 1, name) == 0;
    if (maps != NULL)
        fclose(maps);
    return called;
}

static void a_new_file_has_its_name_when_it_is_whole(void) {
    reserving = has_no_name_yet;
    CHECK_OK(memmap_create("file", 5000, NULL, &handle));
    CHECK(is_called(address_of(handle), "file\n"));
    CHECK_EQUAL(5000, size_of("file"));
    CHECK_EQUAL(1, status_of("file").st_nlink);
    CHECK_OK(memmap_close(handle));
    unlink("file");
    CHECK_OK(memmap_create("file", 1, OPTIONS(.flags = MEMMAP_NO_DESCRIPTOR), &handle));
    CHECK_EQUAL(1, size_of("file"));
    CHECK_OK(memmap_close(handle));
    unlink("file");
    reserving = is_faster;
    CHECK_REFUSED(EEXIST, handle, memmap_create("file", 1, OPTIONS(.flags = MEMMAP_EXCLUSIVE), &handle));
    CHECK_EQUAL(50, size_of("file"));
    CHECK_EQUAL('f', byte_of("file", 49));
    unlink("file");
    CHECK_OK(memmap_create("file", 1, NULL, &handle)); /* Then it's one that exists. */
    CHECK_EQUAL(1, size_of("file"));
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static int writer = -1;

static void writes_to_it(void) {
    writer = open("file", O_RDWR | O_CLOEXEC);
    CHECK(writer >= 0 && write(writer, "record", 6) == 6);
    reserving = NULL;
}

static void what_another_has_opened_meanwhile_stays(void) {
    int by_link;
    for (by_link = 0; by_link < 2; by_link++) {
        no_tmpfile = no_space = 1;
        reserving = writes_to_it;
        if (by_link)
            CHECK(symlink("file", "link") == 0);
        CHECK_REFUSED(ENOSPC, handle, memmap_create(by_link ? "link" : "file", 4096, NULL, &handle));
        CHECK_EQUAL('r', byte_of("file", 0));
        close(writer);
        unlink("file");
    }
    unlink("link");
}

static void takes_the_name(void) {
    CHECK(rename("file", "aside") == 0);
    make_file("file", 50, 'o');
    reserving = NULL;
}

static void what_has_taken_the_name_meanwhile_stays(void) {
    no_tmpfile = no_space = 1;
    reserving = takes_the_name;
    CHECK_REFUSED(ENOSPC, handle, memmap_create("file", 4096, NULL, &handle));
    CHECK_EQUAL(50, size_of("file"));
    CHECK(unlink("file") == 0 && unlink("aside") == 0);
}

static void a_failure_leaves_nothing_where_a_link_leads(void) {
    CHECK(mkdir("folder", 0700) == 0 && symlink("folder/new", "link") == 0);
    no_space = 1;
    CHECK_REFUSED(ENOSPC, handle, memmap_create("link", 4096, NULL, &handle));
    CHECK(exists("link") && !exists("folder/new"));
    no_tmpfile = 1;
    CHECK_REFUSED(ENOSPC, handle, memmap_create("folder/new", 4096, NULL, &handle));
    CHECK(!exists("folder/new"));
    no_space = 0;
    CHECK_OK(memmap_create("link", 4096, NULL, &handle));
    CHECK_EQUAL(4096, size_of("folder/new"));
    CHECK_OK(memmap_close(handle));
    CHECK(unlink("folder/new") == 0 && rmdir("folder") == 0 && unlink("link") == 0);
}

static void *with_descriptors_of_its_own(void *nothing) {
    int again = -1, before, i;
    CHECK(unshare(CLONE_FILES) == 0);
    for (i = 0; i < 20; i++) /* To numbers that the first thread hasn't. */
        before = open("other", O_RDONLY | O_CLOEXEC);
    CHECK(before >= 0);
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    CHECK_OK(memmap_read_only_fd(handle, &again));
    CHECK_OK(memmap_lock(handle, 0, 1, MEMMAP_LOCK_EXCLUSIVE, 0));
    CHECK_OK(memmap_close(handle));
    return nothing;
}

static void a_thread_with_descriptors_of_its_own_is_asked_for_these(void) {
    pthread_t thread;
    make_file("file", 100, 'x');
    make_file("other", 100, 'y');
    CHECK(pthread_create(&thread, NULL, with_descriptors_of_its_own, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(unlink("file") == 0 && unlink("other") == 0);
}

/* Both rules of the system are on until the file that is answered is closed; -1 where they can't be had. */
static int rules(char before[2][16]) {
    const char *names[] = {"/proc/sys/fs/protected_regular", "/proc/sys/fs/protected_symlinks"};
    int i, turns = open(names[0], O_RDONLY | O_CLOEXEC);
    if (turns < 0 || flock(turns, LOCK_EX) != 0)
        return -1;
    for (i = 0; i < 2; i++) {
        FILE *file = fopen(names[i], "r");
        memset(before[i], 0, sizeof before[i]);
        if (file == NULL || fgets(before[i], sizeof before[i], file) == NULL)
            return -1;
        fclose(file);
    }
    if (strcmp(before[0], "0\n") == 0 && !write_text(names[0], "1"))
        return -1;
    return strcmp(before[1], "1\n") == 0 || write_text(names[1], "1") ? turns : -1;
}

static void ends_rules(char before[2][16], int turns) {
    CHECK(strcmp(before[0], "0\n") != 0 || write_text("/proc/sys/fs/protected_regular", before[0]));
    CHECK(strcmp(before[1], "1\n") == 0 || write_text("/proc/sys/fs/protected_symlinks", before[1]));
    close(turns);
}

static void in_a_folder_for_everybody_the_rules_of_the_system_hold(void) {
    char before[2][16], name[64], path[80];
    int turns;
    snprintf(name, sizeof name, "memmap-names-%d", (int)getpid());
    snprintf(path, sizeof path, "/dev/shm/%s", name);
    umask(0);
    CHECK(mkdir("everybody", 0777) == 0 && chmod("everybody", 01777) == 0);
    make_file("everybody/file", 100, 'x');
    make_file("target", 100, 't');
    CHECK(symlink("../target", "everybody/link") == 0 && symlink("../new", "everybody/nothing") == 0);
    make_file(path, 100, 's');
    if (geteuid() != 0 || chown("everybody/file", 65534, 65534) != 0 || chown(path, 65534, 65534) != 0 ||
        lchown("everybody/link", 65534, 65534) != 0 || lchown("everybody/nothing", 65534, 65534) != 0) {
        skip("only root has files of others");
    } else if ((turns = rules(before)) < 0) {
        skip("the rules can't be set");
    } else {
        CHECK_REFUSED(EACCES, handle, memmap_create("everybody/file", 1, NULL, &handle));
        CHECK_REFUSED(EACCES, handle, memmap_create("everybody/link", 1, NULL, &handle));
        CHECK_REFUSED(EACCES, handle, memmap_create("everybody/nothing", 1, NULL, &handle));
        CHECK_REFUSED(EACCES, handle, memmap_open("everybody/link", NULL, &handle));
        CHECK_REFUSED(EACCES, handle, memmap_shared_open(name, 1, NULL, &handle));
        CHECK_OK(memmap_open("everybody/file", NULL, &handle));
        CHECK_OK(memmap_close(handle));
        CHECK_OK(memmap_shared_open(name, 0, NULL, &handle)); /* Nothing is created there. */
        CHECK_OK(memmap_close(handle));
        ends_rules(before, turns);
        CHECK(!exists("new"));
        CHECK_EQUAL(100, size_of("target"));
        CHECK_EQUAL(100, size_of("everybody/file"));
    }
    unlink(path);
    unlink("everybody/file");
    unlink("everybody/link");
    unlink("everybody/nothing");
    CHECK(rmdir("everybody") == 0 && unlink("target") == 0);
}

static char shared_path[80];

static void takes_the_name_away(void) {
    if (step == turn)
        unlink(shared_path);
}

static void a_name_of_another_user_that_goes_leaves_none_that_is_empty(void) {
    snprintf(shared_path, sizeof shared_path, "/dev/shm/memmap-names-gone-%d", (int)getpid());
    for (turn = 1; turn < 12; turn++) {
        make_file(shared_path, 100, 's');
        if (chown(shared_path, 65534, 65534) != 0) {
            skip("only root has files of others");
            break;
        }
        step = 0;
        acts = takes_the_name_away;
        armed = 1;
        /* Made anew if it was gone in time; found otherwise. */
        CHECK_OK(memmap_shared_open(strrchr(shared_path, '/'), 5000, NULL, &handle));
        armed = 0;
        CHECK(length_of(handle) == 5000 || length_of(handle) == 100);
        CHECK(!exists(shared_path) || size_of(shared_path) == length_of(handle));
        CHECK_OK(memmap_close(handle));
        unlink(shared_path);
    }
    unlink(shared_path);
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(no_follow_follows_no_link_that_comes_and_goes),
        BEHAVIOUR(a_failed_creation_removes_nothing_from_a_folder_that_was_swapped_in),
        BEHAVIOUR(durable_syncs_the_folder_that_the_file_is_in),
        BEHAVIOUR(durable_waits_for_no_fifo_in_place_of_the_folder),
        BEHAVIOUR(a_lease_that_is_kept_is_told),
        BEHAVIOUR(a_lease_that_is_given_up_is_waited_for),
        BEHAVIOUR(a_fifo_in_place_of_a_leased_file_is_refused_at_once),
        BEHAVIOUR(a_new_file_has_its_name_when_it_is_whole),
        BEHAVIOUR(what_another_has_opened_meanwhile_stays),
        BEHAVIOUR(what_has_taken_the_name_meanwhile_stays),
        BEHAVIOUR(a_failure_leaves_nothing_where_a_link_leads),
        BEHAVIOUR(a_thread_with_descriptors_of_its_own_is_asked_for_these),
        BEHAVIOUR(in_a_folder_for_everybody_the_rules_of_the_system_hold),
        BEHAVIOUR(a_name_of_another_user_that_goes_leaves_none_that_is_empty),
    };
    return RUN(argc, argv, behaviours);
}
