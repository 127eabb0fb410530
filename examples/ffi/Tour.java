import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;
import com.sun.jna.ptr.LongByReference;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.OptionalLong;

import static java.nio.charset.StandardCharsets.UTF_8;

/**
 * Tour FILE: creates and maps a file, writes, flushes and searches it, reads it while it is truncated, and
 * uses a closed handle.
 *
 * <pre>
 *     make build ffi-deps
 *     rm -f target/greeting.txt
 *     LD_LIBRARY_PATH=target/release java -cp /usr/share/java/jna.jar examples/ffi/Tour.java target/greeting.txt
 * </pre>
 */
public class Tour {
    /** The C functions. Lengths and offsets are unsigned: -1 is 2^64 - 1. */
    public interface Memmap extends Library {
        Memmap C = Native.load("libmemmap.so.0", Memmap.class);

        int EXCLUSIVE = 1 << 0;
        int FLUSH_SYNC = 0;
        long TO_END = -1L;
        long NPOS = -1L;
        int ERR_HANDLE = -2;
        int ERR_FAULT = -6;

        String memmap_strerror(int status);
        int memmap_guard_install();
        int memmap_create(String path, long size, Options options, LongByReference handle);
        int memmap_close(long handle);
        int memmap_read(long handle, long offset, byte[] bytes, long length);
        int memmap_write(long handle, long offset, byte[] bytes, long length);
        int memmap_find(long handle, long from, long to, byte[] needle, long length, LongByReference offset);
        int memmap_flush(long handle, long offset, long length, int mode);
        int memmap_pin(long handle, View view);
        int memmap_unpin(long handle);
        int memmap_get_fault(long handle, Fault fault);
    }

    @FieldOrder({"size", "access", "flags", "mode", "offset", "length", "capacity", "advice", "reserved"})
    public static class Options extends Structure {
        public int size = size();
        public int access;
        public int flags;
        public int mode;
        public long offset;
        public long length;
        public long capacity;
        public int advice;
        public int reserved;
    }

    @FieldOrder({"data", "len"})
    public static class View extends Structure {
        public Pointer data;
        public long len;
    }

    @FieldOrder({"size", "count", "causes", "reserved", "offset", "length"})
    public static class Fault extends Structure {
        public int size = size();
        public int count;
        public int causes;
        public int reserved;
        public long offset;
        public long length;
    }

    /** A status of libmemmap's own, or one of the system that has no exception of its own. */
    public static class MemmapException extends IOException {
        public final int status;

        MemmapException(int status) {
            super(Memmap.C.memmap_strerror(status));
            this.status = status;
        }
    }

    static void check(int status) throws MemmapException {
        if (status != 0) {
            throw new MemmapException(status);
        }
    }

    /** An open mapping. Any thread may use it, also while another closes it. */
    public static class Map implements AutoCloseable {
        private final long handle;

        private Map(long handle) {
            this.handle = handle;
        }

        public static Map create(Path path, long size) throws IOException {
            Options options = new Options();
            options.flags = Memmap.EXCLUSIVE;
            options.mode = 0640;
            LongByReference handle = new LongByReference();
            int status = Memmap.C.memmap_create(path.toString(), size, options, handle);
            switch (status) {
                case 0: return new Map(handle.getValue());
                case 2: throw new NoSuchFileException(path.toString());
                case 17: throw new FileAlreadyExistsException(path + ": File exists");
                default: throw new MemmapException(status);
            }
        }

        @Override
        public void close() {
            Memmap.C.memmap_close(handle); // Closing twice is a status, and harmless.
        }

        public void write(long offset, byte[] bytes) throws MemmapException {
            check(Memmap.C.memmap_write(handle, offset, bytes, bytes.length));
        }

        public byte[] read(long offset, int length) throws MemmapException {
            byte[] bytes = new byte[length];
            check(Memmap.C.memmap_read(handle, offset, bytes, length));
            return bytes;
        }

        public void flush(long offset, long length) throws MemmapException {
            check(Memmap.C.memmap_flush(handle, offset, length, Memmap.FLUSH_SYNC));
        }

        public OptionalLong find(byte[] needle) throws MemmapException {
            LongByReference offset = new LongByReference();
            check(Memmap.C.memmap_find(handle, 0, Memmap.TO_END, needle, needle.length, offset));
            long found = offset.getValue();
            return found == Memmap.NPOS ? OptionalLong.empty() : OptionalLong.of(found);
        }

        public Pin pin() throws MemmapException {
            return new Pin(handle);
        }

        public Fault fault() throws MemmapException {
            Fault fault = new Fault();
            check(Memmap.C.memmap_get_fault(handle, fault));
            return fault;
        }
    }

    /** The bytes of a mapping, lent until it is closed; the buffer must not be used after that. */
    public static class Pin implements AutoCloseable {
        private final long handle;
        private final View view = new View();

        private Pin(long handle) throws MemmapException {
            this.handle = handle;
            check(Memmap.C.memmap_pin(handle, view));
        }

        /** At most 2 GiB of them, as with every ByteBuffer. */
        public ByteBuffer bytes() {
            return view.data.getByteBuffer(0, Math.min(view.len, Integer.MAX_VALUE));
        }

        /** Throws if bytes were lost meanwhile: a load reports nothing. */
        @Override
        public void close() throws MemmapException {
            check(Memmap.C.memmap_unpin(handle));
        }
    }

    static String text(byte[] bytes) {
        return new String(bytes, UTF_8);
    }

    interface Work {
        void run() throws IOException;
    }

    /** What {@code work} throws must be this status of libmemmap's own. */
    static void expect(int status, String where, Work work) throws IOException {
        try {
            work.run();
        } catch (MemmapException e) {
            if (e.status != status) {
                throw e;
            }
            System.out.println(where + ": " + e.getMessage());
        }
    }

    static void tour(Path path) throws IOException {
        int size = 1 << 20;
        check(Memmap.C.memmap_guard_install());
        Map map = Map.create(path, size);
        try (map) {
            map.write(100, "Hello, mmap".getBytes(UTF_8));
            map.flush(100, 11); // On the device from here on.
            System.out.println(text(map.read(100, 11)));
            System.out.println("found at " + map.find("mmap".getBytes(UTF_8)).getAsLong());

            expect(Memmap.ERR_FAULT, "the file was cut", () -> {
                try (Pin pin = map.pin(); RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
                    file.setLength(size / 16); // As another process might do it.
                    System.out.println("read behind the cut: " + pin.bytes().get(size / 2));
                }
            });
            Fault lost = map.fault();
            System.out.println("lost: " + lost.length + " bytes from " + lost.offset + " on");
            System.out.println("still there: " + text(map.read(100, 11)));
        }
        expect(Memmap.ERR_HANDLE, "after close", () -> map.read(100, 11));
    }

    public static void main(String[] arguments) {
        if (arguments.length != 1) {
            System.err.println("usage: Tour FILE");
            System.exit(2);
        }
        try {
            tour(Path.of(arguments[0]));
        } catch (IOException e) {
            System.err.println("tour: " + e.getMessage());
            System.exit(1);
        }
    }
}
