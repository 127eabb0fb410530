/* Pointers into mappings that were closed. */

#include <dlfcn.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>

#include "faults.h"

static memmap_handle handle;
static uint8_t *stale;

static void touches_a_stale_pointer(void) {
    load(stale + 100);
}

/* An emulator has a last word too, a line after the program's own. */
static void forget_the_emulator(char *text) {
    char *line = strstr(text, "qemu: ");
    if (getenv("MEMMAP_RUN") != NULL && line != NULL && (line == text || line[-1] == '\n'))
        *line = '\0';
}

/* What a child that runs `body` writes to standard error; it must die by SIGSEGV. */
static const char *last_words(void (*body)(void)) {
    static char text[4096];
    int fds[2], saved = dup(2);
    ssize_t len;
    CHECK(pipe(fds) == 0 && dup2(fds[1], 2) == 2);
    CHECK_EQUAL(SIGSEGV, killed_by(body));
    CHECK(dup2(saved, 2) == 2);
    close(saved);
    close(fds[1]);
    len = read(fds[0], text, sizeof text - 1);
    text[len < 0 ? 0 : len] = 0;
    forget_the_emulator(text);
    close(fds[0]);
    return text;
}

/* Opens a mapping of so many pages and closes it again; where it was. */
static uint8_t *closed(uint64_t pages) {
    uint8_t *data;
    CHECK(truncate("file", (off_t)(pages * PAGE)) == 0);
    CHECK_OK(memmap_open("file", OPTIONS(.access = MEMMAP_READ_WRITE), &handle));
    data = address_of(handle);
    CHECK_OK(memmap_close(handle));
    return data;
}

static int is_kept(const void *address) {
    char permissions[5] = "";
    return mapping_at(address, permissions) && strcmp(permissions, "---p") == 0;
}

static int is_free(const void *address) {
    char permissions[5];
    return !mapping_at(address, permissions);
}

