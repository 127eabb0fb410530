/* What a user of the installed library builds: it finds header and library by pkg-config alone. */
#include <memmap.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    memmap_handle handle;
    char word[4];
    if (strcmp(memmap_version(), MEMMAP_VERSION) != 0 || memmap_guard_install() != 0)
        return 1;
    if (memmap_anonymous(4096, NULL, &handle) != 0 || memmap_write(handle, 100, "mmap", 4) != 0)
        return 1;
    if (memmap_read(handle, 100, word, 4) != 0 || memmap_close(handle) != 0)
        return 1;
    printf("%s %.4s\n", memmap_version(), word);
    return 0;
}
