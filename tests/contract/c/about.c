/* About the library. */

#include <pthread.h>

#include "check.h"

static const memmap_status own[] = {
    MEMMAP_ERR_INVALID,     MEMMAP_ERR_HANDLE, MEMMAP_ERR_RANGE, MEMMAP_ERR_ACCESS,
    MEMMAP_ERR_NOT_REGULAR, MEMMAP_ERR_FAULT,  MEMMAP_ERR_LIMIT, MEMMAP_ERR_BUSY,
    MEMMAP_ERR_TIMEOUT,     MEMMAP_ERR_UNSUPPORTED, MEMMAP_ERR_PANIC,
};

static void the_library_has_the_version_of_its_header(void) {
    char parts[64];
    snprintf(parts, sizeof parts, "%d.%d.%d", MEMMAP_VERSION_MAJOR, MEMMAP_VERSION_MINOR,
             MEMMAP_VERSION_PATCH);
    CHECK(strcmp(memmap_version(), MEMMAP_VERSION) == 0);
    CHECK(strcmp(memmap_version(), parts) == 0);
}

static void the_page_size_is_the_systems(void) {
    CHECK_EQUAL(sysconf(_SC_PAGESIZE), memmap_page_size());
}

static void every_own_status_is_negative_and_has_a_text_of_its_own(void) {
    size_t i, j, count = sizeof own / sizeof own[0];
    for (i = 0; i < count; i++) {
        CHECK(own[i] < 0);
        CHECK(strlen(memmap_strerror(own[i])) > 10);
        for (j = 0; j < i; j++)
            CHECK(strcmp(memmap_strerror(own[i]), memmap_strerror(own[j])) != 0);
    }
}

static void an_errno_has_the_systems_text(void) {
    int number;
    for (number = 1; number <= EHWPOISON; number++)
        CHECK(strcmp(memmap_strerror(number), strerror(number)) == 0);
}

static void success_and_numbers_that_are_no_status_have_a_text_too(void) {
    const memmap_status numbers[] = {0, -11, -99, -101, 4096, INT32_MIN, INT32_MAX};
    size_t i;
    for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        CHECK(memmap_strerror(numbers[i])[0] != '\0');
}

static void *texts(void *unused) {
    (void)unused;
    memmap_strerror(EIO);
    return (void *)memmap_strerror(ENOENT);
}

static void texts_are_static_and_the_same_for_every_thread(void) {
    const char *mine = memmap_strerror(ENOENT);
    pthread_t thread;
    void *theirs = NULL;
    CHECK(pthread_create(&thread, NULL, texts, NULL) == 0);
    CHECK(pthread_join(thread, &theirs) == 0);
    CHECK(theirs == (const void *)mine);
    CHECK(memmap_version() == memmap_version());
    CHECK(strcmp(mine, strerror(ENOENT)) == 0);
}

static void *explain(void *unused) {
    memmap_strerror(EIO);
    return unused;
}

static void explains(void) {
    CHECK(strcmp(memmap_strerror(ENOENT), strerror(ENOENT)) == 0);
}

static void fork_while_another_thread_asks(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, explain, NULL) == 0);
    in_child(explains);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void a_fork_while_another_thread_asks_for_a_text_gets_its_own(void) {
    int i;
    for (i = 0; i < 100; i++) /* Each time it may meet the first question of the process. */
        in_child(fork_while_another_thread_asks);
}

int main(int argc, char **argv) {
    static const struct behaviour behaviours[] = {
        BEHAVIOUR(the_library_has_the_version_of_its_header),
        BEHAVIOUR(the_page_size_is_the_systems),
        BEHAVIOUR(every_own_status_is_negative_and_has_a_text_of_its_own),
        BEHAVIOUR(an_errno_has_the_systems_text),
        BEHAVIOUR(success_and_numbers_that_are_no_status_have_a_text_too),
        BEHAVIOUR(texts_are_static_and_the_same_for_every_thread),
        BEHAVIOUR(a_fork_while_another_thread_asks_for_a_text_gets_its_own),
    };
    return RUN(argc, argv, behaviours);
}
