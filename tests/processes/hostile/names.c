/*
 * A neighbour beside every function that takes a name: a process of another user, who owns the folder and puts links,
 * folders, FIFOs, leased files and nothing under the names in turn, as fast as it can.
 *
 * Invariants: no byte and no name changes in the folder "closed", which that user cannot read; no call hangs.
 *
 * usage: names FOLDER [BEHAVIOUR]
 *
 * MEMMAP_ROUNDS is the number of calls. With MEMMAP_SECONDS they are repeated until so many seconds have passed.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include "files.h"

enum { OTHER = 65534, BYTES = 100 };

static memmap_handle handle;
static pid_t neighbour;
static char shared[64]; /* The name of the shared memory. */

static uint64_t number(const char *name, uint64_t otherwise) {
    const char *set = getenv(name);
    return set != NULL ? strtoull(set, NULL, 10) : otherwise;
}

static uint64_t random_state = 1;

static unsigned below(unsigned n) {
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % n;
}

/* ---- The neighbour -------------------------------------------------------------------- */

static int lease = -1;

static void leased(const char *name) {
    lease = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (lease >= 0 && ftruncate(lease, BYTES) == 0)
        fcntl(lease, F_SETLEASE, F_WRLCK);
}

/* Replaces what has the name. Links lead to files that only the victim can read. */
static void place(const char *name, const char *secret, const char *nothing) {
    if (lease >= 0)
        close(lease);
    lease = -1;
    if (unlink(name) != 0)
        rmdir(name);
    switch (below(16)) { /* A link that comes and goes, most of the time. */
    case 0: mkfifo(name, 0666); break;
    case 1: leased(name); break;
    case 2: mkdir(name, 0777); break;
    case 3:
    case 4:
    case 5:
    case 6: break;
    case 7:
    case 8:
    case 9:
    case 10: (void)!symlink(nothing, name); break;
    default: (void)!symlink(secret, name); break;
    }
}

static void puts_names(void) {
    place("file", "../closed/secret", "../closed/new");
}

/* Replaces the folder of the path by another one, or by none, again and again. */
static void puts_folders(void) {
    unlink("way");
    switch (below(4)) {
    case 0: (void)!symlink("own", "way"); break;
    case 1: (void)!symlink("../closed", "way"); break;
    case 2: mkfifo("way", 0666); break;
    default: (void)!symlink("nowhere", "way"); break;
    }
    if (below(2))
        unlink("own/secret");
}

static char *shared_path(void) {
    static char path[80];
    snprintf(path, sizeof path, "/dev/shm/%s", shared);
    return path;
}

static void puts_shared(void) {
    place(shared_path(), "/proc/self/cwd/closed/secret", "/proc/self/cwd/closed/new");
}

static void starts(void (*acts)(void)) {
    fflush(NULL);
    neighbour = fork();
    if (neighbour != 0)
        return;
    signal(SIGIO, SIG_IGN);
    alarm((unsigned)number("MEMMAP_SECONDS", 0) + 120);
    umask(0);
    if (chdir("folder") != 0 || setgid(OTHER) != 0 || setuid(OTHER) != 0)
        _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() != 1)
        acts();
    _exit(0);
}

/* ---- Beside it ------------------------------------------------------------------------ */

static int names_in(const char *folder) {
    DIR *open = opendir(folder);
    int count = 0;
    while (CHECK(open != NULL) && readdir(open) != NULL)
        count++;
    if (open != NULL)
        closedir(open);
    return count - 2; /* "." and "..". */
}

static void is_as_it_was(void) {
    struct stat status = status_of("closed/secret");
    CHECK_EQUAL(1, names_in("closed"));
    CHECK_EQUAL(BYTES, status.st_size);
    CHECK_EQUAL(1, status.st_nlink);
    CHECK_EQUAL('s', byte_of("closed/secret", 0));
    CHECK_EQUAL('s', byte_of("closed/secret", BYTES - 1));
}

/* The mapped file is not one that only the victim can read. */
static void is_no_secret(void) {
    CHECK(byte_at(handle, 0) != 's');
    CHECK_OK(memmap_close(handle));
}

