/* The system's limits, what is counted of this process, and leaks. */

#include "faults.h"

static memmap_handle handle;

static memmap_system system_now(void) {
    memmap_system system;
    memset(&system, 0, sizeof system);
    system.size = sizeof system;
    CHECK_OK(memmap_get_system(&system));
    return system;
}

static memmap_stats stats_now(void) {
    memmap_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.size = sizeof stats;
    CHECK_OK(memmap_get_stats(&stats));
    return stats;
}

/* The number behind `name` in a file of lines, 0 where there is none. */
static uint64_t number_in(const char *file, const char *name) {
    FILE *lines = fopen(file, "r");
    char line[512];
    uint64_t number = 0;
    while (lines != NULL && number == 0 && fgets(line, sizeof line, lines) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            number = strtoull(line + strlen(name), NULL, 10);
    if (lines != NULL)
        fclose(lines);
    return number;
}

static uint64_t areas(void) {
    FILE *maps = fopen("/proc/self/maps", "r");
    uint64_t count = 0;
    int c;
    while (CHECK(maps != NULL) && (c = fgetc(maps)) != EOF)
        count += c == '\n';
    fclose(maps);
    return count;
}

static void outputs_are_checked_before_anything_is_done(void) {
    memmap_system system = {0};
    memmap_stats stats = {0};
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_get_system(NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_get_system(&system));
    system.size = sizeof system - 8;
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_get_system(&system));
    CHECK_EQUAL(0, system.page_size);
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_get_stats(NULL));
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_get_stats(&stats));
    stats.size = sizeof stats + 1;
    CHECK_STATUS(MEMMAP_ERR_INVALID, memmap_get_stats(&stats));
}

static void the_system_is_told_as_proc_tells_it(void) {
    const memmap_system system = system_now();
    const uint64_t available = number_in("/proc/meminfo", "MemAvailable:") * 1024;
    CHECK_EQUAL(sizeof system, system.size);
    CHECK_EQUAL(0, system.reserved);
    CHECK_EQUAL(sysconf(_SC_PAGESIZE), system.page_size);
    CHECK_EQUAL(memmap_page_size(), system.page_size);
    CHECK_EQUAL(number_in("/proc/meminfo", "Hugepagesize:") * 1024, system.huge_page_size);
    CHECK_EQUAL(number_in("/proc/sys/vm/max_map_count", ""), system.max_map_count);
    CHECK(system.memory_available > 0 && system.memory_available < available + (UINT64_C(1) << 30));
}

static void areas_are_counted(void) {
    enum { MORE = 100 };
    memmap_handle handles[MORE];
    const uint64_t before = system_now().map_count;
    int i;
    make_file("file", 10, 'x');
    for (i = 0; i < MORE; i++)
        CHECK_OK(memmap_open("file", NULL, &handles[i]));
    CHECK(system_now().map_count >= before + MORE);
    CHECK(system_now().map_count <= areas() + 2 && system_now().map_count + 2 >= areas());
    for (i = 0; i < MORE; i++)
        CHECK_OK(memmap_close(handles[i]));
    CHECK(system_now().map_count < before + MORE / 2);
    unlink("file");
}

static uint64_t limit_of(int resource) {
    struct rlimit now;
    CHECK(getrlimit(resource, &now) == 0);
    return now.rlim_cur == RLIM_INFINITY ? UINT64_MAX : (uint64_t)now.rlim_cur;
}

static void limits_of_the_process_are_told(void) {
    memmap_system system = system_now();
    CHECK_EQUAL(limit_of(RLIMIT_AS), system.address_space_limit);
    CHECK_EQUAL(limit_of(RLIMIT_FSIZE), system.file_size_limit);
    CHECK_EQUAL(limit_of(RLIMIT_MEMLOCK), system.locked_memory_limit);
    CHECK(limit(RLIMIT_AS, 1 << 30) && limit(RLIMIT_FSIZE, 12345) && limit(RLIMIT_MEMLOCK, 4096));
    system = system_now();
    CHECK_EQUAL(1 << 30, system.address_space_limit);
    CHECK_EQUAL(12345, system.file_size_limit);
    CHECK_EQUAL(4096, system.locked_memory_limit);
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_create("file", 12346, NULL, &handle));
    CHECK(!exists("file"));
}

