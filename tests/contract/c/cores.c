/* What a core file has: read after a program has left one, with every kind of memory in it that Linux can put there. */

#include "faults.h"

enum { SECRET = 64 };

/* Where a secret is. The last ones are of what may be dumped: without them in the file nothing is told of the others. */
enum place {
    FROM_THE_BEGINNING,
    GROWN_WITHIN,
    GROWN_BEYOND,
    GROWN_IN_PARTS,
    IN_A_STAND_IN,
    RECOVERED,
    REFRESHED,
    ANONYMOUS,
    ANONYMOUS_GROWN_WITHIN,
    ANONYMOUS_GROWN_BEYOND,
    GROWN_AFTER_ADVICE,
    TO_BE_DUMPED,
    ANONYMOUS_TO_BE_DUMPED,
    PLACES
};

static const char *const names[PLACES] = {
    "from the beginning",
    "grown within the capacity",
    "grown beyond the capacity",
    "grown where it is of several areas",
    "in a stand-in",
    "recovered",
    "refreshed",
    "anonymous",
    "anonymous, grown within the capacity",
    "anonymous, grown beyond the capacity",
    "grown after advice",
    "to be dumped",
    "anonymous, to be dumped",
};

/* The bytes of a secret one by one: they are nowhere but where they are stored, not even on the stack. */
static uint8_t secret_byte(enum place place, unsigned i) {
    uint64_t x = ((uint64_t)place + 1) * UINT64_C(0x9e3779b97f4a7c15) + i;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint8_t)(x >> 56);
}

static void hide(memmap_handle handle, uint64_t page, enum place place) {
    uint8_t *at = address_of(handle) + page * PAGE;
    unsigned i;
    for (i = 0; i < SECRET; i++)
        store(at + i, secret_byte(place, i));
}

static memmap_handle mapped(const char *name, const memmap_options *options) {
    memmap_handle handle = 0;
    make_file(name, 4 * PAGE, 0);
    CHECK_OK(memmap_open(name, options, &handle));
    return handle;
}

static memmap_handle anonymous(const memmap_options *options) {
    memmap_handle handle = 0;
    CHECK_OK(memmap_anonymous(4 * PAGE, options, &handle));
    return handle;
}

static memmap_options secretly(void) {
    return *OPTIONS(.access = MEMMAP_READ_WRITE, .capacity = 16 * PAGE, .flags = MEMMAP_NO_DUMP);
}

static void grow_files(void) {
    const memmap_options options = secretly();
    uint64_t len;
    memmap_handle handle = mapped("grows", &options);
    hide(handle, 0, FROM_THE_BEGINNING);
    CHECK_OK(memmap_resize(handle, 16 * PAGE));
    hide(handle, 15, GROWN_WITHIN);
    CHECK_OK(memmap_resize(handle, 1024 * PAGE));
    hide(handle, 1023, GROWN_BEYOND);

    handle = mapped("parts", &options);
    CHECK_OK(memmap_advise(handle, PAGE, PAGE, MEMMAP_ADVICE_RANDOM));
    CHECK_OK(memmap_resize(handle, 1024 * PAGE));
    hide(handle, 1023, GROWN_IN_PARTS);

    handle = mapped("grown", &options);
    set_size("grown", 1024 * PAGE);
    CHECK_OK(memmap_refresh(handle, &len));
    hide(handle, 1023, REFRESHED);
}

static void lose_and_recover(void) {
    const memmap_options options = secretly();
    memmap_handle handle = mapped("lost", &options);
    set_size("lost", PAGE);
    hide(handle, 2, IN_A_STAND_IN);

    handle = mapped("recovered", &options);
    set_size("recovered", PAGE);
    load(address_of(handle) + 2 * PAGE);
    set_size("recovered", 4 * PAGE);
    CHECK_OK(memmap_recover(handle));
    hide(handle, 2, RECOVERED);
}

static void grow_memory(void) {
    const memmap_options options = secretly();
    memmap_handle handle = anonymous(&options);
    hide(handle, 0, ANONYMOUS);
    CHECK_OK(memmap_resize(handle, 16 * PAGE));
    hide(handle, 15, ANONYMOUS_GROWN_WITHIN);
    CHECK_OK(memmap_resize(handle, 1024 * PAGE));
    hide(handle, 1023, ANONYMOUS_GROWN_BEYOND);

    handle = anonymous(NULL);
    CHECK_OK(memmap_advise(handle, 0, MEMMAP_TO_END, MEMMAP_ADVICE_DONT_DUMP));
    CHECK_OK(memmap_resize(handle, 1024 * PAGE));
    hide(handle, 1023, GROWN_AFTER_ADVICE);
}

/* core(5): memory of every kind, of shared files too. A core file is written without a limit of its own. */
static int may_leave_a_core(void) {
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
    int ready = fd >= 0 && write(fd, "0x1ff", 5) == 5 && setrlimit(RLIMIT_CORE, &unlimited) == 0;
    close(fd);
    return ready;
}

static void dies_with_secrets(void) {
    CHECK_OK(memmap_guard_install());
    grow_files();
    lose_and_recover();
    grow_memory();
    hide(mapped("dumped", OPTIONS(.access = MEMMAP_READ_WRITE)), 0, TO_BE_DUMPED);
    hide(anonymous(NULL), 0, ANONYMOUS_TO_BE_DUMPED);
    if (failures != 0)
        exit(1);
    signal(SIGABRT, SIG_DFL);
    abort();
}

/* Starts what dies; -1 where it leaves no core, and it has been said why. */
static int leaves_a_core(void) {
    int status = 0;
    pid_t child;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        failures = 0;
        if (!may_leave_a_core())
            _exit(77);
        dies_with_secrets();
    }
    if (!CHECK(child > 0 && waitpid(child, &status, 0) == child))
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        skip("no core file may be left here");
        return -1;
    }
    return CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) ? 0 : -1;
}

/* The name of a core file in this folder, by whatever pattern; empty when there is none. */
static void find_core(char name[256]) {
    DIR *folder = opendir(".");
    struct dirent *entry;
    name[0] = '\0';
    while (CHECK(folder != NULL) && (entry = readdir(folder)) != NULL) {
        if (strstr(entry->d_name, "core") != NULL)
            strcpy(name, entry->d_name);
    }
    if (folder != NULL)
        closedir(folder);
}

static int core_has(const void *core, uint64_t len, enum place place) {
    uint8_t secret[SECRET];
    unsigned i;
    for (i = 0; i < SECRET; i++)
        secret[i] = secret_byte(place, i);
    return memmem(core, len, secret, SECRET) != NULL;
}

static void look_into(const char *name) {
    const uint64_t len = size_of(name);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    void *core = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    int place;
    close(fd);
    if (!CHECK(core != MAP_FAILED))
        return;
    for (place = 0; place < PLACES; place++) {
        int wanted = place >= TO_BE_DUMPED;
        if (core_has(core, len, (enum place)place) != wanted) {
            failures++;
            printf("%s: the core file %s what is %s\n", current, wanted ? "lacks" : "has", names[place]);
        }
    }
    munmap(core, len);
}

static void no_secret_is_in_a_core_file(void) {
    char core[256];
    if (leaves_a_core() == 0) {
        find_core(core);
        if (core[0] == '\0')
            skip("core files are not left in the working folder (/proc/sys/kernel/core_pattern)");
        else
            look_into(core);
        unlink(core);
    }
    unlink("grows");
    unlink("grown");
    unlink("parts");
    unlink("lost");
    unlink("recovered");
    unlink("dumped");
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(no_secret_is_in_a_core_file),
    };
    return RUN(argc, argv, behaviours);
}
