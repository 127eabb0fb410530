// The header from C++: its functions have C's names.

#include "memmap.h"

#include <cstring>

namespace {

struct Counted {
    int *count;
    ~Counted() { ++*count; }
};

int throws(const memmap_view *, void *destroyed) {
    const Counted counted = {static_cast<int *>(destroyed)};
    throw 4711;
}

// An exception passes through memmap_try, which returns its pin.
bool throws_through(memmap_handle handle) {
    int destroyed = 0;
    memmap_info info = {};
    info.size = sizeof info;
    try {
        memmap_try(handle, throws, &destroyed, nullptr);
        return false;
    } catch (int thrown) {
        return thrown == 4711 && destroyed == 1 && memmap_get_info(handle, &info) == 0 && info.pins == 0;
    }
}

} // namespace

int main() {
    memmap_options options = {};
    memmap_handle handle = 0;
    memmap_view view = {};
    options.size = sizeof options;
    options.capacity = 1 << 20;
    if (memmap_anonymous(100, &options, &handle) != 0 || memmap_pin(handle, &view) != 0)
        return 1;
    std::memcpy(view.data, "C++", 4);
    if (memmap_unpin(handle) != 0 || !throws_through(handle) || !throws_through(handle) || memmap_pin(handle, &view) != 0)
        return 4;
    if (view.len != 100 || memmap_unpin(handle) != 0 || memmap_close(handle) != 0)
        return 2;
    return memmap_close(handle) == MEMMAP_ERR_HANDLE ? 0 : 3;
}