/* ---- Control groups ---- */

static char group[2048];

/* Makes a control group below this process's own that limits memory to `bytes`; 0 where it can't. */
static int make_group(uint64_t bytes) {
    FILE *own = fopen("/proc/self/cgroup", "r");
    char line[1024], file[4096], text[64];
    int made = 0;
    while (own != NULL && !made && fgets(line, sizeof line, own) != NULL) {
        const int unified = strncmp(line, "0::", 3) == 0;
        char *path = strchr(strchr(line, ':') + 1, ':') + 1;
        if (!unified && strstr(line, ":memory:") == NULL)
            continue;
        path[strcspn(path, "\n")] = 0;
        snprintf(group, sizeof group, "/sys/fs/cgroup%s%s/memmap-%d", unified ? "" : "/memory", path,
                 (int)getpid());
        if (mkdir(group, 0755) != 0)
            continue;
        snprintf(file, sizeof file, "%s/%s", group, unified ? "memory.max" : "memory.limit_in_bytes");
        snprintf(text, sizeof text, "%" PRIu64, bytes);
        made = write_text(file, text);
        if (!made)
            rmdir(group);
    }
    if (own != NULL)
        fclose(own);
    return made;
}

enum { GROUP_LIMIT = 128 << 20 };

static void lives_in_the_group(void) {
    char file[4096], pid[32];
    snprintf(file, sizeof file, "%s/cgroup.procs", group);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    CHECK(write_text(file, pid));
    CHECK(system_now().memory_available <= GROUP_LIMIT);
    CHECK(system_now().memory_available > GROUP_LIMIT / 2);
    CHECK_REFUSED(MEMMAP_ERR_LIMIT, handle,
                  memmap_anonymous(2 * (uint64_t)GROUP_LIMIT, NULL, &handle));
    CHECK_OK(memmap_anonymous(2 * (uint64_t)GROUP_LIMIT, OPTIONS(.flags = MEMMAP_OVERCOMMIT),
                              &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_anonymous(GROUP_LIMIT / 4, NULL, &handle));
    CHECK_OK(memmap_fill(handle, 0, MEMMAP_TO_END, 1));
    CHECK(system_now().memory_available <= GROUP_LIMIT - GROUP_LIMIT / 4);
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_resize(handle, 2 * (uint64_t)GROUP_LIMIT));
    CHECK_EQUAL(GROUP_LIMIT / 4, length_of(handle));
    CHECK_OK(memmap_close(handle));
}

static void a_control_groups_limit_is_what_is_available(void) {
    if (!make_group(GROUP_LIMIT)) {
        skip("no control group can be made");
        return;
    }
    in_child(lives_in_the_group);
    CHECK(rmdir(group) == 0);
}

/* ---- Memory that isn't there ---- */

static void more_memory_than_is_available_is_a_limit_unless_insisted_on(void) {
    const uint64_t more = system_now().memory_available * 2;
    CHECK_REFUSED(MEMMAP_ERR_LIMIT, handle, memmap_anonymous(more, NULL, &handle));
    if (number_in("/proc/sys/vm/overcommit_memory", "") == 2) {
        skip("vm.overcommit_memory forbids to insist");
        return;
    }
    CHECK_OK(memmap_anonymous(more, OPTIONS(.flags = MEMMAP_OVERCOMMIT), &handle));
    CHECK_EQUAL(more, length_of(handle));
    CHECK_OK(memmap_write(handle, more - 1, "y", 1));
    CHECK_EQUAL(MEMMAP_OVERCOMMIT, info_of(handle).flags);
    CHECK_OK(memmap_resize(handle, more + 1));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_anonymous(1, NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_resize(handle, more));
    CHECK_OK(memmap_close(handle));
    /* Address space that is kept is not memory. */
    CHECK_OK(memmap_anonymous(1, OPTIONS(.capacity = more), &handle));
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_resize(handle, more));
    CHECK_OK(memmap_close(handle));
}