static void calls(uint64_t rounds, void (*acts)(void), void (*call)(unsigned)) {
    const time_t end = time(NULL) + (time_t)number("MEMMAP_SECONDS", 0);
    uint64_t i;
    umask(077);
    if (geteuid() != 0) {
        errno = EPERM;
        skip("only root has a neighbour of another user");
        return;
    }
    alarm((unsigned)number("MEMMAP_SECONDS", 0) + 60); /* A call that hangs. */
    CHECK(mkdir("closed", 0700) == 0 && mkdir("folder", 0755) == 0);
    CHECK(mkdir("folder/own", 0755) == 0 && chown("folder/own", OTHER, OTHER) == 0);
    CHECK(chmod("folder", 0755) == 0 && chown("folder", OTHER, OTHER) == 0);
    make_file("closed/secret", BYTES, 's');
    snprintf(shared, sizeof shared, "memmap-hostile-%d", (int)getpid());
    CHECK_OK(memmap_guard_install());
    starts(acts);
    do {
        for (i = 0; i < rounds; i++)
            call((unsigned)i);
        is_as_it_was();
    } while (failures == 0 && time(NULL) < end);
    CHECK(kill(neighbour, SIGKILL) == 0 && waitpid(neighbour, NULL, 0) == neighbour);
    CHECK(unlink(shared_path()) == 0 || rmdir(shared_path()) == 0 || errno == ENOENT);
    CHECK(system("rm -rf folder closed") == 0);
}

static const uint32_t COMBINATIONS[] = {
    0, MEMMAP_SPARSE, MEMMAP_DURABLE, MEMMAP_NO_DESCRIPTOR, MEMMAP_SPARSE | MEMMAP_DURABLE,
    MEMMAP_DURABLE | MEMMAP_NO_DESCRIPTOR, MEMMAP_PREFAULT};
enum { COUNT = sizeof COMBINATIONS / sizeof COMBINATIONS[0] };

/* A size above the limit of file sizes fails after the file was created. */
static uint64_t some_size(unsigned round) { return round % 3 == 0 ? UINT64_C(1) << 30 : BYTES; }

static void creates(unsigned round) {
    const uint32_t either = round % 2 == 0 ? MEMMAP_NO_FOLLOW : MEMMAP_EXCLUSIVE;
    const memmap_options *options = OPTIONS(.flags = COMBINATIONS[round / 2 % COUNT] | either);
    if (memmap_create("folder/file", some_size(round), options, &handle) == 0)
        is_no_secret();
}

static void creation_follows_no_link_and_empties_no_other_file(void) {
    CHECK(limit(RLIMIT_FSIZE, 1 << 20));
    calls(number("MEMMAP_ROUNDS", 100000), puts_names, creates);
}

static void creates_in(unsigned round) {
    const uint32_t either = round % 2 == 0 ? MEMMAP_NO_SYMLINKS : MEMMAP_EXCLUSIVE;
    const uint32_t flags = COMBINATIONS[round / 2 % COUNT] | either;
    if (memmap_create("folder/way/secret", some_size(round), OPTIONS(.flags = flags), &handle) == 0)
        is_no_secret();
}

static void creation_removes_nothing_from_a_folder_that_is_swapped_in(void) {
    CHECK(limit(RLIMIT_FSIZE, 1 << 20));
    calls(number("MEMMAP_ROUNDS", 60000), puts_folders, creates_in);
}

static void opens(unsigned round) {
    const memmap_options *options = OPTIONS(.access = round % 4, .flags = MEMMAP_NO_FOLLOW);
    int fd = -1;
    if (memmap_open("folder/file", options, &handle) != 0)
        return;
    if (memmap_read_only_fd(handle, &fd) == 0)
        CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
    if (fd >= 0)
        close(fd);
    is_no_secret();
}

static void opening_follows_no_link_and_waits_for_nothing(void) {
    calls(number("MEMMAP_ROUNDS", 30000), puts_names, opens);
}

static void shares(unsigned round) {
    const uint32_t flags = round % 4 == 0 ? MEMMAP_EXCLUSIVE : 0;
    int status = memmap_shared_open(shared, round % 3 == 0 ? 0 : 2 * BYTES,
                                    OPTIONS(.flags = round % 3 == 0 ? 0 : flags), &handle);
    if (status == 0) {
        if (flags != 0 && round % 3 != 0)
            CHECK_EQUAL(2 * BYTES, length_of(handle));
        is_no_secret();
    }
    if (round % 5 == 0)
        memmap_shared_unlink(shared);
}

static void shared_memory_is_no_link_and_never_half_made(void) {
    calls(number("MEMMAP_ROUNDS", 30000), puts_shared, shares);
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(creation_follows_no_link_and_empties_no_other_file),
        BEHAVIOUR(creation_removes_nothing_from_a_folder_that_is_swapped_in),
        BEHAVIOUR(opening_follows_no_link_and_waits_for_nothing),
        BEHAVIOUR(shared_memory_is_no_link_and_never_half_made),
    };
    return RUN(argc, argv, behaviours);
}
