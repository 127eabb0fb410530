/* kernel_zeros FILE SECONDS: counts the reads that find zeros in a mapped file while another process truncates it to nothing and
 * writes it anew. It uses mmap(2) and no library. Each 8 bytes of the file hold their own offset plus one, so each zero is the
 * kernel's. A fault is SIGBUS, which ends the read. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS (64 * 512)
#define READERS 8

static uint64_t text[WORDS];
static const char *path;
static const volatile uint64_t *whole;
static atomic_bool done;
static atomic_long zeros, right, faults;
static _Thread_local sigjmp_buf lost;

static void on_fault(int signal) {
    (void)signal;
    siglongjmp(lost, 1);
}

static void check(const volatile uint64_t *words, long from, long to) {
    for (long i = from; i < to; i++)
        if (words[i] != (uint64_t)i * 8 + 1) {
            zeros++;
            return;
        }
    right++;
}

/* Maps as much of the file as there is, for writing, reads it and unmaps it. */
static void map_and_check(void) {
    struct stat status;
    int file = open(path, O_RDWR);
    if (file < 0 || fstat(file, &status) != 0 || status.st_size == 0) {
        close(file);
        return;
    }
    void *volatile words = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    volatile size_t len = (size_t)status.st_size;
    close(file);
    if (words == MAP_FAILED)
        return;
    if (sigsetjmp(lost, 1) == 0)
        check(words, 0, (long)(len / 8));
    else
        faults++;
    munmap(words, len);
}

static void *reader(void *number) {
    unsigned seed = (unsigned)(uintptr_t)number;
    while (!done) {
        long from = rand_r(&seed) % WORDS;
        if (rand_r(&seed) % 8 == 0)
            map_and_check();
        else if (sigsetjmp(lost, 1) == 0)
            check(whole, from, WORDS);
        else
            faults++;
    }
    return NULL;
}

static void cut(int file, time_t seconds) {
    for (time_t end = time(NULL) + seconds; time(NULL) < end; usleep(300))
        if (ftruncate(file, 0) != 0 || pwrite(file, text, sizeof text, 0) != (ssize_t)sizeof text)
            _exit(1);
    _exit(0);
}

int main(int count, char **arguments) {
    pthread_t threads[READERS];
    struct sigaction action = {.sa_handler = on_fault};
    int status, file = count == 3 ? open(path = arguments[1], O_RDWR | O_CREAT, 0600) : -1;

    for (long i = 0; i < WORDS; i++)
        text[i] = (uint64_t)i * 8 + 1;
    if (file < 0 || pwrite(file, text, sizeof text, 0) != (ssize_t)sizeof text)
        return perror("kernel_zeros FILE SECONDS"), 2;
    whole = mmap(NULL, sizeof text, PROT_READ, MAP_SHARED, file, 0);
    if (whole == MAP_FAILED)
        return perror("mmap"), 1;
    pid_t other = fork();
    if (other == 0)
        cut(file, atoi(arguments[2]));
    sigaction(SIGBUS, &action, NULL);
    for (uintptr_t i = 0; i < READERS; i++)
        pthread_create(&threads[i], NULL, reader, (void *)(i + 1));
    waitpid(other, &status, 0);
    done = true;
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    printf("%s: %ld reads found the file's bytes, %ld a fault, %ld zeros\n", path, right, faults, zeros);
    return status != 0;
}
