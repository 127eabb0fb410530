// tour FILE: creates and maps a file, writes, flushes and searches it, reads it while it is truncated, and
// uses a closed handle.
//
//     make build ffi-deps
//     rm -f target/greeting.txt
//     NODE_PATH=.tools/ffi/node/node_modules LD_LIBRARY_PATH=target/release node examples/ffi/tour.js target/greeting.txt

'use strict';

const fs = require('node:fs');
const { getSystemErrorName, promisify } = require('node:util');
const koffi = require('koffi');

const library = koffi.load('libmemmap.so.0');

koffi.struct('memmap_options', {
  size: 'uint32_t',
  access: 'uint32_t',
  flags: 'uint32_t',
  mode: 'uint32_t',
  offset: 'uint64_t',
  length: 'uint64_t',
  capacity: 'uint64_t',
  advice: 'uint32_t',
  reserved: 'uint32_t',
});
koffi.struct('memmap_view', { data: 'void *', len: 'uint64_t' });
koffi.struct('memmap_fault', {
  size: 'uint32_t',
  count: 'uint32_t',
  causes: 'uint32_t',
  reserved: 'uint32_t',
  offset: 'uint64_t',
  length: 'uint64_t',
});

const c = Object.fromEntries(
  [
    'const char *memmap_strerror(int32_t status)',
    'int32_t memmap_guard_install()',
    'int32_t memmap_create(const char *path, uint64_t size, const memmap_options *options, _Out_ uint64_t *out)',
    'int32_t memmap_close(uint64_t handle)',
    'int32_t memmap_read(uint64_t handle, uint64_t offset, void *buf, uint64_t len)',
    'int32_t memmap_write(uint64_t handle, uint64_t offset, const void *buf, uint64_t len)',
    'int32_t memmap_find(uint64_t handle, uint64_t from, uint64_t to, const void *needle, uint64_t n, _Out_ uint64_t *at)',
    'int32_t memmap_flush(uint64_t handle, uint64_t offset, uint64_t len, uint32_t mode)',
    'int32_t memmap_pin(uint64_t handle, _Out_ memmap_view *view)',
    'int32_t memmap_unpin(uint64_t handle)',
    'int32_t memmap_get_fault(uint64_t handle, _Inout_ memmap_fault *fault)',
  ].map((declaration) => {
    const declared = library.func(declaration);
    return [declared.info.name, declared];
  }),
);

// Off the event loop: a flush waits for the disk.
const flushAsync = promisify(c.memmap_flush.async);

const EXCLUSIVE = 1 << 0;
const FLUSH_SYNC = 0;
const TO_END = 2n ** 64n - 1n;
const NPOS = TO_END;
const ERR_HANDLE = -2;
const ERR_FAULT = -6;

// `code` is a name such as EEXIST for an error of the system, as in node:fs, and else the status.
class MemmapError extends Error {
  constructor(status) {
    super(c.memmap_strerror(status));
    this.name = 'MemmapError';
    this.code = status > 0 ? getSystemErrorName(-status) : status;
  }
}

function check(status) {
  if (status !== 0) throw new MemmapError(status);
}

class Map {
  #handle; // At most 48 bits, so a number holds it.

  static create(path, size) {
    const options = {
      size: koffi.sizeof('memmap_options'),
      access: 0,
      flags: EXCLUSIVE,
      mode: 0o640,
      offset: 0,
      length: 0,
      capacity: 0,
      advice: 0,
      reserved: 0,
    };
    const out = [null];
    check(c.memmap_create(path, size, options, out));
    const map = new Map();
    map.#handle = out[0];
    return map;
  }

  close() {
    check(c.memmap_close(this.#handle));
  }

  write(offset, bytes) {
    const buffer = Buffer.from(bytes);
    check(c.memmap_write(this.#handle, offset, buffer, buffer.length));
  }

  read(offset, length) {
    const buffer = Buffer.alloc(length);
    check(c.memmap_read(this.#handle, offset, buffer, length));
    return buffer;
  }

  async flush(offset = 0, length = TO_END) {
    check(await flushAsync(this.#handle, offset, length, FLUSH_SYNC));
  }

  // The offset, or -1 as Buffer has it.
  find(needle) {
    const buffer = Buffer.from(needle);
    const found = [null];
    check(c.memmap_find(this.#handle, 0, TO_END, buffer, buffer.length, found));
    return found[0] === NPOS ? -1 : found[0];
  }

  // Lends the bytes to `use`, which must not keep the buffer. Throws afterwards if bytes were
  // lost meanwhile: a load reports nothing.
  pinned(use) {
    const view = {};
    check(c.memmap_pin(this.#handle, view));
    let status;
    let result;
    try {
      result = use(Buffer.from(koffi.view(view.data, view.len)));
    } finally {
      status = c.memmap_unpin(this.#handle);
    }
    check(status);
    return result;
  }

  fault() {
    const fault = { size: koffi.sizeof('memmap_fault'), count: 0, causes: 0, reserved: 0, offset: 0, length: 0 };
    check(c.memmap_get_fault(this.#handle, fault));
    return fault;
  }
}

// What `work` throws must be this status of libmemmap's own.
function expect(status, where, work) {
  try {
    work();
  } catch (error) {
    if (error.code !== status) throw error;
    console.log(`${where}: ${error.message}`);
  }
}

async function tour(path) {
  const size = 1 << 20;
  check(c.memmap_guard_install());
  const map = Map.create(path, size);

  map.write(100, 'Hello, mmap');
  await map.flush(100, 11); // On the device from here on.
  console.log(map.read(100, 11).toString());
  console.log(`found at ${map.find('mmap')}`);

  expect(ERR_FAULT, 'the file was cut', () =>
    map.pinned((bytes) => {
      fs.truncateSync(path, size / 16); // As another process might do it.
      console.log(`read behind the cut: ${bytes[size / 2]}`);
    }),
  );
  const lost = map.fault();
  console.log(`lost: ${lost.length} bytes from ${lost.offset} on`);
  console.log(`still there: ${map.read(100, 11)}`);

  map.close();
  expect(ERR_HANDLE, 'after close', () => map.read(100, 11));
}

function main(path) {
  if (path === undefined) {
    console.error('usage: tour FILE');
    process.exitCode = 2;
    return;
  }
  tour(path).catch((error) => {
    console.error(`tour: ${error.message}`);
    process.exitCode = 1;
  });
}

module.exports = { tour };
if (require.main === module) main(process.argv[2]);
