import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;

/**
 * Beside FOLDER: truncated files, mapped by Java and by libmemmap in turns. The JVM makes an InternalError
 * of SIGBUS, and goes on doing so.
 */
public class Beside {
    static final int SIZE = 1 << 20;

    static void setLength(Path path, long length) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(length);
        }
    }

    static int load(ByteBuffer bytes, int at) {
        return bytes.get(at);
    }

    /** Has the load compiled, so that it is not only the interpreter that faults. */
    static void warmUp(ByteBuffer bytes) {
        for (int i = 0; i < 200_000; i++) {
            load(bytes, i % SIZE);
        }
    }

    static String behindTheEnd(ByteBuffer bytes) {
        try {
            return Integer.toString(load(bytes, SIZE / 2));
        } catch (InternalError e) {
            return "InternalError";
        }
    }

    static String byJava(Path path) throws IOException {
        setLength(path, SIZE);
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            ByteBuffer bytes = file.getChannel().map(MapMode.READ_WRITE, 0, SIZE);
            warmUp(bytes);
            setLength(path, 0);
            return behindTheEnd(bytes);
        }
    }

    static String byPointer(Path path) throws IOException {
        String loaded = "";
        try (Tour.Map map = Tour.Map.create(path, SIZE)) {
            try (Tour.Pin pin = map.pin()) {
                warmUp(pin.bytes());
                setLength(path, 0);
                loaded = behindTheEnd(pin.bytes());
            }
            return loaded;
        } catch (Tour.MemmapException e) {
            return loaded + ", then " + e.status;
        }
    }

    static String byCall(Path path) throws IOException {
        try (Tour.Map map = Tour.Map.create(path, SIZE)) {
            setLength(path, 0);
            return "read " + map.read(SIZE / 2, 1).length;
        } catch (Tour.MemmapException e) {
            return Integer.toString(e.status);
        }
    }

    public static void main(String[] arguments) throws IOException {
        Path folder = Path.of(arguments[0]);
        Tour.check(Tour.Memmap.C.memmap_guard_install());
        System.out.println("mapped by Java: " + byJava(folder.resolve("first")));
        System.out.println("call: " + byCall(folder.resolve("second")));
        System.out.println("pointer: " + byPointer(folder.resolve("third")));
        System.out.println("mapped by Java: " + byJava(folder.resolve("fourth")));
    }
}