static void without_poison_the_address_is_free_again(void) {
    make_file("file", PAGE, 'x');
    stale = closed(1);
    CHECK(is_free(stale));
    CHECK(strcmp("", last_words(touches_a_stale_pointer)) == 0);
    CHECK_OK(memmap_open("file", NULL, &handle));
    CHECK(address_of(handle) == stale); /* Where a stale pointer would read another mapping. */
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

static void a_stale_pointer_dies_at_once_and_is_named(void) {
    char wanted[4096], folder[2048];
    make_file("file", 3 * PAGE, 'x');
    CHECK_OK(memmap_poison_closed(UINT64_C(1) << 40));
    stale = closed(3);
    CHECK(is_kept(stale) && is_kept(stale + 3 * PAGE - 1));
    CHECK(getcwd(folder, sizeof folder) != NULL);
    snprintf(wanted, sizeof wanted,
             "libmemmap: use after close: %p is byte 100 of a mapping of %u bytes of \"%s/file\" that "
             "was closed\n",
             (void *)(stale + 100), (unsigned)(3 * PAGE), folder);
    if (!CHECK(strcmp(wanted, last_words(touches_a_stale_pointer)) == 0))
        printf("wanted %sgot %s", wanted, last_words(touches_a_stale_pointer));
    unlink("file");
}

static void closes_and_touches_anonymous_memory(void) {
    CHECK_OK(memmap_anonymous(10, NULL, &handle));
    stale = address_of(handle);
    CHECK_OK(memmap_close(handle));
    touches_a_stale_pointer();
}

static uint8_t *volatile nowhere = NULL;

static void touches_null(void) {
    load(nowhere + 8);
}

static void touches_a_live_mapping_that_is_read_only(void) {
    make_file("file", PAGE, 'x');
    CHECK_OK(memmap_open("file", NULL, &handle));
    store(address_of(handle), 'y');
}

static void only_closed_mappings_are_explained(void) {
    CHECK_OK(memmap_poison_closed(UINT64_MAX));
    CHECK(strstr(last_words(closes_and_touches_anonymous_memory), "use after close") != NULL);
    CHECK(strcmp("", last_words(touches_null)) == 0);
    CHECK(strcmp("", last_words(touches_a_live_mapping_that_is_read_only)) == 0);
    unlink("file");
}

static volatile sig_atomic_t calls;

static void make_readable(int signal, siginfo_t *info, void *context) {
    const uintptr_t page = (uintptr_t)info->si_addr / PAGE * PAGE;
    (void)signal;
    (void)context;
    calls++;
    CHECK(mprotect((void *)page, PAGE, PROT_READ) == 0);
}

static void a_handler_before_gets_the_fault_too(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = make_readable;
    action.sa_flags = SA_SIGINFO;
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    make_file("file", PAGE, 'x');
    CHECK_OK(memmap_poison_closed(UINT64_MAX));
    stale = closed(1);
    CHECK(freopen("/dev/null", "w", stderr) != NULL);
    CHECK_EQUAL(0, load(stale + 100)); /* Not the file's byte. */
    CHECK_EQUAL(1, calls);
    unlink("file");
}

static void pinned_it_is_kept_when_the_last_pin_goes(void) {
    memmap_view view;
    make_file("file", PAGE, 'x');
    CHECK_OK(memmap_poison_closed(UINT64_MAX));
    CHECK_OK(memmap_open("file", NULL, &handle));
    CHECK_OK(memmap_pin(handle, &view));
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL('x', load(view.data));
    CHECK_OK(memmap_unpin(handle));
    CHECK(is_kept(view.data));
    unlink("file");
}

static void beyond_the_budget_the_oldest_is_released_first(void) {
    uint8_t *data[5];
    int i;
    make_file("file", PAGE, 'x');
    CHECK_OK(memmap_poison_closed(4 * PAGE));
    for (i = 0; i < 4; i++)
        data[i] = closed(1);
    for (i = 0; i < 4; i++)
        CHECK(is_kept(data[i]));
    data[4] = closed(2);
    CHECK(!is_kept(data[0]) && !is_kept(data[1]));
    CHECK(is_kept(data[2]) && is_kept(data[3]) && is_kept(data[4]) && is_kept(data[4] + PAGE));
    stale = closed(5); /* More than is kept in all. */
    CHECK(is_free(stale));
    CHECK(is_kept(data[3]));
    CHECK_OK(memmap_poison_closed(2 * PAGE));
    CHECK(!is_kept(data[3]) && is_kept(data[4]));
    CHECK_OK(memmap_poison_closed(0));
    CHECK(!is_kept(data[4]));
    CHECK(is_free(closed(1)));
    unlink("file");
}

static void after_a_thousand_the_oldest_is_still_released_first(void) {
    enum { MANY = 3000 };
    static uint8_t *data[MANY];
    int i, kept = 0;
    make_file("file", PAGE, 'x');
    CHECK_OK(memmap_poison_closed(UINT64_MAX));
    for (i = 0; i < MANY; i++)
        data[i] = closed(1);
    for (i = MANY - 1000; i < MANY; i++)
        kept += is_kept(data[i]);
    CHECK_EQUAL(1000, kept);
    CHECK_OK(memmap_poison_closed(10 * PAGE));
    for (i = MANY - 10; i < MANY; i++)
        CHECK(is_kept(data[i]));
    CHECK(!is_kept(data[MANY - 11]));
    data[0] = closed(1);
    CHECK(is_kept(data[0]) && !is_kept(data[MANY - 10]) && is_kept(data[MANY - 9]));
    CHECK_OK(memmap_poison_closed(0));
    CHECK(is_free(data[0]) && is_free(data[MANY - 9]));
    unlink("file");
}

/* Kilobytes of this process's own memory that are resident. */
static long resident(void) {
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long kib = -1;
    while (CHECK(status != NULL) && kib < 0 && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "RssAnon: %ld kB", &kib) != 1)
            kib = -1;
    fclose(status);
    return kib;
}

static void what_is_kept_costs_no_memory(void) {
    enum { LENGTH = 64 << 20 };
    long before, full;
    CHECK_OK(memmap_poison_closed(UINT64_MAX));
    CHECK_OK(memmap_anonymous(LENGTH, NULL, &handle));
    stale = address_of(handle);
    before = resident();
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 1));
    full = resident();
    CHECK(full > before + (LENGTH >> 10) / 2);
    CHECK_OK(memmap_close(handle));
    CHECK(is_kept(stale));
    CHECK(resident() < before + (LENGTH >> 10) / 8);
}

enum { THREADS = 8, ROUNDS = 500 };

static void *close_many(void *number) {
    int round;
    memmap_handle own;
    for (round = 0; round < ROUNDS; round++) {
        CHECK_OK(memmap_anonymous(1 + (uint64_t)round % 5 * PAGE, NULL, &own));
        CHECK_OK(memmap_close(own));
        if (number == NULL && round % 50 == 0)
            CHECK_OK(memmap_poison_closed(round % 100 == 0 ? 0 : 20 * PAGE));
    }
    return NULL;
}

static void threads_that_close_at_once_keep_no_more_than_the_budget(void) {
    pthread_t threads[THREADS];
    memmap_system before = {0}, after = {0};
    int i;
    CHECK_OK(memmap_poison_closed(20 * PAGE));
    CHECK_OK(memmap_poison_closed(0));
    before.size = after.size = sizeof before;
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, close_many, i == 0 ? NULL : &threads[i]) == 0);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK_OK(memmap_poison_closed(0));
    CHECK_OK(memmap_get_system(&before));
    CHECK_OK(memmap_poison_closed(20 * PAGE));
    for (i = 0; i < 30; i++) {
        CHECK_OK(memmap_anonymous(PAGE, NULL, &handle));
        CHECK_OK(memmap_close(handle));
    }
    CHECK_OK(memmap_poison_closed(0));
    CHECK_OK(memmap_get_system(&after));
    CHECK_EQUAL(before.map_count, after.map_count);
}

