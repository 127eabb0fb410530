// Beside FOLDER: the tour, and then a fault that isn't libmemmap's, which the runtime reports as ever.

using System;
using System.IO;
using System.IO.MemoryMappedFiles;

static class Beside
{
    const int Size = 1 << 20;

    static void Main(string[] arguments)
    {
        Tour.Run(Path.Combine(arguments[0], "ours"));

        var other = Path.Combine(arguments[0], "other");
        using (var file = new FileStream(other, FileMode.Create, FileAccess.ReadWrite))
        {
            file.SetLength(Size);
            using (var map = MemoryMappedFile.CreateFromFile(
                file, null, 0, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, true))
            using (var view = map.CreateViewAccessor())
            {
                file.SetLength(0);
                Console.WriteLine("a fault of somebody else");
                Console.Out.Flush();
                Console.WriteLine(view.ReadByte(Size / 2));
            }
        }
    }
}
