/*
 * Checks for the C tests. One that fails is printed and counted, and its behaviour goes on.
 *
 * Each behaviour runs in a process of its own: its limits, mounts and user end with it, and one that
 * dies by a signal is named.
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memmap.h"

struct behaviour {
    const char *name;
    void (*run)(void);
};

#define BEHAVIOUR(name) { #name, name }
#define RUN(argc, argv, behaviours) \
    run_all(argc, argv, behaviours, sizeof behaviours / sizeof behaviours[0])

/* What an output holds before a call that is to fail. */
#define UNTOUCHED UINT64_C(0xdeadbeefcafe)

static const char *current = "";
static int failures;

#define CHECK(condition) check_true(__FILE__, __LINE__, #condition, (condition) != 0)
#define CHECK_EQUAL(expected, got) \
    check_equal(__FILE__, __LINE__, #got, (uint64_t)(expected), (uint64_t)(got))
#define CHECK_STATUS(expected, call) check_status(__FILE__, __LINE__, #call, expected, call)
#define CHECK_OK(call) CHECK_STATUS(0, call)
/* A call that fails leaves its output as it was. */
#define CHECK_REFUSED(expected, output, call) \
    do {                                      \
        (output) = UNTOUCHED;                 \
        CHECK_STATUS(expected, call);         \
        CHECK_EQUAL(UNTOUCHED, output);       \
    } while (0)

/* Options that differ from the defaults by the members given. */
#define OPTIONS(...) (&(memmap_options){.size = sizeof(memmap_options), __VA_ARGS__})

static inline void failed_at(const char *file, int line, const char *expression) {
    failures++;
    printf("%s:%d: %s: %s: ", file, line, current, expression);
}

static inline int check_true(const char *file, int line, const char *expression, int holds) {
    if (!holds) {
        failed_at(file, line, expression);
        printf("does not hold (errno %d)\n", errno);
    }
    return holds;
}

static inline int check_equal(const char *file, int line, const char *expression,
                              uint64_t expected, uint64_t got) {
    if (expected != got) {
        failed_at(file, line, expression);
        printf("expected %" PRIu64 ", got %" PRIu64 "\n", expected, got);
    }
    return expected == got;
}

static inline int check_status(const char *file, int line, const char *expression,
                               memmap_status expected, memmap_status got) {
    if (expected != got) {
        failed_at(file, line, expression);
        printf("expected %d (%s), got %d (%s)\n", (int)expected, memmap_strerror(expected),
               (int)got, memmap_strerror(got));
    }
    return expected == got;
}

/* What this machine cannot show is said, and is no failure. */
static inline void skip(const char *why) {
    printf("skipped: %s: %s (%s)\n", current, why, strerror(errno));
}

/* Runs `body` in a child process; what fails there has failed here. */
static inline void in_child(void (*body)(void)) {
    pid_t child;
    int status = 0;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        failures = 0;
        alarm(60); /* Who waits for ever is to be named, not waited for. */
        body();
        exit(failures == 0 ? 0 : 1);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        failures++;
        printf("%s: no child process: %s\n", current, strerror(errno));
    } else if (WIFSIGNALED(status)) {
        failures++;
        printf("%s: killed by signal %d (%s)\n", current, WTERMSIG(status),
               strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != 0) {
        failures++;
    }
}

/* The signal that ends a child process which runs `body`; 0 if it comes to its end, where what fails
 * there has failed here. */
static inline int killed_by(void (*body)(void)) {
    const struct rlimit no_core = {0, 0};
    pid_t child;
    int status = 0;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        failures = 0;
        alarm(60);
        setrlimit(RLIMIT_CORE, &no_core);
        body();
        exit(failures == 0 ? 0 : 1);
    }
    if (!check_true(__FILE__, __LINE__, "fork", child > 0 && waitpid(child, &status, 0) == child))
        return -1;
    if (WIFSIGNALED(status))
        return WTERMSIG(status);
    failures += WEXITSTATUS(status) != 0;
    return 0;
}

/* Runs every behaviour, or the one named, in the folder that is the first argument. */
static inline int run_all(int argc, char **argv, const struct behaviour *behaviours, size_t count) {
    size_t i;
    int broken = 0;
    if (argc < 2 || chdir(argv[1]) != 0) {
        fprintf(stderr, "usage: %s FOLDER [BEHAVIOUR]\n", argv[0]);
        return 2;
    }
    for (i = 0; i < count; i++) {
        if (argc > 2 && strcmp(argv[2], behaviours[i].name) != 0)
            continue;
        current = behaviours[i].name;
        failures = 0;
        in_child(behaviours[i].run);
        if (failures != 0) {
            broken++;
            printf("FAILED: %s\n", current);
        }
    }
    return broken == 0 ? 0 : 1;
}

#endif