/* ---- Names that are made to be taken for something else ---- */

static void a_name_forges_no_line(void) {
    static const char *const names[][2] = {
        {"a\nb", "a\\x0ab\" that was closed\n"},
        {"\x1b[2J", "\\x1b[2J\" that was closed\n"},
        {"\xff\xfe", "\\xff\\xfe\" that was closed\n"},
        {"\xc3\xa4\xc2\x9b", "\\xc3\\xa4\\xc2\\x9b\" that was closed\n"},
        {"say \"x\" that was closed", "say \\\"x\\\" that was closed\" that was closed\n"},
        {"back\\slash", "back\\\\slash\" that was closed\n"},
        {"\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
         "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
         "\\x0a\\x0a\"... that was closed\n"},
    };
    const char *line, *end;
    size_t i;
    CHECK_OK(memmap_poison_closed(UINT64_MAX));
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        make_file(names[i][0], PAGE, 'x');
        CHECK_OK(memmap_open(names[i][0], NULL, &handle));
        stale = address_of(handle);
        CHECK_OK(memmap_close(handle));
        line = last_words(touches_a_stale_pointer);
        end = strstr(line, names[i][1]);
        if (!CHECK(end != NULL && end[strlen(names[i][1])] == 0 && strchr(line, '\n')[1] == 0))
            printf("%s", line);
        unlink(names[i][0]);
    }
}

/* ---- By the environment: in a program that is started anew ---- */

static const char *itself;

static void start_anew(const char *behaviour) {
    const char *emulator = getenv("MEMMAP_RUN");
    if (emulator != NULL && *emulator != '\0')
        execlp(emulator, emulator, itself, ".", behaviour, (char *)NULL);
    else
        execl(itself, itself, ".", behaviour, (char *)NULL);
    CHECK(0);
}

static int installs, installing, forked;

/* In place of the C library's, which the library calls through its symbol. */
int sigaction(int number, const struct sigaction *action, struct sigaction *before) {
    int (*theirs)(int, const struct sigaction *, struct sigaction *), answer, i;
    *(void **)&theirs = dlsym(RTLD_NEXT, "sigaction");
    answer = theirs(number, action, before);
    if (!installs || number != SIGSEGV || action == NULL)
        return answer;
    __atomic_store_n(&installing, 1, __ATOMIC_SEQ_CST);
    for (i = 0; i < 50 && !__atomic_load_n(&forked, __ATOMIC_SEQ_CST); i++)
        usleep(1000); /* A fork may come now, or has to wait until this is over. */
    return answer;
}

static void ends_with_42(int signal) {
    (void)signal;
    _exit(42);
}

static void *keeps_what_is_closed(void *unused) {
    CHECK_OK(memmap_poison_closed(1 << 30));
    return unused;
}

