/* Files and file systems for the C tests, and what the system says of them. */
#ifndef FILES_H
#define FILES_H

#include <dirent.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "check.h"

/* Makes the file `name` of `len` bytes, all `byte`. */
static inline void make_file(const char *name, size_t len, int byte) {
    FILE *file = fopen(name, "w");
    if (!CHECK(file != NULL))
        return;
    while (len-- > 0)
        fputc(byte, file);
    CHECK(fclose(file) == 0);
}

static inline struct stat status_of(const char *name) {
    struct stat status;
    memset(&status, 0, sizeof status);
    CHECK(stat(name, &status) == 0);
    return status;
}

static inline uint64_t size_of(const char *name) {
    return (uint64_t)status_of(name).st_size;
}

static inline int exists(const char *name) {
    struct stat status;
    return lstat(name, &status) == 0;
}

/* The byte that read(2) finds there, -1 where the file has none. */
static inline int byte_of(const char *name, uint64_t offset) {
    unsigned char byte;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t got = pread(fd, &byte, 1, (off_t)offset);
    close(fd);
    return got == 1 ? byte : -1;
}

/* The byte that the mapping has there, -1 where it has none. */
static inline int byte_at(memmap_handle handle, uint64_t offset) {
    unsigned char byte;
    return memmap_read(handle, offset, &byte, 1) == 0 ? byte : -1;
}

/* Whether `len` bytes of the mapping from `offset` on are all `byte`. */
static inline int all_bytes(memmap_handle handle, uint64_t offset, uint64_t len, int byte) {
    memmap_view view;
    uint64_t i;
    int same;
    if (memmap_pin(handle, &view) != 0)
        return 0;
    same = offset + len <= view.len;
    for (i = 0; same && i < len; i++)
        same = view.data[offset + i] == byte;
    memmap_unpin(handle);
    return same;
}

static inline uint64_t length_of(memmap_handle handle) {
    uint64_t len = UNTOUCHED;
    CHECK_OK(memmap_len(handle, &len));
    return len;
}

static inline uint8_t *address_of(memmap_handle handle) {
    uint8_t *data = NULL;
    uint64_t len;
    CHECK_OK(memmap_data(handle, &data, &len));
    return data;
}

static inline memmap_info info_of(memmap_handle handle) {
    memmap_info info = {0};
    info.size = sizeof info;
    CHECK_OK(memmap_get_info(handle, &info));
    return info;
}

/* How many descriptors of this process are the file `name`; `*last` is one of them. */
static inline int descriptors_of(const char *name, int *last) {
    struct stat wanted = status_of(name), found;
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;
    while (CHECK(folder != NULL) && (entry = readdir(folder)) != NULL) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fstat(fd, &found) != 0)
            continue;
        if (found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino) {
            count++;
            *last = fd;
        }
    }
    if (folder != NULL)
        closedir(folder);
    return count;
}

/* The line of /proc/self/maps that `address` lies in: 1, or 0 when nothing is mapped there. */
static inline int mapping_at(const void *address, char permissions[5]) {
    FILE *maps = fopen("/proc/self/maps", "r");
    uintptr_t start, end, wanted = (uintptr_t)address;
    char line[4096];
    int found = 0;
    while (!found && CHECK(maps != NULL) && fgets(line, sizeof line, maps) != NULL)
        found = sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &start, &end, permissions) == 3 &&
                start <= wanted && wanted < end;
    if (maps != NULL)
        fclose(maps);
    return found;
}

/* An area of this process's memory, as /proc/self/smaps has it. */
struct area {
    uintptr_t start, end;
    char flags[160];     /* VmFlags, each with a space before it. */
    uint64_t page, rss;  /* KernelPageSize and Rss, in bytes. */
};

/* The area that `address` lies in; all zero when nothing is mapped there. */
static inline struct area area_at(const void *address) {
    FILE *smaps = fopen("/proc/self/smaps", "r");
    uintptr_t start, end, wanted = (uintptr_t)address;
    uint64_t kib;
    char line[4096];
    int here = 0;
    struct area area;
    memset(&area, 0, sizeof area);
    while (CHECK(smaps != NULL) && fgets(line, sizeof line, smaps) != NULL) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2) {
            here = start <= wanted && wanted < end;
            if (here) {
                area.start = start;
                area.end = end;
            }
        } else if (here && sscanf(line, "KernelPageSize: %" SCNu64, &kib) == 1) {
            area.page = kib * 1024;
        } else if (here && sscanf(line, "Rss: %" SCNu64, &kib) == 1) {
            area.rss = kib * 1024;
        } else if (here && strncmp(line, "VmFlags:", 8) == 0) {
            snprintf(area.flags, sizeof area.flags, "%.150s", line + 8);
            break;
        }
    }
    if (smaps != NULL)
        fclose(smaps);
    return area;
}

