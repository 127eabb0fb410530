# frozen_string_literal: true

# beside.rb FOLDER: the tour, and then a fault that isn't libmemmap's, which Ruby reports as ever.

require_relative '../../../examples/ffi/tour'

# A mapping that libmemmap knows nothing of.
module System
  extend Fiddle::Importer
  dlload 'libc.so.6'
  extern 'void *mmap(void *, size_t, int, int, int, long)'
  PROT_READ = 1
  MAP_SHARED = 1
end

$stdout.sync = true
folder = ARGV.fetch(0)
tour(File.join(folder, 'ours'))

File.open(File.join(folder, 'other'), 'w+') do |file|
  file.truncate(SIZE)
  address = System.mmap(nil, SIZE, System::PROT_READ, System::MAP_SHARED, file.fileno, 0)
  file.truncate(0)
  puts 'a fault of somebody else'
  puts Fiddle::Pointer.new(address.to_i, SIZE)[0]
end
