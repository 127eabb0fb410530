// try FILE: adds the bytes of a file up, by memmap_try, before and after the file is truncated. A lost byte is an exception,
// and no sum has zeros in it that the file never had.
//
//     make build
//     c++ -std=c++17 -I include examples/ffi/try.cpp target/release/libmemmap.a -lpthread -ldl -lm -o target/try
//     target/try target/numbers.bin

#include "memmap.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

namespace {

void check(memmap_status status) {
    if (status != 0)
        throw std::runtime_error(memmap_strerror(status));
}

// Calls `look(data, length)` with the bytes of the mapping, and returns what it returns; nothing if a byte was lost.
//
// memmap_try leaves `look` in the middle, as longjmp does, and runs no destructor. So `look` must own nothing. What can be checked
// is checked when this is compiled: it throws no exception (noexcept), and what it has captured and what it returns is
// trivial, so references, pointers and numbers. Within `look`, use no variable that has a destructor, and lock nothing.
template <class Look>
auto attempt(memmap_handle map, Look look) -> std::optional<std::invoke_result_t<Look, const std::uint8_t *, std::size_t>> {
    using Result = std::invoke_result_t<Look, const std::uint8_t *, std::size_t>;
    static_assert(std::is_nothrow_invocable_v<Look, const std::uint8_t *, std::size_t>, "declare it noexcept");
    static_assert(std::is_trivially_copyable_v<Look> && std::is_trivially_destructible_v<Look>, "capture by reference");
    static_assert(std::is_trivially_copyable_v<Result> && std::is_trivially_default_constructible_v<Result>,
                  "return a number, a pointer, or a struct of such");
    struct Call {
        Look look;
        Result result;
    } call{look, {}};
    const memmap_status status = memmap_try(
        map,
        [](const memmap_view *view, void *argument) noexcept {
            auto *call = static_cast<Call *>(argument);
            call->result = call->look(view->data, static_cast<std::size_t>(view->len));
            return 0;
        },
        &call, nullptr);
    if (status == MEMMAP_ERR_FAULT)
        return std::nullopt;
    check(status);
    return call.result;
}

// The other way: the bytes are copied to memory of the caller's, and any code may work on the copy.
std::optional<std::vector<std::uint8_t>> copy(memmap_handle map, std::uint64_t offset, std::size_t length) {
    std::vector<std::uint8_t> bytes(length); // Before: in what may be left nothing is allocated.
    const memmap_status status = memmap_read(map, offset, bytes.data(), bytes.size());
    if (status == MEMMAP_ERR_FAULT)
        return std::nullopt;
    check(status);
    return bytes;
}

std::optional<std::uint64_t> sum(memmap_handle map) {
    return attempt(map, [](const std::uint8_t *data, std::size_t length) noexcept {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < length; i++)
            sum += data[i];
        return sum;
    });
}

void print(const char *what, std::optional<std::uint64_t> sum) {
    std::cout << what << ": " << (sum ? std::to_string(*sum) : "lost") << '\n';
}

int run(const std::string &path) {
    std::ofstream(path) << std::string(1 << 20, '\1');
    check(memmap_guard_install());
    memmap_handle map;
    check(memmap_open(path.c_str(), nullptr, &map));
    print("whole", sum(map));
    std::filesystem::resize_file(path, 0);
    print("cut", sum(map));
    std::ofstream(path) << std::string(1 << 20, '\2');
    check(memmap_recover(map));
    print("back", sum(map));
    std::cout << "copied: " << (copy(map, 0, 4096) ? "4096 bytes" : "lost") << '\n';
    std::filesystem::resize_file(path, 0);
    std::cout << "copied: " << (copy(map, 0, 4096) ? "4096 bytes" : "lost") << '\n';
    check(memmap_close(map));
    return 0;
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: try FILE\n";
        return 2;
    }
    try {
        return run(argv[1]);
    } catch (const std::exception &error) {
        std::cerr << "try: " << error.what() << '\n';
        return 1;
    }
}
