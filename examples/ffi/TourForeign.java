import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.util.OptionalLong;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.UTF_8;

/**
 * TourForeign FILE: the same as Tour.java for JDK 22 and later, whose own java.lang.foreign needs no library.
 *
 * <pre>
 *     make build
 *     rm -f target/greeting.txt
 *     LD_LIBRARY_PATH=target/release java --enable-native-access=ALL-UNNAMED examples/ffi/TourForeign.java target/greeting.txt
 * </pre>
 */
public class TourForeign {
    /** The C functions; jextract makes faster ones from memmap.h. Lengths and offsets are unsigned. */
    static final class C {
        static final int EXCLUSIVE = 1 << 0;
        static final int FLUSH_SYNC = 0;
        static final long TO_END = -1L;
        static final long NPOS = -1L;
        static final int ERR_HANDLE = -2;
        static final int ERR_FAULT = -6;

        static final StructLayout OPTIONS = MemoryLayout.structLayout(
                JAVA_INT.withName("size"),
                JAVA_INT.withName("access"),
                JAVA_INT.withName("flags"),
                JAVA_INT.withName("mode"),
                JAVA_LONG.withName("offset"),
                JAVA_LONG.withName("length"),
                JAVA_LONG.withName("capacity"),
                JAVA_INT.withName("advice"),
                JAVA_INT.withName("reserved"));
        static final StructLayout VIEW = MemoryLayout.structLayout(
                ADDRESS.withName("data"),
                JAVA_LONG.withName("len"));
        static final StructLayout FAULT = MemoryLayout.structLayout(
                JAVA_INT.withName("size"),
                JAVA_INT.withName("count"),
                JAVA_INT.withName("causes"),
                JAVA_INT.withName("reserved"),
                JAVA_LONG.withName("offset"),
                JAVA_LONG.withName("length"));

        private static final Linker LINKER = Linker.nativeLinker();
        private static final SymbolLookup LIBRARY =
                SymbolLookup.libraryLookup("libmemmap.so.0", Arena.global());

        static final MethodHandle STRERROR = function("memmap_strerror", FunctionDescriptor.of(ADDRESS, JAVA_INT));
        static final MethodHandle GUARD_INSTALL = function("memmap_guard_install");
        static final MethodHandle CREATE = function("memmap_create", ADDRESS, JAVA_LONG, ADDRESS, ADDRESS);
        static final MethodHandle CLOSE = function("memmap_close", JAVA_LONG);
        static final MethodHandle READ = function("memmap_read", JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG);
        static final MethodHandle WRITE = function("memmap_write", JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG);
        static final MethodHandle FIND =
                function("memmap_find", JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS);
        static final MethodHandle FLUSH = function("memmap_flush", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT);
        static final MethodHandle PIN = function("memmap_pin", JAVA_LONG, ADDRESS);
        static final MethodHandle UNPIN = function("memmap_unpin", JAVA_LONG);
        static final MethodHandle GET_FAULT = function("memmap_get_fault", JAVA_LONG, ADDRESS);

        private static MethodHandle function(String name, FunctionDescriptor descriptor) {
            return LINKER.downcallHandle(LIBRARY.find(name).orElseThrow(), descriptor);
        }

        private static MethodHandle function(String name, MemoryLayout... parameters) {
            return function(name, FunctionDescriptor.of(JAVA_INT, parameters));
        }

        static Object call(MethodHandle function, Object... arguments) {
            try {
                return function.invokeWithArguments(arguments);
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new AssertionError("a C function throws nothing", e);
            }
        }

        /** Calls a function that returns a status. */
        static void check(MethodHandle function, Object... arguments) throws MemmapException {
            int status = (int) call(function, arguments);
            if (status != 0) {
                throw new MemmapException(status);
            }
        }

        static long member(StructLayout layout, MemorySegment struct, String name) {
            return struct.get(JAVA_LONG, layout.byteOffset(groupElement(name)));
        }
    }

    /** A status of libmemmap; positive ones are the system's errno. */
    public static class MemmapException extends IOException {
        public final int status;

        MemmapException(int status) {
            super(((MemorySegment) C.call(C.STRERROR, status)).reinterpret(Long.MAX_VALUE).getString(0));
            this.status = status;
        }
    }

    /** An open mapping. Any thread may use it, also while another closes it. */
    public static class Map implements AutoCloseable {
        private static final int EEXIST = 17;

        private final long handle;

        private Map(long handle) {
            this.handle = handle;
        }

