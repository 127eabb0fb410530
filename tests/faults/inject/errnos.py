"""Prints which errnos the manual pages of this system list for system calls: tests/faults/inject/errnos.txt.

A name such as posix_fadvise:fadvise64 is the page, and the call as the kernel has it."""

import gzip
import os
import re

CALLS = """open:openat open:openat2 stat statfs:fstatfs fcntl fallocate truncate:ftruncate mmap
mmap:munmap mremap mprotect msync madvise mincore mlock mlock:mlock2 mlock:munlock fsync fsync:fdatasync
posix_fadvise:fadvise64 write:pwrite64 write:pwritev2 unlink unlink:unlinkat link:linkat readlink statx memfd_create chmod:fchmod
getrlimit:prlimit64 ioctl futex read:pread64 flock userfaultfd getrandom chown:fchown sigaction:rt_sigaction sigprocmask:rt_sigprocmask read write lseek close
nanosleep:clock_nanosleep""".split()


def page_of(name):
    for section in "23":
        path = f"/usr/share/man/man{section}/{name}.{section}.gz"
        if os.path.exists(path):
            text = gzip.open(path, "rt", errors="replace").read()
            other = re.match(r"\s*\.so man\d/(\w+)\.\d", text)
            return page_of(other[1]) if other else text
    raise SystemExit(f"there is no manual page of {name}")


def errnos_of(text):
    start = text.find(".SH ERRORS")
    end = text.find("\n.SH", start + 1)
    heads = re.findall(r"^\.BR? (E[A-Z0-9]{2,}.*)", text[start:end], re.M)
    return sorted(set(re.findall(r"\bE[A-Z0-9]{2,}", " ".join(heads))))


for call in CALLS:
    page, _, name = call.partition(":")
    print(name or page, *errnos_of(page_of(page)))
