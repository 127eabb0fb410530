/* Values for a cell that tell by themselves whether they are whole, and processes that die at any moment. */
#ifndef VALUES_H
#define VALUES_H

#include <signal.h>
#include <time.h>

#include "files.h"

enum { CAPACITY = 4000 };

/* Fills in the value of that number: its length and every byte follow from it. */
static inline uint64_t make_value(uint64_t number, uint8_t *value) {
    uint64_t len = 8 + number * 37 % (CAPACITY - 8), i;
    memcpy(value, &number, 8);
    for (i = 8; i < len; i++)
        value[i] = (uint8_t)(number * 31 + i);
    return len;
}

/* Whether it is the value of the number that it begins with, whole. */
static inline int is_whole(const uint8_t *value, uint64_t len) {
    uint8_t wanted[CAPACITY];
    uint64_t number;
    if (len < 8)
        return 0;
    memcpy(&number, value, 8);
    return len == make_value(number, wanted) && memcmp(value, wanted, len) == 0;
}

/* A child process that runs `body` until it is killed. */
static inline pid_t start(void (*body)(void)) {
    pid_t child = fork();
    if (child == 0) {
        failures = 0;
        alarm(60);
        body();
        _exit(failures == 0 ? 0 : 1);
    }
    return child;
}

/* Kills it at a moment that nobody knows; nothing is to depend on which. */
static inline void kill_at_random(pid_t child) {
    struct timespec moment = {0, rand() % 2000000};
    int status;
    nanosleep(&moment, NULL);
    kill(child, SIGKILL);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

#endif
