/* For LD_PRELOAD: installs the guard before the program begins, so that what a language's runtime does
 * with SIGBUS comes after it. */

#include "memmap.h"

__attribute__((constructor)) static void install(void) {
    memmap_guard_install();
}