static void a_fork_while_another_thread_installs_the_handler_finds_the_one_before(void) {
    pthread_t thread;
    pid_t child;
    int status = 0;
    CHECK(signal(SIGSEGV, ends_with_42) != SIG_ERR);
    installs = 1;
    CHECK(pthread_create(&thread, NULL, keeps_what_is_closed, NULL) == 0);
    while (!__atomic_load_n(&installing, __ATOMIC_SEQ_CST))
        sched_yield();
    child = fork();
    if (child == 0) {
        alarm(10);
        memmap_poison_closed(1 << 30);
        touches_null();
        _exit(1);
    }
    __atomic_store_n(&forked, 1, __ATOMIC_SEQ_CST);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void starts_with_poison(void) {
    setenv("MEMMAP_POISON", "1", 1);
    start_anew("poisoned");
}

static void starts_with_a_budget(void) {
    setenv("MEMMAP_POISON", "8192", 1);
    start_anew("poisoned_with_a_budget");
}

static void poisoned(void) {
    make_file("file", PAGE, 'x');
    stale = closed(1);
    CHECK(is_kept(stale));
    CHECK(strstr(last_words(touches_a_stale_pointer), "/file\" that was closed\n") != NULL);
    unlink("file");
}

static void poisoned_with_a_budget(void) {
    make_file("file", PAGE, 'x');
    stale = closed(8192 / PAGE + 1);
    CHECK(is_free(stale));
    stale = closed(8192 / PAGE);
    CHECK(is_kept(stale));
    unlink("file");
}

static void starts_with_poison_and_ends_it(void) {
    setenv("MEMMAP_POISON", "1", 1);
    start_anew("ended_before_the_first_mapping");
}

static void ended_before_the_first_mapping(void) {
    CHECK_OK(memmap_poison_closed(0));
    make_file("file", PAGE, 'x');
    CHECK(is_free(closed(1)));
    unlink("file");
}

/* Makes `program` a copy of this one that has its owner's rights, whoever starts it; 0 where that can't be. */
static int privileged_copy(void) {
    static char bytes[1 << 16];
    struct statvfs system;
    ssize_t len;
    int from, to;
    if (getenv("MEMMAP_RUN") != NULL || geteuid() != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
        return 0;
    if (statvfs(".", &system) != 0 || (system.f_flag & (ST_NOSUID | ST_NOEXEC)) != 0)
        return 0;
    from = open("/proc/self/exe", O_RDONLY);
    to = open("program", O_WRONLY | O_CREAT | O_EXCL, 0700);
    while (from >= 0 && (len = read(from, bytes, sizeof bytes)) > 0)
        CHECK(write(to, bytes, (size_t)len) == len);
    CHECK(fchmod(to, 04755) == 0);
    return close(from) == 0 && close(to) == 0;
}

static void starts_with_poison_as_another_user(void) {
    setenv("MEMMAP_POISON", "1", 1);
    CHECK(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
    execl("./program", "program", ".", "heeds_nobody", (char *)NULL);
    CHECK(0);
}

static void heeds_nobody(void) {
    CHECK(getuid() == 65534 && geteuid() == 0);
    make_file("file", PAGE, 'x');
    CHECK(is_free(closed(1)));
    CHECK_OK(memmap_poison_closed(UINT64_MAX)); /* The program itself has its say. */
    CHECK(is_kept(closed(1)));
    unlink("file");
}

static void a_privileged_program_does_not_heed_the_environment(void) {
    if (!privileged_copy()) {
        skip("it takes root, and a file system that heeds the set-user-ID bit");
        return;
    }
    in_child(starts_with_poison_as_another_user);
    unlink("program");
}

static void starts_with_poison_and_guards(void) {
    setenv("MEMMAP_POISON", "1", 1);
    start_anew("a_region_is_the_first_mapping");
}

static void a_region_is_the_first_mapping(void) {
    uint8_t *region = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    alarm(5); /* What waits for itself waits for ever. */
    CHECK_OK(memmap_guard_region(region, PAGE, -1, &handle));
    CHECK_OK(memmap_close(handle));
    CHECK(mapping_at(region, (char[5]){0})); /* It is its owner's. */
    make_file("file", PAGE, 'x');
    CHECK(is_kept(closed(1)));
    unlink("file");
}

static void the_environment_is_heeded_also_where_a_region_is_guarded_first(void) {
    in_child(starts_with_poison_and_guards);
}

static void a_call_has_the_last_word_over_the_environment(void) {
    in_child(starts_with_poison_and_ends_it);
}

static void the_environment_asks_for_it_too(void) {
    in_child(starts_with_poison);
    if (PAGE <= 8192)
        in_child(starts_with_a_budget);
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(without_poison_the_address_is_free_again),
        BEHAVIOUR(a_stale_pointer_dies_at_once_and_is_named),
        BEHAVIOUR(only_closed_mappings_are_explained),
        BEHAVIOUR(a_handler_before_gets_the_fault_too),
        BEHAVIOUR(pinned_it_is_kept_when_the_last_pin_goes),
        BEHAVIOUR(beyond_the_budget_the_oldest_is_released_first),
        BEHAVIOUR(after_a_thousand_the_oldest_is_still_released_first),
        BEHAVIOUR(what_is_kept_costs_no_memory),
        BEHAVIOUR(threads_that_close_at_once_keep_no_more_than_the_budget),
        BEHAVIOUR(a_fork_while_another_thread_installs_the_handler_finds_the_one_before),
        BEHAVIOUR(a_name_forges_no_line),
        BEHAVIOUR(the_environment_asks_for_it_too),
        BEHAVIOUR(a_privileged_program_does_not_heed_the_environment),
        BEHAVIOUR(the_environment_is_heeded_also_where_a_region_is_guarded_first),
        BEHAVIOUR(a_call_has_the_last_word_over_the_environment),
    };
    static const struct behaviour by_environment[] = {
        BEHAVIOUR(poisoned),
        BEHAVIOUR(poisoned_with_a_budget),
        BEHAVIOUR(heeds_nobody),
        BEHAVIOUR(ended_before_the_first_mapping),
        BEHAVIOUR(a_region_is_the_first_mapping),
    };
    itself = argv[0];
    if (getenv("MEMMAP_POISON") != NULL)
        return RUN(argc, argv, by_environment);
    return RUN(argc, argv, behaviours);
}