        public static Map create(Path path, long size) throws IOException {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment options = arena.allocate(C.OPTIONS);
                options.set(JAVA_INT, 0, (int) C.OPTIONS.byteSize());
                options.set(JAVA_INT, C.OPTIONS.byteOffset(groupElement("flags")), C.EXCLUSIVE);
                options.set(JAVA_INT, C.OPTIONS.byteOffset(groupElement("mode")), 0640);
                MemorySegment handle = arena.allocate(JAVA_LONG);
                C.check(C.CREATE, arena.allocateFrom(path.toString()), size, options, handle);
                return new Map(handle.get(JAVA_LONG, 0));
            } catch (MemmapException e) {
                throw e.status == EEXIST ? new FileAlreadyExistsException(path + ": File exists") : e;
            }
        }

        @Override
        public void close() {
            C.call(C.CLOSE, handle); // Closing twice is a status, and harmless.
        }

        public void write(long offset, byte[] bytes) throws MemmapException {
            try (Arena arena = Arena.ofConfined()) {
                C.check(C.WRITE, handle, offset, arena.allocateFrom(JAVA_BYTE, bytes), (long) bytes.length);
            }
        }

        public byte[] read(long offset, int length) throws MemmapException {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment bytes = arena.allocate(length);
                C.check(C.READ, handle, offset, bytes, (long) length);
                return bytes.toArray(JAVA_BYTE);
            }
        }

        public void flush(long offset, long length) throws MemmapException {
            C.check(C.FLUSH, handle, offset, length, C.FLUSH_SYNC);
        }

        public OptionalLong find(byte[] needle) throws MemmapException {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment bytes = arena.allocateFrom(JAVA_BYTE, needle);
                MemorySegment offset = arena.allocate(JAVA_LONG);
                C.check(C.FIND, handle, 0L, C.TO_END, bytes, (long) needle.length, offset);
                long found = offset.get(JAVA_LONG, 0);
                return found == C.NPOS ? OptionalLong.empty() : OptionalLong.of(found);
            }
        }

        public Pin pin() throws MemmapException {
            return new Pin(handle);
        }

        /** First byte and number of bytes that were lost. */
        public long[] lost() throws MemmapException {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment fault = arena.allocate(C.FAULT);
                fault.set(JAVA_INT, 0, (int) C.FAULT.byteSize());
                C.check(C.GET_FAULT, handle, fault);
                return new long[] {C.member(C.FAULT, fault, "offset"), C.member(C.FAULT, fault, "length")};
            }
        }
    }

    /** The bytes of a mapping, lent until it is closed. The arena refuses a use after that. */
    public static class Pin implements AutoCloseable {
        private final Arena arena = Arena.ofShared();
        private final long handle;
        private final MemorySegment bytes;

        private Pin(long handle) throws MemmapException {
            this.handle = handle;
            try (Arena call = Arena.ofConfined()) {
                MemorySegment view = call.allocate(C.VIEW);
                C.check(C.PIN, handle, view);
                bytes = view.get(ADDRESS, 0).reinterpret(C.member(C.VIEW, view, "len"), arena, null);
            }
        }

        public MemorySegment bytes() {
            return bytes;
        }

        /** Throws if bytes were lost meanwhile: a load reports nothing. */
        @Override
        public void close() throws MemmapException {
            arena.close();
            C.check(C.UNPIN, handle);
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
        long size = 1 << 20;
        C.check(C.GUARD_INSTALL);
        Map map = Map.create(path, size);
        try (map) {
            map.write(100, "Hello, mmap".getBytes(UTF_8));
            map.flush(100, 11); // On the device from here on.
            System.out.println(text(map.read(100, 11)));
            System.out.println("found at " + map.find("mmap".getBytes(UTF_8)).getAsLong());

            expect(C.ERR_FAULT, "the file was cut", () -> {
                try (Pin pin = map.pin(); RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
                    file.setLength(size / 16); // As another process might do it.
                    System.out.println("read behind the cut: " + pin.bytes().get(JAVA_BYTE, size / 2));
                }
            });
            long[] lost = map.lost();
            System.out.println("lost: " + lost[1] + " bytes from " + lost[0] + " on");
            System.out.println("still there: " + text(map.read(100, 11)));
        }
        expect(C.ERR_HANDLE, "after close", () -> map.read(100, 11));
    }

    public static void main(String[] arguments) {
        if (arguments.length != 1) {
            System.err.println("usage: TourForeign FILE");
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
