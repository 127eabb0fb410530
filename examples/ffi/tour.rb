#!/usr/bin/env ruby
# frozen_string_literal: true

# tour FILE: creates and maps a file, writes, flushes and searches it, reads it while it is truncated, and
# uses a closed handle.
#
#     make build ffi-deps
#     rm -f target/greeting.txt
#     LD_LIBRARY_PATH=target/release ruby examples/ffi/tour.rb target/greeting.txt

require 'fiddle/import'

# The C functions. Fiddle releases the interpreter's lock around them, so other threads run meanwhile.
module Memmap
  extend Fiddle::Importer
  dlload 'libmemmap.so.0'

  Options = struct ['uint32_t size', 'uint32_t access', 'uint32_t flags', 'uint32_t mode',
                    'uint64_t offset', 'uint64_t length', 'uint64_t capacity',
                    'uint32_t advice', 'uint32_t reserved']
  View = struct ['void* data', 'uint64_t len']
  Lost = struct ['uint32_t size', 'uint32_t count', 'uint32_t causes', 'uint32_t reserved',
                 'uint64_t offset', 'uint64_t length']

  extern 'const char* memmap_strerror(int32_t)'
  extern 'int32_t memmap_guard_install()'
  extern 'int32_t memmap_create(const char*, uint64_t, void*, void*)'
  extern 'int32_t memmap_close(uint64_t)'
  extern 'int32_t memmap_read(uint64_t, uint64_t, void*, uint64_t)'
  extern 'int32_t memmap_write(uint64_t, uint64_t, const void*, uint64_t)'
  extern 'int32_t memmap_find(uint64_t, uint64_t, uint64_t, const void*, uint64_t, void*)'
  extern 'int32_t memmap_flush(uint64_t, uint64_t, uint64_t, uint32_t)'
  extern 'int32_t memmap_pin(uint64_t, void*)'
  extern 'int32_t memmap_unpin(uint64_t)'
  extern 'int32_t memmap_get_fault(uint64_t, void*)'

  EXCLUSIVE = 1 << 0
  FLUSH_SYNC = 0
  TO_END = NPOS = 2**64 - 1

  # A status of libmemmap's own. Those of the system are Errno::ENOENT and so on.
  class Error < IOError; end
  class StaleHandle < Error; end
  class FaultError < Error; end
  OWN = Hash.new(Error).update(-2 => StaleHandle, -6 => FaultError).freeze

  def self.check(status)
    raise SystemCallError.new(nil, status) if status.positive?
    raise OWN[status], memmap_strerror(status).to_s if status.negative?
  end

  # An open mapping.
  class Map
    def self.create(path, size)
      options = Options.malloc(Fiddle::RUBY_FREE)
      options.to_ptr[0, Options.size] = "\0" * Options.size
      options.size = Options.size
      options.flags = EXCLUSIVE
      options.mode = 0o640
      handle = Fiddle::Pointer.malloc(8, Fiddle::RUBY_FREE)
      Memmap.check Memmap.memmap_create(path, size, options, handle)
      new(handle[0, 8].unpack1('Q'))
    end

    def initialize(handle)
      @handle = handle
    end

    def close
      Memmap.check Memmap.memmap_close(@handle)
    end

    def write(offset, bytes)
      Memmap.check Memmap.memmap_write(@handle, offset, bytes, bytes.bytesize)
    end

    def read(offset, length)
      buffer = Fiddle::Pointer.malloc([length, 1].max, Fiddle::RUBY_FREE)
      Memmap.check Memmap.memmap_read(@handle, offset, buffer, length)
      buffer[0, length]
    end

    def flush(offset = 0, length = TO_END)
      Memmap.check Memmap.memmap_flush(@handle, offset, length, FLUSH_SYNC)
    end

    def find(needle)
      found = Fiddle::Pointer.malloc(8, Fiddle::RUBY_FREE)
      Memmap.check Memmap.memmap_find(@handle, 0, TO_END, needle, needle.bytesize, found)
      offset = found[0, 8].unpack1('Q')
      offset unless offset == NPOS
    end

    # Lends the bytes to the block. Raises afterwards if bytes were lost: a load reports nothing.
    def pinned
      view = View.malloc(Fiddle::RUBY_FREE)
      Memmap.check Memmap.memmap_pin(@handle, view)
      begin
        result = yield Fiddle::Pointer.new(view.data.to_i, view.len)
      ensure
        status = Memmap.memmap_unpin(@handle)
      end
      Memmap.check status
      result
    end

    # First byte and number of bytes that were lost.
    def lost
      lost = Lost.malloc(Fiddle::RUBY_FREE)
      lost.size = Lost.size
      Memmap.check Memmap.memmap_get_fault(@handle, lost)
      [lost.offset, lost.length]
    end
  end
end

SIZE = 1 << 20

def tour(path)
  Memmap.check Memmap.memmap_guard_install
  map = Memmap::Map.create(path, SIZE)

  map.write(100, 'Hello, mmap')
  map.flush(100, 11) # On the device from here on.
  puts map.read(100, 11)
  puts "found at #{map.find('mmap')}"

  begin
    map.pinned do |bytes|
      File.truncate(path, SIZE / 16) # As another process might do it.
      puts "read behind the cut: #{bytes[SIZE / 2]}"
    end
  rescue Memmap::FaultError => e
    puts "the file was cut: #{e.message}"
  end
  offset, length = map.lost
  puts "lost: #{length} bytes from #{offset} on"
  puts "still there: #{map.read(100, 11)}"

  map.close
  map.read(100, 11)
rescue Memmap::StaleHandle => e
  puts "after close: #{e.message}"
end

if $PROGRAM_NAME == __FILE__
  abort 'usage: tour FILE' unless ARGV.size == 1
  begin
    tour(ARGV.first)
  rescue SystemCallError, Memmap::Error => e
    abort "tour: #{e.message}"
  end
end
