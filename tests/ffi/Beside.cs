// Beside FOLDER: the tour, and then a fault that isn't libmemmap's, which Mono reports as ever.

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
        File.WriteAllBytes(other, new byte[Size]);
        using (var map = MemoryMappedFile.CreateFromFile(other))
        using (var view = map.CreateViewAccessor())
        {
            using (var file = File.OpenWrite(other))
                file.SetLength(0);
            Console.WriteLine("a fault of somebody else");
            Console.Out.Flush();
            Console.WriteLine(view.ReadByte(Size / 2));
        }
    }
}
