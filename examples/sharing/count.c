/*
 * count SOCKET COUNT: receives shared memory from the server at SOCKET (serve/main.go), and adds 1 to its first
 * number COUNT times, while the server does the same. While nobody listens at SOCKET it waits, and says so.
 * README.md shows how to run both.
 */

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "memmap.h"

/* The message that the Go package's Send writes: "memmap01", offset and length, lowest byte first. */
enum { MAGIC = 8, MESSAGE = MAGIC + 8 + 8 };

static uint64_t number_at(const unsigned char *bytes) {
    uint64_t number = 0;
    int i;
    for (i = 7; i >= 0; i--)
        number = number << 8 | bytes[i];
    return number;
}

/* Connects when the server listens. */
static int connected(const char *path) {
    struct sockaddr_un address = {0};
    int waiting = 0;
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sun_family = AF_UNIX;
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    while (connect(sock, (struct sockaddr *)&address, sizeof address) != 0) {
        if (errno != ENOENT && errno != ECONNREFUSED) {
            perror("count: cannot connect");
            exit(1);
        }
        if (!waiting++)
            fprintf(stderr, "count: waiting until serve listens at %s\n", path);
        sched_yield();
    }
    return sock;
}

/* Returns the descriptor that comes with the message (cmsg(3)), or -1. */
static int received(int sock, unsigned char *message) {
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {message, MESSAGE};
    struct msghdr header = {0};
    struct cmsghdr *rights;
    int fd = -1;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = &control;
    header.msg_controllen = sizeof control;
    if (recvmsg(sock, &header, MSG_CMSG_CLOEXEC | MSG_WAITALL) != MESSAGE)
        return -1;
    rights = CMSG_FIRSTHDR(&header);
    if (rights != NULL && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    return memcmp(message, "memmap01", MAGIC) == 0 ? fd : -1;
}

int main(int argc, char **argv) {
    unsigned char message[MESSAGE];
    memmap_options options = {0};
    memmap_handle counter;
    memmap_status status;
    uint64_t before;
    long i;
    int sock, fd;
    if (argc != 3) {
        fprintf(stderr, "usage: count SOCKET COUNT\n");
        return 1;
    }
    sock = connected(argv[1]);
    fd = received(sock, message);
    /* The library compares offset and length with the file; MEMMAP_SEALED requires that nobody can shorten it. */
    options.size = sizeof options;
    options.access = MEMMAP_READ_WRITE;
    options.flags = MEMMAP_SEALED;
    options.offset = number_at(message + MAGIC);
    options.length = number_at(message + MAGIC + 8);
    status = memmap_from_fd(fd, &options, &counter);
    close(fd);
    for (i = 0; status == 0 && i < atol(argv[2]); i++)
        status = memmap_atomic_add64(counter, 0, 1, &before);
    if (status != 0) {
        fprintf(stderr, "count: %s\n", memmap_strerror(status));
        return 1;
    }
    memmap_close(counter);
    close(sock); /* The server waits for it. */
    return 0;
}
