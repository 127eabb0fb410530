// The header from C++: its functions have C's names.

#include "memmap.h"

#include <cstring>

int main() {
    memmap_options options = {};
    memmap_handle handle = 0;
    memmap_view view = {};
    options.size = sizeof options;
    options.capacity = 1 << 20;
    if (memmap_anonymous(100, &options, &handle) != 0 || memmap_pin(handle, &view) != 0)
        return 1;
    std::memcpy(view.data, "C++", 4);
    if (view.len != 100 || memmap_unpin(handle) != 0 || memmap_close(handle) != 0)
        return 2;
    return memmap_close(handle) == MEMMAP_ERR_HANDLE ? 0 : 3;
}