/* Whether the area that `address` lies in has a flag in its VmFlags, with a space before it. */
static inline int has_vm_flag(const void *address, const char *flag) {
    return strstr(area_at(address).flags, flag) != NULL;
}

static inline int write_text(const char *name, const char *text) {
    int fd = open(name, O_WRONLY | O_CLOEXEC);
    int written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return written;
}

/* Where this process is not root: root of a user namespace of its own, of which it owns the mounts. */
static inline int own_users(void) {
    char user[64], group[64];
    snprintf(user, sizeof user, "0 %u 1", (unsigned)getuid());
    snprintf(group, sizeof group, "0 %u 1", (unsigned)getgid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_text("/proc/self/uid_map", user) &&
           write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/gid_map", group);
}

/* Gives this process mounts of its own, which end with it; 0 where that is not permitted. */
static inline int own_mounts(void) {
    return (unshare(CLONE_NEWNS) == 0 || own_users()) &&
           mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
}

/* Mounts a tmpfs on a new folder, for this process alone; where it can't, that is said. */
static inline int mount_tmpfs(const char *folder, const char *options) {
    if (own_mounts() && mkdir(folder, 0777) == 0 &&
        mount("none", folder, "tmpfs", 0, options) == 0)
        return 1;
    skip("no tmpfs can be mounted");
    rmdir(folder);
    return 0;
}

/* A loop device over the open file, which goes when its last user does; -1 where there is none. */
static inline int loop_device(int file, char name[32]) {
    struct loop_info64 info;
    int control = open("/dev/loop-control", O_RDWR), tries, device = -1;
    memset(&info, 0, sizeof info);
    info.lo_flags = LO_FLAGS_AUTOCLEAR;
    for (tries = 0; control >= 0 && device < 0 && tries < 16; tries++) {
        snprintf(name, 32, "/dev/loop%d", ioctl(control, LOOP_CTL_GET_FREE));
        device = open(name, O_RDWR);
        if (device < 0 || ioctl(device, LOOP_SET_FD, file) == 0)
            break;
        close(device); /* Somebody else was faster. */
        device = -1;
    }
    close(control);
    if (device >= 0 && ioctl(device, LOOP_SET_STATUS64, &info) != 0) {
        ioctl(device, LOOP_CLR_FD, 0);
        close(device);
        device = -1;
    }
    return device;
}

/* Mounts an ext4 of `size` bytes on a new folder, for this process alone; or says why it can't. */
static inline int mount_ext4(const char *folder, off_t size) {
    char name[32];
    int mounted = 0, device = -1, disk = open("disk.img", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (own_mounts() && ftruncate(disk, size) == 0 &&
        system("PATH=$PATH:/sbin:/usr/sbin mkfs.ext4 -q -F -m 0 disk.img 2> /dev/null") == 0)
        device = loop_device(disk, name);
    if (device >= 0 && mkdir(folder, 0777) == 0)
        mounted = mount(name, folder, "ext4", 0, NULL) == 0;
    close(device); /* The mount keeps the loop device, and the device its file. */
    close(disk);
    unlink("disk.img");
    if (!mounted) {
        skip("no ext4 can be made and mounted");
        rmdir(folder);
    }
    return mounted;
}

static inline void unmount(const char *folder) {
    CHECK(umount2(folder, MNT_DETACH) == 0);
    CHECK(rmdir(folder) == 0);
}

/* Two files of the same number in different file systems: "one/file", and one that is open as `other`. */
struct twins {
    int other;
    char name[64];
};

static inline void forget_twins(struct twins *twins) {
    close(twins->other);
    unmount("two");
    unmount("one");
}

/* Makes them, of `size` bytes each; `other` is -1 where they can't be made, which is said. */
static inline struct twins twin_files(uint64_t size) {
    struct twins twins = {-1, ""};
    ino_t wanted;
    int tries;
    if (!mount_tmpfs("one", "size=1m"))
        return twins;
    CHECK(mkdir("two", 0777) == 0 && mount("none", "two", "tmpfs", 0, "size=1m") == 0);
    make_file("one/file", size, '1');
    wanted = status_of("one/file").st_ino;
    for (tries = 0; tries < 20; tries++) {
        snprintf(twins.name, sizeof twins.name, "two/%d", tries);
        make_file(twins.name, size, '2');
        if (status_of(twins.name).st_ino == wanted) {
            twins.other = open(twins.name, O_RDWR | O_CLOEXEC);
            return twins;
        }
    }
    skip("no two files have the same number");
    forget_twins(&twins);
    return twins;
}

/* The soft limit; 0 where it cannot be set. */
static inline int limit(int resource, rlim_t most) {
    struct rlimit now;
    if (getrlimit(resource, &now) != 0)
        return 0;
    now.rlim_cur = most;
    return setrlimit(resource, &now) == 0;
}

/* Becomes a user without rights; for a child. */
static inline void become_nobody(void) {
    if (geteuid() == 0)
        CHECK(setgid(65534) == 0 && setuid(65534) == 0);
}

#endif