static void a_file_takes_the_flag_for_prefaulting(void) {
    const uint64_t more = system_now().memory_available * 2;
    make_file("file", 1, 'x');
    CHECK(truncate("file", (off_t)more) == 0);
    CHECK_OK(memmap_open("file", NULL, &handle));
    CHECK_STATUS(MEMMAP_ERR_LIMIT, memmap_prefault(handle, 0, MEMMAP_TO_END, MEMMAP_PREFAULT_READ));
    CHECK_OK(memmap_close(handle));
    CHECK_OK(memmap_open("file", OPTIONS(.flags = MEMMAP_OVERCOMMIT), &handle));
    CHECK_EQUAL(MEMMAP_OVERCOMMIT, info_of(handle).flags);
    CHECK_OK(memmap_close(handle));
    unlink("file");
}

/* ---- What is counted ---- */

static void mappings_and_their_bytes_are_counted(void) {
    memmap_handle second;
    memmap_view view;
    CHECK_EQUAL(0, stats_now().mappings);
    CHECK_EQUAL(0, stats_now().bytes_mapped);
    make_file("file", 2 * PAGE + 1, 'x');
    CHECK_OK(memmap_open("file", NULL, &handle));
    CHECK_EQUAL(1, stats_now().mappings);
    CHECK_EQUAL(3 * PAGE, stats_now().bytes_mapped);
    CHECK_OK(memmap_anonymous(1, NULL, &second));
    CHECK_EQUAL(2, stats_now().mappings);
    CHECK_EQUAL(4 * PAGE, stats_now().bytes_mapped);
    CHECK_OK(memmap_resize(second, 5 * PAGE));
    CHECK_EQUAL(8 * PAGE, stats_now().bytes_mapped);
    CHECK_OK(memmap_pin(handle, &view));
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL(2, stats_now().mappings); /* Closed and still pinned. */
    CHECK_OK(memmap_unpin(handle));
    CHECK_EQUAL(1, stats_now().mappings);
    CHECK_OK(memmap_close(second));
    CHECK_EQUAL(0, stats_now().mappings);
    CHECK_EQUAL(0, stats_now().bytes_mapped);
    CHECK_EQUAL(0, stats_now().faults_survived);
    unlink("file");
}

static void faults_that_were_survived_are_counted(void) {
    handle = guarded(4, NULL);
    set_size("file", 0);
    load(address_of(handle));
    CHECK_EQUAL(1, stats_now().faults_survived);
    load(address_of(handle) + PAGE); /* Repaired by the first. */
    CHECK_EQUAL(1, stats_now().faults_survived);
    set_size("file", 4 * PAGE);
    CHECK_OK(memmap_recover(handle));
    set_size("file", 0);
    load(address_of(handle));
    CHECK_EQUAL(2, stats_now().faults_survived);
    CHECK_OK(memmap_close(handle));
    CHECK_EQUAL(2, stats_now().faults_survived);
    unlink("file");
}

static void reaping_closes_and_counts_a_leak(void) {
    memmap_view view;
    CHECK_OK(memmap_anonymous(1, NULL, &handle));
    CHECK_OK(memmap_close(handle));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_reap(handle));
    CHECK_EQUAL(0, stats_now().leaks);
    CHECK_OK(memmap_anonymous(1, NULL, &handle));
    CHECK_OK(memmap_pin(handle, &view));
    CHECK_OK(memmap_reap(handle));
    CHECK_EQUAL(1, stats_now().leaks);
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_reap(handle));
    CHECK_STATUS(MEMMAP_ERR_HANDLE, memmap_close(handle));
    CHECK_EQUAL(1, stats_now().leaks);
    CHECK_EQUAL(0, view.data[0]);
    CHECK_EQUAL(1, stats_now().mappings);
    CHECK_OK(memmap_unpin(handle));
    CHECK_EQUAL(0, stats_now().mappings);
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(outputs_are_checked_before_anything_is_done),
        BEHAVIOUR(the_system_is_told_as_proc_tells_it),
        BEHAVIOUR(areas_are_counted),
        BEHAVIOUR(limits_of_the_process_are_told),
        BEHAVIOUR(a_control_groups_limit_is_what_is_available),
        BEHAVIOUR(more_memory_than_is_available_is_a_limit_unless_insisted_on),
        BEHAVIOUR(a_file_takes_the_flag_for_prefaulting),
        BEHAVIOUR(mappings_and_their_bytes_are_counted),
        BEHAVIOUR(faults_that_were_survived_are_counted),
        BEHAVIOUR(reaping_closes_and_counts_a_leak),
    };
    return RUN(argc, argv, behaviours);
}
