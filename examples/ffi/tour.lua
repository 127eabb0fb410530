-- tour FILE: creates and maps a file, writes, flushes and searches it, reads it while it is truncated, and
-- uses a closed handle.
--
--     make build ffi-deps
--     rm -f target/greeting.txt
--     LD_LIBRARY_PATH=target/release luajit examples/ffi/tour.lua target/greeting.txt

local ffi = require "ffi"

ffi.cdef [[
typedef uint64_t memmap_handle;
typedef int32_t memmap_status;
typedef struct memmap_options {
    uint32_t size, access, flags, mode;
    uint64_t offset, length, capacity;
    uint32_t advice, reserved;
} memmap_options;
typedef struct memmap_view { uint8_t *data; uint64_t len; } memmap_view;
typedef struct memmap_fault {
    uint32_t size, count, causes, reserved;
    uint64_t offset, length;
} memmap_fault;
enum { MEMMAP_EXCLUSIVE = 1, MEMMAP_FLUSH_SYNC = 0, MEMMAP_ERR_HANDLE = -2, MEMMAP_ERR_FAULT = -6 };

const char *memmap_strerror(memmap_status);
memmap_status memmap_guard_install(void);
memmap_status memmap_create(const char *, uint64_t, const memmap_options *, memmap_handle *);
memmap_status memmap_close(memmap_handle);
memmap_status memmap_reap(memmap_handle);
memmap_status memmap_read(memmap_handle, uint64_t, void *, uint64_t);
memmap_status memmap_write(memmap_handle, uint64_t, const void *, uint64_t);
memmap_status memmap_find(memmap_handle, uint64_t, uint64_t, const void *, uint64_t, uint64_t *);
memmap_status memmap_flush(memmap_handle, uint64_t, uint64_t, uint32_t);
memmap_status memmap_pin(memmap_handle, memmap_view *);
memmap_status memmap_unpin(memmap_handle);
memmap_status memmap_get_fault(memmap_handle, memmap_fault *);

typedef struct { memmap_handle handle; } map_object;
int truncate(const char *path, int64_t length);
]]

local C = ffi.load "libmemmap.so.0"
local TO_END = 0xffffffffffffffffULL
local NPOS = TO_END

local Error = {}
function Error:__tostring() return ffi.string(C.memmap_strerror(self.status)) end

local function check(status)
    if status ~= 0 then error(setmetatable({ status = status }, Error)) end
end

local Map = {}
Map.__index = Map
-- A map that is dropped without closing it is closed, and counted as a leak.
function Map:__gc() C.memmap_reap(self.handle) end

function Map:close() check(C.memmap_close(self.handle)) end

function Map:write(offset, bytes) check(C.memmap_write(self.handle, offset, bytes, #bytes)) end

function Map:read(offset, length)
    local buffer = ffi.new("uint8_t[?]", length)
    check(C.memmap_read(self.handle, offset, buffer, length))
    return ffi.string(buffer, length)
end

function Map:flush(offset, length)
    check(C.memmap_flush(self.handle, offset or 0, length or TO_END, C.MEMMAP_FLUSH_SYNC))
end

-- The offset, counted from 0 as in the file, or nil.
function Map:find(needle)
    local found = ffi.new "uint64_t[1]"
    check(C.memmap_find(self.handle, 0, TO_END, needle, #needle, found))
    return found[0] ~= NPOS and tonumber(found[0]) or nil
end

-- Lends the bytes to `use`, which must not keep the pointer. Fails afterwards if bytes were
-- lost meanwhile: a load reports nothing.
function Map:pinned(use)
    local view = ffi.new "memmap_view"
    check(C.memmap_pin(self.handle, view))
    local ok, result = pcall(use, view.data, tonumber(view.len))
    local status = C.memmap_unpin(self.handle)
    if not ok then error(result, 0) end
    check(status)
    return result
end

-- First byte and number of bytes that were lost.
function Map:lost()
    local fault = ffi.new("memmap_fault", { size = ffi.sizeof "memmap_fault" })
    check(C.memmap_get_fault(self.handle, fault))
    return tonumber(fault.offset), tonumber(fault.length)
end

local new_map = ffi.metatype("map_object", Map)

local function create(path, size)
    local options = ffi.new("memmap_options", {
        size = ffi.sizeof "memmap_options",
        flags = C.MEMMAP_EXCLUSIVE,
        mode = tonumber("640", 8),
    })
    local out = ffi.new "memmap_handle[1]"
    check(C.memmap_create(path, size, options, out))
    return new_map(out[0])
end

-- The error of `work` must be this status of libmemmap's own.
local function expect(status, where, work)
    local ok, problem = pcall(work)
    if ok or type(problem) ~= "table" or problem.status ~= status then error(problem, 0) end
    print(where .. ": " .. tostring(problem))
end

local function tour(path)
    local size = 2 ^ 20
    check(C.memmap_guard_install())
    local map = create(path, size)

    map:write(100, "Hello, mmap")
    map:flush(100, 11) -- On the device from here on.
    print(map:read(100, 11))
    print("found at " .. map:find "mmap")

    expect(C.MEMMAP_ERR_FAULT, "the file was cut", function()
        map:pinned(function(bytes)
            assert(ffi.C.truncate(path, size / 16) == 0) -- As another process might do it.
            print("read behind the cut: " .. bytes[size / 2])
        end)
    end)
    local offset, length = map:lost()
    print(("lost: %d bytes from %d on"):format(length, offset))
    print("still there: " .. map:read(100, 11))

    map:close()
    expect(C.MEMMAP_ERR_HANDLE, "after close", function() map:read(100, 11) end)
end

if #arg ~= 1 then
    io.stderr:write "usage: tour FILE\n"
    os.exit(2)
end
local ok, problem = pcall(tour, arg[1])
if not ok then
    io.stderr:write("tour: " .. tostring(problem) .. "\n")
    os.exit(1)
end
