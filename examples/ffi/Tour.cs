// Tour FILE: creates and maps a file, writes, flushes and searches it, reads it while it is truncated, and
// uses a closed handle.
//
//     make build ffi-deps
//     mcs -unsafe -out:target/Tour.exe examples/ffi/Tour.cs
//     rm -f target/greeting.txt
//     LD_LIBRARY_PATH=target/release mono target/Tour.exe target/greeting.txt

using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;

/// The C functions. A status that isn't 0 becomes an exception in Check.
static class Native
{
    const string Library = "libmemmap.so.0";

    public const uint Exclusive = 1 << 0;
    public const uint FlushSync = 0;
    public const ulong ToEnd = ulong.MaxValue;
    public const ulong NotFound = ulong.MaxValue;

    [StructLayout(LayoutKind.Sequential)]
    public struct Options
    {
        public uint Size, Access, Flags, Mode;
        public ulong Offset, Length, Capacity;
        public uint Advice, Reserved;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct View
    {
        public IntPtr Data;
        public ulong Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Fault
    {
        public uint Size, Count, Causes, Reserved;
        public ulong Offset, Length;
    }

    [DllImport(Library)] public static extern IntPtr memmap_strerror(int status);
    [DllImport(Library)] public static extern int memmap_guard_install();
    // On Linux an ANSI string is UTF-8.
    [DllImport(Library, CharSet = CharSet.Ansi)]
    public static extern int memmap_create(string path, ulong size, ref Options options, out ulong handle);
    [DllImport(Library)] public static extern int memmap_close(ulong handle);
    [DllImport(Library)] public static extern int memmap_reap(ulong handle);
    [DllImport(Library)] public static extern int memmap_read(ulong handle, ulong offset, [Out] byte[] bytes, ulong length);
    [DllImport(Library)] public static extern int memmap_write(ulong handle, ulong offset, byte[] bytes, ulong length);
    [DllImport(Library)]
    public static extern int memmap_find(
        ulong handle, ulong from, ulong to, byte[] needle, ulong length, out ulong offset);
    [DllImport(Library)] public static extern int memmap_flush(ulong handle, ulong offset, ulong length, uint mode);
    [DllImport(Library)] public static extern int memmap_pin(ulong handle, out View view);
    [DllImport(Library)] public static extern int memmap_unpin(ulong handle);
    [DllImport(Library)] public static extern int memmap_get_fault(ulong handle, ref Fault fault);

    public static void Check(int status)
    {
        if (status != 0)
            throw new MemmapException(status);
    }
}

/// A status of libmemmap: positive ones are the system's errno.
class MemmapException : IOException
{
    public const int StaleHandle = -2;
    public const int Fault = -6;

    public int Status { get; }

    public MemmapException(int status) : base(Marshal.PtrToStringAnsi(Native.memmap_strerror(status)))
    {
        Status = status;
    }
}

/// An open mapping. Any thread may use it, also while another closes it.
sealed class Map : IDisposable
{
    readonly ulong handle;

    Map(ulong handle)
    {
        this.handle = handle;
    }

    /// A map that is dropped without Dispose is closed, and counted as a leak.
    ~Map()
    {
        Native.memmap_reap(handle);
    }

    public static Map Create(string path, ulong size)
    {
        var options = new Native.Options {
            Size = (uint)Marshal.SizeOf(typeof(Native.Options)),
            Flags = Native.Exclusive,
            Mode = 0x1a0, // rw-r-----
        };
        ulong handle;
        Native.Check(Native.memmap_create(path, size, ref options, out handle));
        return new Map(handle);
    }

    public void Dispose()
    {
        Native.memmap_close(handle); // Closing twice is a status, and harmless.
        GC.SuppressFinalize(this);
    }

    public void Write(ulong offset, byte[] bytes)
    {
        Native.Check(Native.memmap_write(handle, offset, bytes, (ulong)bytes.Length));
    }

    public byte[] Read(ulong offset, int length)
    {
        var bytes = new byte[length];
        Native.Check(Native.memmap_read(handle, offset, bytes, (ulong)length));
        return bytes;
    }

    public void Flush(ulong offset = 0, ulong length = Native.ToEnd)
    {
        Native.Check(Native.memmap_flush(handle, offset, length, Native.FlushSync));
    }

    public ulong? Find(byte[] needle)
    {
        ulong offset;
        Native.Check(Native.memmap_find(handle, 0, Native.ToEnd, needle, (ulong)needle.Length, out offset));
        return offset == Native.NotFound ? (ulong?)null : offset;
    }

    /// Lends the bytes as a stream, which ends with the call. Throws afterwards if bytes were
    /// lost meanwhile: a load reports nothing.
    public unsafe void Pinned(Action<UnmanagedMemoryStream> use)
    {
        Native.View view;
        Native.Check(Native.memmap_pin(handle, out view));
        int status;
        try
        {
            using (var bytes = new UnmanagedMemoryStream((byte*)view.Data, (long)view.Length))
                use(bytes);
        }
        finally
        {
            status = Native.memmap_unpin(handle);
        }
        Native.Check(status);
    }

    public Native.Fault Lost()
    {
        var fault = new Native.Fault { Size = (uint)Marshal.SizeOf(typeof(Native.Fault)) };
        Native.Check(Native.memmap_get_fault(handle, ref fault));
        return fault;
    }
}

static class Tour
{
    /// What the work throws must be this status of libmemmap's own.
    static void Expect(int status, string where, Action work)
    {
        try
        {
            work();
        }
        catch (MemmapException e) when (e.Status == status)
        {
            Console.WriteLine($"{where}: {e.Message}");
        }
    }

    static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes);

    public static void Run(string path)
    {
        const int size = 1 << 20;
        Native.Check(Native.memmap_guard_install());
        var map = Map.Create(path, size);
        using (map)
        {
            map.Write(100, Encoding.UTF8.GetBytes("Hello, mmap"));
            map.Flush(100, 11); // On the device from here on.
            Console.WriteLine(Text(map.Read(100, 11)));
            Console.WriteLine($"found at {map.Find(Encoding.UTF8.GetBytes("mmap"))}");

            Expect(MemmapException.Fault, "the file was cut", () => map.Pinned(bytes => {
                using (var file = File.OpenWrite(path))
                    file.SetLength(size / 16); // As another process might do it.
                bytes.Position = size / 2;
                Console.WriteLine($"read behind the cut: {bytes.ReadByte()}");
            }));
            var lost = map.Lost();
            Console.WriteLine($"lost: {lost.Length} bytes from {lost.Offset} on");
            Console.WriteLine($"still there: {Text(map.Read(100, 11))}");
        }
        Expect(MemmapException.StaleHandle, "after close", () => map.Read(100, 11));
    }

    static int Main(string[] arguments)
    {
        if (arguments.Length != 1)
        {
            Console.Error.WriteLine("usage: Tour FILE");
            return 2;
        }
        try
        {
            Run(arguments[0]);
            return 0;
        }
        catch (IOException e)
        {
            Console.Error.WriteLine($"tour: {e.Message}");
            return 1;
        }
    }
}
