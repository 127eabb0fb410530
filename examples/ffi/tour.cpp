// tour FILE: creates and maps a file, writes, flushes and searches it, reads it while it is truncated, and
// uses a closed handle.
//
//     make build
//     c++ -std=c++17 -I include examples/ffi/tour.cpp target/release/libmemmap.a -lpthread -ldl -lm -o target/tour
//     rm -f target/greeting.txt
//     target/tour target/greeting.txt

#include "memmap.h"

#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace {

struct Category : std::error_category {
    const char *name() const noexcept override { return "memmap"; }
    std::string message(int status) const override { return memmap_strerror(status); }
};

// A positive status is an errno, which the standard library has names for (std::errc).
const std::error_category &category_of(memmap_status status) {
    static const Category own;
    return status > 0 ? std::generic_category() : own;
}

void check(memmap_status status) {
    if (status != 0)
        throw std::system_error(status, category_of(status));
}

class Map {
public:
    static Map create(const std::string &path, uint64_t size) {
        memmap_options options = {};
        options.size = sizeof options;
        options.flags = MEMMAP_EXCLUSIVE;
        options.mode = 0640;
        Map map;
        check(memmap_create(path.c_str(), size, &options, &map.handle_));
        return map;
    }

    Map(Map &&other) noexcept : handle_(std::exchange(other.handle_, 0)) {}
    Map &operator=(Map &&other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Map() { memmap_close(handle_); } // Closing twice is a status, and harmless.

    void close() { check(memmap_close(handle_)); }

    void write(uint64_t offset, std::string_view bytes) {
        check(memmap_write(handle_, offset, bytes.data(), bytes.size()));
    }

    std::string read(uint64_t offset, std::size_t length) const {
        std::string bytes(length, '\0');
        check(memmap_read(handle_, offset, bytes.data(), length));
        return bytes;
    }

    void flush(uint64_t offset, uint64_t length) {
        check(memmap_flush(handle_, offset, length, MEMMAP_FLUSH_SYNC));
    }

    std::optional<uint64_t> find(std::string_view needle) const {
        uint64_t offset;
        check(memmap_find(handle_, 0, MEMMAP_TO_END, needle.data(), needle.size(), &offset));
        return offset == MEMMAP_NPOS ? std::nullopt : std::optional(offset);
    }

    // Lends the bytes to `use`. Throws afterwards if bytes were lost: a load reports nothing.
    template <typename Use> void pinned(Use use) const {
        memmap_view view;
        check(memmap_pin(handle_, &view));
        try {
            use(view.data, view.len);
        } catch (...) {
            memmap_unpin(handle_);
            throw;
        }
        check(memmap_unpin(handle_));
    }

    memmap_fault fault() const {
        memmap_fault fault = {};
        fault.size = sizeof fault;
        check(memmap_get_fault(handle_, &fault));
        return fault;
    }

private:
    Map() = default;
    memmap_handle handle_ = 0;
};

// What `work` throws must be this status of libmemmap's own.
template <typename Work> void expect(memmap_status status, const char *where, Work work) {
    try {
        work();
    } catch (const std::system_error &error) {
        if (error.code() != std::error_code(status, category_of(status)))
            throw;
        std::cout << where << ": " << error.code().message() << '\n';
    }
}

void tour(const std::string &path) {
    constexpr uint64_t size = 1 << 20, cut = size / 16;
    check(memmap_guard_install());
    Map map = Map::create(path, size);

    map.write(100, "Hello, mmap");
    map.flush(100, 11); // On the device from here on.
    std::cout << map.read(100, 11) << '\n';
    std::cout << "found at " << map.find("mmap").value() << '\n';

    expect(MEMMAP_ERR_FAULT, "the file was cut", [&] {
        map.pinned([&](const uint8_t *bytes, uint64_t length) {
            std::filesystem::resize_file(path, cut); // As another process might do it.
            std::cout << "read behind the cut: " << int(bytes[length / 2]) << '\n';
        });
    });
    const memmap_fault lost = map.fault();
    std::cout << "lost: " << lost.length << " bytes from " << lost.offset << " on\n";
    std::cout << "still there: " << map.read(100, 11) << '\n';

    map.close();
    expect(MEMMAP_ERR_HANDLE, "after close", [&] { map.read(100, 11); });
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: tour FILE\n";
        return 2;
    }
    try {
        tour(argv[1]);
    } catch (const std::exception &error) {
        std::cerr << "tour: " << error.what() << '\n';
        return 1;
    }
}
